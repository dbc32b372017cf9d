"""The ``result`` object: a fold over events, whose gravest reason is the one that is told."""

from typing import Any

import pytest

from devagent.cli.result import EXIT_CODES, GRAVITY, Result
from devagent.core.errors import ConfigError, DevagentError, LogError, ModelError, Stop, UsageError
from devagent.core.events import Event
from devagent.core.events.calls import Approval, ApprovalAnswered, ToolFinished, ToolJudged
from devagent.core.events.model import ModelReplied
from devagent.core.events.turns import BudgetStopped, TurnEnded
from devagent.core.resources import Resource
from devagent.core.usage import Cost, Usage
from devagent.core.verdicts import Decision
from tests.support.agent_parts import ANA, GIT, reply, said, use


def result(*events: Event) -> Result:
    folded = Result()
    for event in events:
        folded.apply(event)
    return folded


def plain(*events: Event) -> dict[str, Any]:
    return result(*events).plain(duration_ms=7)


def ended(stop: Stop = "done", reason: str = "") -> TurnEnded:
    return TurnEnded(turn=1, stop=stop, reason=reason)


def judged(decision: Decision, call: str = "c1", err: str = "") -> ToolJudged:
    return ToolJudged(
        turn=1,
        call=call,
        principal=ANA,
        agent="main",
        ext=GIT,
        tool="push",
        tool_class="net",
        resources=(Resource("branch:origin/main", "write"),),
        args_digest="",
        decision=decision,
        err=err,
    )


DENY = Decision("deny", "main is protected", rules=("org/acme#no-main",), grant="Ask #platform")
ASK = Decision("ask", "pushing is asked about", rules=("org/acme#push",))


def answered(answer: Any = "no", call: str = "c1") -> ApprovalAnswered:
    approval = Approval(answer, "nobody", "unattended")
    return ApprovalAnswered(turn=1, call=call, principal=ANA, agent="main", approval=approval)


def test_a_run_that_just_ended_is_done() -> None:
    assert plain(reply(said("Hello."), cost=30), ended()) == {
        "type": "result",
        "v": 1,
        "session": "",
        "result": "Hello.",
        "is_error": False,
        "exit_code": 0,
        "stop": "done",
        "reason": "",
        "turns": 1,
        "usage": {
            "input": 10,
            "output": 2,
            "cache_read": 0,
            "cache_write": 0,
            "cache_hit_percent": 0,
        },
        "cost_usd_micros": 30,
        "duration_ms": 7,
        "permission_denials": [],
        "log": "",
    }


def test_replies_tokens_and_cost_are_summed() -> None:
    one = ModelReplied(
        turn=1,
        model="m",
        stop="tool_use",
        content=[use("c1")],
        usage=Usage(1, 2, 3, 4),
        cost=Cost(5, "prices"),
    )
    out = plain(one, one, reply(said("So.")))
    assert out["turns"] == 3
    assert out["usage"] == {
        "input": 12,
        "output": 6,
        "cache_read": 6,
        "cache_write": 8,
        "cache_hit_percent": 23,
    }
    assert out["cost_usd_micros"] == 10


def test_the_last_text_is_the_result_also_where_a_reply_without_text_follows() -> None:
    assert plain(reply(said("First."), use("c1")), reply(said("Last.")))["result"] == "Last."
    assert plain(reply(said("First."), use("c1")), reply(use("c2")))["result"] == "First."


def test_a_denial_on_the_way_makes_the_run_incomplete() -> None:
    out = plain(reply(use("c1")), judged(DENY), reply(said("I could not.")), ended())
    assert (out["stop"], out["exit_code"], out["is_error"]) == ("policy", 3, True)
    assert out["reason"] == "git.push was denied: main is protected"
    assert out["permission_denials"] == [
        {
            "tool": "git.push",
            "call": "c1",
            "resources": ["branch:origin/main"],
            "effect": "deny",
            "rules": ["org/acme#no-main"],
            "reason": "main is protected",
            "grant": "Ask #platform",
        }
    ]
    assert out["result"] == "I could not."


def test_an_ask_that_nobody_could_answer_is_a_denial() -> None:
    out = plain(reply(use("c1")), judged(ASK), answered(), ended())
    assert out["exit_code"] == 3
    assert [denial["effect"] for denial in out["permission_denials"]] == ["ask"]
    assert "not approved, nobody could be asked" in out["reason"]


def test_an_ask_that_was_answered_yes_is_none() -> None:
    out = plain(reply(use("c1")), judged(ASK), answered("yes"), ended())
    assert (out["exit_code"], out["permission_denials"]) == (0, [])


def test_a_withheld_result_is_a_denial_by_the_rule_that_withheld_it() -> None:
    allowed = Decision("allow", "reading is fine", rules=("org/acme#read",))
    withheld = Decision("deny", "cards stay inside", rules=("org/acme#cards",))
    finished = ToolFinished(turn=1, call="c1", outcome="denied", decision=withheld)
    out = plain(judged(allowed), finished, ended())
    (denial,) = out["permission_denials"]
    assert (denial["rules"], denial["reason"]) == (["org/acme#cards"], "cards stay inside")
    assert out["exit_code"] == 3


@pytest.mark.parametrize("err", ["no_such_tool", "bad_arguments", "repeated_call_id", "not_found"])
def test_a_call_that_came_to_no_judgement_is_the_models_matter(err: str) -> None:
    out = plain(judged(Decision("deny", "no", error=err), err=err), ended())
    assert (out["exit_code"], out["permission_denials"]) == (0, [])


def test_a_tool_that_failed_is_the_models_matter() -> None:
    allowed = Decision("allow", "fine")
    failed = ToolFinished(turn=1, call="c1", outcome="failed", err="not_found")
    assert plain(judged(allowed), failed, ended())["exit_code"] == 0


def test_several_denials_are_counted() -> None:
    out = plain(judged(DENY, "c1"), judged(DENY, "c2"), judged(DENY, "c3"), ended())
    assert out["reason"].endswith("(and 2 more)")
    assert len(out["permission_denials"]) == 3


def test_a_limit_names_itself() -> None:
    stopped = BudgetStopped(turn=1, limit="max_turns", reason="max_turns: 2 of 2 replies")
    out = plain(stopped, ended("limit", "max_turns: 2 of 2 replies"))
    assert (out["stop"], out["exit_code"]) == ("limit", 5)
    assert out["reason"] == "max_turns: 2 of 2 replies"


def test_a_reply_that_was_cut_off_is_done_and_says_so() -> None:
    out = plain(reply(said("Hel")), ended("done", "the reply was cut off at max_tokens"))
    assert (out["exit_code"], out["reason"]) == (0, "the reply was cut off at max_tokens")


ORDER: list[Stop] = [
    "interrupted",
    "config",
    "limit",
    "service",
    "schema",
    "policy",
    "failed",
    "done",
]


@pytest.mark.parametrize("first", ORDER)
@pytest.mark.parametrize("second", ORDER)
def test_of_several_reasons_the_gravest_is_told_in_whichever_order_they_come(
    first: Stop, second: Stop
) -> None:
    folded = Result()
    folded.stop_for(first, f"because {first}")
    folded.stop_for(second, f"because {second}")
    gravest = min(first, second, key=ORDER.index)
    out = folded.plain(0)
    assert (out["stop"], out["reason"]) == (gravest, f"because {gravest}")
    assert out["exit_code"] == EXIT_CODES[gravest]


def test_every_stop_has_its_place_and_its_code() -> None:
    assert list(reversed(GRAVITY)) == ORDER
    assert EXIT_CODES == {
        "done": 0,
        "failed": 1,
        "policy": 3,
        "schema": 4,
        "limit": 5,
        "service": 6,
        "config": 78,
        "interrupted": 130,
    }


@pytest.mark.parametrize("stop", ORDER)
def test_a_denial_is_graver_than_a_failure_and_less_than_the_rest(stop: Stop) -> None:
    folded = result(judged(DENY))
    folded.stop_for(stop, "another reason")
    expected = "policy" if ORDER.index(stop) > ORDER.index("policy") else stop
    out = folded.plain(0)
    assert out["stop"] == expected
    assert len(out["permission_denials"]) == 1


@pytest.mark.parametrize(
    ("error", "stop", "code"),
    [
        (UsageError("there is no session x"), "failed", 2),
        (ConfigError("unknown key", file="c.toml", line=3), "config", 78),
        (ModelError("overloaded", kind="overloaded"), "service", 6),
        (LogError("disk full"), "failed", 1),
    ],
)
def test_a_failure_of_the_house_keeps_its_own_exit_code(
    error: DevagentError, stop: Stop, code: int
) -> None:
    folded = Result()
    folded.fail(error)
    out = folded.plain(0)
    assert (out["stop"], out["exit_code"], out["is_error"]) == (stop, code, True)
    assert "\n" not in out["reason"]


def test_the_hint_of_a_failure_is_told_on_the_same_line() -> None:
    folded = Result()
    folded.fail(ConfigError("there is no key", hint="Run `devagent auth login`."))
    reason = folded.plain(0)["reason"]
    assert reason.startswith("there is no key")
    assert reason.endswith(" Run `devagent auth login`.")


def test_a_denial_after_wrong_usage_has_the_denials_code() -> None:
    folded = result(judged(DENY))
    folded.fail(UsageError("odd"))
    assert folded.plain(0)["exit_code"] == 3


@pytest.mark.parametrize("value", [None, False, 0, "", [], {"a": 1}])
def test_a_structured_answer_is_told_whatever_it_is(value: Any) -> None:
    folded = Result()
    assert "structured" not in folded.plain(0)
    folded.structured = value
    assert folded.plain(0)["structured"] == value
