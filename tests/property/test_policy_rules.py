"""The rules at the head of ``policy/decide.py``, each on random policies and requests."""

from collections.abc import Sequence
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from devagent.core.tools import ToolSpec
from devagent.core.verdicts import RANK, Decision, Effect
from devagent.policy import (
    CompiledPolicy,
    compile_policy,
    from_cache,
    parse,
    request_from_json,
    to_cache,
)
from tests.support.policy_cases import compiled, files, policies, requests, rules, text_of
from tests.support.policy_reference import is_table

Data = dict[str, Any]

few = settings(max_examples=25)


def decide(policy: CompiledPolicy, request: Data) -> Decision:
    return policy.decide(request_from_json(request))


def least(effects: Sequence[Effect]) -> Effect:
    return min(effects, key=lambda effect: RANK[effect])


def essence(decision: Decision) -> tuple[Any, ...]:
    return decision.effect, decision.rules, decision.obligations, decision.sticky


@few
@given(policies(most=3), requests())
def test_every_resource_must_be_covered(layers: list[Data], request: Data) -> None:
    request = {k: v for k, v in request.items() if k != "can"}
    request["resources"] = [*request["resources"], "path:src/a.py", "table:dev.shop.orders"]
    policy = compiled(layers)
    alone = [decide(policy, {**request, "resources": [one]}) for one in request["resources"]]
    together = decide(policy, request)
    assert together.effect == least([one.effect for one in alone])


@few
@given(policies(most=4), requests(), st.randoms(use_true_random=False))
def test_the_order_of_rules_and_of_lower_files_is_indifferent(
    layers: list[Data], request: Data, chance: Any
) -> None:
    shuffled = [{**file, "rule": chance.sample(file["rule"], len(file["rule"]))} for file in layers]
    lower = shuffled[1:]
    chance.shuffle(lower)
    first = decide(compiled(layers), request)
    second = decide(compiled([shuffled[0], *lower]), request)
    assert essence(first) == essence(second)


@few
@given(files(org=True), files(org=False), requests())
def test_a_lower_file_never_widens_what_is_not_delegated(
    org: Data, lower: Data, request: Data
) -> None:
    closed: Data = {**org, "delegate": []}
    before = decide(compiled([closed]), request)
    after = decide(compiled([closed, lower]), request)
    assert RANK[after.effect] <= RANK[before.effect]


@few
@given(files(org=True), files(org=False), requests())
def test_a_delegated_layer_widens_only_where_an_envelope_to_it_is_open(
    org: Data, lower: Data, request: Data
) -> None:
    request = {k: v for k, v in request.items() if k != "can"}
    policy = compiled([org, lower])
    before = compiled([org])
    for resource in request["resources"] or [None]:
        one = {**request, "resources": [] if resource is None else [resource]}
        was, now = decide(before, one), decide(policy, one)
        if RANK[now.effect] > RANK[was.effect]:
            typed = request_from_json(one)
            call = policy.call(typed)
            touched = policy.outcome(typed).answers[0].resource
            assert RANK[now.effect] <= RANK[policy.ceilings(call, touched)[lower["layer"]]]
            assert not any(rule.startswith("org/") for rule in was.rules)


@few
@given(files(org=True), rules(99), requests())
def test_deny_beats_ask_beats_allow_and_silence_is_the_default(
    org: Data, rule: Data, request: Data
) -> None:
    added = {**org, "rule": [*org["rule"], rule]}
    before = compiled([org]).outcome(request_from_json(request)).answers
    after = compiled([added]).outcome(request_from_json(request)).answers
    for was, now in zip(before, after, strict=True):
        new: list[Effect] = [v.effect for v in now.voices if v.rule.rule.id == "r99"]
        if not new:
            assert now.effect == was.effect
        elif was.voices:
            assert now.effect == least([was.effect, *new])
        else:
            assert now.effect == new[0]


@few
@given(rules(0), requests(), st.sampled_from(["args.n", "args.to", "args.files.id", "context.env"]))
def test_what_is_absent_never_grants_and_never_lifts_a_restriction(
    rule: Data, request: Data, key: str
) -> None:
    root, name, *_ = key.split(".")
    request = {**request, root: {k: v for k, v in request[root].items() if k != name}}
    bare: Data = {
        "id": "r0",
        "effect": rule["effect"],
        "when": {key: rule.get("when", {}).get(key, 7)},
    }
    wanted = bare["when"][key]
    assume(not is_table(wanted) or not {"absent"} & set(wanted))
    org: Data = {
        "version": 1,
        "name": "o",
        "lists": {"known": ["a@x.example", "Evil"]},
        "rule": [bare],
    }
    request["phase"] = "call"
    matched = decide(compiled([org]), request).rules
    assert matched == (() if rule["effect"] == "allow" else ("org/o#r0",))


@few
@given(policies(most=3), requests())
def test_an_obligation_that_can_not_be_carried_out_is_a_deny(
    layers: list[Data], request: Data
) -> None:
    policy = compiled(layers)
    free = decide(policy, {k: v for k, v in request.items() if k != "can"})
    bound = decide(policy, {**request, "can": []})
    own = {"redact", "require_reason", "two_person", "log_full"}
    assert bound.effect == ("deny" if set(free.obligations) - own else free.effect)
    assert set(bound.obligations) <= own


@few
@given(policies(), requests())
def test_the_cache_gives_an_equal_file_and_the_same_answers(
    layers: list[Data], request: Data
) -> None:
    parsed = [parse(text_of(file), f"{n}.toml", org=n == 0) for n, file in enumerate(layers)]
    cached = [from_cache(to_cache(file)) for file in parsed]
    assert cached == parsed
    assert decide(compile_policy(cached), request) == decide(compile_policy(parsed), request)


@few
@given(policies(most=4), requests())
def test_every_answer_is_a_whole_record(layers: list[Data], request: Data) -> None:
    policy = compiled(layers)
    decision = decide(policy, request)
    assert decision.reason
    assert decision.policy == policy.digest
    assert len(decision.request) == 64
    assert decision.effect == "allow" or decision.grant or decision.effect == "ask"
    assert {one.rule for one in decision.determining} <= set(decision.rules)
    assert all(one.line and one.file.endswith(".toml") for one in decision.determining)
    assert decision.effect != "deny" or decision.obligations == {}


@few
@given(policies(most=4), requests())
def test_what_is_hidden_is_never_better_than_denied(layers: list[Data], request: Data) -> None:
    typed = request_from_json({**request, "phase": "call"})
    tool = ToolSpec(typed.extension, typed.tool, typed.tool_class, "", {})
    policy = compiled(layers)
    if policy.is_hidden(typed.principal, tool):
        assert policy.decide(typed).effect == "deny"


@few
@given(policies(most=4), requests())
def test_a_rule_in_shadow_changes_nothing(layers: list[Data], request: Data) -> None:
    shadowed = [
        {**file, "rule": [{**r, "mode": "shadow"} for r in file["rule"]]} for file in layers
    ]
    typed = request_from_json(request)
    enforced = [{k: v for k, v in file.items() if k != "mode"} for file in layers]
    enforced = [
        {**file, "rule": [{k: v for k, v in r.items() if k != "mode"} for r in file["rule"]]}
        for file in enforced
    ]
    bare: list[Data] = [{**file, "rule": []} for file in layers]
    assert essence(compiled(shadowed).decide(typed)) == essence(compiled(bare).decide(typed))
    as_if = compiled([{k: v for k, v in f.items() if k != "mode"} for f in shadowed])
    assert essence(as_if.shadow_decide(typed)) == essence(compiled(enforced).decide(typed))


@few
@given(policies(most=4), requests())
def test_the_result_phase_only_narrows(layers: list[Data], request: Data) -> None:
    request = {k: v for k, v in request.items() if k != "can"}
    policy = compiled(layers)
    decision = policy.decide_result(request_from_json(request))
    if not decision.rules:
        assert decision.effect == "allow"
    asked = policy.outcome(request_from_json({**request, "phase": "result"}))
    effects: list[Effect] = [v.effect for a in asked.answers for v in a.voices]
    assert decision.effect == least([*effects, "allow"])
