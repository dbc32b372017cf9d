"""What two principals may both do: never more than either, and owing what both owe."""

from typing import Any

import pytest

from devagent.agent.meet import Meet
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ToolClass
from devagent.core.verdicts import RANK, Decision, Effect, Request, RuleReference
from tests.support.agent_parts import ANA, LOG, FakeJudge

CHILD = Principal(user="ana", agent="main/task")
EFFECTS: tuple[Effect, ...] = ("deny", "ask", "allow")


class ByAgent(FakeJudge):
    """An answer for each agent."""

    def __init__(self, own: Decision, above: Decision) -> None:
        super().__init__()
        self._answers = {CHILD.agent: own, ANA.agent: above}

    def decide(self, request: Request) -> Decision:
        return self._answers[request.principal.agent]


def request(tool_class: ToolClass = "read", *resources: Resource) -> Request:
    return Request(
        principal=CHILD, extension="sql", tool="query", tool_class=tool_class, resources=resources
    )


def met(own: Decision, above: Decision) -> Decision:
    return Meet(ByAgent(own, above), ANA).decide(request())


@pytest.mark.parametrize("own", EFFECTS)
@pytest.mark.parametrize("above", EFFECTS)
def test_the_lesser_answer_holds(own: Effect, above: Effect) -> None:
    answer = met(Decision(own, "own", rules=("a",)), Decision(above, "above", rules=("b",)))
    assert RANK[answer.effect] == min(RANK[own], RANK[above])


def test_what_both_owe_is_owed() -> None:
    own: dict[str, Any] = {"limit_rows": 50, "filter": {"t": ["a = 1"]}, "mask": {"c": "hash"}}
    above: dict[str, Any] = {"limit_rows": 9, "filter": {"t": ["b = 2"], "u": ["c = 3"]}}
    answer = met(Decision("allow", "x", obligations=own), Decision("ask", "y", obligations=above))
    assert answer.effect == "ask"
    assert answer.obligations == {
        "limit_rows": 9,
        "mask": {"c": "hash"},
        "filter": {"t": ["a = 1", "b = 2"], "u": ["c = 3"]},
    }


def test_a_sticky_ask_of_either_stays_sticky() -> None:
    assert met(Decision("ask", "x"), Decision("ask", "y", sticky=True)).sticky


def test_an_ask_of_both_names_the_rules_of_both_and_an_approval_of_one_answers_neither() -> None:
    own, above = (RuleReference(f"org/acme#{one}", "ask", "org") for one in ("own", "above"))
    asks = met(Decision("ask", "x", determining=(own,)), Decision("ask", "y", determining=(above,)))
    assert asks.determining == (own, above)
    once = met(Decision("ask", "x", determining=(own,)), Decision("allow", "y"))
    assert once.determining == (own,)


@pytest.mark.parametrize(
    "changing",
    [request("write"), request("exec"), request("read", Resource("path:a", "write"))],
)
def test_what_would_change_something_is_denied_whatever_policy_says(changing: Request) -> None:
    yes = Decision("allow", "yes")
    answer = Meet(ByAgent(yes, yes), ANA).decide(changing)
    assert (answer.effect, answer.rules) == ("deny", ("floor#sub-agents-read",))


def test_what_is_hidden_from_either_is_hidden() -> None:
    assert Meet(FakeJudge(hidden=["git.log"]), ANA).is_hidden(CHILD, LOG)
    assert not Meet(FakeJudge(), ANA).is_hidden(CHILD, LOG)
