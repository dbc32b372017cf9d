"""What the conformance suite's fixture asks its client for: at once in the older era, round by round in the newer."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, InputRequiredResult

from devagent.gateway.fixture_content import (
    CHOICES,
    CONFIRMED,
    DEFAULTS,
    NAMED,
    USER,
    Table,
    text_block,
)

_KEY = secrets.token_bytes(32)


def form(message: str, schema: Table) -> Table:
    return {
        "method": "elicitation/create",
        "params": {"mode": "form", "message": message, "requestedSchema": schema},
    }


def sample(text: str, most: int = 100) -> Table:
    asked = [{"role": "user", "content": text_block(text)}]
    return {"method": "sampling/createMessage", "params": {"messages": asked, "maxTokens": most}}


def page(url: str) -> Table:
    params = {"mode": "url", "message": "Sign in there", "url": url, "elicitationId": "page-1"}
    return {"method": "elicitation/create", "params": params}


ASKING: dict[str, tuple[str, Callable[[str], Table]]] = {
    "test_sampling": ("prompt", sample),
    "test_elicitation": ("message", lambda said: form(said, USER)),
    "test_elicitation_sep1034_defaults": (
        "",
        lambda _: form("Please check these values", DEFAULTS),
    ),
    "test_elicitation_sep1330_enums": ("", lambda _: form("Please choose", CHOICES)),
    "test_page": ("url", page),
}
"""Tools of both eras: their one argument, and what they ask for."""


_ROOTS: Table = {"method": "roots/list", "params": {}}
_NAME = form("What is your name?", NAMED)
ROUNDS: dict[str, list[Table]] = {
    "test_input_required_result_elicitation": [{"user_name": _NAME}],
    "test_streaming_elicitation": [{"user_name": _NAME}],
    "test_input_required_result_sampling": [
        {"capital_question": sample("What is the capital of France?")}
    ],
    "test_missing_capability": [{"capital_question": sample("What is the capital of France?")}],
    "test_input_required_result_list_roots": [{"client_roots": _ROOTS}],
    "test_input_required_result_request_state": [{"confirm": form("Please confirm", CONFIRMED)}],
    "test_input_required_result_tampered_state": [{"confirm": form("Please confirm", CONFIRMED)}],
    "test_input_required_result_multiple_inputs": [
        {"user_name": _NAME, "greeting": sample("Generate a greeting", 50), "client_roots": _ROOTS}
    ],
    "test_input_required_result_multi_round": [
        {"step1": form("Step 1: What is your name?", NAMED)},
        {
            "step2": form(
                "Step 2: What is your favorite color?",
                {
                    "type": "object",
                    "properties": {"color": {"type": "string"}},
                    "required": ["color"],
                },
            )
        },
    ],
    "test_input_required_result_capabilities": [
        {"capital_question": sample("What is the capital of France?"), "user_name": _NAME}
    ],
}
"""Tools of the newer era: what each asks for, round by round."""
CONTEXT_FORM = form(
    "What context should the prompt use?",
    {"type": "object", "properties": {"context": {"type": "string"}}, "required": ["context"]},
)


def _sealed(step: int, name: str) -> str:
    mark = hmac.new(_KEY, f"{step}:{name}".encode(), hashlib.sha256).hexdigest()
    return f"{step}:{mark}"


def _step(state: str | None, name: str) -> int:
    if state is None:
        return 0
    step = state.partition(":")[0]
    if not step.isdecimal() or not hmac.compare_digest(state, _sealed(int(step), name)):
        raise MCPError(INVALID_PARAMS, "the request state is not the one that was given")
    return int(step)


def round_of(
    name: str, rounds: list[Table], state: str | None, given: dict[str, Any] | None
) -> InputRequiredResult | Table:
    """What to ask for now; or, when all was answered, the last answers."""
    step = _step(state, name)
    wanted = rounds[step]
    if state is None or not wanted.keys() <= (given or {}).keys():
        return _asking(name, wanted, step)
    if step + 1 < len(rounds):
        return _asking(name, rounds[step + 1], step + 1)
    return {key: given[key] for key in wanted} if given else {}


def _asking(name: str, wanted: Table, step: int) -> InputRequiredResult:
    return InputRequiredResult.model_validate(
        {"inputRequests": wanted, "requestState": _sealed(step, name)}
    )
