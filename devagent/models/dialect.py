"""What differs between services that are spoken to over our own connection: ports, for type checkers alone."""

from collections.abc import Mapping
from typing import Any, Protocol

from devagent.core.ports import ModelRequest
from devagent.core.usage import Usage
from devagent.models.credential import Credential
from devagent.models.failures import Redactor
from devagent.models.stream import Piece


class Keys(Protocol):
    """The key for the next request."""

    async def current(self) -> Credential:
        """A key that is in force now. Raises Failure where there is none."""
        ...

    def worked(self) -> None:
        """The service took the key."""
        ...

    def refused(self) -> bool:
        """The service did not take the key; whether another may be had by asking again."""
        ...


class Stream(Protocol):
    """A streamed reply on its way to one whole message, whose ``content`` is in the Messages API's shape."""

    done: bool

    @property
    def content(self) -> list[dict[str, Any]]: ...

    @property
    def stop_reason(self) -> str: ...

    @property
    def stop_detail(self) -> str:
        """More about the stop reason, as the service said it; empty where it said nothing."""
        ...

    @property
    def model(self) -> str: ...

    @property
    def usage(self) -> Usage: ...

    @property
    def container(self) -> str:
        """Where the service ran code for this reply."""
        ...

    @property
    def left_out(self) -> tuple[int, int]:
        """Results of tools, and their tokens, that the service left out of what the model read."""
        ...

    def feed(self, chunk: bytes) -> list[Piece]:
        """What of text and thinking came in ``chunk``. Raises Failure."""
        ...

    def end(self) -> None:
        """The body ended. Raises Failure where the reply is not whole."""
        ...


class Dialect(Protocol):
    """How one model of a service is asked and how it answers. ``model`` is the service's name of it."""

    @property
    def model(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def compacts(self) -> bool:
        """Whether the service writes summaries of conversations itself (``ModelRequest.compacts``)."""
        ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    def encode(self, request: ModelRequest) -> bytes:
        """The request's body."""
        ...

    def count(self, request: ModelRequest) -> tuple[str, bytes] | None:
        """Path and body of a request that counts the tokens of this one; None where there is no such thing."""
        ...

    def stream(self, redact: Redactor, request_id: str) -> Stream: ...

    def block(self, block: dict[str, Any]) -> dict[str, Any]:
        """A received block as it is kept, to be sent back."""
        ...
