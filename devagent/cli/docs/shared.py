"""What the docs commands share: the extension's functions, its settings, and its failures as ours."""

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from devagent.cli.governed import config_here
from devagent.core.codec import from_plain
from devagent.core.errors import ConfigError, DevagentError, UsageError
from devagent.core.resources import Resource
from devagent.core.verdicts import Request
from devagent.host.inprocess import load
from devagent.host.manifest import FIRST_PARTY
from devagent.policy import CompiledPolicy
from devagent.settings.config import Config
from devagent.settings.day import today
from devagent.settings.identity import principal
from devagent.settings.places import places

_USAGE = ("bad_arguments", "no_such_collection")


class Surroundings(Struct, frozen=True):
    """The extension's surroundings for a command of the person's own."""

    folder: str
    settings: Mapping[str, Any]
    may_read: Callable[[Sequence[Any]], Sequence[bool]]
    obligations: Mapping[str, Any] = {}
    time_limit_s: float = 120.0

    def secret(self, name: str) -> str | None:
        """The extension needs none."""
        del name


def commands() -> Any:
    """The extension's functions for people (``devagent_docs.commands``): floors and extensions do not import
    each other, so the host loads it."""
    return load(FIRST_PARTY["docs"], "commands")


def surroundings(*, required: bool = True) -> Surroundings:
    """The config's collections, and policy's word on which of them this person may read.

    Raises ConfigError where none is configured and one is ``required``.
    """
    config = config_here()
    settings = config.extensions.get("docs", {})
    if required and not settings.get("collections"):
        raise ConfigError(
            "no documentation collection is configured",
            file=_file(config),
            hint="`devagent docs add NAME PATH` prints the lines for it.",
        )
    return Surroundings(os.getcwd(), settings, _what_may_be_read())


def _file(config: Config) -> str:
    return config.file or places().config


def _what_may_be_read() -> Callable[[Sequence[Any]], Sequence[bool]]:
    """What policy does not deny: the person who asks is the one whom an ask would ask. It is loaded once, on the first
    question."""

    @cache
    def judged() -> tuple[CompiledPolicy, Request]:
        from devagent.cli.policy.shared import policy_in_force  # noqa: PLC0415  (only for a search)

        context = {
            "mode": "chat",
            "interactive": True,
            "today": today(),
        }
        request = Request(
            principal=principal(), extension="docs", tool="search", tool_class="read", context=context
        )  # fmt: skip
        return policy_in_force().compiled, request

    def may_read(resources: Sequence[Any]) -> Sequence[bool]:
        judge, request = judged()
        return [
            judge.decide(replace(request, resources=(from_plain(dict(one), Resource),))).effect
            != "deny"
            for one in resources
        ]

    return may_read


@contextmanager
def failures() -> Generator[None]:
    """The extension's failures as the command line's: wrong usage 2, settings 78, the rest 1."""
    try:
        yield
    except DevagentError:
        raise
    except Exception as error:
        # The extension's own exception class is not to be imported here; it carries this field.
        kind = getattr(error, "error", None)
        if not isinstance(kind, str):
            raise
        if kind == "bad_settings":
            raise ConfigError(str(error), file=places().config) from error
        if kind in _USAGE:
            raise UsageError(str(error)) from error
        raise DevagentError(str(error)) from error
