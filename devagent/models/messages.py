"""A model of the Messages API, at the service itself or at a gateway that speaks it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from devagent.core.errors import ConfigError
from devagent.core.ports import ModelRequest
from devagent.models.attempts import Pace
from devagent.models.catalogue import known_models
from devagent.models.credential import Credential, FixedKey
from devagent.models.failures import Redactor
from devagent.models.http_model import HttpModel
from devagent.models.messages_body import Written, as_input, encode_count, encode_request
from devagent.models.prices import PriceTable
from devagent.models.sampling import Sampling
from devagent.models.stream import ReplyStream
from devagent.models.tls import Tls

VERSION = "2023-06-01"


class MessagesDialect:
    """The Messages API (satisfies ``Dialect``)."""

    path = "/v1/messages"

    def __init__(self, model: str, sampling: Sampling) -> None:
        self.model = model
        if model in known_models() and "structured_output" not in sampling.features:
            features = (*sampling.features, "structured_output")  # all that are documented have it
            sampling = replace(sampling, features=features)
        self._sampling = sampling
        self._written = Written()
        self.headers = {"anthropic-version": VERSION}
        if sampling.betas:
            self.headers["anthropic-beta"] = ",".join(sampling.betas)

    @property
    def compacts(self) -> bool:
        return "compaction" in self._sampling.features

    def encode(self, request: ModelRequest) -> bytes:
        return encode_request(request, self.model, self._sampling, self._written)

    def count(self, request: ModelRequest) -> tuple[str, bytes] | None:
        return f"{self.path}/count_tokens", encode_count(request, self.model, self._sampling)

    def stream(self, redact: Redactor, request_id: str) -> ReplyStream:
        return ReplyStream(redact, request_id)

    def block(self, block: dict[str, Any]) -> dict[str, Any]:
        return as_input(block)


def messages_model(
    *,
    name: str,
    base_url: str,
    keys: "Keys | None",
    environment: Mapping[str, str],
    model: str = "",
    prefix: str = "",
    headers: Mapping[str, str] | None = None,
    tls: Tls = Tls(),  # noqa: B008 - frozen
    sampling: Sampling = Sampling(),  # noqa: B008 - frozen
    pace: Pace = Pace(),  # noqa: B008 - frozen
    prices: PriceTable | None = None,
) -> HttpModel:
    """The model called ``name`` here and ``model`` (or the same) there. Raises ConfigError: see ``HttpModel``."""
    return HttpModel(
        name=name,
        base_url=base_url,
        dialect=MessagesDialect(model or name, sampling),
        keys=keys,
        environment=environment,
        prefix=prefix,
        headers=headers,
        tls=tls,
        pace=pace,
        prices=prices,
    )


def fixed(credential: Credential | None) -> FixedKey:
    """A key that does not change. Raises ConfigError where there is none, or it can be none."""
    if credential is None:
        raise ConfigError(
            "no key for the model service",
            hint="Run `devagent auth login`, or set ANTHROPIC_API_KEY.",
        )
    credential.header()
    return FixedKey(credential)


if TYPE_CHECKING:
    from devagent.models import OpenModel
    from devagent.models.dialect import Dialect, Keys

    def _proof(model: HttpModel, dialect: MessagesDialect) -> tuple[OpenModel, Dialect]:  # pyright: ignore[reportUnusedFunction]
        return model, dialect
