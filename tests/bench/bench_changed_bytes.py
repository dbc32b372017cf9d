"""Are changes of single bytes found? ``python -m tests.bench.bench_changed_bytes [LOGS [SEED]]``.

So many logs (1,000), ten random changes each, every one by itself. Prints what was missed; exit code 1 then.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from tests.support.changed_logs import missed

CHANGES = 10


def main(logs: int, seed: int) -> int:
    chance = random.Random(seed)
    began = time.monotonic()
    found: list[str] = []
    for _ in range(logs):
        with tempfile.TemporaryDirectory() as place:
            found += missed(chance, Path(place), CHANGES)
    for one in found:
        sys.stdout.write(f"MISSED {one}\n")
    took = time.monotonic() - began
    sys.stdout.write(
        f"{logs} logs, {logs * CHANGES} changes, {len(found)} missed, seed {seed}, {took:.0f} s\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    logs, seed, *_ = [*map(int, sys.argv[1:]), *(1000, 7)[len(sys.argv) - 1 :]]
    sys.exit(main(logs, seed))
