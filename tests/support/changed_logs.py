"""Logs of many kinds, and single bytes changed in them: what a verifier has to find."""

import random
from collections.abc import Iterator
from pathlib import Path

from devagent.audit.claims import claim
from devagent.audit.device import Device
from devagent.audit.erasure import erase
from devagent.audit.layout import BODIES, CHECKPOINTS, EVENTS
from devagent.audit.sealing import Sealing, new_identity
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.events.session import SessionEnded
from tests.support.log_events import ANA, call, started, turn

FILES = (EVENTS, BODIES, CHECKPOINTS)


def any_log(chance: random.Random, place: Path) -> Path:
    """A signed log of some turns and calls below ``place``; some are sealed, in some content was erased."""
    device = Device(str(place / "data"))
    sealing = Sealing((new_identity()[1],)) if chance.random() < 0.2 else None
    with SessionLog.create(str(place / "sessions"), device=device, sealing=sealing) as log:
        count, _ = device.begin(str(place / "sessions"), log.sid)
        log.write(started(count))
        for number in range(1, chance.randint(1, 4) + 1):
            calls = [
                call(
                    chance.choice(("allow", "deny", "ask")),
                    f"c{n}",
                    number,
                    chance.choice(("read", "write")),
                    chance.choice(("yes", "no")),
                )
                for n in range(chance.randint(0, 4))
            ]
            for event in turn(*calls, number=number):
                log.write(event)
        log.write(SessionEnded(stop="done", exit_code=0))
    if chance.random() < 0.2:
        erase(log.folder, (0, chance.randint(0, 5)), who=ANA, reason="asked to", device=device)
    return Path(log.folder)


def missed(chance: random.Random, place: Path, changes: int = 10) -> Iterator[str]:
    """The changes of single bytes in one log, each by itself, that verifying does not tell of."""
    folder = any_log(chance, place)
    key, data = Device(str(place / "data")).vkey, str(place / "data")
    sessions = str(place / "sessions")
    whole = {name: (folder / name).read_bytes() for name in FILES}

    def told() -> bool:
        found = verify_session(str(folder), key=key, claimed=claim(str(folder), sessions, data))
        return not found.ok or any(note.startswith("torn") for note in found.notes)

    if told():
        yield f"{folder}: it does not verify as it was written"
    for _ in range(changes):
        name = chance.choices(FILES, [len(whole[one]) for one in FILES])[0]
        changed = bytearray(whole[name])
        at = chance.randrange(len(changed))
        changed[at] ^= chance.randint(1, 255)
        (folder / name).write_bytes(changed)
        if not told():
            yield f"{folder}: {name}, byte {at}: {whole[name][at]:#x} became {changed[at]:#x}"
        (folder / name).write_bytes(whole[name])
