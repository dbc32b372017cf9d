"""Moments in signed data: seconds since 1970, UTC, and the one text form that TUF has for them."""

from datetime import UTC, datetime

FORM = "%Y-%m-%dT%H:%M:%SZ"


def moment(text: object) -> int:
    """Seconds of ``2026-11-21T12:00:00Z``. Raises ValueError for any other form."""
    if not isinstance(text, str):
        raise ValueError("a moment must be text")
    # Not by strptime, which loads 1 ms of tables when a session starts; what reads otherwise is of another form.
    seconds = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    if told(seconds) != text:
        raise ValueError(f"{text[:40]!r} is no moment of the form 2026-11-21T12:00:00Z")
    return seconds


def told(seconds: float) -> str:
    """The moment as signed data and people have it."""
    return datetime.fromtimestamp(seconds, UTC).strftime(FORM)


def days(seconds: float) -> str:
    """A duration as people say it: the largest unit that fits."""
    amount, unit = max(seconds, 0), "s"
    for name, size in (("min", 60), ("h", 3600), ("days", 86400)):
        if seconds >= 2 * size:
            amount, unit = seconds / size, name
    return f"{amount:.0f} {unit}"
