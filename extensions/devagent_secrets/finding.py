"""All rules over one text, the most telling first."""

from collections.abc import Iterator

from devagent_secrets import assignments, prefilter, shapes
from devagent_secrets.known import Known
from devagent_secrets.span import Span


def secrets(text: str, known: Known) -> Iterator[Span]:
    """Every secret in the text: known values; private keys and tokens by their shape; what stands where a secret
    is given. They may overlap; the first of these that finds something names it best."""
    yield from known.spans(text)
    if prefilter.may_hold_secrets(text.encode("utf-8", "surrogatepass")):
        yield from shapes.private_keys(text)
        yield from shapes.tokens(text)
        yield from assignments.assigned(text)
