"""Arguments that a tool itself declares to be secret, by its schema's own words.

JSON Schema says ``writeOnly: true`` of what is never given back, and ``format: password`` of what is not shown:
either makes a property secret, at any depth.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from devagent.policy.plain import is_list, is_table

Path = tuple[str, ...]
"""Property names from the arguments down; ``*`` is every element of a list or every value of an object."""

EVERY = "*"
_DEEPEST = 12


def secret_arguments(schema: dict[str, Any]) -> tuple[Path, ...]:
    """Where a tool's input schema says that there is a secret."""
    return tuple(dict.fromkeys(_secrets(schema, schema, ())))


def replaced(value: Any, paths: Sequence[Path], replace: Callable[[Any], Any]) -> Any:
    """The value with ``replace`` of whatever stands at one of the paths."""
    if any(not path for path in paths):
        return replace(value)
    if is_table(value):
        out: dict[str, Any] = {}
        for name, one in value.items():
            below = [path[1:] for path in paths if path[0] in (name, EVERY)]
            out[name] = replaced(one, below, replace) if below else one
        return out
    if is_list(value):
        below = [path[1:] for path in paths if path[0] == EVERY]
        return [replaced(one, below, replace) for one in value] if below else value
    return value


def _secrets(
    schema: Any, root: dict[str, Any], path: Path, seen: tuple[str, ...] = ()
) -> Iterator[Path]:
    """The paths in one schema and those below it; no reference in ``seen`` is followed again."""
    if not is_table(schema) or len(path) > _DEEPEST:
        return
    if schema.get("writeOnly") is True or schema.get("format") == "password":
        yield path
        return
    for name, one in _members(schema, "properties"):
        yield from _secrets(one, root, (*path, name), seen)
    for name in ("items", "additionalProperties"):
        yield from _secrets(schema.get(name), root, (*path, EVERY), seen)
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in seen:
        for name, one in _members(root, "$defs"):
            if reference == f"#/$defs/{name}":
                yield from _secrets(one, root, path, (*seen, reference))
    for name in ("anyOf", "oneOf", "allOf"):
        choices = schema.get(name)
        for one in choices if is_list(choices) else ():
            yield from _secrets(one, root, path, seen)


def _members(table: dict[str, Any], name: str) -> Iterable[tuple[str, Any]]:
    members = table.get(name)
    return members.items() if is_table(members) else ()
