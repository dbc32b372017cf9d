"""What a third party's server says of its tools: data, judged before a model, a rule or a person meets it.

1. A tool is its digest: of its name, description and schemas exactly as the server sent them.
2. A name is plain ASCII; two that are the same, or look alike, are both left out.
3. Descriptions lose escapes, bidi controls and everything else that nobody sees, and are cut at a length.
   Where such characters are in names or values of a schema, the tool is left out.
4. A schema is bounded in size, depth and in what following its references costs; a reference leads into the
   same schema or the tool is left out, and where it leads back to itself the model's arguments are not checked
   beyond that point.
5. One bad tool does not take the others with it; why it was left out is told.
"""

import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from devagent.core.codec import canonical, digest, well_formed_value
from devagent.core.text import one_line, visible
from devagent.host.mcp.names import skeleton, tool_name
from devagent.host.validator import Validator
from devagent.policy.plain import is_list, is_table

MAX_TOOLS = 500
MAX_DESCRIPTION = 4_000
MAX_SCHEMA_BYTES = 64 * 1024
MAX_ALL_BYTES = 1024 * 1024
MAX_DEPTH = 40
MAX_CHAIN = 120
MAX_COST = 20_000
"""Schema nodes that one pass over an argument may visit, references followed."""

_UNSEEN = re.compile("[\u200c\u200d\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""What ``visible`` leaves because some scripts and emoji need it; a description does not."""
_PROSE = frozenset({"description", "title", "$comment"})


class ToolDefinition(Struct, frozen=True, omit_defaults=True):
    """A tool as it was recorded. ``wire`` is its name on the server's side; ``claims`` are the server's own
    hints about it, which decide nothing."""

    name: str
    wire: str
    digest: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = None
    claims: dict[str, Any] = {}


class PromptDefinition(Struct, frozen=True, omit_defaults=True):
    """A prompt as it was recorded. ``arguments``: (name, description, whether it must be given)."""

    name: str
    digest: str
    description: str = ""
    arguments: tuple[tuple[str, str, bool], ...] = ()


class LeftOut(Struct, frozen=True):
    """A tool that cannot be offered, and why."""

    name: str
    why: str


def definitions(listed: Sequence[Any], server: str) -> tuple[list[ToolDefinition], list[LeftOut]]:
    """The usable tools of a listing in its order, and those that are left out."""
    tools: list[ToolDefinition] = []
    left_out: list[LeftOut] = []
    named: dict[str, list[str]] = {}
    total = 0
    for raw in listed[:MAX_TOOLS]:
        name = str(raw.get("name", "")) if is_table(raw) else ""
        named.setdefault(skeleton(name), []).append(name)
        try:
            tool = _definition(raw, server)
            total += len(canonical(tool))
            if total > MAX_ALL_BYTES:
                raise ValueError(f"all definitions together exceed {MAX_ALL_BYTES // 1024} KiB")
            tools.append(tool)
        except (ValueError, OverflowError, RecursionError) as e:
            why = str(e) if type(e) is ValueError else "its definition cannot be written as JSON"
            left_out.append(LeftOut(one_line(name, 80) or "(without a name)", why))
    if len(listed) > MAX_TOOLS:
        left_out.append(LeftOut("(more)", f"the server lists more than {MAX_TOOLS} tools"))
    clear = [tool for tool in tools if len(named[skeleton(tool.wire)]) == 1]
    for tool in tools:
        alike = named[skeleton(tool.wire)]
        if len(alike) > 1:
            others = ", ".join(repr(one_line(name, 80)) for name in alike)
            left_out.append(LeftOut(tool.wire, f"these names cannot be told apart: {others}"))
    return clear, left_out


MAX_PROMPTS = 200


def prompt_definitions(listed: Sequence[Any]) -> list[PromptDefinition]:
    """The usable prompts of a listing; one whose name is none, or stands twice, is left out."""
    found: dict[str, PromptDefinition] = {}
    twice: set[str] = set()
    for raw in listed[:MAX_PROMPTS]:
        one = _prompt(raw) if is_table(raw) else None
        if one is None:
            continue
        twice |= {one.name} & set(found)
        found[one.name] = one
    return [one for name, one in found.items() if name not in twice]


def _prompt(raw: dict[str, Any]) -> PromptDefinition | None:
    raw = well_formed_value(raw)
    name, given = raw.get("name"), raw.get("arguments")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
        return None
    arguments: list[tuple[str, str, bool]] = []
    for one in given if is_list(given) else ():
        if not is_table(one) or not isinstance(one.get("name"), str):
            return None
        about = one_line(str(one.get("description") or ""), 200)
        arguments.append((one_line(one["name"], 80), about, one.get("required") is True))
    told = {key: raw.get(key) for key in ("name", "description", "arguments")}
    about = prose(str(raw.get("description") or ""))
    return PromptDefinition(name, digest(told), about, tuple(arguments))


def _definition(raw: Any, server: str) -> ToolDefinition:
    if not is_table(raw):
        raise ValueError("its definition is not an object")
    if _depth_exceeds(raw, MAX_DEPTH):
        raise ValueError(f"its definition is nested deeper than {MAX_DEPTH} levels")
    raw = well_formed_value(raw)
    description = raw.get("description") or ""
    wire = raw.get("name")
    if not isinstance(wire, str) or not isinstance(description, str):
        raise ValueError("its name or description is not text")
    name = tool_name(wire, server)
    input_schema, output_schema = raw.get("inputSchema"), raw.get("outputSchema")
    if not is_table(input_schema) or input_schema.get("type") != "object":
        raise ValueError("its input schema is not that of an object")
    if output_schema is not None and not is_table(output_schema):
        raise ValueError("its output schema is not an object")
    given = {
        "name": wire,
        "description": description,
        "inputSchema": input_schema,
        "outputSchema": output_schema,
    }
    claims = raw.get("annotations")
    return ToolDefinition(
        name=name,
        wire=wire,
        digest=digest(given),
        description=prose(description),
        input_schema=bounded_schema(input_schema),
        output_schema=bounded_schema(output_schema) if output_schema is not None else None,
        claims=_claims(claims) if is_table(claims) else {},
    )


def prose(text: str) -> str:
    """A third party's text without anything that is not seen, and at most as long as anyone reads."""
    clean = _UNSEEN.sub("", visible(text)).strip()
    return clean if len(clean) <= MAX_DESCRIPTION else clean[:MAX_DESCRIPTION] + "… [cut]"


def _claims(hints: dict[str, Any]) -> dict[str, Any]:
    return {one_line(key, 40): value for key, value in hints.items() if isinstance(value, bool)}


def bounded_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its prose cleaned and its cycles cut. Raises ValueError for one that is refused."""
    if len(canonical(schema)) > MAX_SCHEMA_BYTES:
        raise ValueError(f"its schema is larger than {MAX_SCHEMA_BYTES // 1024} KiB")
    clean = _clean(schema)
    budget = _Budget(clean)
    budget.walk(clean, ())
    _compiles(clean)
    return clean


def _clean(node: Any, key: str = "") -> Any:
    if isinstance(node, str):
        if key in _PROSE:
            return prose(node)
        if visible(node) != node:
            raise ValueError("its schema has invisible characters in it")
        return node
    if is_table(node):
        for name in node:
            if visible(name) != name:
                raise ValueError("its schema has invisible characters in it")
        return {name: _clean(value, name) for name, value in node.items()}
    if is_list(node):
        return [_clean(value) for value in node]
    return node


class _Budget:
    """Follows a schema's references in place: cuts cycles, counts what is visited."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._costs: dict[int, int] = {}

    def walk(self, node: Any, above: tuple[int, ...]) -> int:
        """What visiting this node costs; ``above`` are the nodes that lead here."""
        if id(node) in self._costs:
            return self._costs[id(node)]
        if len(above) > MAX_CHAIN:
            raise ValueError("its schema's references lead on and on")
        cost = 1
        if is_table(node):
            self._refuse_keywords(node)
            target = self._target(node)
            if target is not None:
                if id(target) in above or target is node:
                    del node["$ref"]  # recursive: anything goes from here on
                else:
                    cost += self.walk(target, (*above, id(node)))
            # Every value, also below `enum` or `default`: a property may have such a name.
            cost += sum(self.walk(value, (*above, id(node))) for value in node.values())
        elif is_list(node):
            cost += sum(self.walk(value, above) for value in node)
        if cost > MAX_COST:
            raise ValueError("checking an argument against its schema would take too long")
        self._costs[id(node)] = cost
        return cost

    def _refuse_keywords(self, node: dict[str, Any]) -> None:
        if isinstance(node.get("$dynamicRef"), str) or isinstance(node.get("$recursiveRef"), str):
            raise ValueError("its schema has dynamic references")
        if isinstance(node.get("$id"), str) and node is not self._root:
            raise ValueError("its schema holds another one with an $id of its own")

    def _target(self, node: dict[str, Any]) -> Any:
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return None
        if reference == "#":
            return self._root
        if not reference.startswith("#/"):
            raise ValueError("its schema refers to something outside itself")
        target: Any = self._root
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if is_table(target) and key in target:
                target = target[key]
            elif is_list(target) and key.isdecimal() and int(key) < len(target):
                target = target[int(key)]
            else:
                raise ValueError("its schema refers to a part that is not there")
        return target


def _compiles(schema: dict[str, Any]) -> None:
    try:
        Validator(schema)
    except ValueError as e:
        raise ValueError(f"its schema cannot be used: {one_line(str(e), 120)}") from e


def _depth_exceeds(value: Any, limit: int) -> bool:
    """Whether plain data is nested deeper; never goes deeper than the limit itself."""
    if limit == 0:
        return is_table(value) or is_list(value)
    if is_table(value):
        return any(_depth_exceeds(inner, limit - 1) for inner in value.values())
    return is_list(value) and any(_depth_exceeds(inner, limit - 1) for inner in value)
