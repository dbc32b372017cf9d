"""Documentation search: how fast it is on 100,000 chunks, and how good on what Debian packages.

    python tests/bench/bench_docs.py                 # speed and memory, on made-up documents
    python tests/bench/bench_docs.py --quality       # apt install python3-doc postgresql-doc git-doc
    python tests/bench/bench_docs.py --quality --questions open_more
    python tests/bench/bench_docs.py --quality --set-aside
    python tests/bench/bench_docs.py --quality --questions fresh

Quality is measured on docs_questions/open.tsv and open_more.tsv, which ranking was tuned on, on set_aside.tsv, which it
was not (but which was looked at several times), and on fresh.tsv, which was written afterwards and without reading the
ranking, by naming sections from the documentation alone. open_more.tsv holds no question whose sections set_aside.tsv
names too, and fresh.tsv none whose sections any other names.
Beside it stands SQLite FTS5's default ranking over the same chunks.
"""

import argparse
import json
import random
import re
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "extensions")]

from devagent_docs import commands, evaluation  # noqa: E402
from devagent_docs.opening import opened  # noqa: E402
from devagent_docs.settings import read_collections  # noqa: E402
from devagent_serving import Standalone  # noqa: E402

CHUNKS = 100_000
QUERIES = 400
DEBIAN = {
    "python": {"path": "/usr/share/doc/python3.11/html", "exclude": ["whatsnew/changelog.html"]},
    "postgres": {"path": "/usr/share/doc/postgresql-doc-15/html", "version": "15"},
    "git": {"path": "/usr/share/doc/git/html", "include": ["**.html"], "version": "2.39"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--questions", choices=["open", "open_more", "fresh"], default="open")
    parser.add_argument("--set-aside", action="store_true")
    parser.add_argument("--chunks", type=int, default=CHUNKS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.quality:
            quality(Path(folder), "set_aside.tsv" if given.set_aside else f"{given.questions}.tsv")
        else:
            speed(Path(folder), given.chunks)


def speed(folder: Path, chunks: int) -> None:
    """Index and search made-up Markdown whose words are as unevenly frequent as real ones."""
    chance = random.Random(7)
    words = [
        "".join(chance.choices("abcdefghijklmnoprstuvw", k=chance.randint(3, 10)))
        for _ in range(60_000)
    ]
    weights = list(accumulate(1 / (rank + 3) for rank in range(len(words))))
    source = folder / "source"
    made = 0
    while made < chunks:
        page = source / f"{made // 5000}" / f"page-{made}.md"
        page.parent.mkdir(parents=True, exist_ok=True)
        sections = [f"# {' '.join(chance.choices(words, cum_weights=weights, k=4))}\n"]
        for _ in range(min(50, chunks - made)):
            name = f"{chance.choice(words)}_{chance.choice(words)}"
            text = " ".join(chance.choices(words, cum_weights=weights, k=110))
            sections.append(
                f"## `{name}` {chance.choice(words)}\n\n{text}\n\n```\n{name}(1)\n```\n"
            )
            made += 1
        page.write_text("\n".join(sections))
    size = sum(file.stat().st_size for file in source.rglob("*.md"))
    here = standalone(folder, {"made": {"path": str(source)}})
    before = peak()
    began, spent = time.monotonic(), time.process_time()
    (collection,) = read_collections(here.settings).values()
    report = commands.index(here, collection)
    took, spent = time.monotonic() - began, time.process_time() - spent
    print(
        f"index        {report.chunks:,} chunks, {size >> 20} MB, {took:.1f} s ({spent:.1f} s of CPU), peak {peak()} MB (before {before} MB)"
    )
    began = time.monotonic()
    commands.index(here, collection)
    print(f"nothing new  {time.monotonic() - began:.2f} s")
    first = source / "0" / "page-0.md"
    first.write_text(first.read_text() + "\n## One more\n\nwords\n")
    began = time.monotonic()
    commands.index(here, collection)
    print(f"one changed  {time.monotonic() - began:.2f} s")
    for label, ask in (
        (
            "3-8 words",
            lambda: " ".join(chance.choices(words, cum_weights=weights, k=chance.randint(3, 8))),
        ),
        ("a name", lambda: f"{chance.choice(words)}_{chance.choice(words)}"),
        (
            "a misspelt word",
            lambda: " ".join(
                [misspelt(chance, words), *chance.choices(words, cum_weights=weights, k=2)]
            ),
        ),
    ):
        both = [timed(here, ask()) for _ in range(QUERIES)]
        for what, found in zip(("wall", "CPU"), zip(*both, strict=True), strict=True):
            times = sorted(found)
            median, p95 = times[len(times) // 2], times[len(times) * 95 // 100]
            print(f"search, {label:16} {what:4} median {median:.1f} ms, p95 {p95:.1f} ms")
    print(f"peak         {peak()} MB")


def misspelt(chance: random.Random, words: list[str]) -> str:
    word = chance.choice([word for word in words[:2000] if len(word) > 5])
    at = chance.randrange(1, len(word) - 1)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def timed(here: Standalone, query: str) -> tuple[float, float]:
    """Milliseconds of wall and of this thread's CPU: on a busy machine the second says more."""
    began, spent = time.perf_counter(), time.thread_time()
    commands.search(here, query)
    return (time.perf_counter() - began) * 1000, (time.thread_time() - spent) * 1000


def quality(folder: Path, questions: str) -> None:
    """The figures of docs/extensions/docs.md."""
    there = {name: table for name, table in DEBIAN.items() if Path(str(table["path"])).is_dir()}
    if len(there) < len(DEBIAN):
        print(
            "apt install python3-doc postgresql-doc git-doc; lacking:",
            *(DEBIAN.keys() - there.keys()),
        )
        return
    here = standalone(folder, there)
    for collection in read_collections(here.settings).values():
        report = commands.index(here, collection)
        print(
            f"{collection.name}@{report.version}: {report.documents} documents, {report.chunks} chunks"
        )
    file = ROOT / "tests/bench/docs_questions" / questions
    print(f"\ndevagent_docs, {questions}")
    print("\n".join(commands.table(commands.evaluate(here, str(file)))))
    print("\nFTS5, default ranking, the same chunks")
    found = evaluation.evaluate(evaluation.read_questions(str(file)), full_text_search(here))
    print("\n".join(commands.table(found)))


class Row(NamedTuple):
    document: str
    places: list[str]


def full_text_search(here: Standalone) -> Callable[[str], evaluation.Answer]:
    """SQLite's FTS5 as it comes: two columns, bm25, the question's words joined by OR."""
    database = sqlite3.connect(":memory:")
    database.execute(
        "CREATE VIRTUAL TABLE chunks USING fts5(heading, body, document UNINDEXED, places UNINDEXED)"
    )
    for collection in read_collections(here.settings).values():
        one = opened(here, collection)
        assert one is not None
        for chunk in one.everything():
            row: tuple[Any, ...] = (
                " › ".join(chunk.crumbs), chunk.text, f"{collection.name}:{chunk.path}",
                json.dumps([*chunk.anchors, *chunk.symbols]),
            )  # fmt: skip
            database.execute("INSERT INTO chunks VALUES (?, ?, ?, ?)", row)

    def search(text: str) -> evaluation.Answer:
        match = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", text))
        rows = database.execute(
            "SELECT document, places, rank FROM chunks WHERE chunks MATCH ? ORDER BY rank LIMIT 10",
            (match,),
        ).fetchall()
        hits = [Row(document, json.loads(places)) for document, places, _ in rows]
        return evaluation.Answer(hits, -rows[0][2] if rows else 0.0)

    return search


def standalone(folder: Path, collections: dict[str, Any]) -> Standalone:
    return Standalone(str(folder), {"collections": collections, "index": str(folder / "index")})


def peak() -> int:
    """Megabytes of this process at its largest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
