"""Many tools: what the model is told, what a question finds, and that it only ever grows."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from devagent.agent.finding import (
    MAX_ADDED,
    MAX_TOOLS,
    MOST_OWN,
    Findable,
    granted_by_the_house,
    tokens,
)
from devagent.agent.ranking import rank, words
from devagent.core.events.calls import ToolFinished, ToolJudged
from devagent.core.ports import MayRead, Meanwhile, Progress
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference, ToolResult, ToolSpec
from devagent.core.verdicts import Decision
from tests.support.agent_parts import ANA, GIT


def tool(server: str, name: str, description: str = "", **arguments: str) -> ToolSpec:
    properties = {key: {"type": "string", "description": text} for key, text in arguments.items()}
    schema = {"type": "object", "properties": properties}
    return ToolSpec(server, name, "exec", description, schema)


OWN = [tool("workspace", "read", "Read a file."), tool("git", "log", "Show the history.")]
TRACKER = [
    tool("tracker", "create_issue", "Open a new issue.", title="Its title.", labels="Its labels."),
    tool("tracker", "listIssues", "List issues.", state="open or closed"),
    tool("tracker", "add_comment", "Comment on an issue.", body="Markdown"),
]
WEATHER = [tool("weather", "forecast", "What the weather will be.", city="Where.")]
MANY = [tool("crm", f"field_{number}", f"Field {number} of a record.") for number in range(480)]
ALL = [*OWN, *TRACKER, *WEATHER, *MANY]


class Box:
    """Runs everything, and says so."""

    def __init__(self, specs: Sequence[ToolSpec]) -> None:
        self._specs = specs

    def specs(self) -> Sequence[ToolSpec]:
        return self._specs

    def find(self, api_name: str) -> ToolSpec | None:
        return next((spec for spec in self._specs if spec.api_name == api_name), None)

    def reference(self, tool: ToolSpec) -> ExtensionReference:
        return GIT

    def complete(self, tool: ToolSpec, args: Mapping[str, Any]) -> dict[str, Any]:
        return {"limit": 5, **args}

    async def resources(
        self, tool: ToolSpec, args: Mapping[str, Any], may_read: MayRead | None = None
    ) -> tuple[Resource, ...]:
        return (Resource("branch:main", "write"),)

    async def preview(self, tool: ToolSpec, args: Mapping[str, Any]) -> str:
        return ""

    async def run(
        self,
        tool: ToolSpec,
        args: Mapping[str, Any],
        obligations: Mapping[str, Any],
        may_read: MayRead | None = None,
        progress: Progress | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> ToolResult:
        return ToolResult(f"ran {tool.qualified}")


def findable(offered: Sequence[ToolSpec]) -> Findable:
    made = Findable(Box(ALL), lambda spec: spec.extension in ("workspace", "git"))
    made.offer(offered)
    return made


def names(tools: Sequence[ToolSpec]) -> list[str]:
    return [one.qualified for one in tools]


async def look_for(box: Findable, query: str, call: str = "c1", limit: int = 5) -> ToolResult:
    """As the loop would: judged, run, and the result taken in."""
    finder = box.find("devagent__find_tools")
    assert finder is not None
    decision = granted_by_the_house(finder)
    assert decision is not None
    result = await box.run(finder, {"query": query, "limit": limit}, {})
    box.apply(
        ToolJudged(
            turn=1,
            call=call,
            principal=ANA,
            agent="main",
            ext=box.reference(finder),
            tool=finder.name,
            tool_class="read",
            resources=(),
            args_digest="",
            decision=decision,
        )
    )
    box.apply(
        ToolFinished(
            turn=1, call=call, outcome="ok", text=result.text, structured=result.structured
        )
    )
    return result


def test_what_fits_the_budget_is_told_whole_and_in_its_order() -> None:
    few = [*OWN, *TRACKER, *WEATHER, *MANY[: MAX_TOOLS - 4]]
    box = findable(few)
    assert list(box.told) == few
    assert box.find("devagent__find_tools") is None
    assert box.to_be_found == []


@pytest.mark.parametrize(
    "offered", [ALL, [*OWN, *MANY[: MAX_TOOLS + 1]], [*OWN, tool("big", "one", "x" * 33_000)]]
)
def test_above_it_devagents_own_tools_are_told_and_one_that_finds_the_others(
    offered: list[ToolSpec],
) -> None:
    box = findable(offered)
    assert names(box.told) == ["workspace.read", "git.log", "devagent.find_tools"]
    assert list(box.to_be_found) == offered[2:]


def test_500_tools_cost_no_more_prompt_than_30() -> None:
    assert tokens(findable(ALL).told) < tokens(findable([*OWN, *MANY[:MAX_TOOLS]]).told)


def test_of_many_own_tools_those_of_the_order_are_told_first_and_the_others_are_named() -> None:
    own = [*OWN, *(tool("git", f"t{number}") for number in range(MOST_OWN))]
    box = Findable(Box(own), lambda _: True, ["git.t9", "git.gone", "workspace.read", "git.t3"])
    box.offer(own)
    told = names(box.told)
    assert (len(told), told[-1]) == (MOST_OWN, "devagent.find_tools")
    assert told[:3] == ["workspace.read", "git.log", "git.t0"]  # as they are offered in
    assert {"git.t9", "git.t3"} < set(told)
    assert names(box.to_be_found) == ["git.t6", "git.t7", "git.t8"]
    assert (
        "3 more can be used than are listed here, of git: t6, t7, t8." in box.told[-1].description
    )


def test_few_own_tools_are_all_told() -> None:
    own = [tool("git", f"t{number}") for number in range(MOST_OWN)]
    box = Findable(Box(own), lambda _: True)
    box.offer(own)
    assert list(box.told) == own


async def test_a_tool_that_is_called_by_name_with_other_arguments_than_its_own_is_told_from_then_on() -> (
    None
):
    box = findable(ALL)
    before = list(box.told)
    spec = TRACKER[0]
    judged = ToolJudged(
        turn=1,
        call="c1",
        principal=ANA,
        agent="main",
        ext=ExtensionReference(spec.extension, "1", ""),
        tool=spec.name,
        tool_class="write",
        resources=(),
        args_digest="",
        decision=Decision(effect="deny", reason="no"),
    )
    box.apply(judged)
    assert list(box.told) == before
    judged = replace(judged, err="bad_arguments")
    box.apply(judged)
    box.apply(judged)
    assert list(box.told) == [*before, spec]
    box.apply(replace(judged, tool="hidden", call="c2"))
    assert list(box.told) == [*before, spec]


async def test_what_is_found_is_added_at_the_end_once_and_stays() -> None:
    box = findable(ALL)
    before = list(box.told)
    result = await look_for(box, "create an issue in the tracker", limit=1)
    assert "tracker__create_issue: Open a new issue." in result.text
    assert names(box.told[len(before) :]) == ["tracker.create_issue"]
    await look_for(box, "issues", call="c2")
    assert list(box.told[: len(before)]) == before
    assert names(box.told[len(before) :]) == [
        "tracker.create_issue",
        "tracker.listIssues",
        "tracker.add_comment",
    ]
    told = list(box.told)
    await look_for(box, "weather forecast", call="c3")
    assert list(box.told[: len(told)]) == told
    assert names(box.told[len(told) :]) == ["weather.forecast"]


async def test_a_hidden_tool_is_never_found_or_counted() -> None:
    offered = [spec for spec in ALL if spec.extension != "weather"]
    box = findable(offered)
    finder = box.find("devagent__find_tools")
    assert finder is not None
    assert "weather" not in finder.description
    result = await look_for(box, "weather forecast")
    assert (result.structured, "None of 483 tools" in result.text) == ({}, True)


async def test_a_result_of_anything_else_adds_nothing() -> None:
    box = findable(ALL)
    before = list(box.told)
    box.apply(
        ToolFinished(
            turn=1, call="c9", outcome="ok", structured={"found": ["tracker__create_issue"]}
        )
    )
    assert list(box.told) == before


async def test_there_is_a_most_of_what_a_session_can_find() -> None:
    box = findable(ALL)
    for number in range(MAX_ADDED):
        await look_for(box, f"field {number}", call=f"c{number}", limit=1)
    assert len(box.told) == 3 + MAX_ADDED
    result = await look_for(box, "weather", call="last")
    assert (result.failed, result.error) == (True, "too_many_tools")
    assert len(box.told) == 3 + MAX_ADDED


async def test_other_tools_are_judged_and_run_by_the_toolbox_behind() -> None:
    box = findable(ALL)
    spec = TRACKER[0]
    assert granted_by_the_house(spec) is None
    assert await box.resources(spec, {}) == (Resource("branch:main", "write"),)
    assert (await box.run(spec, {}, {})).text == "ran tracker.create_issue"


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("create an issue", "tracker.create_issue"),
        ("creating issues with labels", "tracker.create_issue"),
        ("which issues are closed?", "tracker.listIssues"),
        ("commenting in Markdown", "tracker.add_comment"),
        ("will it rain in this city", "weather.forecast"),
        ("field 17", "crm.field_17"),
    ],
)
def test_the_best_tool_comes_first(question: str, best: str) -> None:
    found = rank(question, ALL)
    assert found[0].tool.qualified == best
    assert found == rank(question, ALL)


def test_why_a_tool_was_found_is_told() -> None:
    found = rank("weather in the city", WEATHER)[0]
    assert found.why == (
        ("server", ("weath",)),
        ("arguments", ("cit",)),
        ("description", ("weath",)),
    )


@pytest.mark.parametrize("question", ["", "the of to", "?!", "\x00", "zebra", "x" * 400])
def test_a_question_without_a_word_of_theirs_finds_nothing(question: str) -> None:
    assert rank(question, ALL) == []


def test_words_are_cut_at_case_and_punctuation() -> None:
    assert list(words("listIssues HTTPServer read_file2 Ärger")) == [
        "list", "issu", "http", "serv", "read", "fil", "2", "ärg",
    ]  # fmt: skip
