"""The day that rules and approvals expire by: that of UTC, whatever the machine's time zone is."""

from datetime import UTC, datetime


def today() -> str:
    """Today, as an ISO date."""
    return datetime.now(UTC).date().isoformat()
