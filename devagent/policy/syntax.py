"""A policy file as plain data: what ``parse`` makes of the text and the cache keeps.

None in ``principals``, ``tools``, ``classes``, ``access`` or ``resources`` = left out = no restriction;
an empty tuple matches nothing.
"""

from typing import Any, Literal

from msgspec import Struct, field

from devagent.core.resources import Access
from devagent.core.tools import ToolClass
from devagent.core.verdicts import Effect, Phase

LayerName = Literal["org", "team", "project", "local", "narrowing"]
LAYERS: tuple[LayerName, ...] = ("org", "team", "project", "local")
"""What a file may call itself, and an envelope name. ``narrowing`` is
the layer of files that a command line names, or that stand in another layer's place: no envelope names it."""
CLASSES: tuple[ToolClass, ...] = ("read", "write", "exec", "net", "secret")
ACCESSES: tuple[Access, ...] = ("read", "write")
PHASES: tuple[Phase, ...] = ("call", "result")
EFFECTS: tuple[Effect, ...] = ("allow", "ask", "deny")

Index = dict[str, dict[str, dict[str, list[int]]]]
"""Principal → tool → resource key → numbers of rules (see ``index``)."""


class Rule(Struct, frozen=True, omit_defaults=True):
    """One ``[[rule]]``. ``expires`` is an ISO date or empty; ``shadow`` its own ``mode = "shadow"``."""

    id: str
    effect: Effect
    line: int
    principals: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    classes: tuple[ToolClass, ...] | None = None
    access: tuple[Access, ...] | None = None
    resources: tuple[str, ...] | None = None
    phase: tuple[Phase, ...] = ("call",)
    when: dict[str, Any] = field(default_factory=dict)
    otherwise: Effect | None = None
    obligations: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    grant: str = ""
    sticky: bool = False
    expires: str = ""
    shadow: bool = False
    examples: tuple[dict[str, Any], ...] = ()


class Envelope(Struct, frozen=True, omit_defaults=True):
    """One ``[[delegate]]``: where the org is silent, these layers may speak, at most ``effect``."""

    to: tuple[LayerName, ...]
    effect: Effect
    line: int
    principals: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    classes: tuple[ToolClass, ...] | None = None
    access: tuple[Access, ...] | None = None
    resources: tuple[str, ...] | None = None
    when: dict[str, Any] = field(default_factory=dict)


class PolicyFile(Struct, frozen=True, omit_defaults=True):
    """A whole file that was accepted.

    ``digest`` is the SHA-256 of its bytes; ``org`` whether it was read for the org's place; ``default``
    names an effect for every class; ``tables`` are the tables of other parts, as plain data (dates as
    ISO text); ``index`` finds the rules that may concern a request.
    """

    file: str
    digest: str
    name: str = ""
    layer: LayerName = "local"
    org: bool = False
    shadow: bool = False
    default: dict[ToolClass, Effect] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lists: dict[str, list[Any]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    envelopes: tuple[Envelope, ...] = ()
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    index: Index = field(default_factory=dict)


def speaks_of_arguments(file: PolicyFile) -> bool:
    """Whether any condition of the file is about an argument, and so about the schemas of tools."""
    return any("args." in key for scoped in (*file.rules, *file.envelopes) for key in scoped.when)
