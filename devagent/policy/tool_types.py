"""Rules against the tools' recorded schemas: an argument that is not there, or can not be what a rule asks.

A rule is typed where every tool it may speak of is known here: its ``tools`` name extensions that are here,
by name (``git.push``, ``sql.*``). A rule about every tool, or about an extension that is not here, may
mean tools whose arguments nobody here knows; it is left alone. An argument must exist in one of the tools
that a rule names; its type is any of theirs.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct

from devagent.core.errors import PolicyError
from devagent.core.tools import ToolSpec
from devagent.policy.argument_shapes import Shape, argument_shape, merged, property_names
from devagent.policy.globs import compile_glob, is_literal
from devagent.policy.names import did_you_mean
from devagent.policy.operand_types import Misfit, misfits
from devagent.policy.positions import Path, locate
from devagent.policy.syntax import Envelope, PolicyFile, Rule, speaks_of_arguments


class Meant(Struct, frozen=True):
    """The tools that patterns name. ``certain``: no other tool, unknown here, can be meant as well."""

    tools: tuple[ToolSpec, ...]
    certain: bool


class Catalogue:
    """The tools that are known here: all those of each extension."""

    def __init__(self, tools: Iterable[ToolSpec]) -> None:
        self.tools = tuple(tools)
        self.extensions: dict[str, list[ToolSpec]] = {}
        for tool in self.tools:
            self.extensions.setdefault(tool.extension, []).append(tool)
        self._meant: dict[str, Meant] = {}
        self._shapes: dict[tuple[str, str], Shape | None] = {}

    def meant(self, patterns: Sequence[str] | None) -> Meant:
        """The tools that a rule's ``tools`` name."""
        if patterns is None:
            return Meant(self.tools, certain=False)
        found = [self.pattern(pattern) for pattern in patterns]
        if len(found) == 1:
            return found[0]
        tools = {tool.qualified: tool for one in found for tool in one.tools}
        return Meant(tuple(tools.values()), certain=all(one.certain for one in found))

    def pattern(self, pattern: str) -> Meant:
        """The tools that one pattern names."""
        known = self._meant.get(pattern)
        if known is None:
            known = self._meant[pattern] = self._pattern(pattern)
        return known

    def _pattern(self, pattern: str) -> Meant:
        extension = pattern.partition(".")[0]
        certain = is_literal(extension) and extension in self.extensions
        tools = self.extensions[extension] if certain else self.tools
        matches = compile_glob(pattern, ".")
        return Meant(tuple(t for t in tools if matches(t.qualified)), certain)

    def shape(self, tool: ToolSpec, key: str) -> Shape | None:
        """An argument of a tool by its key (``args.a.b``), None where the tool has none of that name."""
        place = (tool.qualified, key)
        if place not in self._shapes:
            self._shapes[place] = argument_shape(tool.input_schema, key.split(".")[1:])
        return self._shapes[place]


def check_tools(file: PolicyFile, tools: Iterable[ToolSpec] | Catalogue, source: str = "") -> None:
    """Refuse a file whose conditions do not fit the tools that they are about.

    ``source`` is the file's text, for the column of what is wrong. Raises PolicyError with file, line,
    column and the nearest valid name.
    """
    if not speaks_of_arguments(file):
        return
    catalogue = tools if isinstance(tools, Catalogue) else Catalogue(tools)
    for wrong in file_misfits(file, catalogue):
        line, column = locate(source, wrong.path) if source else (_line(file, wrong.path), 0)
        raise PolicyError(wrong.what, file=file.file, line=line, column=column, hint=wrong.hint)


def file_misfits(file: PolicyFile, catalogue: Catalogue) -> Iterator[Misfit]:
    """Every condition of the file that does not fit its tools."""
    for name, entries in (("rule", file.rules), ("delegate", file.envelopes)):
        for number, scoped in enumerate(entries):
            yield from _scoped(scoped, (name, number, "when"), file, catalogue)


def base_key(key: str) -> str:
    """The argument of a fact's key: ``args.body`` for ``args.body.@hosts``; other keys as they are."""
    return key.partition(".@")[0]


def _scoped(
    scoped: Rule | Envelope, path: Path, file: PolicyFile, catalogue: Catalogue
) -> Iterator[Misfit]:
    keys = [key for key in scoped.when if "args." in key]
    if not keys:
        return
    meant = catalogue.meant(scoped.tools)
    if not meant.certain or not meant.tools:
        return
    for key in keys:
        yield from _condition(key, scoped.when[key], (*path, key), meant, file, catalogue)


def _condition(
    key: str, spec: Any, path: Path, meant: Meant, file: PolicyFile, catalogue: Catalogue
) -> Iterator[Misfit]:
    shapes: list[Shape] = []
    for part in key.split("|"):
        base = base_key(part)
        if not part.startswith("args.") or base == "args.**":
            return  # anything may stand there
        found = [s for t in meant.tools if (s := catalogue.shape(t, base)) is not None]
        if not found:
            yield _unknown(base, path, meant)
            return
        if part != base:
            if (shape := merged(found)) and shape.types is not None and "string" not in shape.types:
                what = f"{base} is never a text, so nothing is found in it"
                yield Misfit("argument-type", path, what, "")
            return  # what a fact holds is not the schema's to say
        shapes += found
    shape = merged(shapes)
    if shape is not None:
        yield from misfits(spec, shape, key, path, file.lists)


def _unknown(key: str, path: Path, meant: Meant) -> Misfit:
    parts = key.split(".")[1:]
    known = {n for t in meant.tools for n in property_names(t.input_schema, parts)}
    inside = "".join(f"{part}." for part in ("args", *parts[:-1]))
    named = meant.tools[0].qualified if len(meant.tools) == 1 else "none of the tools named here"
    has = "has no argument" if len(meant.tools) == 1 else "has an argument"
    hint = did_you_mean(key, [f"{inside}{name}" for name in sorted(known)])
    what = f'{named} {has} "{".".join(parts)}"'
    return Misfit("unknown-argument", path, what, hint or "It takes no arguments.")


def _line(file: PolicyFile, path: Path) -> int:
    number = path[1]
    entries = file.rules if path[0] == "rule" else file.envelopes
    return entries[number].line if isinstance(number, int) else 0
