"""The exported Cedar policy set against the engine, judged by Cedar itself."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from devagent.core.verdicts import RANK, Effect
from devagent.policy import request_from_json
from devagent.policy.cedar import export_cedar
from tests.support import cedar_cases
from tests.support.cedar import Cedar, faults
from tests.support.policy_cases import compiled

Data = dict[str, Any]
CALLS = 100


@pytest.mark.parametrize(("least", "number_of_policies"), [("allow", 100), ("ask", 30)])
def test_cedar_agrees_on_every_call_within_what_it_can_say(
    least: Effect, number_of_policies: int
) -> None:
    """10,000 calls for ``allow``; the floors on the counts keep the test from being empty."""
    random = Random(f"cedar {least}")
    answers: Counter[tuple[Effect, bool]] = Counter()
    for _ in range(number_of_policies):
        policy = compiled(cedar_cases.layers(random))
        exported = export_cedar(policy, cedar_cases.TOOLS, least=least)
        assert not exported.stricter
        assert not faults(exported)
        cedar = Cedar(exported)
        for _ in range(CALLS):
            data = cedar_cases.call(random)
            request = request_from_json(data)
            decision = policy.decide(request)
            assert not decision.error
            granted = cedar.grants(request)
            assert granted is (RANK[decision.effect] >= RANK[least]), (data, exported.policies)
            answers[decision.effect, granted] += 1
    assert answers.total() == number_of_policies * CALLS
    granted = sum(count for (_, grants), count in answers.items() if grants)
    assert 0.2 < granted / answers.total() < 0.8
    shares = {effect: answers[effect, RANK[effect] >= RANK[least]] for effect in RANK}
    assert sum(shares.values()) == answers.total()
    assert min(shares.values()) > answers.total() * 0.1


@pytest.mark.parametrize("least", ["allow", "ask"])
def test_cedar_never_grants_more_where_it_can_not_say_all(least: Effect) -> None:
    random = Random(f"beyond {least}")
    granted, withheld, inexact = 0, 0, 0
    for _ in range(60):
        policy = compiled(cedar_cases.layers(random, beyond=True))
        exported = export_cedar(policy, cedar_cases.TOOLS, least=least)
        inexact += bool(exported.stricter)
        assert not faults(exported)
        cedar = Cedar(exported)
        for _ in range(50):
            data = cedar_cases.call(random)
            request = request_from_json(data)
            allowed = RANK[policy.decide(request).effect] >= RANK[least]
            grants = cedar.grants(request)
            assert allowed or not grants, (data, exported.policies)
            assert exported.stricter or grants is allowed
            granted += grants
            withheld += allowed and not grants
    assert inexact > 40
    assert granted > 300
    assert withheld > 20
