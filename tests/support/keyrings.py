"""A keyring for tests, in memory."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

import keyring
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class Ring(KeyringBackend):
    """A keyring in memory; ``fails`` is raised, ``waits`` waited for, before it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.fails: Exception | None = None
        self.waits: threading.Event | None = None
        self.asked = 0

    def _answer(self) -> None:
        self.asked += 1
        if self.waits:
            self.waits.wait(timeout=10)
        if self.fails:
            raise self.fails

    def get_password(self, service: str, username: str) -> str | None:
        self._answer()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._answer()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._answer()
        if (service, username) not in self.kept:
            raise PasswordDeleteError("no such entry")
        del self.kept[service, username]


@contextmanager
def in_memory() -> Generator[Ring]:
    """A new one in the place of the machine's."""
    before = keyring.get_keyring()
    made = Ring()
    keyring.set_keyring(made)
    try:
        yield made
    finally:
        keyring.set_keyring(before)
