"""Who may use what: one answer for every call of a tool by a principal, as far as there is one.

A cell is honest: ``allow`` or ``ask`` stands only where *every* call of the tool by this principal, on the
given resource (or on any), gets that answer; ``never`` where every call is denied; otherwise ``depends``,
with the rules whose conditions, resources or access decide. Known are the principal, the tool, its class,
the day, and the mode where one is given; arguments, facts, taint, the rest of the context and the tags
of a resource are not. Rules are weighed as if independent of each other, so a cell may say ``depends``
where two rules happen to complete each other, never the other way round. Results (``phase``) are not in it.
"""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from devagent.core.principal import Principal
from devagent.core.resources import SEPARATORS
from devagent.core.tools import ToolSpec
from devagent.policy.compile import Layer
from devagent.policy.decide import CompiledPolicy
from devagent.policy.matrix_cells import ANSWERS, ANYTHING, Answer, Cell, Reason, Weighing

__all__ = [
    "ANSWERS",
    "ANYTHING",
    "Answer",
    "Cell",
    "Column",
    "Matrix",
    "Reason",
    "Row",
    "matrix",
    "named_principals",
    "named_tools",
    "principal_of",
]

KINDS = ("group", "user", "ci", "agent", "for")


class Row(Struct, frozen=True):
    """A principal (``user:ana``, ``user:ana+group:eng``) and a resource, or ANYTHING."""

    principal: str
    resource: str
    cells: tuple[Cell, ...]


class Column(Struct, frozen=True):
    """A tool. ``known`` is False for one that only rules name: it counts as exec, able to carry out anything."""

    tool: str
    tool_class: str
    known: bool = True


class Matrix(Struct, frozen=True):
    """Rows by principal, then resource. ``mode`` empty = any."""

    policy: str
    mode: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def matrix(
    policy: CompiledPolicy,
    tools: Iterable[ToolSpec],
    *,
    principals: Sequence[str] = (),
    resources: Sequence[str] = (),
    mode: str = "",
    today: str = "",
) -> Matrix:
    """The matrix. Left out, ``principals`` are those that the files name, ``resources`` is anything.

    To ``tools`` come those that rules name exactly. Raises ValueError for what is no principal or resource.
    """
    who = {text: principal_of(text) for text in principals or named_principals(policy)}
    things = {text: _resource_kind(text) for text in resources} or {ANYTHING: ""}
    specs = {tool.qualified: tool for tool in tools}
    strangers = [name for name in named_tools(policy) if name not in specs]
    known = [*specs.values(), *(_stranger(name) for name in strangers)]
    return Matrix(
        policy=policy.digest,
        mode=mode,
        columns=tuple(Column(t.qualified, t.tool_class, t.qualified in specs) for t in known),
        rows=tuple(
            Row(
                text,
                thing,
                tuple(
                    Weighing(
                        policy,
                        principal,
                        tool,
                        thing,
                        mode,
                        today,
                        tool.can if tool.qualified in specs else None,
                    ).cell()
                    for tool in known
                ),
            )
            for text, principal in who.items()
            for thing in things
        ),
    )


def principal_of(text: str) -> Principal:
    """``user:ana``, or several names of one principal: ``user:ana+group:eng``. Raises ValueError."""
    fields: dict[str, str] = {}
    groups: list[str] = []
    for part in text.split("+"):
        kind, _, name = part.partition(":")
        if kind not in KINDS or not name:
            raise ValueError(
                f"{part!r} is no principal: write user:, group:, ci:, agent: or for: and a name"
            )
        if kind == "group":
            groups.append(name)
        elif kind in fields:
            raise ValueError(f"{text!r} names two of {kind}:")
        else:
            fields[kind] = name
    return Principal(
        user=fields.get("user", ""),
        groups=tuple(groups),
        agent=fields.get("agent", ""),
        ci=fields.get("ci", ""),
        on_behalf_of=fields.get("for", ""),
    )


def named_principals(policy: CompiledPolicy) -> list[str]:
    """Those that groups, rules and envelopes name, and last a user that none of them names.

    A pattern stands for whoever it alone matches: ``ci:acme/*`` is a job that nothing else names.
    """
    named = {name for layer in policy.layers for name in _names_in(layer)}
    ordered = sorted(
        (name for name in named if _is_one(name)),
        key=lambda name: (KINDS.index(name.partition(":")[0]), name),
    )
    return [*(name for name in ordered if name != "user:*"), "user:*"]


def named_tools(policy: CompiledPolicy) -> list[str]:
    """The tools that rules and envelopes name exactly."""
    return sorted(
        {
            pattern
            for layer in policy.layers
            for source in (*layer.file.rules, *layer.file.envelopes)
            for pattern in source.tools or ()
            if "*" not in pattern
        }
    )


def _names_in(layer: Layer) -> Iterator[str]:
    for group, members in layer.file.groups.items():
        yield f"group:{group}"
        yield from members
    for source in (*layer.file.rules, *layer.file.envelopes):
        yield from source.principals or ()


def _is_one(name: str) -> bool:
    kind, _, rest = name.partition(":")
    return kind in KINDS and bool(rest) and "+" not in name


def _resource_kind(text: str) -> str:
    kind, colon, _ = text.partition(":")
    if not colon or kind not in SEPARATORS or kind == "tag":
        kinds = ", ".join(kind for kind in SEPARATORS if kind != "tag")
        raise ValueError(f"{text!r} is no resource: write kind:name; kinds are {kinds}")
    return kind


def _stranger(name: str) -> ToolSpec:
    extension, _, tool = name.partition(".")
    return ToolSpec(extension, tool, "exec", "", {})
