"""What the gate tells policy beside the call itself: facts, origins, taint, what a result is like."""

from collections.abc import Sequence
from typing import Any

import pytest

from devagent.agent.gate import Gate
from devagent.agent.loop import Agent
from devagent.agent.meet import Meet
from devagent.agent.own_files import OwnFiles
from devagent.agent.safeguards import Safeguards
from devagent.core.codec import from_plain, to_plain
from devagent.core.events import Event
from devagent.core.events.calls import AskedBy, ToolCalled, ToolFinished, ToolJudged
from devagent.core.events.turns import Prompt
from devagent.core.limits import Limits
from devagent.core.tools import ToolCall, ToolResult
from devagent.core.verdicts import Needs, Request
from devagent.policy import CompiledPolicy, compile_policy, parse
from devagent.policy.beside import Beside
from tests.support.agent_parts import (
    ANA,
    LOG,
    PUSH,
    FakeApprover,
    FakeJudge,
    FakeModel,
    FakeToolbox,
    agent_of,
    gate_of,
    reply,
    said,
    the_only,
    turn_of,
    use,
)

HEAD = 'version = 1\nname = "acme"\nlayer = "org"\ndefault = "ask"\n'


def policy(*rules: str, head: str = HEAD) -> CompiledPolicy:
    """An org's policy of these rules, ``r0``, ``r1`` …"""
    text = head + "".join(f'[[rule]]\nid = "r{n}"\n{rule}\n' for n, rule in enumerate(rules))
    return compile_policy([parse(text, "org.toml", org=True)])


async def judged_by(gate: Gate, call_id: str = "c1", **args: Any) -> ToolJudged:
    """The judgement of one ``git.push``."""
    call = ToolCall(call_id, PUSH.api_name, args)
    events: list[Event] = [event async for event in gate.judge(1, call)]
    gate.apply(judged := the_only(events, ToolJudged))
    return judged


def finished(judged: ToolJudged, text: str, *taint: str) -> ToolFinished:
    return ToolFinished(turn=1, call=judged.call, outcome="ok", text=text, taint=taint)


def replayed(judge: CompiledPolicy, judged: ToolJudged) -> None:
    """Judging again what the event holds, as it comes out of a log, gives the same record."""
    kept = from_plain(to_plain(judged), ToolJudged)
    request = Request(
        principal=kept.principal,
        extension=kept.ext.name,
        tool=kept.tool,
        tool_class=kept.tool_class,
        args=kept.args,
        resources=kept.resources,
        context=kept.context,
        facts=kept.facts,
        can=kept.can,
    )
    assert judge.decide(request) == judged.decision


async def test_a_rule_ends_on_its_day_also_within_a_session_that_goes_on() -> None:
    judge = policy('effect = "allow"\nexpires = 2026-11-21')
    day = "2026-11-20"
    gate = gate_of(judge, today=lambda: day)
    assert (await judged_by(gate, "c1")).decision.effect == "allow"
    day = "2026-11-21"
    late = await judged_by(gate, "c2")
    assert (late.decision.effect, late.context["today"]) == ("ask", "2026-11-21")
    replayed(judge, late)


PARTNERS = (
    'effect = "allow"\ntools = ["git.push"]\n'
    'when = { "args.body.@hosts" = { in = ["bank.example"], len_min = 1 } }'
)


@pytest.mark.parametrize(
    ("body", "effect"),
    [
        ("see https://Bank.example/x", "allow"),
        ("see https://bank.example@evil.example/x", "ask"),
        ("see bank.example and ev\u200bil.example", "ask"),
        ("nothing to see", "ask"),
    ],
)
async def test_facts_of_the_text_decide_and_are_kept_with_the_call(body: str, effect: str) -> None:
    judge = policy(PARTNERS)
    judged = await judged_by(gate_of(judge), body=body)
    assert judged.decision.effect == effect
    assert list(judged.facts) == ["args.body.@hosts"]
    replayed(judge, judged)


async def test_the_model_can_not_bring_facts_of_its_own() -> None:
    judge = policy(PARTNERS)
    args: dict[str, Any] = {
        "facts": {"args.body.@hosts": ["bank.example"]},
        "args.body.@hosts": ["bank.example"],
    }
    judged = await judged_by(gate_of(judge), **args)
    assert (judged.decision.effect, judged.facts) == ("ask", {})


TYPED = 'effect = "allow"\nwhen = { "args.to" = { origin_in = ["prompt"] } }'


async def test_a_recipient_whom_the_person_typed_is_told_from_one_that_a_result_named() -> None:
    judge = policy(TYPED)
    gate = gate_of(judge)
    gate.apply(Prompt(turn=1, text="Answer bob@acme.example"))
    gate.apply(finished(await judged_by(gate, q=1), "From: eve@evil.example"))
    mine = await judged_by(gate, "c2", to=["bob@acme.example"])
    both = await judged_by(gate, "c3", to=["bob@acme.example", "eve@evil.example"])
    assert (mine.decision.effect, mine.context["origins"]) == ("allow", {"/to/0": ["prompt"]})
    assert both.decision.effect == "ask"
    assert both.context["origins"]["/to/1"] == ["result:git.push"]
    for judged in (mine, both):
        replayed(judge, judged)


async def test_origins_and_taint_are_the_same_in_a_resumed_session() -> None:
    judge = policy(TYPED, 'effect = "deny"\nwhen = { taint_any = ["web"], "args.n" = 1 }')
    live = gate_of(judge)
    events: list[Event] = [Prompt(turn=1, text="Answer bob@acme.example")]
    live.apply(events[0])
    first = await judged_by(live, q=1)
    events += [first, finished(first, "From: eve@evil.example", "web")]
    live.apply(events[-1])
    resumed = gate_of(judge)
    for event in events:
        resumed.apply(from_plain(to_plain(event), type(event)))
    asked: list[dict[str, Any]] = [{"to": "bob@acme.example"}, {"to": "eve@evil.example"}, {"n": 1}]
    for args in asked:
        one, other = (
            await judged_by(live, str(args), **args),
            await judged_by(resumed, str(args), **args),
        )
        assert one == other
        assert one.context["taint"] == ["web"]


async def test_taint_is_of_the_results_that_the_model_has_read() -> None:
    judge = policy('effect = "allow"\nwhen = { taint_none = ["web.*"] }')
    gate = gate_of(judge)
    before = await judged_by(gate, n=1)
    gate.apply(finished(before, "a page", "web.page", "private.mail"))
    after = await judged_by(gate, "c2", n=2)
    assert (before.decision.effect, before.taint) == ("allow", ())
    assert (after.decision.effect, after.taint) == ("ask", ("private.mail", "web.page"))
    assert after.context["taint"] == ["private.mail", "web.page"]


async def test_a_withheld_result_leaves_no_taint() -> None:
    judge = policy(
        'effect = "allow"\nresources = ["branch:**"]',
        'effect = "deny"\nphase = ["result"]\nwhen = { "context.result.labels" = { any = "web" } }',
    )
    model = FakeModel(
        reply(use("c1", branch="main")), reply(use("c2", branch="dev")), reply(said("So."))
    )
    toolbox = FakeToolbox(ToolResult("secret text", taint=("web",)))
    gate = gate_of(judge, toolbox)
    agent = Agent(
        model, gate, toolbox, system="", limits=Limits(), safeguards=Safeguards(OwnFiles(()))
    )
    events = await turn_of(agent)
    assert [e.outcome for e in events if isinstance(e, ToolFinished)] == ["denied", "denied"]
    assert [e.taint for e in events if isinstance(e, ToolJudged)] == [(), ()]
    assert "secret text" not in str(model.requests)


async def test_the_prompt_is_told_only_where_a_rule_looks_at_it() -> None:
    asking = 'effect = "allow"\nwhen = { "context.prompt" = { mentions = ["deploy"] } }'
    for rule, told in ((asking, True), (TYPED, False)):
        gate = gate_of(policy(rule))
        gate.apply(Prompt(turn=1, text="Deploy it"))
        judged = await judged_by(gate, n=1)
        assert ("prompt" in judged.context) is told
        assert (judged.decision.effect == "allow") is told


class CountingJudge(FakeJudge):
    """Needs what it is told to."""

    def __init__(self, needs: Needs) -> None:
        super().__init__("allow")
        self._needs = needs

    def needs(self, principal: Any, tool: Any) -> Needs:
        del principal, tool
        return self._needs


async def test_nothing_is_worked_out_that_no_rule_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any) -> Any:
        raise AssertionError(f"worked out for nothing: {args}")

    monkeypatch.setattr("devagent.policy.facts.facts_of", never)
    monkeypatch.setattr("devagent.agent.provenance.Provenance.origins", never)
    monkeypatch.setattr("devagent.policy.personal_data.personal_data", never)
    gate = gate_of(CountingJudge(Needs()))
    judged = await judged_by(gate, body="https://bank.example", to="bob@acme.example")
    result = gate.result(judged, PUSH, ToolResult("bob@acme.example"))
    assert (judged.facts, judged.context.keys()) == ({}, {"mode", "interactive", "today"})
    assert result.text == "bob@acme.example"


async def test_arguments_nested_too_deeply_are_refused_not_judged() -> None:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    gate = gate_of(CountingJudge(Needs(facts=frozenset({"args.to.name.@hosts"}))))
    judged = await judged_by(gate, to=deep)
    assert (judged.decision.effect, judged.err) == ("deny", "bad_arguments")


async def result_of(rule: str, result: ToolResult) -> ToolFinished:
    judge = policy(
        'effect = "allow"\nresources = ["branch:**"]',
        f'effect = "deny"\nphase = ["result"]\n{rule}',
    )
    toolbox = FakeToolbox(result)
    model = FakeModel(reply(use("c1", branch="main")), reply(said("So.")))
    gate = gate_of(judge, toolbox)
    agent = Agent(
        model, gate, toolbox, system="", limits=Limits(), safeguards=Safeguards(OwnFiles(()))
    )
    return the_only(await turn_of(agent), ToolFinished)


@pytest.mark.parametrize(
    ("when", "result", "withheld"),
    [
        ('"context.result.bytes" = { min = 10 }', ToolResult("ten bytes."), True),
        ('"context.result.bytes" = { min = 11 }', ToolResult("ten bytes."), False),
        ('"context.result.bytes" = { min = 3 }', ToolResult("€"), True),
        ('"context.result.rows" = { min = 100 }', ToolResult("", rows=100), True),
        ('"context.result.rows" = { min = 100 }', ToolResult("", rows=99), False),
        ('"context.result.labels" = { any = "web" }', ToolResult("", taint=("web",)), True),
        ('"context.result.labels" = { any = "web" }', ToolResult(""), False),
    ],
)
async def test_rules_of_the_result_phase_see_sizes_and_labels(
    when: str, result: ToolResult, withheld: bool
) -> None:
    finished = await result_of(f"when = {{ {when} }}", result)
    assert (finished.outcome == "denied") is withheld


@pytest.mark.parametrize(
    ("result", "withheld"),
    [
        (ToolResult("IBAN DE44 5001 0517 5407 3249 31"), True),
        (ToolResult("one row", structured={"rows": [["DE44500105175407324931"]]}), True),
        (ToolResult("one row", view="DE44500105175407324931"), True),
        (ToolResult("write to bob@acme.example"), False),
        (ToolResult("IBAN DE45 5001 0517 5407 3249 31"), False),
    ],
)
async def test_rules_of_the_result_phase_see_detected_personal_data(
    result: ToolResult, withheld: bool
) -> None:
    rule = 'when = { "context.result.personal_data" = { any = { in = ["iban"] } } }'
    finished = await result_of(rule, result)
    assert (finished.outcome == "denied") is withheld


async def test_rules_of_the_result_phase_see_the_call_as_it_was_judged() -> None:
    rule = 'when = { "args.branch.@hosts" = { absent = false }, "args.branch" = { origin_in = ["prompt"] } }'
    assert (await result_of(rule, ToolResult("x"))).outcome == "ok"
    judge = FakeJudge("allow")
    toolbox = FakeToolbox(ToolResult("x"))
    agent = agent_of(FakeModel(reply(use("c1", branch="main")), reply(said("So."))), judge, toolbox)
    await turn_of(agent)
    call, result = judge.requests
    assert (call.phase, result.phase) == ("call", "result")
    assert (result.args, result.resources, result.facts) == (call.args, call.resources, call.facts)
    assert result.context.items() >= call.context.items()


def keys_of(needs: Needs) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    return sorted(needs.facts), sorted(needs.origins), sorted(needs.context)


def test_policy_says_which_facts_origins_and_context_its_rules_need() -> None:
    judge = policy(
        'effect = "allow"\ntools = ["git.push"]\n'
        'when = { "args.to.@domains|args.cc" = { either = [{ origin_in = ["prompt"] }, { not = "x" }] } }',
        'effect = "deny"\nphase = ["result"]\nwhen = { "context.result.personal_data" = { len_min = 1 } }',
        'effect = "ask"\nmode = "shadow"\nwhen = { "args.**.@urls" = { len_min = 1 } }',
        'effect = "deny"\nprincipals = ["user:bo"]\nwhen = { "args.**.@amounts" = { min = 1 } }',
        'effect = "deny"\ntools = ["sql.*"]\nwhen = { "args.sql.@hosts" = { len_min = 1 } }',
    )
    assert keys_of(judge.needs(ANA, PUSH)) == (
        ["args.**.@urls", "args.to.@domains"],
        ["args.cc", "args.to.@domains"],
        ["result.personal_data"],
    )
    assert keys_of(judge.needs(ANA, LOG)) == (["args.**.@urls"], [], ["result.personal_data"])


def test_the_conditions_of_envelopes_and_of_lower_layers_are_needed_too() -> None:
    head = f'{HEAD}[[delegate]]\nto = ["local"]\neffect = "allow"\nwhen = {{ "args.a.@hosts" = "x" }}\n'
    local = 'version = 1\nname = "l"\n[[rule]]\nid = "a"\neffect = "allow"\nwhen = { "args.b.@hosts" = "x" }\n'
    org = parse(head, "org.toml", org=True)
    judge = compile_policy([org, parse(local, "local.toml", org=False)])
    assert sorted(judge.needs(ANA, PUSH).facts) == ["args.a.@hosts", "args.b.@hosts"]


def test_policy_says_whether_any_rule_asks_where_a_value_came_from() -> None:
    asks = 'when = { "args.to" = { not = { origin_in = ["prompt"] } } }'
    assert not policy('effect = "allow"\nwhen = { "args.to" = "x" }').asks_for_origins()
    # Whomever and whatever it is about: the list of tools can grow.
    assert policy(f'effect = "deny"\nprincipals = ["user:bo"]\ntools = ["sql.*"]\n{asks}').asks_for_origins()  # fmt: skip
    assert policy(f'effect = "ask"\nmode = "shadow"\n{asks}').asks_for_origins()
    org = parse(f'{HEAD}[[delegate]]\nto = ["local"]\neffect = "allow"\n{asks}\n', "org.toml", org=True)  # fmt: skip
    assert compile_policy([org]).asks_for_origins()
    local = f'version = 1\nname = "l"\n[[rule]]\nid = "a"\neffect = "deny"\n{asks}\n'
    plain = parse(HEAD, "org.toml", org=True)
    judge = compile_policy([plain, parse(local, "local.toml", org=False)])
    assert judge.asks_for_origins()
    assert not compile_policy([plain]).asks_for_origins()
    assert Beside(compile_policy([plain]), judge).asks_for_origins()
    assert Meet(judge, ANA).asks_for_origins()


async def test_an_ask_shows_a_person_the_call_that_was_judged() -> None:
    approver = FakeApprover()
    judge = policy(PARTNERS)
    judged = await judged_by(gate_of(judge, approver=approver), body="evil.example")
    assert approver.asked[0].args == judged.args


def test_what_only_the_persons_screen_reads_taints_nothing() -> None:
    gate = gate_of(policy('effect = "allow"\ntools = ["**"]'))
    by: tuple[tuple[str, AskedBy], ...] = (("look_1", "screen"), ("c1", ""))
    for call, asked_by in by:
        gate.apply(
            ToolCalled(turn=1, call=call, ext="tickets", tool="my_work", args={}, asked_by=asked_by)
        )
        gate.apply(ToolFinished(turn=1, call=call, outcome="ok", text="x", taint=(call,)))
    assert gate.taint == ("c1",)
