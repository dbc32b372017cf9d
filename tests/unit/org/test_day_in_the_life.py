"""A day in the life of an organisation's policy, by the commands that its people type: from the first key to a lost one."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from devagent.cli.entry import run_command_line
from devagent.core.events.calls import ToolJudged
from devagent.core.events.ground import BundleInForce, BundleRevoked
from devagent.org.client import Client
from devagent.org.in_force import InForce, Machine
from devagent.org.pin import Pin
from devagent.org.rollout import place
from devagent.org.sources import source_for
from devagent.session.watching import RULE
from devagent.settings.places import places
from devagent.settings.trusted_file import read_trusted
from tests.support.org_machine import opened, org_folders, played, script, turn

READ = ("workspace.read", {"path": "a.txt"})
WRITE = ("workspace.write", {"path": "b.txt", "content": "two\n"})
POLICY = """\
version = 1
name = "acme"
layer = "org"
default = "deny"

[[rule]]
id = "work"
effect = "allow"
classes = ["read", "write"]
why = "Everybody works in their workspace"
grant = "Ask #platform"
examples = [{ extension = "workspace", tool = "read", class = "read", resources = ["path:a.txt"], expect = "allow" }]
"""
NO_WRITES = """
[[rule]]
id = "frozen"
effect = "deny"
classes = ["write"]
why = "A slip: this was meant for production alone"
grant = "Ask #platform"
examples = [{ extension = "workspace", tool = "write", class = "write", resources = ["path:a.txt"], expect = "deny" }]
"""
NO_SECRETS = """
[[rule]]
id = "no-env"
effect = "deny"
resources = ["path:.env"]
why = "Secrets stay where they are"
grant = "Ask #platform"
examples = [{ extension = "workspace", tool = "read", class = "read", resources = ["path:.env"], expect = "deny" }]
"""


class Office:
    """The policy repository's folder, and who types there."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keys = folder / "identities"
        self.keys.mkdir()
        self.policy = folder / "policy"
        self._monkeypatch = monkeypatch
        self.number = 1

    def types(self, person: str, *words: str, code: int = 0) -> None:
        """Somebody types a command of ``devagent bundle``; the first word of what signs names them."""
        self._monkeypatch.setenv("DEVAGENT_IDENTITY", str(self.keys / f"{person}.key"))
        done = run_command_line(["bundle", words[0], "-C", str(self.policy), *words[1:]])
        self._monkeypatch.delenv("DEVAGENT_IDENTITY")
        assert done == code, words

    def writes(self, text: str) -> None:
        (self.policy / "content/policy/org.toml").write_text(text)

    def next_revision(self) -> None:
        settings = self.policy / "bundle.toml"
        text = settings.read_text()
        settings.write_text(
            text.replace(f"revision = {self.number}\n", f"revision = {self.number + 1}\n")
        )
        self.number += 1

    def up_to_test(self) -> None:
        """Built by Ana, and through dev and test."""
        self.types("ana", "build", "--as", "ana")
        for environment in ("dev", "test"):
            self.types("ana", "promote", environment, "--as", "ana")
            self.types("ci", "publish")

    def approved_and_out(self, person: str = "bo") -> None:
        self.types(person, "approve", "--as", person, "--yes")
        self.types("ci", "publish")

    def pin(self) -> Pin:
        from devagent.core.codec import sha256

        root = (self.policy / "published/metadata/1.root.json").read_bytes()
        return Pin(
            schema=1, org="acme", url=str(self.policy / "published"), root_sha256=sha256(root)
        )

    def machine(self, folder: Path, device: str) -> Client:
        folder.mkdir(mode=0o700)
        return Client(
            self.pin(),
            cache=str(folder),
            data=str(folder),
            read=read_trusted,
            machine=Machine(device, frozenset(), "0.5.0"),
        )


def revision(client: Client) -> int:
    """What the machine runs, once it has looked."""
    with closing(source_for(client.pin.url)) as source:
        done = client.sync(source)
    assert done.code == "", done.reason
    found = client.look()
    assert isinstance(found, InForce)
    return found.manifest.revision


async def test_a_day_in_the_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    org_folders(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    office = Office(tmp_path, monkeypatch)

    # Keys, roles, and the first bundle, through dev and test to prod with two people.
    for person in ("ana", "bo", "cy", "ci"):
        assert (
            run_command_line(["bundle", "keys", "identity", str(office.keys / f"{person}.key")])
            == 0
        )
    people = [f"--person={name}={office.keys / f'{name}.key'}" for name in ("ana", "bo", "cy")]
    arguments = ["bundle", "init", str(office.policy), "--org", "acme", *people]
    assert run_command_line([*arguments, "--ci", str(office.keys / "ci.key")]) == 0
    office.writes(POLICY)
    office.up_to_test()
    office.types("ana", "promote", "prod", "--as", "ana", code=2)  # nobody has replayed it
    assert "was not replayed" in capsys.readouterr().err
    office.types("ana", "promote", "prod", "--as", "ana", "--replay", "all")
    office.types("ci", "publish")
    office.types("ana", "approve", "--as", "ana", "--yes", code=2)  # not their own second person
    office.approved_and_out()
    office.types("ci", "verify")

    # Three machines: this one, one that will be in the canary ring, and one that will not.
    canary = next(name for name in map(str, range(1_000)) if place("acme", name) < 20)
    late = next(name for name in map(str, range(1_000)) if place("acme", name) >= 20)
    second, third = office.machine(tmp_path / "m2", canary), office.machine(tmp_path / "m3", late)
    arguments = ["org", "join", str(office.policy / "published"), "--org", "acme"]
    assert run_command_line([*arguments, "--root-sha256", office.pin().root_sha256]) == 0
    assert [revision(second), revision(third)] == [1, 1]
    judged, record = await played(tmp_path, [READ, WRITE], mode="run")
    assert [one.decision.effect for one in judged] == ["allow", "allow"]
    assert [one.revision for one in record if isinstance(one, BundleInForce)] == [1]

    # A bad rule: its own example passes, the replay of what people really did catches it.
    office.next_revision()
    office.writes(POLICY + NO_WRITES)
    office.up_to_test()
    capsys.readouterr()
    office.types("ana", "promote", "prod", "--as", "ana", "--replay", "all", code=1)
    told = capsys.readouterr().err
    assert "1 recorded calls would be answered otherwise" in told
    assert "org/acme#frozen" in told
    office.types("ana", "impact", "--replay", "all", "--exit-code", code=1)

    # The rule that was meant, first for a fifth of the machines, then for all.
    office.next_revision()
    office.writes(POLICY + NO_SECRETS)
    office.up_to_test()
    office.types("ana", "promote", "prod", "--as", "ana", "--replay", "all", "--ring", "canary", "--percent", "20")  # fmt: skip
    office.types("ci", "publish")
    assert [revision(second), revision(third)] == [1, 1]  # one person is not enough
    office.approved_and_out()
    assert [revision(second), revision(third)] == [3, 1]
    office.types("bo", "ring", "prod", "canary", "--everyone", "--as", "bo")
    office.approved_and_out("cy")
    assert [revision(second), revision(third)] == [3, 3]

    # It was not good after all: back, by two people, as a version that still rises.
    office.types("ana", "rollback", "prod", "--to", "1", "--as", "ana")
    office.approved_and_out()
    assert [revision(second), revision(third)] == [4, 4]
    assert b"no-env" not in second.in_force().read("policy/org.toml")
    assert second.in_force().manifest.rollback_of == 1

    # A bundle is revoked while a session runs under it: the session asks the server, and is stopped.
    assert run_command_line(["org", "sync"]) == 0
    session = await opened(tmp_path, script(tmp_path, [READ]), "run")
    digest = next(one.bundle for one in session.opening if isinstance(one, BundleInForce))
    office.next_revision()
    office.next_revision()
    office.writes(POLICY + NO_SECRETS.replace("no-env", "no-env-at-all"))
    office.up_to_test()
    office.types("ana", "promote", "prod", "--as", "ana", "--replay", "all")
    office.types("bo", "approve", "--as", "bo", "--yes")
    for kind, nothing in (
        ("bundle", digest[:4]), ("bundle", "ab" * 32), ("key", "ab" * 32), ("extension", "git@12ab"), ("principal", "user:"), ("principal", "mallory"),
    ):  # fmt: skip
        office.types(
            "bo", "revoke", kind, nothing, "--why", "it names nothing", "--as", "bo", code=2
        )
    capsys.readouterr()
    # As short as the commands show it.
    office.types("bo", "revoke", "bundle", digest[:12], "--why", "it lets .env out", "--as", "bo")
    office.types("ci", "publish")
    watch = session._ground.watch  # pyright: ignore[reportPrivateUsage]
    assert watch is not None
    watch.poll()
    events = await turn(session)
    await session.close("policy", 3)
    assert [e.decision.rules for e in events if isinstance(e, ToolJudged)] == [(RULE,)]
    assert ["it lets .env out" in e.reason for e in events if isinstance(e, BundleRevoked)] == [
        True
    ]
    assert [revision(second), revision(third)] == [5, 5]

    # Bo's key is lost, and Cy's root key stolen: both are replaced by the others, and machines follow.
    office.types("ana", "keys", code=2)
    capsys.readouterr()
    for name, sealed_for in (("bo", "bo"), ("root-cy", "cy")):
        monkeypatch.setenv("DEVAGENT_IDENTITY", str(office.keys / "ana.key"))
        rotate = ["bundle", "keys", "rotate", name, "-C", str(office.policy)]
        assert run_command_line([*rotate, "--for", str(office.keys / f"{sealed_for}.key")]) == 0
    office.types("ana", "approve", "--as", "ana", "--yes")
    office.types("cy", "approve", "--as", "cy", "--yes")
    office.types("bo", "approve", "--as", "bo", "--yes")
    office.types("ci", "publish")
    assert [revision(second), revision(third)] == [5, 5]
    versions = second.in_force().chosen.trusted.versions()
    assert versions["root"] == 2
    assert "bo" not in second.in_force().approved.by

    # Bo goes on with the new key.
    office.next_revision()
    office.writes(POLICY)
    office.up_to_test()
    office.types("ana", "promote", "prod", "--as", "ana", "--replay", "all")
    office.approved_and_out("bo")
    assert [revision(second), revision(third)] == [6, 6]

    # What an administrator sees of the fleet.
    capsys.readouterr()
    office.types("ana", "status", places().sessions)
    told = capsys.readouterr().out
    assert "1 machine; the newest revision is 6" in told
    assert run_command_line(["org", "status"]) == 0
    assert os.environ["DEVAGENT_HOME"] in places().sessions
