"""The log's own words, which stay whatever a secret's value is: field names, event types, and closed choices.

Somebody's password may be ``finished``; a log whose ``tool.finished`` were replaced would no longer be one.
"""

from functools import cache
from typing import get_args

from msgspec import Struct

from devagent.core.approvals import SCOPES
from devagent.core.events import Event
from devagent.core.events.calls import Approval, Outcome
from devagent.core.principal import Principal
from devagent.core.resources import Access, Resource
from devagent.core.tools import ExtensionReference, ToolClass
from devagent.core.usage import Cost, Usage
from devagent.core.verdicts import Decision, Effect, RuleReference

_PARTS: tuple[type[Struct], ...] = (
    Approval,
    Cost,
    Decision,
    ExtensionReference,
    Principal,
    Resource,
    RuleReference,
    Usage,
)
_OF_REPLIES = (
    "id", "name", "input", "data", "thinking", "signature", "redacted_thinking", "tool_use", "tool_result",
    "content", "server_tool_use", "citations",
)  # fmt: skip


@cache
def vocabulary() -> frozenset[str]:
    """Every word that the record's form is made of."""
    kinds: tuple[type[Struct], ...] = get_args(Event)
    words: set[str] = {"type", *SCOPES, *_OF_REPLIES}
    for kind in (*kinds, *_PARTS):
        words.update(kind.__struct_encode_fields__)
        words.add(str(kind.__struct_config__.tag))
    for closed in (Outcome, Access, ToolClass, Effect):
        words.update(get_args(closed))
    for approval in ("yes", "no", "terminal", "file", "unattended", "elicitation"):
        words.add(approval)
    return frozenset(words)
