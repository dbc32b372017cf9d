"""What administrators see of many machines, by the logs that were collected: who runs what, and what a bundle would change."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from devagent.cli.entry import run_command_line
from devagent.cli.org.recording import record
from devagent.core.codec import parse
from devagent.org import revoking
from devagent.org.refusals import Refused
from devagent.org.rollout import Ring, place
from devagent.settings.places import places
from tests.support.org_machine import enrolled_here, played, sync_here
from tests.support.org_repository import Enrolled, Organisation

MANY = int(os.environ.get("DEVAGENT_FLEET", "40"))
"""So many machines; 1,000 take a minute."""
WRITE = ("workspace.write", {"path": "b.txt", "content": "two\n"})


def settings(folder: Path) -> str:
    """A policy repository's own file for what the tests published; the folder."""
    (folder / "bundle.toml").write_text('org = "acme"\n')
    return str(folder)


def looked(machine: Enrolled, home: Path) -> None:
    """The machine asks the server, and puts on record what came of it."""
    done = machine.sync()
    record(places({"DEVAGENT_HOME": str(home)}), machine.client, done)


def test_who_runs_which_revision_ring_by_ring_stale_locked_and_refusing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    org = Organisation(tmp_path)
    canary = Ring(name="canary", bundle="", percent=25)
    org.promote(org.build("second"), ring=canary)
    org.publish()
    collected = tmp_path / "collected"
    devices = [f"{number:08x}" for number in range(MANY)]
    in_canary = sum(place("acme", device) < 25 for device in devices)
    assert 0 < in_canary < MANY
    for device in devices:
        machine = org.machine(tmp_path / f"m{device}", device=device)
        looked(machine, collected / device)
        if device == devices[0]:  # its clock is ahead, and the server away
            os.rename(org.published, tmp_path / "gone")
            machine.clock = org.now.timestamp() + 5 * 86_400
            looked(machine, collected / device)
            os.rename(tmp_path / "gone", org.published)
        if device == devices[1]:
            (org.published / "metadata/timestamp.json").rename(tmp_path / "kept")
            looked(machine, collected / device)
            (tmp_path / "kept").rename(org.published / "metadata/timestamp.json")
    # One that never had a bundle, and one whose bundle was revoked.
    lost = org.machine(tmp_path / "lost", device="lost", root_sha256="0" * 64)
    looked(lost, collected / "lost")
    folder = settings(org.folder)
    sessions = [str(one / "sessions") for one in sorted(collected.iterdir())]
    assert run_command_line(["bundle", "status", "-C", folder, "--format", "json", *sessions]) == 0
    machines = parse(capsys.readouterr().out.encode())["machines"]
    assert len(machines) == MANY + 1
    states = [(one["environment"], one["ring"], one["revision"], one["state"]) for one in machines]
    stale = "canary" if place("acme", devices[0]) < 25 else "everyone"
    assert states.count(("prod", "canary", 2, "fresh")) == in_canary - (stale == "canary")
    assert states.count(("prod", "everyone", 1, "fresh")) == MANY - in_canary - (stale == "everyone")  # fmt: skip
    assert states.count(("prod", "", 0, "locked")) == 1
    assert sorted(one["refused"] for one in machines if one["refused"]) == ["missing", "missing", "root"]  # fmt: skip
    assert run_command_line(["bundle", "status", "-C", folder, *sessions]) == 0
    told = capsys.readouterr().out
    assert f"{MANY + 1} machines; the newest revision is 2" in told
    assert f"prod, ring canary: {in_canary - (stale == 'canary')} on revision 2, fresh" in told
    assert "stale" in told
    assert "locked, refuses (root)" in told


def test_a_machine_whose_bundle_was_revoked_is_told_of_as_locked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    org = Organisation(tmp_path)
    machine = org.machine(tmp_path / "m")
    looked(machine, tmp_path / "home")
    found = revoking.revoked(revoking.revocations(org.repository, "acme"), "bundle", machine.client.in_force().digest, "leaks")  # fmt: skip
    revoking.set_revocations(org.repository, found, signer=org.people["ana"])
    org.publish()
    looked(machine, tmp_path / "home")
    assert isinstance(machine.client.look(), Refused)
    assert run_command_line(["bundle", "status", "-C", settings(org.folder), str(tmp_path / "home/sessions")]) == 0  # fmt: skip
    told = capsys.readouterr().out
    assert "prod: 1 on revision none, locked" in told
    assert "leaks" in told


def test_many_that_are_not_well_are_named_only_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devagent.cli.bundle.status.MOST", 2)
    org = Organisation(tmp_path)
    for number in range(4):
        machine = org.machine(tmp_path / f"m{number}", device=str(number), root_sha256="0" * 64)
        looked(machine, tmp_path / f"all/{number}")
    folder = settings(org.folder)
    assert run_command_line(["bundle", "status", "-C", folder, str(tmp_path / "all")]) == 0
    assert "and 2 more: --all names them" in capsys.readouterr().out
    assert run_command_line(["bundle", "status", "-C", folder, "--all", str(tmp_path / "all")]) == 0
    assert capsys.readouterr().out.count("refuses (root)") == 4
    later = time.time() + 8 * 86_400
    monkeypatch.setattr(time, "time", lambda: later)
    assert run_command_line(["bundle", "status", "-C", folder, str(tmp_path / "all")]) == 0
    assert "not heard of for 7 days or more: 4" in capsys.readouterr().out


@pytest.fixture
def decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Organisation:
    org = Organisation(tmp_path)
    assert sync_here(enrolled_here(org, tmp_path, monkeypatch)).outcome == "updated"
    return org


@pytest.fixture
def collected(decided: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sessions of three machines, in a folder each."""
    assert decided
    for name in ("one", "two", "three"):
        monkeypatch.setenv("DEVAGENT_HOME", str(tmp_path / "fleet" / name))
        assert sync_here(tmp_path / "etc/org.json").outcome == "updated"
        judged, _ = asyncio.run(played(tmp_path, [WRITE], mode="run"))
        assert judged[0].decision.effect == "allow"
    return tmp_path / "fleet"


def test_impact_says_what_a_bundle_would_change_in_the_fleets_decisions(
    decided: Organisation, collected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(settings(decided.folder))
    (folder / "content/policy").mkdir(parents=True)
    (folder / "content/policy/org.toml").write_text(
        'version = 1\nname = "acme"\nlayer = "org"\ndefault = "deny"\n\n[[rule]]\nid = "read"\neffect = "allow"\nclasses = ["read"]\n'
    )
    run = ["bundle", "impact", "-C", str(folder), "--replay", str(collected)]
    assert run_command_line([*run, "--exit-code"]) == 1
    told = capsys.readouterr().out
    assert "3 sessions" in told
    assert "allow" in told
    assert "deny" in told
