"""Models: the Messages API over our own connection, and rehearsals that need none."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from devagent.core.ports import Model
from devagent.models.catalogue import REHEARSAL, check, known_models
from devagent.models.credential import Credential

if TYPE_CHECKING:
    from devagent.models.prices import PriceTable

__all__ = [
    "DEFAULT_BASE_URL",
    "REHEARSAL",
    "Credential",
    "OpenModel",
    "known_models",
    "open_model",
]


DEFAULT_BASE_URL = "https://api.anthropic.com"


class OpenModel(Model, Protocol):
    """A model whose connection can be opened ahead of its first request."""

    async def connect(self) -> bool:
        """Open the connection, which the first request then waits for; whether it is there. Raises no
        ModelError: a failure is left to the request, which tries again and tells."""
        ...


def open_model(
    name: str,
    *,
    environment: Mapping[str, str],
    credential: Credential | None,
    base_url: str = "",
    max_tokens: int = 16_000,
    stall_s: float = 45.0,
    give_up_s: float = 60.0,
    prices: "PriceTable | None" = None,
) -> OpenModel:
    """The model called ``name``: ``rehearsal:FILE`` or a model of the Messages API.

    Nothing is sent and no connection opened yet. ``environment`` is read for proxies only; an empty
    ``base_url`` is the service's own.
    Raises ConfigError: an unknown name, a missing key, a base URL, proxy or rehearsal that is not right.
    """
    # Each kind is loaded on use: a rehearsal needs no network code, and the other way round.
    if name.startswith(REHEARSAL):
        from devagent.models.rehearsal import Rehearsal  # noqa: PLC0415

        return Rehearsal.load(name.removeprefix(REHEARSAL))
    check(name)
    from devagent.models.messages import MessagesModel  # noqa: PLC0415

    return MessagesModel(
        model=name,
        base_url=base_url or DEFAULT_BASE_URL,
        credential=credential,
        max_tokens=max_tokens,
        stall_s=stall_s,
        give_up_s=give_up_s,
        prices=prices,
        environment=environment,
    )
