"""How long the local tracker takes over 100,000 tickets. Prints a table; asserts nothing.

python tests/bench/bench_tickets.py [TICKETS]
"""

import random
import sys
import tempfile
import time
from typing import Any

from devagent_serving import Standalone
from devagent_tickets import tools
from devagent_tickets.model import Ticket
from devagent_tickets.store import opened

COMMON = "checkout payment login error page button user server timeout release".split()  # noqa: SIM905
RARE = [f"word{number}" for number in range(20_000)]
ROUNDS = 20
QUESTIONS: dict[str, dict[str, Any]] = {
    "a common word": {"query": "checkout"},
    "three common words": {"query": "checkout timeout button"},
    "eight common words": {"query": "checkout error page server user login payment button"},
    "two rare words": {"query": "word17 word99"},
    "a word, label, assignee, open": {"query": "checkout", "label": "bug", "assignee": "ana", "status": "open"},
    "eight words, none has all": {"query": "checkout error page server user word17 word99 nonsense"},
    "nothing fits": {"query": "nothing here at all"},
    "my work": {"assignee": "me", "status": "open"},
    "all that is closed": {"status": "closed"},
}  # fmt: skip


def ticket(number: int, chance: random.Random) -> Ticket:
    """A ticket of some sixty words, as frequent as in real ones."""
    closed = number % 3 == 0
    return Ticket(
        project="WORK", key=f"WORK-{number}", closed=closed, status="done" if closed else "open",
        title=" ".join(chance.choices(COMMON, k=2) + chance.choices(RARE, k=4)),
        body=" ".join(chance.choices(COMMON, k=10) + chance.choices(RARE, k=50)),
        assignee=chance.choice(["ana", "bob", "eve", ""]), labels=tuple(chance.sample(["bug", "ops", "ui", "security"], 2)),
        updated="2026-01-01T00:00:00Z",
    )  # fmt: skip


def main(count: int) -> None:
    chance = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        tracker = {"projects": ["WORK"], "user": "ana"}
        here = Standalone(folder, {"data": folder, "trackers": {"own": tracker}})
        began = time.perf_counter()
        with opened(folder, "own") as store, store.change():
            for number in range(1, count + 1):
                store.put(ticket(number, chance))
        print(f"{count:,} tickets taken in: {time.perf_counter() - began:.1f} s\n")
        print(f"{'search':32} {'found':>5} {'median':>9} {'slowest':>9}")
        for name, asked in QUESTIONS.items():
            times: list[float] = []
            rows = 0
            for _ in range(ROUNDS):
                began = time.perf_counter()
                rows = tools.search(here, **asked).get("rows", 0)
                times.append((time.perf_counter() - began) * 1000)
            times.sort()
            print(f"{name:32} {rows:5} {times[ROUNDS // 2]:6.1f} ms {times[-1]:6.1f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
