"""Sessions of an enrolled machine: under its organisation's bundle, or not at all."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from devagent.audit.verify import verify_session
from devagent.cli.entry import run_command_line
from devagent.core.errors import ConfigError
from devagent.core.events.calls import ToolJudged
from devagent.core.events.ground import (
    BundleInForce,
    BundleRevoked,
    BundleSynced,
    PolicyLoaded,
    PolicyLocked,
)
from devagent.org import revoking
from devagent.session import enrolled
from devagent.session.watching import RULE
from devagent.settings.places import places
from tests.support.command_line import own_file
from tests.support.org_machine import (
    enrolled_here,
    opened,
    org_folders,
    played,
    script,
    sync_here,
    turn,
)
from tests.support.org_repository import Organisation

READ = ("workspace.read", {"path": "a.txt"})
WRITE = ("workspace.write", {"path": "b.txt", "content": "two\n"})


@pytest.fixture
def org(tmp_path: Path) -> Organisation:
    return Organisation(tmp_path)


@pytest.fixture
def pin(org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = enrolled_here(org, tmp_path, monkeypatch)
    assert sync_here(file).outcome == "updated"
    return file


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> "Clock":
    return Clock(monkeypatch)


class Clock:
    """The clock of the client, moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def forward(self, days: float) -> None:
        real = time.time
        client = enrolled.client_of

        def later(*arguments: Any) -> Any:
            made = client(*arguments)
            made._clock = lambda: real() + days * 86_400  # pyright: ignore[reportPrivateUsage]
            return made

        self._monkeypatch.setattr(enrolled, "client_of", later)


def granted(judged: list[ToolJudged]) -> list[str]:
    """The tools that were not denied. What could never be granted may not even be told to the model, and so not called."""
    return [one.tool for one in judged if one.decision.effect != "deny"]


def unreachable(org: Organisation) -> None:
    os.rename(org.published, org.folder / "gone")


async def test_a_session_names_its_bundle_and_what_it_stands_on(
    org: Organisation, pin: Path, tmp_path: Path
) -> None:
    judged, record = await played(tmp_path, [READ, WRITE], mode="run")
    assert [one.decision.effect for one in judged] == ["allow", "allow"]
    assert judged[0].decision.rules == ("org/acme#first",)
    (found,) = [one for one in record if isinstance(one, BundleInForce)]
    assert (found.org, found.environment, found.ring, found.revision) == (
        "acme",
        "prod",
        "everyone",
        1,
    )
    assert (found.state, found.why, found.approved_by) == ("fresh", "", ("ana", "bo"))
    assert found.versions["env-prod"] == 1
    assert 0 <= found.age_s < 600
    (loaded,) = [one for one in record if isinstance(one, PolicyLoaded)]
    assert (loaded.layer, loaded.name) == ("org", "acme")
    assert found.bundle in loaded.file


async def test_nothing_of_the_persons_loosens_the_bundle(pin: Path, tmp_path: Path) -> None:
    own_file("policy.toml", '[[rule]]\nid = "all"\neffect = "allow"\n')
    judged, _ = await played(tmp_path, [READ, ("workspace.shell", {"command": "ls"})])
    assert granted(judged) == ["read"]


async def test_no_variable_leads_away_from_the_organisation(
    pin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another home has no bundle, and that is locked or fetched, not free."""
    monkeypatch.setenv("DEVAGENT_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    judged, record = await played(tmp_path, [("workspace.shell", {"command": "ls"})])
    assert granted(judged) == []
    assert [one.revision for one in record if isinstance(one, BundleInForce)] == [1]


async def test_enrolled_without_any_bundle_is_locked(
    org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled_here(org, tmp_path, monkeypatch)
    unreachable(org)
    judged, record = await played(tmp_path, [READ, WRITE])
    assert granted(judged) == ["read"]
    (locked,) = [one for one in record if isinstance(one, PolicyLocked)]
    assert "has no policy bundle yet" in locked.reason
    (synced,) = [one for one in record if isinstance(one, BundleSynced)]
    assert (synced.outcome, synced.err) == ("refused", "unreachable")
    with pytest.raises(ConfigError, match="has no policy bundle yet"):
        await played(tmp_path, [READ], mode="run")


async def test_a_session_that_would_be_locked_fetches_first(
    org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolled_here(org, tmp_path, monkeypatch)
    judged, record = await played(tmp_path, [WRITE], mode="run")
    assert judged[0].decision.effect == "allow"
    assert [one.outcome for one in record if isinstance(one, BundleSynced)] == ["updated"]


@pytest.mark.parametrize("damage", [b"", b"{", b"{}", b'{"schema":7}', None])
async def test_a_damaged_enrolment_is_locked(
    damage: bytes | None, pin: Path, tmp_path: Path
) -> None:
    if damage is None:
        pin.unlink()
        pin.symlink_to("/nowhere")
    else:
        pin.write_bytes(damage)
    judged, record = await played(tmp_path, [READ, WRITE])
    assert granted(judged) == ["read"]
    assert [type(one) for one in record if isinstance(one, PolicyLocked)] == [PolicyLocked]


async def test_an_enrolment_that_somebody_else_could_change_is_locked(
    pin: Path, tmp_path: Path
) -> None:
    pin.chmod(0o666)
    judged, record = await played(tmp_path, [READ, WRITE])
    assert granted(judged) == ["read"]
    (locked,) = [one for one in record if isinstance(one, PolicyLocked)]
    assert "can be written by others" in locked.reason


class TestOffline:
    """Fresh: as ever. Past the timestamp: reading as before, the rest asks. Past the snapshot: locked."""

    async def test_fresh(self, org: Organisation, pin: Path, tmp_path: Path, clock: Clock) -> None:
        unreachable(org)
        clock.forward(days=2.9)
        judged, _ = await played(tmp_path, [READ, WRITE], mode="run")
        assert [one.decision.effect for one in judged] == ["allow", "allow"]

    async def test_past_the_timestamp(
        self, org: Organisation, pin: Path, tmp_path: Path, clock: Clock
    ) -> None:
        unreachable(org)
        clock.forward(days=3.1)
        judged, record = await played(tmp_path, [READ, WRITE], mode="run")
        assert [one.decision.effect for one in judged] == ["allow", "ask"]
        assert judged[1].decision.sticky
        assert "narrowing/stale#ask" in judged[1].decision.rules
        assert "org sync" in judged[1].decision.grant
        (found,) = [one for one in record if isinstance(one, BundleInForce)]
        assert found.state == "stale"
        assert "was last renewed 3 days ago" in found.why

    async def test_what_the_org_denies_stays_denied_while_stale(
        self, org: Organisation, pin: Path, tmp_path: Path, clock: Clock
    ) -> None:
        unreachable(org)
        clock.forward(days=5)
        judged, _ = await played(tmp_path, [("workspace.shell", {"command": "ls"})])
        assert granted(judged) == []

    async def test_past_the_snapshot(
        self, org: Organisation, pin: Path, tmp_path: Path, clock: Clock
    ) -> None:
        unreachable(org)
        clock.forward(days=14.1)
        judged, record = await played(tmp_path, [READ, WRITE])
        assert granted(judged) == ["read"]
        (locked,) = [one for one in record if isinstance(one, PolicyLocked)]
        assert "the policy's signed term is over: snapshot was signed until" in locked.reason


class TestRevocations:
    async def test_of_its_bundle_reaches_a_running_session(
        self, org: Organisation, pin: Path, tmp_path: Path
    ) -> None:
        session = await opened(tmp_path, script(tmp_path, [READ, WRITE]), "run")
        digest = next(one.bundle for one in session.opening if isinstance(one, BundleInForce))
        revoke(org, "bundle", digest, "lets customers' data out")
        org.rolled_out("second")
        assert sync_here(pin).after == 2
        events = await turn(session)
        await session.close("done", 0)
        judged = [one for one in events if isinstance(one, ToolJudged)]
        assert [one.decision.rules for one in judged] == [(RULE,), (RULE,)]
        assert "lets customers' data out" in judged[0].reply
        (told,) = [one for one in events if isinstance(one, BundleRevoked)]
        assert "lets customers' data out" in told.reason
        assert verify_session(session.folder).ok

    async def test_of_an_extension_reaches_a_running_session_and_stops_that_alone(
        self, org: Organisation, pin: Path, tmp_path: Path
    ) -> None:
        session = await opened(tmp_path, script(tmp_path, [READ, ("git.status", {})]), "run")
        revoke(org, "extension", "git", "CVE")
        assert sync_here(pin).outcome == "renewed"
        events = await turn(session)
        await session.close("done", 0)
        effects = [one.decision.effect for one in events if isinstance(one, ToolJudged)]
        assert effects == ["allow", "deny"]
        (told,) = [one for one in events if isinstance(one, BundleRevoked)]
        assert told.extensions == ("git",)
        again = await opened(tmp_path, script(tmp_path, []), "run")
        assert "git" not in {tool.extension for tool in again.offered}
        await again.close("done", 0)

    async def test_of_the_digest_of_tools_leaves_other_digests_alone(
        self, org: Organisation, pin: Path, tmp_path: Path
    ) -> None:
        revoke(org, "extension", f"git@{'ab' * 32}", "an old one")
        sync_here(pin)
        judged, _ = await played(tmp_path, [("git.status", {})])
        assert RULE not in judged[0].decision.rules

    async def test_of_a_person_reaches_a_running_session_and_the_next(
        self, org: Organisation, pin: Path, tmp_path: Path
    ) -> None:
        session = await opened(tmp_path, script(tmp_path, [READ]), "run")
        started = session.opening[0]
        user = getattr(started, "principal").user  # noqa: B009
        revoke(org, "principal", f"user:{user}", "left")
        sync_here(pin)
        events = await turn(session)
        await session.close("done", 0)
        assert [e.decision.effect for e in events if isinstance(e, ToolJudged)] == ["deny"]
        with pytest.raises(ConfigError, match="was revoked: left"):
            await opened(tmp_path, script(tmp_path, [READ]), "run")

    async def test_the_session_itself_asks_the_server(
        self, org: Organisation, pin: Path, tmp_path: Path
    ) -> None:
        """Nobody runs `org sync`: the session's own look brings the revocation in."""
        session = await opened(tmp_path, script(tmp_path, [READ]), "run")
        user = getattr(session.opening[0], "principal").user  # noqa: B009
        revoke(org, "principal", f"user:{user}", "left")
        watch = session._ground.watch  # pyright: ignore[reportPrivateUsage]
        assert watch is not None
        assert watch.poll_s == 60
        watch.poll()
        events = await turn(session)
        await session.close("done", 0)
        assert [e.decision.effect for e in events if isinstance(e, ToolJudged)] == ["deny"]
        assert [e.outcome for e in events if isinstance(e, BundleSynced)] == ["renewed"]
        assert [e.reason for e in events if isinstance(e, BundleRevoked)] == [
            f"user:{user} was revoked: left"
        ]

    async def test_a_look_that_is_refused_is_on_record_once(
        self, org: Organisation, pin: Path, tmp_path: Path
    ) -> None:
        session = await opened(tmp_path, script(tmp_path, [READ]), "run")
        (org.published / "metadata/timestamp.json").write_bytes(b"{}")
        watch = session._ground.watch  # pyright: ignore[reportPrivateUsage]
        assert watch is not None
        watch.poll()
        watch.poll()
        events = await turn(session)
        await session.close("done", 0)
        assert [e.err for e in events if isinstance(e, BundleSynced)][:1] == ["malformed"]
        assert [e.decision.effect for e in events if isinstance(e, ToolJudged)] == ["allow"]


def revoke(org: Organisation, kind: str, what: str, why: str) -> None:
    found = revoking.revocations(org.repository, "acme")
    revoking.set_revocations(
        org.repository, revoking.revoked(found, kind, what, why), signer=org.people["cy"]
    )
    org.after(minutes=1).publish()


class TestCommands:
    def test_status_says_what_holds_and_until_when(
        self, pin: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run_command_line(["org", "status"]) == 0
        out = capsys.readouterr().out
        assert "acme 1: prod, ring everyone, fresh" in out
        assert "approved by ana, bo" in out
        assert "fresh until" in out
        assert "(14 days)" in out

    def test_status_of_a_locked_machine_is_78(
        self, org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:  # fmt: skip
        enrolled_here(org, tmp_path, monkeypatch)
        assert run_command_line(["org", "status"]) == 78
        assert "LOCKED, reading only: this machine is enrolled, but has no policy bundle yet" in capsys.readouterr().out  # fmt: skip

    def test_sync_puts_a_refusal_on_record_and_exits_with_78(
        self, org: Organisation, pin: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (org.published / "metadata/timestamp.json").write_bytes(b"{}")
        assert run_command_line(["org", "sync"]) == 78
        assert "refused (malformed)" in capsys.readouterr().err
        assert run_command_line(["session", "list"]) == 0
        assert "org" in capsys.readouterr().out

    def test_join_takes_no_root_on_trust(
        self, org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:  # fmt: skip
        file = org_folders(tmp_path, monkeypatch)
        own = tmp_path / "own/org.json"
        url = str(org.published)
        assert run_command_line(["org", "join", url, "--org", "acme"]) == 2
        assert (
            run_command_line(["org", "join", url, "--org", "acme", "--root-sha256", "ab" * 32])
            == 78
        )
        said = capsys.readouterr().err
        assert "devagent: not enrolled: this is not the root" in said
        assert said.count("is not the root") == 1
        assert org.root_sha256 in said
        assert run_command_line(["org", "join", url, "--org", "acme", "--root-sha256", "ab"]) == 2
        assert "64 hexadecimal digits" in capsys.readouterr().err
        assert not file.exists()
        assert not own.exists()
        arguments = ["org", "join", url, "--org", "acme", "--root-sha256", org.root_sha256]
        assert run_command_line(arguments) == 0
        assert "updated: revision 1" in capsys.readouterr().out
        assert run_command_line(arguments) == 78
        assert "enrolled already" in capsys.readouterr().err
        assert run_command_line(["org", "leave"]) == 0

    def test_a_server_out_of_reach_does_not_undo_a_join(
        self, org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:  # fmt: skip
        org_folders(tmp_path, monkeypatch)
        unreachable(org)
        arguments = ["org", "join", str(org.published), "--org", "acme"]
        assert run_command_line([*arguments, "--root-sha256", "ab" * 32]) == 78
        assert "`devagent org leave` ends it" in capsys.readouterr().err
        assert run_command_line(["org", "status"]) == 78
        assert "`devagent org sync` asks the server again" in capsys.readouterr().out

    def test_the_policy_commands_speak_of_the_bundle(
        self, pin: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run_command_line(["policy", "show"]) == 0
        assert "org/acme" in capsys.readouterr().out
        assert run_command_line(["policy", "lint"]) == 0
        capsys.readouterr()


async def test_the_cache_of_an_older_state_is_seen_by_the_record(
    org: Organisation, pin: Path, tmp_path: Path
) -> None:
    """A session ran on revision 2; then cache and marks were put back to when there was revision 1."""
    home = Path(places().data).parent
    shutil.copytree(home, tmp_path / "backup", symlinks=True)
    org.after(minutes=5).rolled_out("second")
    sync_here(pin)
    _, record = await played(tmp_path, [READ])
    assert [one.revision for one in record if isinstance(one, BundleInForce)] == [2]
    for part in ("cache", "data/org-marks.json"):
        target = home / part
        if target.is_dir():
            shutil.rmtree(target)
            shutil.copytree(tmp_path / "backup" / part, target, symlinks=True)
        else:
            shutil.copy(tmp_path / "backup" / part, target)
    unreachable(org)
    _, record = await played(tmp_path, [READ])
    (locked,) = [one for one in record if isinstance(one, PolicyLocked)]
    assert "an older state was offered than this machine has seen" in locked.reason
