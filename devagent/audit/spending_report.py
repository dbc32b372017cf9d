"""Replies summed up by what one asks about, and what could be had for less."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Literal

from msgspec import Struct, field

from devagent.audit.usage import ANSWER, UNKNOWN, Reply, day_of
from devagent.core.principal import Principal
from devagent.core.usage import Usage

By = Literal[
    "day", "session", "user", "team", "repo", "ticket", "model", "tool", "turn", "step", "call"
]
BY: tuple[By, ...] = (
    "day", "session", "user", "team", "repo", "ticket", "model", "tool", "turn", "step", "call",
)  # fmt: skip

CACHE_LIFE_US = 300_000_000
"""How long the service keeps a prompt for the next request."""

LARGE_RESULT = 20_000
"""Bytes of a tool's results in the middle beyond which it is worth a look: some 5,000 tokens, each time."""

_WORTH_A_WORD = 20_000
"""Tokens that were read anew though they had been read before, below which nothing is said."""

_WORTH_A_BATCH = 10
"""Runs of one reply below which nothing is said of a batch."""


class Row(Struct):
    """What one key came to. ``replies`` with an unknown price are in ``unpriced``, and not in ``usd_micros``."""

    key: str
    usd_micros: float = 0.0
    replies: float = 0.0
    unpriced: float = 0.0
    calls: int = 0
    result_bytes: int = 0
    sessions: set[str] = field(default_factory=set[str])
    input: float = 0.0
    output: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0
    days: dict[int, float] = field(default_factory=dict[int, float])

    def add(self, reply: Reply, share: float) -> None:
        cost = (reply.usd_micros or 0) * share
        self.usd_micros += cost
        self.replies += share
        self.unpriced += share if reply.usd_micros is None else 0
        self.sessions.add(reply.sid)
        self.input += reply.usage.input * share
        self.output += reply.usage.output * share
        self.cache_read += reply.usage.cache_read * share
        self.cache_write += reply.usage.cache_write * share
        self.days[day_of(reply)] = self.days.get(day_of(reply), 0.0) + cost

    @property
    def hit_rate(self) -> float | None:
        """The part of what was read that came from the cache; None where nothing was read."""
        prompt = self.input + self.cache_read + self.cache_write
        return self.cache_read / prompt if prompt else None


def summed(
    replies: Iterable[Reply], by: By, groups: Callable[[Principal], Iterable[str]]
) -> tuple[list[Row], Row]:
    """The rows, the dearest first (days and the parts of a session in order), and the whole.

    ``groups`` gives a principal's. Somebody in several of them counts for each, so teams may add up to more
    than the whole.
    """
    rows: dict[str, Row] = {}
    whole = Row("total")
    for reply in replies:
        whole.add(reply, 1)
        whole.calls += len(reply.calls)
        whole.result_bytes += sum(call.result_bytes for call in reply.calls)
        for key, share, calls, size in _parts(reply, by, groups):
            row = rows.setdefault(key, Row(key))
            row.add(reply, share)
            row.calls += calls
            row.result_bytes += size
    found = list(rows.values())
    if by in ("day", "turn", "step", "call"):
        found.sort(key=lambda row: row.key)
    else:
        found.sort(key=lambda row: (-row.usd_micros, -row.input - row.cache_read, row.key))
    return found, whole


def _parts(
    reply: Reply, by: By, groups: Callable[[Principal], Iterable[str]]
) -> Iterator[tuple[str, float, int, int]]:
    """Key, share of the reply, calls, bytes of their results."""
    calls, size = len(reply.calls), sum(call.result_bytes for call in reply.calls)
    match by:
        case "tool" | "call":
            if not calls:
                key = ANSWER if by == "tool" else f"{reply.sid}/{reply.number:04} {ANSWER}"
                yield key, 1, 0, 0
            for call in reply.calls:
                key = call.tool
                if by == "call":
                    key = f"{reply.sid}/{reply.number:04} {call.tool} {call.id}"
                yield key, 1 / calls, 1, call.result_bytes
        case "team":
            for group in list(groups(reply.principal)) or ["(none)"]:
                yield group, 1, calls, size
        case _:
            yield _key(reply, by), 1, calls, size


def _key(reply: Reply, by: By) -> str:
    match by:
        case "day":
            return iso_day(day_of(reply))
        case "session":
            return reply.sid
        case "user":
            return str(reply.principal)
        case "repo":
            return reply.repo or UNKNOWN
        case "ticket":
            return reply.ticket or "(none)"
        case "model":
            return reply.model or UNKNOWN
        case "turn":
            return f"{reply.sid}/{reply.turn:03}"
        case _:
            return f"{reply.sid}/{reply.number:04}"


def iso_day(day: int) -> str:
    """``2026-11-21`` for a day since 1970."""
    from datetime import date, timedelta  # noqa: PLC0415  (only where days are told)

    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


class Advice(Struct, frozen=True):
    """What could be had for less, in a sentence; ``tokens`` is what it was about."""

    kind: Literal["cache", "large_results", "batch", "unpriced"]
    subject: str
    text: str
    tokens: int = 0


def advice(replies: Iterable[Reply]) -> list[Advice]:
    """What stands out, the most tokens first."""
    sessions: dict[str, list[Reply]] = {}
    sizes: dict[str, list[int]] = {}
    unpriced: dict[str, int] = {}
    for reply in replies:
        sessions.setdefault(reply.sid, []).append(reply)
        for call in reply.calls:
            if call.result_bytes:
                sizes.setdefault(call.tool, []).append(call.result_bytes)
        if reply.usd_micros is None:
            unpriced[reply.model] = unpriced.get(reply.model, 0) + 1
    found = [*_misses(sessions), *_large(sizes), *_alike(sessions)]
    found += [
        Advice(
            "unpriced", model, f"{n} replies of {model} have no price: name a table that knows it."
        )
        for model, n in sorted(unpriced.items())
    ]
    return sorted(found, key=lambda one: -one.tokens)


def _misses(sessions: Mapping[str, list[Reply]]) -> Iterator[Advice]:
    """Sessions that read anew what the service had read a moment before."""
    late = soon = late_tokens = soon_tokens = 0
    worst = ("", 0)
    for sid, told in sessions.items():
        of_session = 0
        for before, after in _after_one_another(told):
            again = min(before.prompt, after.prompt) - after.usage.cache_read
            if before.prompt < 2_000 or again < before.prompt // 2:
                continue  # too short to be kept, or mostly found
            of_session += again
            if after.at - before.at > CACHE_LIFE_US:
                late, late_tokens = late + 1, late_tokens + again
            else:
                soon, soon_tokens = soon + 1, soon_tokens + again
        worst = max(worst, (sid, of_session), key=lambda one: one[1])
    if late_tokens >= _WORTH_A_WORD:
        yield Advice(
            "cache",
            worst[0],
            f"{late} requests came more than 5 minutes after the one before, so {late_tokens:,} tokens were paid "
            f"in full once more (most in {worst[0]}): finish a task in one go, or begin a new session for a new one.",
            late_tokens,
        )
    if soon_tokens >= _WORTH_A_WORD:
        yield Advice(
            "cache",
            worst[0],
            f"{soon} requests found nothing in the cache though the one before was fresh: {soon_tokens:,} tokens "
            f"(most in {worst[0]}). The model, the tools or the policy changed in the session, or a gateway does "
            "not pass cache points on.",
            soon_tokens,
        )


def _after_one_another(told: Sequence[Reply]) -> Iterator[tuple[Reply, Reply]]:
    """Replies of the same conversation: a sub-agent's is one of its own."""
    conversations: dict[str, list[Reply]] = {}
    for reply in told:
        conversations.setdefault(reply.task, []).append(reply)
    for one in conversations.values():
        yield from pairwise(one)


def _large(sizes: Mapping[str, list[int]]) -> Iterator[Advice]:
    """Tools whose results are long as a rule, not once."""
    for tool, lengths in sizes.items():
        ordered = sorted(lengths)
        middle = ordered[len(ordered) // 2]
        if len(ordered) >= 3 and middle >= LARGE_RESULT:
            yield Advice(
                "large_results",
                tool,
                f"{tool}: half of its {len(ordered)} results have {middle // 1000:,} KB or more, and every later "
                "request reads them again: ask for less, or bound it in policy with `limit_bytes`.",
                sum(ordered) // 4,
            )


def _alike(sessions: Mapping[str, list[Reply]]) -> Iterator[Advice]:
    """Runs of one reply without a call: a batch would answer them at half the price."""
    alone = [
        told[0]
        for told in sessions.values()
        if len(told) == 1 and told[0].mode == "run" and not told[0].calls and told[0].usd_micros
    ]
    by_model: dict[str, list[Reply]] = {}
    for one in alone:
        by_model.setdefault(one.model, []).append(one)
    for model, runs in by_model.items():
        if len(runs) >= _WORTH_A_BATCH:
            half = sum(one.usd_micros or 0 for one in runs) / 2e6
            yield Advice(
                "batch",
                model,
                f"{len(runs)} runs had one reply and no call: where nobody waits for the answer, `devagent batch` asks "
                f"{model} the same for half (${half:.4f} less).",
                sum(one.prompt + one.usage.output for one in runs),
            )


def whole_usage(row: Row) -> Usage:
    """A row's tokens as whole numbers."""
    return Usage(round(row.input), round(row.output), round(row.cache_read), round(row.cache_write))
