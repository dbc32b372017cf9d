"""The commands that keep the record, and a session under a policy that says how: sealed, witnessed, held."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from devagent.audit.device import Device
from devagent.audit.layout import BODIES, KEYS, newest_first
from devagent.audit.reader import read
from devagent.audit.sealing import new_identity
from devagent.audit.unanchored import Queue
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.cli.collector import collector
from devagent.cli.session import session
from devagent.core.errors import ConfigError, LogError, UsageError
from devagent.core.events import Event
from devagent.core.events.calls import ToolJudged
from devagent.repl.approver import Unattended
from devagent.session import Options, open_session
from devagent.settings.places import places
from tests.support.collectors import collecting
from tests.support.log_events import started, story, ticking, write_story

SCRIPT = """
name = "tour"
[[reply]]
text = "To work."
[[reply.call]]
name = "read"
tool = "workspace.read"
args = { path = "a.txt" }
[[reply.call]]
name = "write"
tool = "workspace.write"
args = { path = "b.txt", content = "hello there" }
[[reply]]
text = "That was it."
"""
ALLOW = """
[[rule]]
id = "here"
effect = "allow"
tools = ["workspace.*"]
"""


def run(*args: str) -> Result:
    return CliRunner().invoke(session, args)


def policy(text: str) -> None:
    path = Path(places().policy)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    path.write_text(f"version = 1\n{text}")
    path.chmod(0o600)


async def worked(tmp_path: Path) -> tuple[str, list[Event]]:
    """A session that reads one file and writes another; its folder and events."""
    (tmp_path / "work").mkdir(exist_ok=True)
    (tmp_path / "work/a.txt").write_text("hello\n")
    script = tmp_path / "tour.toml"
    script.write_text(SCRIPT)
    opened = await open_session(
        Options(
            folder=str(tmp_path / "work"),
            mode="run",
            approver=Unattended(),
            model=f"rehearsal:{script}",
        )
    )
    try:
        events = [event async for event in opened.turn("Go on")]
    finally:
        await opened.close("done", 0)
    return opened.folder, events


def effects(events: list[Event]) -> dict[str, str]:
    return {one.tool: one.decision.effect for one in events if isinstance(one, ToolJudged)}


async def test_a_session_is_sealed_where_policy_names_reviewers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, public = new_identity()
    policy(f'{ALLOW}\n[log]\nreviewers = ["{public}"]\n')
    folder, _ = await worked(tmp_path)
    content = (Path(folder) / BODIES).read_bytes()
    assert b'"content"' not in content
    assert os.path.exists(os.path.join(folder, KEYS))
    assert "That was it." in run("show").stdout
    own = Path(places().data) / "age.key"
    assert own.stat().st_mode & 0o777 == 0o600
    assert run("search", "to", "work").stdout.startswith(Path(folder).name)
    own.rename(tmp_path / "age.key")
    assert "its content is sealed" in run("show").stdout
    assert "there is no key here" in run("verify").stdout
    identity = tmp_path / "reviewer.txt"
    identity.write_text(f"# the reviewer's\n{secret}\n")
    identity.chmod(0o600)
    monkeypatch.setenv("DEVAGENT_IDENTITY", str(identity))
    assert "That was it." in run("show").stdout
    monkeypatch.setenv("DEVAGENT_IDENTITY", str(tmp_path / "gone"))
    assert isinstance(run("show").exception, ConfigError)


async def test_a_witnessed_session_ends_anchored_and_verify_says_by_whom(tmp_path: Path) -> None:
    with collecting(tmp_path / "collector") as running:
        policy(ALLOW + running.policy)
        _, events = await worked(tmp_path)
        assert effects(events) == {"read": "allow", "write": "allow"}
        said = run("verify")
        assert "acme-witness has cosigned the first" in said.stdout
        assert "come after them" not in said.stdout
        assert run("anchor").stderr == "Nothing waits for the witness.\n"


async def test_writes_are_denied_once_the_record_waits_too_long_and_reading_is_not(
    tmp_path: Path,
) -> None:
    with collecting(tmp_path / "collector") as running:
        pass
    late = "deny_writes_after_minutes = 5\n"
    policy(ALLOW + running.policy + late)
    folder, events = await worked(tmp_path)
    assert effects(events) == {"read": "allow", "write": "allow"}
    queue = Queue(places().data)
    queue.put("01KA0000000000000000000000", 1)
    folder, events = await worked(tmp_path)
    assert effects(events) == {"read": "allow", "write": "deny"}
    (judged,) = [one for one in events if isinstance(one, ToolJudged) and one.tool == "write"]
    assert judged.decision.rules == ("floor#unanchored",)
    assert "until then only reading goes on" in judged.decision.reason
    assert verify_session(folder).ok
    assert "waits: it cannot be reached" in run("anchor").stdout
    with collecting(tmp_path / "collector") as running:
        policy(ALLOW + running.policy + late)
        _, events = await worked(tmp_path)
        assert effects(events) == {"read": "allow", "write": "allow"}
        assert list(queue.sessions()) == []


def test_erase_records_who_and_why_and_asks_first() -> None:
    folder = write_story(places().sessions, story())
    assert isinstance(run("erase", "last", "--reason", "asked").exception, UsageError)
    assert isinstance(run("erase", "last", "--reason", " ", "--yes").exception, UsageError)
    assert run("erase", "last").exit_code == 2
    done = run("erase", "last", "--reason", "asked to", "--events", "2-3", "--yes")
    assert "erased the content of one event, as event" in done.stdout
    *_, last = read(folder)
    assert last.header["range"] == [2, 3]
    assert last.header["reason"] == "asked to"
    assert last.header["principal"]["user"]
    assert "was erased by" in run("show").stdout
    again = run("erase", "last", "--reason", "asked to", "--events", "3-3", "--yes")
    assert "there is no content left" in again.stdout
    assert isinstance(run("erase", "last", "--reason", "x", "--events", "3-", "--yes").exception, UsageError)  # fmt: skip
    assert run("verify").exit_code == 0


def test_what_a_person_writes_beside_a_log_holds_no_secret_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_story(places().sessions, story())
    by_shape, by_name = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" * 2, "correct-horse-battery"
    monkeypatch.setenv("SHOP_PASSWORD", by_name)
    for secret in (by_shape[:40], by_name):
        for command in (("hold",), ("release",), ("erase", "--yes", "--events", "2")):
            done = run(*command, "last", "--reason", f"it was {secret} that leaked")
            assert done.exit_code == 0, done.exception
        assert "no secret" in str(run("rename", "last", f"about {secret}").exception)
        assert run("rename", "last", "about a secret").exit_code == 0
        kept = [one for one in Path(places().sessions).rglob("*") if one.is_file()]
        assert len(kept) > 5
        assert [one for one in kept if secret.encode() in one.read_bytes()] == []
    policy("[log]\nredact = 1")
    assert run("hold", "last", "--reason", f"{by_shape[:40]} and ana@example.com").exit_code == 0
    said = next(Path(places().sessions).rglob("hold")).read_text().splitlines()[-1]
    assert said.count("[redacted:") == 2


def test_a_hold_of_policy_or_of_a_person_keeps_what_is_there() -> None:
    folder = write_story(places().sessions, story())
    assert run("hold", "last", "--reason", "case 12").exit_code == 0
    assert isinstance(run("erase", "last", "--reason", "x", "--yes").exception, LogError)
    assert "is held no longer" in run("release", "last", "--reason", "closed").stdout
    assert isinstance(run("release", "last", "--reason", "closed").exception, UsageError)
    policy('name = "legal"\n[log]\nhold = true\nkeep_days = 1\n')
    held = run("erase", "last", "--reason", "x", "--yes").exception
    assert "legal holds all sessions" in str(held)
    assert verify_session(folder).bodies


def test_prune_says_what_it_would_do_and_then_does_it() -> None:
    root = places().sessions
    device = Device(places().data)
    at = 1_700_000_000_000_000_000
    folders: list[str] = []
    for number in range(2):
        with SessionLog.create(
            root, clock=ticking(at + number * 1_000_000_000), device=device
        ) as log:
            for event in [started(device.begin(root, log.sid)[0]), *story()[1:]]:
                log.write(event)
        folders.append(log.folder)
    assert "does not say how long" in run("prune").stderr
    run("hold", Path(folders[0]).name, "--reason", "case 12")
    policy('name = "acme"\n[log]\nkeep_content_days = 30\n')
    dry = run("prune", "--dry-run").stdout
    assert "left as it is: held by" in dry
    assert "would be content erased" in dry
    assert all(verify_session(folder).bodies for folder in folders)
    assert isinstance(run("prune").exception, UsageError)
    assert run("prune", "--yes").exit_code == 0
    assert [bool(verify_session(folder).bodies) for folder in folders] == [True, False]
    policy('name = "acme"\n[log]\nkeep_days = 30\n')
    lines = [json.loads(line) for line in run("prune", "--yes", "--format", "json").stdout.splitlines()]  # fmt: skip
    assert [(line["action"], line["done"]) for line in lines] == [("remove", False), ("remove", True)]  # fmt: skip
    assert verify_session(folders[1]).removed
    assert "removed, as its tombstone says" in run("verify", "--all").stdout
    assert run("verify", "--all").exit_code == 0
    assert [Path(folder).name for folder in newest_first(root)] == [
        Path(folder).name for folder in sorted(folders, reverse=True)
    ]
    assert "removed" in run("list").stdout


def test_what_keeps_the_record_is_checked_when_a_policy_is_read() -> None:
    write_story(places().sessions, story())
    for line, what in (
        ('reviewers = ["ana@example.org"]', "must be an age recipient"),
        ("keep_days = 0", "at least 1"),
        ('hold = "yes"', "must be true or false"),
        ('witness = { url = "ftp://x" }', "must be an https:// address"),
        ('witness = { key = "x" }', "must be a verifier key"),
        ("witness = { deny_writes_after_minutes = 1.5 }", "must be a whole number"),
    ):
        policy(f"[log]\n{line}\n")
        assert what in str(run("prune").exception), line


def test_a_collector_prints_its_key_and_lets_devices_in(tmp_path: Path) -> None:
    device = Device(str(tmp_path / "device"))
    data = ["--data", str(tmp_path / "collector")]

    def ask(*args: str) -> Result:
        return CliRunner().invoke(collector, [*args, *data])

    assert ask("key").stdout == ask("key").stdout != ""
    assert "is let in" in ask("add", device.vkey).stdout
    assert isinstance(ask("add", "nobody").exception, UsageError)
    assert ask("devices").stdout.startswith(f"{device.id}      0 sessions")
    assert isinstance(ask("serve", "--listen", "nowhere").exception, UsageError)


def test_a_folder_of_sessions_that_came_from_elsewhere_is_verified_session_by_session(
    tmp_path: Path,
) -> None:
    came = tmp_path / "from-ana"
    device = Device(str(tmp_path / "anas"))
    folders: list[Path] = []
    for second in (1, 2):
        clock = ticking(second * 1_000_000_000)
        with SessionLog.create(str(came), clock=clock, device=device) as log:
            for event in [started(device.begin(str(came), log.sid)[0]), *story()[1:]]:
                log.write(event)
        folders.append(Path(log.folder))
    whole, changed = folders
    told = run("verify", str(came))
    assert told.exit_code == 0
    assert told.stdout.startswith("verify: ok 2 sessions, ")
    events = (changed / "events.jsonl").read_bytes()
    (changed / "events.jsonl").write_bytes(events.replace(b'"user":"ana"', b'"user":"bob"'))
    told = run("verify", str(came))
    assert told.exit_code == 1
    assert told.stdout.startswith("verify: FAILED 1 of 2 sessions\n")  # and nothing about gaps
    assert f"ok {whole.name}" in told.stdout
    data = json.loads(run("verify", str(came), "--format", "json").stdout)
    assert (data["ok"], "gaps" in data) == (False, False)
    assert {Path(one["folder"]).name: one["ok"] for one in data["sessions"]} == {
        whole.name: True,
        changed.name: False,
    }
    assert isinstance(run("verify", str(came), "--listing", "x").exception, UsageError)
    assert run("verify", str(tmp_path)).exit_code == 1  # also from further above
    (tmp_path / "empty").mkdir()
    assert "is missing" in run("verify", str(tmp_path / "empty")).stdout
