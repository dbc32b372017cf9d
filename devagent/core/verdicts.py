"""What policy is asked and what it answers: a request in, a decision record out."""

from typing import Any, Literal

from msgspec import Struct, field

from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ToolClass

Effect = Literal["deny", "ask", "allow"]
Phase = Literal["call", "result"]
NOT_ALLOWED, NOT_DONE = "Not allowed", "Not done."
"""How what the model reads of a refused call begins: where policy, and where a person refused it."""
MOST_DETERMINING = 16
"""How many rules a record names as determining; ``rules`` names every one that matched."""
RANK: dict[Effect, int] = {"deny": 0, "ask": 1, "allow": 2}


class Request(Struct, frozen=True, kw_only=True):
    """One call as policy sees it (spec: "A request"). ``can`` None = every obligation can be carried out.

    ``facts`` are lists taken from the text of arguments, by key (``args.body.@hosts``);
    ``context.today`` is the ISO date that expiry is judged by: the engine has no clock.
    """

    principal: Principal
    extension: str
    tool: str
    tool_class: ToolClass = "exec"
    args: dict[str, Any] = field(default_factory=dict)
    resources: tuple[Resource, ...] = ()
    context: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, list[Any]] = field(default_factory=dict)
    phase: Phase = "call"
    can: tuple[str, ...] | None = None


class Needs(Struct, frozen=True):
    """What policy's conditions look at beside a call's own words: keys as rules write them.

    ``facts``: ``args.body.@hosts`` …; ``origins``: the keys (without ``|``) whose values' origins are asked
    for; ``context``: paths below ``context``, as ``result.personal_data``.
    """

    facts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    context: frozenset[str] = frozenset()


class RuleReference(Struct, frozen=True, omit_defaults=True):
    """A rule that spoke, and where it stands. ``rule`` is ``layer/name#id``."""

    rule: str
    effect: Effect
    layer: str
    file: str = ""
    line: int = 0
    why: str = ""
    grant: str = ""
    resource: str = ""


class Decision(Struct, frozen=True, omit_defaults=True):
    """The record of one answer: shown, logged and replayed as it is.

    ``rules`` are all matching rules (sorted ids); ``determining`` those that made the effect, with file
    and line. ``nearest`` names the rules that would have granted it. ``error`` is set where the call
    could not be judged at all: no_such_tool, bad_arguments, hidden, not_judged.
    """

    effect: Effect
    reason: str
    rules: tuple[str, ...] = ()
    obligations: dict[str, Any] = field(default_factory=dict)
    policy: str = ""
    request: str = ""
    determining: tuple[RuleReference, ...] = ()
    nearest: tuple[str, ...] = ()
    grant: str = ""
    sticky: bool = False
    error: str = ""
