"""One tracker's SQLite file: the truth of a local tracker, the memory of what was read from another one.

1. A ticket's row number grows with each change, so that the newest is the last: the index is in order of change.
2. What narrows a search (project, status, assignee, label) stands in the full-text index as words of its own, so that it
   is the index that puts them together. Nothing reads more than ``DEPTH`` of what fits.
3. Whatever is written is written whole or not at all.
"""

import contextlib
import math
import os
import re
import sqlite3
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager

import msgspec
from msgspec import Struct

from devagent_tickets.contract import TicketsError
from devagent_tickets.model import Comment, Query, Ticket

DEPTH = 400
"""How many of the newest that fit are ranked."""
EACH = 100
"""How many of the newest are looked at of each word, where no ticket has all of them."""
BUSY_S = 5.0
_TERMS = 12
_TITLE_TERMS = 4
"""Of more words than these titles are looked for last, and only where few tickets have them all: it costs as much again."""
_WORDS = re.compile(r"\w+")
_SCHEMA = """
create table if not exists tickets (
    id integer primary key autoincrement, project text not null, key text not null, closed integer not null,
    updated text not null, etag text not null, fetched real not null, data blob not null, unique (project, key));
create index if not exists by_state on tickets (project, closed, id);
create virtual table if not exists words using fts5 (
    title, body, facets, tokenize = 'porter unicode61 remove_diacritics 2', detail = full);
create table if not exists comments (
    project text not null, key text not null, number integer not null, data blob not null,
    primary key (project, key, number)) without rowid;
create table if not exists read_comments (
    project text not null, key text not null, fetched real not null, primary key (project, key)) without rowid;
create table if not exists myself (name text primary key) without rowid;
create table if not exists counters (project text primary key, last integer not null) without rowid;
create table if not exists sent (
    token text primary key, tool text not null, digest text not null, state text not null, at real not null,
    key text not null default '', url text not null default '', id text not null default '') without rowid;
"""
_ticket = msgspec.json.Decoder(Ticket)
_comment = msgspec.json.Decoder(Comment)


class Kept(Struct, frozen=True):
    """A ticket as it was when it was read: ``fetched`` in seconds since 1970."""

    ticket: Ticket
    etag: str
    fetched: float


class Store:
    """One open file; use it in one thread, within ``with``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    @contextmanager
    def change(self) -> Generator[sqlite3.Connection]:
        """A transaction that nobody else writes in."""
        self.connection.execute("begin immediate")
        try:
            yield self.connection
        except BaseException:
            self.connection.rollback()
            raise
        self.connection.commit()

    def put(self, ticket: Ticket, *, etag: str = "", fetched: float | None = None) -> None:
        """Keep a ticket, in the place of what was known of it; within ``change``."""
        row = (
            ticket.project, ticket.key, ticket.closed, ticket.updated, etag,
            time.time() if fetched is None else fetched, msgspec.json.encode(ticket),
        )  # fmt: skip
        self._drop(ticket.project, ticket.key)
        cursor = self.connection.execute(
            "insert into tickets (project, key, closed, updated, etag, fetched, data) values (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        self.connection.execute(
            "insert into words (rowid, title, body, facets) values (?, ?, ?, ?)",
            (cursor.lastrowid, f"{ticket.title} {ticket.key}", ticket.body, _facets(ticket)),
        )

    def forget(self, project: str, key: str) -> None:
        """Know nothing of a ticket any more."""
        with self.change():
            self._drop(project, key)
            for table in ("comments", "read_comments"):
                self.connection.execute(
                    f"delete from {table} where project = ? and key = ?",  # noqa: S608  (of two names)
                    (project, key),
                )

    def _drop(self, project: str, key: str) -> None:
        found = self.connection.execute(
            "select id from tickets where project = ? and key = ?", (project, key)
        ).fetchone()
        if found:
            self.connection.execute("delete from words where rowid = ?", found)
            self.connection.execute("delete from tickets where id = ?", found)

    def get(self, project: str, key: str) -> Kept | None:
        row = self.connection.execute(
            "select data, etag, fetched from tickets where project = ? and key = ?", (project, key)
        ).fetchone()
        return Kept(_ticket.decode(row[0]), row[1], row[2]) if row else None

    def everything(self, project: str) -> Iterator[Ticket]:
        """All tickets of a project, the least lately changed first."""
        rows = self.connection.execute(
            "select data from tickets where project = ? order by id", (project,)
        )
        return (_ticket.decode(row[0]) for row in rows)

    def search(self, query: Query, offset: int = 0) -> tuple[list[Kept], bool]:
        """The tickets that fit, best first, from ``offset`` on; and whether more follow."""
        terms = [f'"{word}"' for word in _WORDS.findall(query.text)[:_TERMS]]
        narrowing = _narrowing(query)
        ids: list[int] = []
        if not terms:
            ids = self._newest(query, narrowing)
        else:
            few = len(terms) <= _TITLE_TERMS
            ids = (
                self._ranked(" ".join(terms), narrowing, title_first=few)
                or (
                    few
                    and self._ranked(" ".join(f"{t}*" for t in terms), narrowing, title_first=True)
                )
                or self._by_rarity(terms, narrowing)
            )
        rows = [self._row(one) for one in ids[offset : offset + query.limit]]
        return [row for row in rows if row], len(ids) > offset + query.limit

    def _newest(self, query: Query, narrowing: str) -> list[int]:
        if query.assignee or query.label or query.status not in ("", "open", "closed"):
            return self._matching(narrowing)
        states = {"open": (0,), "closed": (1,)}.get(query.status, (0, 1))
        rows: list[tuple[int]] = []
        for state in states:
            rows += self.connection.execute(
                "select id from tickets where project = ? and closed = ? order by id desc limit ?",
                (query.project, state, DEPTH),
            ).fetchall()
        return sorted((row[0] for row in rows), reverse=True)

    def _ranked(self, terms: str, narrowing: str, *, title_first: bool) -> list[int]:
        """The newest first; those that have the words in their title before the others, unless there are many of both."""
        if not title_first:
            found = self._matching(f"{{title body}} : ({terms}) AND {narrowing}")
            if not found or len(found) >= DEPTH:
                return found
        in_title = self._matching(f"{{title}} : ({terms}) AND {narrowing}")
        if len(in_title) >= DEPTH:
            return in_title
        seen = set(in_title)
        anywhere = self._matching(f"{{title body}} : ({terms}) AND {narrowing}")
        return in_title + [one for one in anywhere if one not in seen]

    def _by_rarity(self, terms: list[str], narrowing: str) -> list[int]:
        """Where no ticket has all words: those first that have the more, and the rarer ones; then the newest.

        How rare a word is, is told by how far back the newest that have it reach.
        """
        last = self.connection.execute("select coalesce(max(id), 1) from tickets").fetchone()[0]
        scores: dict[int, float] = {}
        for term in dict.fromkeys(terms):
            found = self._matching(f"{{title body}} : ({term}) AND {narrowing}", EACH)
            if not found:
                continue
            reach = last - found[-1] + 1 if len(found) >= EACH else last
            rarity = math.log(1 + reach / len(found))
            for one in found:
                scores[one] = scores.get(one, 0.0) + rarity
        return sorted(scores, key=lambda one: (-scores[one], -one))[:DEPTH]

    def _matching(self, match: str, most: int = DEPTH) -> list[int]:
        rows = self.connection.execute(
            "select rowid from words where words match ? order by rowid desc limit ?",
            (match, most),
        )
        return [row[0] for row in rows]

    def _row(self, number: int) -> Kept | None:
        row = self.connection.execute(
            "select data, etag, fetched from tickets where id = ?", (number,)
        ).fetchone()
        return Kept(_ticket.decode(row[0]), row[1], row[2]) if row else None

    def comments(self, project: str, key: str) -> list[Comment]:
        rows = self.connection.execute(
            "select data from comments where project = ? and key = ? order by number",
            (project, key),
        )
        return [_comment.decode(row[0]) for row in rows]

    def put_comments(self, project: str, key: str, comments: Iterable[Comment], first: int) -> None:
        """Keep these comments, of which the first is number ``first``; what followed is forgotten."""
        with self.change():
            self.connection.execute(
                "delete from comments where project = ? and key = ? and number >= ?",
                (project, key, first),
            )
            self.connection.executemany(
                "insert into comments values (?, ?, ?, ?)",
                ((project, key, first + n, msgspec.json.encode(c)) for n, c in enumerate(comments)),
            )
            self.connection.execute(
                "insert or replace into read_comments values (?, ?, ?)", (project, key, time.time())
            )

    def known_as(self) -> str:
        """The name that the tracker knows this person by, as it was told last; empty = not known."""
        row = self.connection.execute("select name from myself").fetchone()
        return row[0] if row else ""

    def remember(self, name: str) -> None:
        """The tracker knows this person by that name."""
        with self.change():
            self.connection.execute("delete from myself")
            self.connection.execute("insert into myself values (?)", (name,))

    def comments_read(self, project: str, key: str) -> float:
        """When the comments were read last; 0 = never."""
        row = self.connection.execute(
            "select fetched from read_comments where project = ? and key = ?", (project, key)
        ).fetchone()
        return row[0] if row else 0.0


@contextmanager
def opened(folder: str, name: str, *, is_copy: bool = False) -> Generator[Store]:
    """The file of a tracker, made where there is none. Of a copy, the last changes may go when the power does.

    Raises TicketsError busy, damaged.
    """
    path = os.path.join(folder, f"{name}.sqlite")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        # Nobody else on this computer is to read it, from its first byte on.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        # Transactions are begun by hand: nothing is written outside of one that takes more than a row.
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise TicketsError(
            f"The file of the tracker {name!r} cannot be opened ({type(error).__name__}).",
            error="damaged",
        ) from error
    try:
        with contextlib.closing(connection):
            if connection.execute("pragma user_version").fetchone()[0] != 1:
                connection.execute("pragma journal_mode = wal")
                connection.executescript(f"{_SCHEMA} pragma user_version = 1;")
            connection.execute(f"pragma synchronous = {'normal' if is_copy else 'full'}")
            yield Store(connection)
    except sqlite3.OperationalError as error:
        busy = error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
        raise TicketsError(
            f"The file of the tracker {name!r} is {'in use by another program' if busy else 'not usable'} "
            f"({error.sqlite_errorname}).",
            error="busy" if busy else "damaged",
        ) from error
    except sqlite3.DatabaseError as error:
        raise TicketsError(
            f"The file of the tracker {name!r} is damaged: move {path} away; a cache is filled anew.",
            error="damaged",
        ) from error


def _facet(kind: str, text: str) -> str:
    # One word to the index, whatever stands in it; a digit at its end keeps the stemmer off.
    return f"{kind}{text.strip().lower().encode('utf-8', 'replace').hex()}0"


def _facets(ticket: Ticket) -> str:
    words = [_facet("zp", ticket.project), _facet("zc", "closed" if ticket.closed else "open"),
             _facet("zs", ticket.status), *(_facet("zl", label) for label in ticket.labels)]  # fmt: skip
    words += [
        _facet("za", one) for one in {ticket.assignee, ticket.assignee_id, _nobody(ticket)} if one
    ]
    return " ".join(words)


def _nobody(ticket: Ticket) -> str:
    return "" if ticket.assignee or ticket.assignee_id else "none"


def _narrowing(query: Query) -> str:
    words = [_facet("zp", query.project)]
    if query.status in ("open", "closed"):
        words.append(_facet("zc", query.status))
    elif query.status:
        words.append(_facet("zs", query.status))
    if query.assignee:
        words.append(_facet("za", query.assignee))
    if query.label:
        words.append(_facet("zl", query.label))
    return "{facets} : (" + " ".join(f'"{word}"' for word in words) + ")"
