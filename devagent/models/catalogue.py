"""The model ids that the service documents, for a helpful word about a mistyped one."""

from devagent.core.errors import ConfigError

_KNOWN = (
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-haiku-5-5",
    "claude-sonnet-5-5",
    "claude-fable-5-1",
    "claude-opus-5-5",
    "claude-mythos-5-1",
    "claude-sonnet-5",
    "claude-fable-5",
    "claude-mythos-5",
    "claude-opus-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-mythos-preview",
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
    "claude-haiku-4-5-20251001",
    "claude-opus-4-5",
    "claude-opus-4-5-20251101",
    "claude-sonnet-4-5",
    "claude-sonnet-4-5-20250929",
)

COMPACTING = frozenset(_KNOWN) - {
    "claude-haiku-4-5", "claude-haiku-4-5-20251001", "claude-opus-4-5", "claude-opus-4-5-20251101",
    "claude-sonnet-4-5", "claude-sonnet-4-5-20250929",
}  # fmt: skip
"""Models whose service writes and signs summaries of a conversation itself."""

REHEARSAL = "rehearsal:"


def known_models() -> tuple[str, ...]:
    """The documented ids, newest first. The service may know more: ``claude-…`` is always tried."""
    return _KNOWN


def check(name: str) -> None:
    """Raise ConfigError for a name that cannot be a model; the service decides about ``claude-…``."""
    if name in _KNOWN or (name.startswith("claude-") and name.isprintable() and " " not in name):
        return
    import difflib  # noqa: PLC0415 - only for the message; it costs start-up time

    near = difflib.get_close_matches(name, [*_KNOWN, REHEARSAL + "FILE"], n=1, cutoff=0.4)
    raise ConfigError(
        f"unknown model {name!r}",
        hint=f"Did you mean {near[0]!r}?" if near else f"For example {_KNOWN[3]!r}.",
    )
