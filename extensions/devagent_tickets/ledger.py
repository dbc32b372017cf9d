"""What was sent, by its token: so that nothing is posted twice, whoever tries again.

A token is claimed on disk before anything is sent. What becomes of it: ``sending`` until an answer came, ``sent`` with
what was made, and nothing at all where it surely was not sent.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from msgspec import Struct

from devagent_tickets.contract import TicketsError
from devagent_tickets.model import Written
from devagent_tickets.store import Store

KEPT_S = 90 * 86_400.0
SAME_S = 86_400.0
"""How long the same words are the same post where nobody named a token."""


class Claim(Struct, frozen=True):
    """``new``: ours to send. ``unknown``: it was sent at ``at``, and nobody knows what became of it."""

    state: Literal["new", "sent", "unknown"]
    token: str
    at: float
    written: Written | None = None

    @property
    def since(self) -> str:
        """When it was sent first, ISO 8601, with a minute for clocks that differ."""
        return iso(self.at - 60)


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def digest_of(tool: str, what: Mapping[str, Any]) -> str:
    """Names what is to be sent."""
    text = json.dumps([tool, what], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def claim(store: Store, tool: str, token: str, digest: str) -> Claim:
    """Claim a token. Raises TicketsError bad_arguments where it was used for something else."""
    now = time.time()
    given = bool(token)
    store.connection.execute(
        "pragma synchronous = full"
    )  # not even a power cut forgets what was sent
    token = token or f"auto-{digest[:32]}"
    with store.change() as connection:
        connection.execute("delete from sent where state = 'sent' and at < ?", (now - KEPT_S,))
        row = connection.execute(
            "select tool, digest, state, at, key, url, id from sent where token = ?", (token,)
        ).fetchone()
        if row is not None and not given and row[2] == "sent" and row[3] < now - SAME_S:
            connection.execute("delete from sent where token = ?", (token,))
            row = None
        if row is None:
            connection.execute(
                "insert into sent (token, tool, digest, state, at) values (?, ?, ?, 'sending', ?)",
                (token, tool, digest, now),
            )
            return Claim("new", token, now)
    if row[1] != digest:
        raise TicketsError(
            "The token was used for another text already: take a new token for a new post.",
            error="bad_arguments",
        )
    if row[2] == "sent":
        return Claim("sent", token, row[3], Written(row[4], row[5], row[6]))
    return Claim("unknown", token, row[3])


def keep(store: Store, token: str, written: Written) -> None:
    """It was sent, and this is what it made."""
    with store.change() as connection:
        connection.execute(
            "update sent set state = 'sent', key = ?, url = ?, id = ? where token = ?",
            (written.key, written.url, written.id, token),
        )


def again(store: Store, claimed: Claim) -> bool:
    """Claim a token anew whose outcome was unknown and is not there; False: somebody else just did."""
    with store.change() as connection:
        done = connection.execute(
            "update sent set at = ? where token = ? and state = 'sending' and at = ?",
            (time.time(), claimed.token, claimed.at),
        )
        return done.rowcount == 1


def release(store: Store, token: str) -> None:
    """It was surely not sent: the token is free."""
    with store.change() as connection:
        connection.execute("delete from sent where token = ? and state = 'sending'", (token,))
