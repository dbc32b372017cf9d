"""What the log costs: ``python -m tests.bench.bench_audit [TURNS]``. Prints a table, judges nothing.

CPU time of the process, so other work on the machine does not count. The syncs are left out of the first
rows (they wait for the disk, not for us) and shown in their own.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from devagent.audit import files
from devagent.audit.device import Device
from devagent.audit.encoding import unredacted
from devagent.audit.opening import look_for_keys
from devagent.audit.reader import read_events
from devagent.audit.redaction.redactor import Redactor
from devagent.audit.sealing import Sealing, new_identity
from devagent.audit.tap import tapped
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.events import Event
from tests.support.log_events import call, started, turn

CALLS = 8


async def write(log: SessionLog, turns: int) -> int:
    count = 0

    async def loop(number: int) -> AsyncGenerator[Event, None]:
        calls = [call("allow", f"c{n}", number, "read") for n in range(CALLS)]
        for event in turn(*calls, number=number):
            yield event

    for number in range(1, turns + 1):
        async with aclosing(tapped(loop(number), log)) as events:
            async for _ in events:
                count += 1
    return count


def row(what: str, count: int, act: Callable[[], object]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    each = f"{cpu / count * 1e6:9.1f} µs CPU {wall / count * 1e6:9.1f} µs wall"
    sys.stdout.write(f"{what:<34} {each} {count / wall:12,.0f} events/s\n")


def main(turns: int) -> None:
    expected = turns * (5 + 4 * CALLS)
    real = files.to_disk
    own, public = new_identity()
    look_for_keys(lambda: (own,))
    for what, sync, whole, sealing in (
        ("tap + chain + write, no sync", _nothing, False, None),
        ("… redacted and signed, no sync", _nothing, True, None),
        ("… and sealed, no sync", _nothing, True, Sealing((public,))),
        ("… redacted and signed, synced", real, True, None),
    ):
        files.to_disk = sync
        with tempfile.TemporaryDirectory() as folder:
            log = SessionLog.create(
                f"{folder}/sessions",
                redact=Redactor({"secrets", "pii"}) if whole else unredacted,
                device=Device(f"{folder}/data") if whole else None,
                sealing=sealing,
            )
            log.write(started())
            row(what, expected, lambda log=log: asyncio.run(write(log, turns)))
            log.close()
            if whole and sync is _nothing:
                row("verify", expected, lambda log=log: verify_session(log.folder))
                row("read back", expected, lambda log=log: sum(1 for _ in read_events(log.folder)))
                row(
                    "reopen (verifies first)",
                    expected,
                    lambda log=log: SessionLog.reopen(log.folder).close(),
                )
    files.to_disk = real


def _nothing(descriptor: int) -> None:
    """In the place of fdatasync."""


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
