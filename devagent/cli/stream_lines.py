"""What a one-shot run prints as JSON beside the session's events: its first line and its last.

With the events (``core.events``) they are the whole of stream-json; ``stream_schema`` makes its JSON Schema.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from devagent.core.citations import Citation
from devagent.core.errors import Stop
from devagent.core.principal import Principal
from devagent.core.tools import ToolClass
from devagent.core.usage import Usage
from devagent.core.verdicts import Effect

VERSION: Literal[1] = 1
"""Of the lines' form. New fields and new types of events may come without a new version."""


class Init(Struct, frozen=True, kw_only=True, tag="init", tag_field="type"):
    """stream-json's first line: who, what with, under which policy, and what policy hides.

    ``policy`` is the digest of the policy in force; ``tools`` are those the model is told about.
    """

    v: Literal[1]
    session: str
    model: str
    principal: Principal
    policy: str
    tools: list[str]
    hidden_by_policy: list[str]
    dry_run: bool | UnsetType = UNSET


class Counts(Struct, frozen=True):
    """Tokens, as the service counted them. ``cache_hit_percent``: how much of what was read came from its cache.
    ``web_searches`` and ``code_runs`` where the service used such tools of its own."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    cache_hit_percent: int
    web_searches: int | UnsetType = UNSET
    code_runs: int | UnsetType = UNSET

    @classmethod
    def of(cls, usage: Usage) -> "Counts":
        hits = usage.cache_hit_percent
        return cls(
            input=usage.input,
            output=usage.output,
            cache_read=usage.cache_read,
            cache_write=usage.cache_write,
            cache_hit_percent=hits,
            web_searches=usage.web_searches or UNSET,
            code_runs=usage.code_runs or UNSET,
        )


class Denial(Struct, frozen=True, kw_only=True):
    """A call that policy did not let through. ``rules`` determined the answer, ``grant`` is whom to ask."""

    tool: str
    call: str
    resources: list[str]
    effect: Effect
    rules: list[str]
    reason: str
    grant: str


class Judged(Struct, frozen=True, kw_only=True):
    """A call of a dry run, judged and not carried out. ``args`` are the completed ones."""

    tool: str
    call: str
    tool_class: ToolClass = field(name="class")
    args: dict[str, Any]
    resources: list[str]
    effect: Effect
    rules: list[str]
    reason: str
    grant: str
    obligations: dict[str, Any]


class ResultLine(Struct, frozen=True, kw_only=True, tag="result", tag_field="type"):
    """The result of a run: the one object of ``json``, and stream-json's last line, always and once.

    ``structured`` is there where a schema was given and the answer fits it, ``judged`` in a dry run, ``citations`` where
    the last text says what it rests on,
    ``unpriced_replies`` where the price of some was not known: ``cost_usd_micros`` is without them.
    """

    v: Literal[1]
    session: str
    result: str
    is_error: bool
    exit_code: int
    stop: Stop
    reason: str
    turns: int
    usage: Counts
    cost_usd_micros: int
    duration_ms: int
    permission_denials: list[Denial]
    log: str
    structured: Any | UnsetType = UNSET
    judged: list[Judged] | UnsetType = UNSET
    unpriced_replies: int | UnsetType = UNSET
    citations: list[Citation] | UnsetType = UNSET
