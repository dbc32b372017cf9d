"""Failures of the house, each with its exit code (a tool's failure is a value: ``ToolResult``).

DevagentError                 1   what happened, why, what to do next
├── UsageError                2   the command line is wrong
├── ConfigError              78   config or policy missing, broken, not permitted
│   └── PolicyError          78   a policy file: file:line:column and what was meant
├── ModelError                6   the model service failed
│   └── ModelNotAllowed       3   policy allows no model for this
├── LimitError                5   a turn, cost, token or time limit
├── OwnFilesChanged           3   a call reached devagent's own policy, config or keys
└── LogError                  1   the session log cannot be written or read
"""

from typing import Literal

Stop = Literal["done", "failed", "policy", "schema", "limit", "service", "config", "interrupted"]
"""How a turn, a run or a session ended."""


class DevagentError(Exception):
    """An error that a person reads: one sentence of what, and what to do next.

    ``what`` never holds a secret; ``hint`` is an action ("run `devagent auth login`").
    """

    exit_code = 1
    stop: Stop = "failed"

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\n  {self.hint}" if self.hint else self.what


class UsageError(DevagentError):
    """The command line asks for something that is not there."""

    exit_code = 2


class ConfigError(DevagentError):
    """Config, policy, key or model is missing, broken or not permitted."""

    exit_code = 78
    stop: Stop = "config"

    def __init__(
        self, what: str, *, file: str = "", line: int = 0, column: int = 0, hint: str = ""
    ) -> None:
        place = ":".join([file, *(str(n) for n in (line, column) if n)]) if file else ""
        super().__init__(f"{place}: {what}" if place else what, hint=hint)
        self.file, self.line, self.column = file, line, column


class PolicyError(ConfigError):
    """A policy file that is refused as a whole (a damaged policy never means no policy)."""


class ModelError(DevagentError):
    """The model service failed for good.

    ``kind``: authentication, permission, not_found, invalid_request, too_large, rate_limited,
    overloaded, server, connection, timeout, stalled, protocol.
    """

    exit_code = 6
    stop: Stop = "service"

    def __init__(
        self,
        what: str,
        *,
        kind: str,
        status: int = 0,
        retry_after_s: float | None = None,
        request_id: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(what, hint=hint)
        self.kind, self.status = kind, status
        self.retry_after_s, self.request_id = retry_after_s, request_id


class ModelNotAllowed(ModelError):
    """Policy lets no model be asked for this."""

    exit_code = 3
    stop: Stop = "policy"

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what, kind="not_allowed", hint=hint)


class LimitError(DevagentError):
    """A limit ended the work. ``limit``: max_turns, max_cost, time_limit, tokens, or sessions of the gateway."""

    exit_code = 5
    stop: Stop = "limit"

    def __init__(self, what: str, *, limit: str, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.limit = limit


class LogError(DevagentError):
    """The session log cannot be written or read; nothing acts without a log."""


class OwnFilesChanged(DevagentError):
    """A call changed devagent's own policy, config or keys: nothing may rest on them any more."""

    exit_code = 3
    stop: Stop = "policy"
