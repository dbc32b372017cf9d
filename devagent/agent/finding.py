"""Many tools: the model is told the few that most work begins with and one that finds more; what it found is told
from then on.

1. Of devagent's own tools ``MOST_OWN`` are told at first, by the order of ``first``; what servers bring is told whole
   while it fits the budget.
2. The others are found by ``find_tools``, which names them all. A tool that is called without having been found is
   taken; where the arguments did not fit, it is told from then on.
3. What is found is appended, never moved and never taken away, so that the prompt's beginning stays as it is
   (prompt caching).
4. Only tools that policy could grant are looked through: a hidden one is never found, named, nor counted.
5. Finding decides nothing: a call of a tool that was found passes the gate like any other.
6. What was found is in the record, so that a session that goes on has the same tools.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devagent.agent.around import Around
from devagent.core.codec import canonical
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolJudged
from devagent.core.events.model import SubagentStarted
from devagent.core.ports import Toolbox
from devagent.core.resources import Resource
from devagent.core.tools import ToolResult, ToolSpec
from devagent.core.verdicts import Decision

MOST_OWN = 10
"""Devagent's own tools that a model is told of at first; one place is the finder's where there are more."""
MAX_TOOLS, MAX_TOKENS = 30, 8_000
"""The budget of what servers bring: tools, and tokens of the definitions of all that is told."""
MAX_ADDED = 60
"""Tools that one session may find in all."""
MOST_NAMED = 60
"""Tools that the finder's description names: of more, a server's number."""
AT_ONCE, MOST_AT_ONCE = 5, 10
HOUSE, NAME = "devagent", "find_tools"
"""No extension of a third party may be called so."""
RULE = "floor#find-tools"
_BYTES_PER_TOKEN = 4


def granted_by_the_house(tool: ToolSpec) -> Decision | None:
    """Looking for tools is no act of any extension's: it tells what policy could grant anyway."""
    if tool.extension != HOUSE:
        return None
    return Decision(
        effect="allow",
        reason="It names tools that policy could grant, and runs none",
        rules=(RULE,),
    )


def tokens(tools: Sequence[ToolSpec]) -> int:
    """About how many tokens their definitions are in a prompt."""
    size = sum(
        len(tool.api_name) + len(tool.description.encode()) + len(canonical(tool.input_schema))
        for tool in tools
    )
    return size // _BYTES_PER_TOKEN


class Findable(Around):
    """A toolbox whose tools may be more than a prompt should hold.

    ``is_own`` says which tools are devagent's, ``first`` which of those (by their qualified names) are told before
    the others. Call ``offer`` once it is known what policy could grant.
    """

    def __init__(
        self, inner: Toolbox, is_own: Callable[[ToolSpec], bool], first: Sequence[str] = ()
    ) -> None:
        super().__init__(inner)
        self._is_own = is_own
        self._first = {name: place for place, name in enumerate(first)}
        self._finder: ToolSpec | None = None
        self._more: list[ToolSpec] = []
        self._core: list[ToolSpec] = []
        self._found: list[ToolSpec] = []
        self._calls: set[str] = set()
        self._tasks: set[str] = set()

    def offer(self, offered: Sequence[ToolSpec]) -> None:
        """Settle what is told, and what is to be looked for."""
        own = [tool for tool in offered if self._is_own(tool)]
        at_first = self._at_first(own)
        names = {tool.api_name for tool in at_first}
        told = [tool for tool in offered if tool.api_name in names or not self._is_own(tool)]
        servers = len(offered) - len(own)
        if servers > MAX_TOOLS or (servers and tokens(told) > MAX_TOKENS):
            told = list(at_first)
        names = {tool.api_name for tool in told}
        self._core = told
        self._more = [tool for tool in offered if tool.api_name not in names]
        self._finder = _finder(self._more) if self._more else None

    def _at_first(self, own: Sequence[ToolSpec]) -> Sequence[ToolSpec]:
        """Those of devagent's own that are told at first, in the order that they are offered in."""
        if len(own) <= MOST_OWN:
            return own
        last = len(self._first)
        chosen = sorted(own, key=lambda tool: self._first.get(tool.qualified, last))
        names = {tool.api_name for tool in chosen[: MOST_OWN - 1]}
        return [tool for tool in own if tool.api_name in names]

    @property
    def told(self) -> Sequence[ToolSpec]:
        """What the model is told about now: it only ever grows, at its end."""
        finder = [self._finder] if self._finder else []
        return [*self._core, *finder, *self._found]

    @property
    def to_be_found(self) -> Sequence[ToolSpec]:
        """What can be found; empty where all is told."""
        return self._more

    def apply(self, event: Event) -> None:
        """Take in an event of the session, live or resumed: what was found is told from now on."""
        if isinstance(event, SubagentStarted):
            self._tasks.add(f"{event.call}/")
        elif isinstance(event, ToolJudged):
            if event.call.startswith(tuple(self._tasks)):
                return  # a sub-agent's, which is told of tools of its own
            if (event.ext.name, event.tool) == (HOUSE, NAME):
                self._calls.add(event.call)
            elif event.err == "bad_arguments" and event.ext.name:
                self._add([f"{event.ext.name}__{event.tool}"])
        elif isinstance(event, ToolFinished) and event.call in self._calls:
            self._add(event.structured.get("found", ()))

    def _add(self, names: Sequence[str]) -> None:
        known = {tool.api_name for tool in self._found}
        by_name = {tool.api_name: tool for tool in self._more}
        new = [by_name[name] for name in names if name in by_name and name not in known]
        self._found += new[: MAX_ADDED - len(self._found)]

    def find(self, api_name: str) -> ToolSpec | None:
        if self._finder is not None and api_name == self._finder.api_name:
            return self._finder
        return super().find(api_name)

    def _is_ours(self, tool: ToolSpec) -> bool:
        return tool.extension == HOUSE

    def _touched(self, tool: ToolSpec, args: Mapping[str, Any]) -> tuple[Resource, ...]:
        del tool, args
        return ()

    def _carried_out(self, tool: ToolSpec, args: Mapping[str, Any]) -> ToolResult:
        del tool
        return self._looked_for(str(args["query"]), int(args["limit"]))

    def _looked_for(self, query: str, limit: int) -> ToolResult:
        from devagent.agent.ranking import rank  # noqa: PLC0415  (where there are many tools only)

        room = MAX_ADDED - len(self._found)
        found = [one.tool for one in rank(query, self._more)[:limit]]
        new = [tool for tool in found if tool not in self._found]
        if len(new) > room:
            text = f"No more tools can be added to this session than the {MAX_ADDED} that were found. Use those."
            return ToolResult(text, failed=True, error="too_many_tools")
        if not found:
            text = f"None of {len(self._more)} tools has anything of {query!r}. Try other words for what it should do."
            return ToolResult(text)
        lines = [f"{tool.api_name}: {_first_line(tool.description)}" for tool in found]
        text = "\n".join(["You can call these from now on:", *lines])
        return ToolResult(text, structured={"found": [tool.api_name for tool in found]})


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= 200 else f"{line[:200]}…"


def _finder(more: Sequence[ToolSpec]) -> ToolSpec:
    by_server: dict[str, list[str]] = {}
    for tool in more:
        by_server.setdefault(tool.extension, []).append(tool.name)
    named = len(more) <= MOST_NAMED
    servers = "; ".join(
        f"{server}: {', '.join(names)}" if named else f"{server} ({len(names)})"
        for server, names in by_server.items()
    )
    return ToolSpec(
        extension=HOUSE,
        name=NAME,
        tool_class="read",
        description=(
            f"Find tools by what they do. {len(more)} more can be used than are listed here, of {servers}. "
            "Say in a few words what you need; the tools that fit are added, and can be called from then on."
        ),
        input_schema={
            "type": "object",
            "properties": {
                "query": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 400,
                    "description": "What the tool should do, and with what: 'create an issue in the tracker'.",
                },
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MOST_AT_ONCE,
                    "default": AT_ONCE,
                    "description": "How many tools at most.",
                },
            },
            "required": ["query"],
            "additionalProperties": False,
        },
    )
