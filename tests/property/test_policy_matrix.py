"""What a cell of the matrix says holds for every request."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from devagent.core.tools import ToolSpec
from devagent.policy import request_from_json
from devagent.policy.matrix import ANYTHING, matrix, principal_of
from tests.support.policy_cases import TODAY, compiled, policies, requests

Data = dict[str, Any]
_OPEN = (
    "limit_rows", "limit_bytes", "timeout_s", "max_cost_usd", "min_group", "mask", "filter",
)  # fmt: skip


def names(principal: Data) -> str:
    one = [
        f"{kind}:{principal[key]}"
        for kind, key in (
            ("user", "user"),
            ("agent", "agent"),
            ("ci", "ci"),
            ("for", "on_behalf_of"),
        )
        if principal.get(key)
    ]
    return "+".join([*one, *(f"group:{group}" for group in principal.get("groups", []))])


@settings(max_examples=150)
@given(policies(), st.lists(requests(), min_size=1, max_size=6), st.booleans())
def test_no_request_gets_an_answer_that_its_cell_rules_out(
    layers: list[Data], asked: list[Data], with_mode: bool
) -> None:
    policy = compiled(layers)
    for drawn in asked:
        data: Data = {**drawn, "phase": "call"}
        label = names(data["principal"])
        request = request_from_json(data)
        if not label:
            continue
        assert principal_of(label).names() == request.principal.names()
        tool = ToolSpec(
            request.extension, request.tool, request.tool_class, "", {},
            can=request.can if request.can is not None else _OPEN,
        )  # fmt: skip
        mode = data["context"].get("mode", "") if with_mode else ""
        things = [r.id for r in request.resources if r.kind in ("path", "table", "host")]
        found = matrix(policy, [tool], principals=[label], mode=mode, today=TODAY)
        cell = next(c for c in found.rows[0].cells if c.tool == tool.qualified)
        effect = policy.decide(request).effect
        assert found.rows[0].resource == ANYTHING
        assert effect in cell.possible
        assert (cell.answer == "depends") is (len(cell.possible) > 1)
        if policy.is_hidden(request.principal, tool):
            assert cell.answer == "never"
        if len(request.resources) == 1 and things and "access" not in str(data["resources"]):
            one = matrix(
                policy, [tool], principals=[label], resources=things, mode=mode, today=TODAY
            )
            assert effect in next(c for c in one.rows[0].cells if c.tool == tool.qualified).possible
