"""Secrets of third parties' servers in the machine's keyring: tokens of sign-ins, and what ``keyring:NAME`` names."""

import threading
from collections.abc import Callable
from typing import TypeVar

from devagent.core.errors import ConfigError
from devagent.settings.credentials import KEYRING_WAIT_S

Value = TypeVar("Value")

SERVICE = "devagent-mcp"
"""Values that a person keeps there by hand: ``keyring set devagent-mcp NAME``."""


class KeyringSecrets:
    """The keyring (``host.mcp.handles.Secrets``). Nothing is ever written to a plain file instead."""

    def read(self, name: str) -> str:
        """The value; "" where there is none. Raises ConfigError for a keyring that is not usable."""

        def look() -> str:
            import keyring  # noqa: PLC0415  (100 ms, and only where a server needs it)

            return keyring.get_password(SERVICE, name) or ""

        return _answered(look)

    def keep(self, name: str, value: str) -> None:
        """Raises ConfigError where the keyring does not keep it."""

        def put() -> bool:
            import keyring  # noqa: PLC0415

            keyring.set_password(SERVICE, name, value)
            return keyring.get_password(SERVICE, name) == value

        if not _answered(put):
            raise ConfigError("the keyring did not keep what it was given")

    def forget(self, name: str) -> bool:
        """Whether it was there. Raises ConfigError for a keyring that is not usable."""

        def take() -> bool:
            import keyring  # noqa: PLC0415

            if keyring.get_password(SERVICE, name) is None:
                return False
            keyring.delete_password(SERVICE, name)
            return True

        return _answered(take)


def _answered(ask: Callable[[], Value]) -> Value:
    """What the keyring says, within a limit: a locked one may wait for somebody who is not there."""
    answers: list[Value] = []
    failures: list[str] = []

    def run() -> None:
        try:
            answers.append(ask())
        except Exception as e:  # each desktop's keyring raises what its own library raises
            failures.append(type(e).__name__)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(KEYRING_WAIT_S)
    if answers:
        return answers[0]
    why = failures[0] if failures else f"no answer within {KEYRING_WAIT_S:g} s"
    raise ConfigError(
        f"the keyring is not usable ({why})",
        hint="Secrets of servers are kept there, or in the environment (env:NAME); never in a plain file.",
    )
