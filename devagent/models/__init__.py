"""Models: services over our own connection or a cloud's SDK, and rehearsals that need none."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from devagent.core.ports import Model, ModelRequest
from devagent.models.catalogue import REHEARSAL, check, known_models
from devagent.models.credential import Credential

if TYPE_CHECKING:
    from devagent.models.choices import Choices
    from devagent.models.prices import PriceTable

__all__ = [
    "DEFAULT_BASE_URL",
    "REHEARSAL",
    "Credential",
    "OpenModel",
    "known_models",
    "needs_credential",
    "open_model",
]


DEFAULT_BASE_URL = "https://api.anthropic.com"


class OpenModel(Model, Protocol):
    """A model whose connection can be opened ahead of its first request."""

    async def connect(self) -> bool:
        """Open the connection, which the first request then waits for; whether it is there. Raises no
        ModelError: a failure is left to the request, which tries again and tells."""
        ...

    async def count(self, request: ModelRequest) -> int | None:
        """How many tokens the request has, by the service's own count; None where it does not say."""
        ...


def needs_credential(name: str, choices: "Choices | None" = None) -> bool:
    """Whether the model is asked with the key of the environment or the keyring."""
    if name.startswith(REHEARSAL) or "/" in name:
        return False
    return choices is None or not (choices.key.command or choices.key.variable)


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
    choices: "Choices | None" = None,
) -> OpenModel:
    """The model called ``name``: ``rehearsal:FILE``, ``PLATFORM/MODEL``, or a model of the Messages API.

    Nothing is sent and no connection opened yet. ``environment`` is read for proxies and for the keys that
    platforms name; an empty ``base_url`` is the service's own. ``choices`` hold sampling, and then
    ``max_tokens`` of its own.
    Raises ConfigError: an unknown name, a missing key, a base URL, proxy or rehearsal that is not right.
    """
    # Each kind is loaded on use: a rehearsal needs no network code, and the other way round.
    if name.startswith(REHEARSAL):
        from devagent.models.rehearsal import Rehearsal  # noqa: PLC0415

        return Rehearsal.load(name.removeprefix(REHEARSAL))
    from devagent.models.attempts import Pace  # noqa: PLC0415

    pace = Pace(stall_s=stall_s, give_up_s=give_up_s)
    if "/" in name:
        from devagent.models.platforms import open_on_platform  # noqa: PLC0415

        return open_on_platform(name, choices, environment=environment, pace=pace, prices=prices)
    check(name)
    from devagent.models.messages import fixed, messages_model  # noqa: PLC0415
    from devagent.models.sampling import Sampling  # noqa: PLC0415

    if choices is None:
        return messages_model(
            name=name,
            base_url=base_url or DEFAULT_BASE_URL,
            keys=fixed(credential),
            environment=environment,
            sampling=Sampling(max_tokens=max_tokens),
            pace=pace,
            prices=prices,
        )
    keys = None
    if not needs_credential(name, choices):
        from devagent.models.platforms import keys_of  # noqa: PLC0415

        keys = keys_of(choices.key, environment)
    return messages_model(
        name=name,
        base_url=base_url or DEFAULT_BASE_URL,
        keys=keys or fixed(credential),
        environment=environment,
        headers=choices.headers,
        tls=choices.tls,
        sampling=choices.sampling,
        pace=pace,
        prices=prices,
    )
