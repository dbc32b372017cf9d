"""Where something stands in a text that must not be kept, and the text without it."""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable

from devagent_secrets.span import Span

MARK = "[redacted:"
_DIGITS = 6


def is_placeholder(text: str, start: int) -> int:
    """Where the placeholder that begins at ``start`` ends, or 0 where none does."""
    end = text.find("]", start, start + 64) + 1
    _, _, rest = text[start : end - 1].partition(":") if end else ("", "", "")
    kind, _, digits = rest.partition(":")
    whole = (
        len(digits) == _DIGITS
        and all(c in "0123456789abcdef" for c in digits)
        and kind.replace("-", "").isalnum()
    )
    return end if whole else 0


class Placeholders:
    """``[redacted:aws-key:3f9a1c]``: the same secret gives the same one, for one salt.

    The salt is never written down: without it the digits say nothing of the secret, and nobody can try
    out which of some guesses it was.
    """

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

    def of(self, kind: str, secret: str) -> str:
        data = secret.encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(data, key=self._salt, digest_size=_DIGITS // 2)
        return f"{MARK}{kind}:{digest.hexdigest()}]"

    def put(self, text: str, spans: Iterable[Span], counts: dict[str, int]) -> str:
        """The text with a placeholder for each span, each counted by its kind.

        Of spans that overlap the first in ``spans`` names the kind, and all of their text goes. What lies inside a
        placeholder of before is left alone.
        """
        parts: list[str] = []
        done = 0
        for one in _merged(_outside_placeholders(text, spans)):
            secret = one.secret or text[one.start : one.end]
            parts += [text[done : one.start], self.of(one.kind, secret)]
            counts[one.kind] = counts.get(one.kind, 0) + 1
            done = one.end
        return "".join([*parts, text[done:]]) if parts else text


def _outside_placeholders(text: str, spans: Iterable[Span]) -> list[Span]:
    found = list(spans)
    if not found or MARK not in text:
        return found
    inside: list[tuple[int, int]] = []
    at = text.find(MARK)
    while at >= 0:
        end = is_placeholder(text, at)
        if end:
            inside.append((at, end))
        at = text.find(MARK, end or at + 1)
    starts = [start for start, _ in inside]

    def within(one: Span) -> bool:
        number = bisect_right(starts, one.start) - 1
        return number >= 0 and one.end <= inside[number][1]

    return [one for one in found if not within(one)]


def _merged(spans: list[Span]) -> list[Span]:
    """In the order of the text, none overlapping another."""
    if len(spans) < 2:
        return spans
    out: list[tuple[int, Span]] = []
    for rank, one in sorted(enumerate(spans), key=lambda pair: (pair[1].start, pair[0])):
        if not out or one.start >= out[-1][1].end:
            out.append((rank, one))
            continue
        best, last = out[-1]
        first = one if rank < best else last
        end = max(last.end, one.end)
        secret = first.secret if (first.start, first.end) == (last.start, end) else ""
        out[-1] = min(best, rank), Span(last.start, end, first.kind, secret)
    return [one for _, one in out]
