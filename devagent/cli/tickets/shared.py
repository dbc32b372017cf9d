"""What the tickets commands share: the extension's functions, its settings and secrets, and its failures as ours."""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from devagent.cli.governed import config_here
from devagent.core.errors import ConfigError, DevagentError, UsageError
from devagent.host.inprocess import load
from devagent.host.manifest import FIRST_PARTY
from devagent.settings.credentials import stored_secret
from devagent.settings.places import places

_USAGE = ("bad_arguments", "no_such_project", "no_such_ticket", "unsupported")
_SETTINGS = ("bad_settings", "no_secret")


class Surroundings(Struct, frozen=True):
    """The extension's surroundings for a command of the person's own."""

    folder: str
    settings: Mapping[str, Any]
    obligations: Mapping[str, Any] = {}
    time_limit_s: float = 60.0

    def secret(self, name: str) -> str | None:
        """From the environment or the keyring."""
        return stored_secret(os.environ, name)


def commands() -> Any:
    """The extension's functions for people: floors and extensions do not import each other, so the host loads it."""
    return load(FIRST_PARTY["tickets"], "commands")


def surroundings() -> Surroundings:
    """The config's trackers. Raises ConfigError where there are none."""
    config = config_here()
    settings = config.extensions.get("tickets", {})
    if not settings.get("trackers"):
        raise ConfigError(
            "no tracker is configured",
            file=config.file or places().config,
            hint='A local one: [extensions.tickets.trackers.own] and projects = ["WORK"].',
        )
    return Surroundings(os.getcwd(), settings)


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
        if kind in _SETTINGS:
            raise ConfigError(str(error), file=places().config) from error
        if kind in _USAGE:
            raise UsageError(str(error)) from error
        raise DevagentError(str(error)) from error
