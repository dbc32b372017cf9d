"""What a call asks its client for: an approval, and what a server behind the gateway asks the client's person and model."""

import asyncio
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from devagent.core.ports import Filled, Form, Question, Sampled

APPROVAL = "approval"


class Sampling(Struct, frozen=True):
    """A request for a reply of the client's model, in the protocol's names."""

    server: str
    request: Mapping[str, Any]


class Roots(Struct, frozen=True):
    """A request for the client's folders."""

    server: str


class Refused(Struct, frozen=True):
    """Why there is no answer."""

    reason: str


What = Question | Form | Sampling | Roots


class Ask:
    """One question, with one answer: an ``Answer``, ``Filled``, ``Sampled``, a list of roots, or ``Refused``."""

    def __init__(self, key: str, what: What) -> None:
        self.key = key
        self.what = what
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def give(self, answer: object) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def give_nothing(self) -> None:
        """Nobody can answer it."""
        match self.what:
            case Form():
                self.give(Filled("decline"))
            case _:
                self.give(Refused("the client does not answer this"))


__all__ = ["APPROVAL", "Ask", "Filled", "Form", "Refused", "Roots", "Sampled", "Sampling", "What"]
