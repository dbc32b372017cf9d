"""Fetching an organisation's newest state: python-tuf walks the repository, this puts what it brings into force.

1. The timestamp alone is asked for, with what the server said last time: where it is still the one in force, nothing else is
   loaded or fetched.
2. Else python-tuf's client updates its own cache from the pin on (``walk``): root, timestamp, snapshot, targets, and the
   delegated roles that this machine needs.
3. What it has brought is verified once more by ``in_force``, against the marks, as a session will; then the bundle is fetched,
   unpacked, and its policies are read.
4. Only then the pointer moves. Whatever is refused before leaves what was in force in force, but for one thing: a newest state
   that revokes this machine's bundle, or a key that its approval rests on, takes the place of the one before, and locks.
"""

import os
import time
from collections.abc import Callable, Collection

from msgspec.structs import replace

from devagent.core.codec import sha256
from devagent.core.errors import PolicyError
from devagent.org import archive, equipment, manifest, principals
from devagent.org import marks as marking
from devagent.org.fetching import Absent, Source
from devagent.org.in_force import (
    Chosen,
    InForce,
    Machine,
    approval_of,
    check_state,
    choose,
    envelope_path,
    in_force,
    manifest_of,
)
from devagent.org.ladder import Standing
from devagent.org.manifest import ORG_POLICY, check_files
from devagent.org.marks import Marks
from devagent.org.pin import Pin
from devagent.org.refusals import Refused
from devagent.org.state import State, target_name
from devagent.org.statement import MAX_BYTES as MAX_ENVELOPE
from devagent.org.trusted import Target
from devagent.org.walk import TARGETS, downloaded, newest
from devagent.policy import parse as parse_policy


def refresh(
    pin: Pin,
    state: State,
    source: Source,
    machine: Machine,
    *,
    now: float,
    marks: Collection[Marks],
    keep: Callable[[Marks], None],
) -> InForce:
    """Bring the newest state into force; ``keep`` writes the marks down before it is. Raises Refused.

    The caller holds the state's lock.
    """
    files = newest(pin, state, source)
    trusted, standing = check_state(pin, files, now=now, marks=marks)
    _check_published(standing, now)
    found = marking.of(trusted)
    try:
        chosen = choose(pin, files, machine, now=now, marks=marks)
        envelope = files[target_name(chosen.envelope)] = _envelope(source, chosen.envelope)
        approval = approval_of(pin, chosen, envelope)
    except Refused as refused:
        if refused.code == "revoked":
            keep(marking.together([found, *marks]))
            _switch(state, files)
        raise
    _bundle(state, source, chosen.bundle)
    if chosen.shadow is not None:
        _shadow(pin, state, source, chosen, files)
    manifest_of(
        state.read(os.path.join("bundles", chosen.bundle.sha256, manifest.FILE)), approval, machine
    )
    keep(marking.together([found, *marks]))
    _switch(state, files)
    shadow = {chosen.shadow.sha256} if chosen.shadow else set[str]()
    state.tidy({chosen.bundle.sha256} | shadow)
    return in_force(pin, state, machine, now=now, marks=[*marks, found])


def _switch(state: State, files: dict[str, bytes]) -> None:
    state.switch(f"{int(time.time() * 1e6):015x}-{sha256(files['timestamp.json'])[:8]}", files)


def _shadow(
    pin: Pin, state: State, source: Source, chosen: Chosen, files: dict[str, bytes]
) -> None:
    """The candidate beside the bundle. As approved as what is enforced: it is judged by the same code."""
    if chosen.shadow is None:
        return
    path = envelope_path(pin.environment, chosen.shadow.sha256)
    files[target_name(path)] = _envelope(source, path)
    try:
        approval_of(pin, replace(chosen, bundle=chosen.shadow), files[target_name(path)])
    except Refused as refused:
        if refused.code == "revoked":
            return  # it is judged no more, and nothing else depends on it
        raise
    _bundle(state, source, chosen.shadow)


def _check_published(standing: Standing, now: float) -> None:
    """What is fetched must be fresh: a server that still offers an old timestamp is held back, or nobody publishes."""
    if now >= standing.fresh_until:
        raise Refused("frozen", standing.why)


def _envelope(source: Source, path: str) -> bytes:
    """The envelope at a path; it bears its own signatures. Raises Refused."""
    try:
        return source.fetch(f"{TARGETS}/{path}", MAX_ENVELOPE).data
    except Absent as e:
        raise Refused("missing", path) from e


def _bundle(state: State, source: Source, target: Target) -> None:
    """Fetch and unpack a bundle where it does not lie here yet; its policies must be usable."""
    if os.path.isdir(state.bundle(target.sha256)):
        try:
            described = manifest.read(
                state.read(os.path.join("bundles", target.sha256, manifest.FILE)), client="9999"
            )
            held = {
                name: state.read(os.path.join("bundles", target.sha256, name))
                for name in described.files
            }
            check_files(described, held)
            return
        except Refused:
            pass  # it is damaged, or of another form: the archive decides
    files = archive.unpacked(downloaded(source, target))
    if manifest.FILE not in files:
        raise Refused("manifest", "it has none")
    described = manifest.read(files[manifest.FILE], client="9999")
    check_files(described, files)
    check_policies(files)
    state.keep_bundle(target.sha256, files)


def check_policies(files: dict[str, bytes]) -> None:
    """That the policies in a bundle, and what it brings beside them, can be read. Raises Refused."""
    for name, data in sorted(files.items()):
        is_policy = name.startswith("policy/") and name.endswith(".toml")
        if is_policy and not name.endswith(".test.toml"):
            try:
                parse_policy(data, name, org=name == ORG_POLICY)
            except PolicyError as e:
                raise Refused("policy", e.what) from e
    if principals.FILE in files:
        principals.read(files[principals.FILE])
    equipment.check(files)
