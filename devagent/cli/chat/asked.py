"""What a chat is started with."""

from collections.abc import Callable

from msgspec import Struct


class Asked(Struct, frozen=True, kw_only=True):
    """What the chat was started with."""

    folder: str
    model: str = ""
    policies: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    resume: str = ""
    ticket: str = ""
    prompt: str = ""
    """What the conversation begins with, as if it had been typed."""
    passphrase: Callable[[], str] | None = None
