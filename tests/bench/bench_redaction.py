"""What redaction costs: ``python -m tests.bench.bench_redaction``. Prints a table, judges nothing.

The least of several runs, CPU time: what is left is the work itself. The texts are the project's own files;
five known secrets, as a laptop's environment has them.
"""

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devagent.audit.record import split
from devagent.audit.redaction.redactor import Redactor
from tests.support.log_events import judged
from tests.support.synthetic_secrets import ALNUM, of, secrets

ROOT = Path(__file__).resolve().parent.parent.parent
PROMPT = {"type": "prompt", "turn": 1}


def least(act: Callable[[], object], times: int) -> float:
    """Seconds of CPU for one run."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(times):
            act()
        best = min(best, (time.process_time() - start) / times)
    return best


def row(what: str, size: int, seconds: float) -> None:
    figure = f"{seconds * 1e6:9.1f} µs" if seconds < 0.001 else f"{seconds * 1e3:9.1f} ms"
    sys.stdout.write(f"{what:<44} {size:>9,} bytes {figure}\n")


def text_of(*files: str) -> str:
    return "".join((ROOT / file).read_text(encoding="utf-8") for file in files)


def main() -> None:
    draw = random.Random(1)
    known = [(of(draw, ALNUM, 40), "environment") for _ in range(5)]
    start = time.perf_counter()
    redact = Redactor(known=known)
    redact(PROMPT, {"text": "a first event"})
    row("first event: rules read, prefilter compiled", 13, time.perf_counter() - start)

    code = text_of("devagent/agent/loop.py", "devagent/audit/verify.py")
    prose = text_of("docs/log-format.md", "README.md")
    rows = [{"id": n, "name": f"customer {n}", "city": "Lyon", "total": n * 17} for n in range(40)]
    personal = Redactor(["pii"], known=known)
    unknowing = Redactor()
    bodies: list[tuple[str, dict[str, Any]]] = [
        ("code", {"text": code[4000:6000]}),
        ("prose", {"text": prose[3000:5000]}),
        ("rows", {"structured": {"rows": rows}}),
        ("lines", {"text": "\n".join(f"src/module_{n}.py:{n}: error: x" for n in range(60))}),
    ]
    for what, body in bodies:
        size = len(str(body))
        seconds = least(lambda b=body: unknowing(PROMPT, b), 2000)
        row(f"2 KB of {what}, nothing in it", size, seconds)
        row("    with five known secrets", size, least(lambda b=body: redact(PROMPT, b), 2000))
    header, body = split(judged("allow"))
    row("a decision", len(str([header, body])), least(lambda: redact(header, body), 2000))
    token = {"text": bodies[0][1]["text"] + secrets(1)[0][2]}
    row("2 KB of code with a token", 2020, least(lambda: redact(PROMPT, token), 200))
    row("2 KB of code, personal data too", 2000, least(lambda: personal(PROMPT, bodies[0][1]), 200))

    def large(what: str, text: str, with_: Redactor = redact) -> None:
        row(what, len(text), least(lambda: with_(PROMPT, {"text": text}), 1))

    large("1 MB of code", (code * (1_000_000 // len(code) + 1))[:1_000_000])
    large("1 MB of prose", (prose * (1_000_000 // len(prose) + 1))[:1_000_000])
    large("1 MB of prose, personal data too", (prose * (1_000_000 // len(prose) + 1))[:1_000_000], personal)  # fmt: skip
    large("1 MB of code, a secret in every 4 KB", "".join(code[:4000] + t + "\n" for _, _, t in secrets(245))[:1_000_000])  # fmt: skip
    for what, piece in ADVERSARIAL.items():
        large(f"1 MB of {what}", piece * (1_000_000 // len(piece)))


ADVERSARIAL = {
    "eyJ, a token's begin again and again": "eyJ",
    "token= within itself": "token=",
    "password=' without an end": "password='",
    "password: and text": "password: x",
    "::::, an address that never ends": "://a:",
    "one long word": "a",
    "one line of digits": "4111 ",
    "private keys that never end": "-----BEGIN PRIVATE KEY-----",
}
"""Made to cost as much as can be: the time stays in proportion to the size."""


if __name__ == "__main__":
    main()
