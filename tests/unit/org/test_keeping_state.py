"""What a machine keeps, when keeping it goes wrong: a disk that fills, a process that is killed, a clock that jumps."""

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from devagent.org import approving, release
from devagent.org import state as states
from devagent.org.approving import Evidence
from devagent.org.in_force import InForce
from devagent.org.state import KEPT
from tests.support.org_attacks import on_record
from tests.support.org_repository import Enrolled, Organisation


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Organisation:
    org = Organisation(tmp_path_factory.mktemp("keeping"))
    assert org.machine(org.folder.parent / "machine").sync().outcome == "updated"
    return org


@pytest.fixture
def org(first: Organisation, tmp_path: Path) -> Organisation:
    return first.copied(tmp_path)


@pytest.fixture
def machine(org: Organisation, first: Organisation, tmp_path: Path) -> Enrolled:
    shutil.copytree(first.folder.parent / "machine", tmp_path / "machine", symlinks=True)
    return org.machine(tmp_path / "machine")


class Disk:
    """Takes so many writes and moves, and then fails at each."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, failure: Callable[[], BaseException]
    ) -> None:
        self.left = 10**6
        self.failed = 0
        self._failure = failure
        for name in ("fsync", "replace", "rename"):
            monkeypatch.setattr(states.os, name, self._counted(getattr(os, name)))

    def _counted(self, real: Callable[..., None]) -> Callable[..., None]:
        def counted(*args: object, **named: object) -> None:
            self.left -= 1
            if self.left < 0:
                self.failed += 1
                raise self._failure()
            real(*args, **named)

        return counted


def full() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("failure", [full, Killed])
def test_wherever_keeping_ends_the_machine_has_one_whole_state_or_is_locked_and_the_next_look_heals_it(
    failure: Callable[[], BaseException],
    org: Organisation,
    machine: Enrolled,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = Disk(monkeypatch, failure)
    before = machine.client.in_force().digest
    org.after(hours=1).rolled_out("second")
    seen: set[str] = set()
    for writes in range(60):
        disk.left, disk.failed = writes, 0
        done = None
        with suppress(Killed):
            done = machine.sync()
        disk.left = 10**6
        found = machine.client.look()
        seen.add("old" if isinstance(found, InForce) and found.digest == before else "new" if isinstance(found, InForce) else found.code)  # fmt: skip
        if not disk.failed:
            break
        if done is not None:
            assert (done.outcome, done.code) == ("refused", "unkept"), done
            assert "No space left" in done.reason
            if writes == 0:
                on_record(machine, done)
    else:
        pytest.fail("it writes without end")
    # Marks are kept before the state that they are of: what is between the two is locked, and never an older policy.
    assert seen <= {"old", "new", "rollback"}
    assert {"old", "new"} <= seen
    assert machine.client.in_force().digest != before


def test_a_bundle_in_force_outlives_any_number_of_candidates(
    org: Organisation, machine: Enrolled
) -> None:
    for number in range(KEPT + 1):
        built = org.build(f"candidate-{number}")
        org.after(minutes=1)
        release.shadow(org.repository, "prod", built, Evidence({}, {}, {}), ring="", signer=org.people["ana"])  # fmt: skip
        approving.sign(org.repository, "env-prod", org.people["bo"])
        org.publish()
        done = machine.sync()
        assert (done.outcome, done.after) == ("renewed", 1), done.reason
        shadow = machine.client.in_force().shadow
        assert shadow is not None
        assert shadow.digest == built.digest
    assert 'id = "first"' in machine.rules()


def test_a_state_in_force_that_looks_old_by_its_files_times_is_kept(
    org: Organisation, machine: Enrolled
) -> None:
    for _ in range(KEPT + 1):
        org.after(minutes=1).publish()
        machine.sync()
    state = machine.client.state
    os.utime(os.path.join(state.folder, "generations", state.current()), (0, 0))
    spare = os.path.join(state.folder, "generations", "00ff")
    os.mkdir(spare)
    state.tidy({machine.client.in_force().digest})
    assert machine.client.in_force().manifest.revision == 1
    assert len(os.listdir(os.path.join(state.folder, "generations"))) == KEPT + 1
