"""What a request will cost at the least, before it is sent: its prompt alone, by its length.

Where a reply came before, its prompt and its own text are known to the token and mostly cached by now; what
was added since is counted by its characters. The answer is left out, for nobody knows how long it will be.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from devagent.core.codec import canonical, well_formed_value
from devagent.core.limits import Spent
from devagent.core.ports import ModelRequest
from devagent.core.usage import Usage
from devagent.models.catalogue import REHEARSAL
from devagent.models.pictures import images_in, size_of
from devagent.models.prices import PriceTable

BYTES_PER_TOKEN = 4
"""Of English text and code; other scripts have fewer, so that the estimate stays at the low end."""
IMAGE_BYTES = 2_000
"""What an image counts for, which the service measures by its pixels and not by its bytes: a small one's tokens."""


class Estimate:
    """For one model, by the table that ``prices`` gives when it is first needed (``core.ports.Estimator``)."""

    def __init__(self, model: str, prices: Callable[[], PriceTable]) -> None:
        self._model = model
        self._prices = prices

    def __call__(self, request: ModelRequest, last: Usage | None) -> Spent:
        if self._model.startswith(REHEARSAL):
            return Spent()  # nothing is sent
        added, known = list[Mapping[str, Any]](request.messages), 0
        if last is not None:
            known = last.input + last.cache_read + last.cache_write + last.output
            added = _since_last_reply(added)
        size = sum(_size(message) for message in added)
        for picture in (one for message in added for one in images_in(message.get("content"))):
            size += IMAGE_BYTES - size_of(picture)
        if last is None:
            size += len(request.system.encode(errors="replace"))
            size += sum(len(t.description) + _size(t.input_schema) for t in request.tools)
        usage = Usage(input=size // BYTES_PER_TOKEN, cache_read=known)
        cost = self._prices().cost(self._model, usage)
        return Spent(
            usd_micros=cost.usd_micros if cost else 0,
            tokens=known + usage.input,
            unpriced="" if cost else self._model,
        )


def _since_last_reply(messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    for number in range(len(messages) - 1, -1, -1):
        if messages[number].get("role") == "assistant":
            return list(messages[number + 1 :])
    return list(messages)


def _size(value: Any) -> int:
    try:
        return len(canonical(value))
    except UnicodeEncodeError:  # lone surrogates, from odd file names or bytes
        return len(canonical(well_formed_value(value)))


if TYPE_CHECKING:
    from devagent.core.ports import Estimator

    def _proof(estimate: Estimate) -> Estimator:  # pyright: ignore[reportUnusedFunction]
        return estimate
