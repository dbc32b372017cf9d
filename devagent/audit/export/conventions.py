"""The names of attributes, spans and logs, pinned: OpenTelemetry's GenAI conventions of one version, and our own.

The conventions for GenAI are not stable and moved to a repository of their own after this version; what is sent
says which it is, in its schema URL. Names below ``devagent.`` are ours and are not changed.
"""

from typing import Final

VERSION: Final = "1.41.0"
SCHEMA_URL: Final = f"https://opentelemetry.io/schemas/{VERSION}"
SCOPE: Final = "devagent"

# Operations (values of gen_ai.operation.name), and how spans are named.
CHAT: Final = "chat"
INVOKE_AGENT: Final = "invoke_agent"
EXECUTE_TOOL: Final = "execute_tool"

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
CONVERSATION: Final = "gen_ai.conversation.id"
AGENT_NAME: Final = "gen_ai.agent.name"
AGENT_VERSION: Final = "gen_ai.agent.version"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
"""With those that were read from or written to the service's cache, as the conventions say."""
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_CALL: Final = "gen_ai.tool.call.id"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
ERROR_TYPE: Final = "error.type"
USER: Final = "user.id"
SESSION: Final = "session.id"
LOG_RECORD: Final = "log.record.uid"
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"

EVENT: Final = "devagent.event.id"
SEQ: Final = "devagent.event.seq"
TURN: Final = "devagent.turn"
PRINCIPAL: Final = "devagent.principal"
PRINCIPAL_CI: Final = "devagent.ci"
ON_BEHALF_OF: Final = "devagent.on_behalf_of"
TEAM: Final = "devagent.team"
GROUPS: Final = "devagent.groups"
MODE: Final = "devagent.mode"
DEVICE: Final = "devagent.device"
DRY_RUN: Final = "devagent.dry_run"
STATUS: Final = "devagent.call.status"
OUTCOME: Final = "devagent.call.outcome"
TOOL_CLASS: Final = "devagent.tool.class"
EXTENSION: Final = "devagent.extension.name"
EXTENSION_DIGEST: Final = "devagent.extension.digest"
RESOURCES: Final = "devagent.resources"
TAGS: Final = "devagent.resource.tags"
TAINT: Final = "devagent.taint"
ARGS_DIGEST: Final = "devagent.args_digest"
ROWS: Final = "devagent.result.rows"
BYTES: Final = "devagent.result.bytes"
COST: Final = "devagent.cost.usd_micros"
PURPOSE: Final = "devagent.purpose"
STOP: Final = "devagent.stop"
FIELDS: Final = "devagent.event.header"
"""Before the name of a field of an event's header, in log records."""
CONTENT: Final = "devagent.event.content"

POLICY_EFFECT: Final = "devagent.policy.effect"
POLICY_PHASE: Final = "devagent.policy.phase"
POLICY_RULES: Final = "devagent.policy.rules"
POLICY_DIGEST: Final = "devagent.policy.digest"
POLICY_OBLIGATIONS: Final = "devagent.policy.obligations"
POLICY_NEAREST: Final = "devagent.policy.nearest"
POLICY_ERROR: Final = "devagent.policy.error"
POLICY_REASON: Final = "devagent.policy.reason"
APPROVAL_ANSWER: Final = "devagent.policy.approval.answer"
APPROVAL_BY: Final = "devagent.policy.approval.by"
APPROVAL_METHOD: Final = "devagent.policy.approval.method"
APPROVAL_SCOPE: Final = "devagent.policy.approval.scope"
APPROVAL_LATENCY: Final = "devagent.policy.approval.latency_us"
APPROVAL_SHOWN: Final = "devagent.policy.approval.shown"

VERIFIED: Final = "devagent.session.verified"
VERIFIED_EVENTS: Final = "devagent.session.verified_events"
SIGNED_EVENTS: Final = "devagent.session.signed_events"
TREE_ROOT: Final = "devagent.session.tree_root"
PROBLEM: Final = "devagent.session.problem"
STATE: Final = "devagent.session.state"
EVENTS: Final = "devagent.session.events"
STANDING: Final = "devagent.session.standing"
"""The name of the log record that says how a session stands and whether its log verifies."""

_PROVIDERS = {
    "bedrock": "aws.bedrock",
    "vertex": "gcp.vertex_ai",
    "foundry": "azure.ai.inference",
    "openai": "openai",
}


def provider_of(model: str) -> str:
    """The provider of a model by its name, as the conventions call it; ``unknown`` where the name does not say."""
    platform, _, rest = model.partition("/")
    if rest and platform in _PROVIDERS:
        return _PROVIDERS[platform]
    return "anthropic" if "claude" in model else "unknown"
