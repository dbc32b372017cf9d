"""The engine against a second, plain implementation of the language, on random policies and requests."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from devagent.policy import request_from_json
from tests.support.policy_cases import compiled, policies, requests
from tests.support.policy_reference import answer

Data = dict[str, Any]


@settings(max_examples=80)
@given(policies(), st.lists(requests(), min_size=1, max_size=6))
def test_the_engine_gives_the_answers_of_the_plain_implementation(
    layers: list[Data], asked: list[Data]
) -> None:
    policy = compiled(layers)
    for request in asked:
        decision = policy.decide(request_from_json(request))
        assert not decision.error, decision.reason
        given_answer = {
            "effect": decision.effect,
            "rules": list(decision.rules),
            "obligations": decision.obligations,
        }
        assert given_answer == answer(request, layers)
