"""Floor 1: policy. Text → rules → an answer to a request, with its reasons. Pure: no clock, no path, no await."""

from devagent.policy.cache import from_cache, to_cache
from devagent.policy.decide import CompiledPolicy, compile_policy
from devagent.policy.explain import Explanation, explain
from devagent.policy.nearest import Grant
from devagent.policy.parse import parse
from devagent.policy.requests import request_from_json, request_from_line, request_to_json
from devagent.policy.syntax import Envelope, PolicyFile, Rule

__all__ = [
    "CompiledPolicy",
    "Envelope",
    "Explanation",
    "Grant",
    "PolicyFile",
    "Rule",
    "compile_policy",
    "explain",
    "from_cache",
    "parse",
    "request_from_json",
    "request_from_line",
    "request_to_json",
    "to_cache",
]
