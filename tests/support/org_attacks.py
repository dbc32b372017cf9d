"""What each attack on a machine must come to: nothing of it is accepted, and it is on record.

refused(machine, server, "rollback")    # what was in force stays, or the machine stays locked
locked(machine, server)                 # a revocation: nothing is in force any more
"""

import json
from collections.abc import Iterable
from typing import Any

from devagent.audit.layout import newest_first
from devagent.audit.reader import read_events
from devagent.audit.verify import verify_session
from devagent.cli.org.recording import record
from devagent.core.codec import parse
from devagent.core.events.ground import BundleSynced
from devagent.org.canonical import signed_bytes
from devagent.org.client import Synced
from devagent.org.in_force import InForce
from devagent.org.libraries import Signer
from devagent.org.refusals import Refused
from devagent.settings.places import places
from tests.support.org_repository import Enrolled, Server


def refused(machine: Enrolled, server: Server, *codes: str) -> Synced:
    """The machine refuses what this server has, keeps what it had, and says so in its record."""
    before = machine.client.look()
    done = machine.sync(server)
    assert (done.outcome, done.after) == ("refused", done.before), done
    assert done.code in codes, (done.code, done.reason)
    after = machine.client.look()
    if isinstance(before, InForce):
        assert isinstance(after, InForce)
        assert after.digest == before.digest
        assert after.chosen.trusted.versions() == before.chosen.trusted.versions()
    else:
        assert isinstance(after, Refused)
    on_record(machine, done)
    return done


def locked(machine: Enrolled, server: Server) -> None:
    """A revocation takes what was in force out of force, and leaves nothing in its place."""
    done = machine.sync(server)
    assert (done.outcome, done.code, done.after) == ("refused", "revoked", 0), done
    after = machine.client.look()
    assert isinstance(after, Refused)
    assert after.code == "revoked"
    on_record(machine, done)


def on_record(machine: Enrolled, done: Synced) -> None:
    record(places(), machine.client, done)
    folder = next(newest_first(places().sessions))
    (event,) = [one for one in read_events(folder) if isinstance(one, BundleSynced)]
    assert (event.outcome, event.err, event.after) == ("refused", done.code, done.after)
    assert event.reason
    assert verify_session(folder).ok


def signed(data: bytes, *by: Signer, **changes: Any) -> bytes:
    """Metadata with other fields, signed anew by these keys alone."""
    value = parse(data)
    value["signed"].update(changes)
    return signed_anew(value, by)


def signed_anew(value: dict[str, Any], by: Iterable[Signer]) -> bytes:
    """Metadata with the signatures of these keys, and no other."""
    made = [one.sign(signed_bytes(value["signed"])) for one in by]
    value["signatures"] = [{"keyid": one.keyid, "sig": one.signature} for one in made]
    return json.dumps(value).encode()
