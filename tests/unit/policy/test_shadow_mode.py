"""Shadow mode: what a rule would have answered is on record, and changes nothing."""

import pytest

from devagent.core.events.calls import ToolJudged
from devagent.core.resources import Resource
from devagent.core.tools import ToolCall
from devagent.repl.render import render
from tests.support.agent_parts import WORKSPACE, FakeToolbox, gate_of
from tests.support.recorded_calls import policy_of

ALLOW = """
version = 1
name = "acme"
[[rule]]
id = "push"
effect = "allow"
tools = ["git.push"]
"""
SOON = ALLOW + '[[rule]]\nid = "soon"\nmode = "shadow"\ntools = ["git.push"]\n'


async def judged_by(text: str, *lower: str, own: tuple[str, ...] = ()) -> ToolJudged:
    named = [Resource("path:own/policy.toml", "write")] if own else (Resource("branch:x", "write"),)
    gate = gate_of(policy_of(text, *lower), FakeToolbox(named=named), own=own)
    events = [event async for event in gate.judge(1, ToolCall("c1", "git__push", {}))]
    assert isinstance(events[0], ToolJudged)
    return events[0]


@pytest.mark.parametrize(
    ("rule", "effect", "line"),
    [
        ('effect = "deny"', "deny", "denied by org/acme#soon (0.toml:8)"),
        ('effect = "ask"', "ask", "asked about by org/acme#soon (0.toml:8)"),
    ],
)
async def test_a_rule_in_shadow_mode_is_recorded_where_it_would_differ(
    rule: str, effect: str, line: str
) -> None:
    event = await judged_by(SOON + rule)
    assert event.decision.effect == "allow"
    assert event.decision.rules == ("org/acme#push",)
    assert event.shadow is not None
    assert (event.shadow.effect, event.shadow.policy) == (effect, event.decision.policy)
    assert render(event).splitlines()[-1] == f"  · in shadow mode this would be {line}"


async def test_other_obligations_are_a_difference_too() -> None:
    event = await judged_by(SOON + 'effect = "allow"\nobligations = { redact = ["pii"] }')
    assert event.decision.obligations == {}
    assert event.shadow is not None
    assert event.shadow.obligations == {"redact": ["pii"]}
    assert 'would be allowed with redact=["pii"] by org/acme#push' in render(event)


@pytest.mark.parametrize("policy", [ALLOW, SOON + 'effect = "allow"', SOON.replace("soon", "x") + 'effect = "deny"\nresources = ["branch:y"]'])  # fmt: skip
async def test_nothing_is_recorded_where_it_would_be_the_same(policy: str) -> None:
    event = await judged_by(policy)
    assert event.decision.effect == "allow"
    assert event.shadow is None
    assert "shadow" not in render(event)


async def test_a_whole_file_in_shadow_mode_is_recorded_too() -> None:
    local = 'version = 1\nname = "mine"\nmode = "shadow"\n[[rule]]\nid = "no"\neffect = "deny"\n'
    event = await judged_by(ALLOW, local)
    assert event.decision.effect == "allow"
    assert event.shadow is not None
    assert event.shadow.rules == ("local/mine#no", "org/acme#push")


async def test_the_floor_is_no_matter_of_shadow_mode() -> None:
    event = await judged_by(SOON + 'effect = "ask"', own=(f"{WORKSPACE}/own",))
    assert event.decision.rules == ("floor#own-files",)
    assert event.shadow is None
