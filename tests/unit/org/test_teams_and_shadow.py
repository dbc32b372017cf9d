"""What stands beside the organisation's own file: teams' files, a candidate in the shadow, and who people are."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devagent.core.errors import ConfigError
from devagent.core.events.calls import ToolJudged
from devagent.core.events.ground import BundleInForce, PolicyLoaded
from devagent.core.events.session import SessionStarted
from devagent.core.principal import Principal
from devagent.core.verdicts import Request
from devagent.org import approving, delegating, principals, release
from devagent.org.approving import Evidence
from devagent.org.libraries import Metadata
from devagent.org.refusals import Refused
from devagent.settings.identity import principal
from devagent.settings.places import places
from devagent.settings.policies import SignedFile, SignedPolicy, effective_policy
from tests.support.org_machine import enrolled_here, opened, played, script, sync_here, turn
from tests.support.org_repository import Enrolled, Organisation, signer

READ = ("workspace.read", {"path": "a.txt"})
WRITE = ("workspace.write", {"path": "b.txt", "content": "two\n"})
ENVELOPE = """\
version = 1
name = "acme"
layer = "org"
default = "ask"

[groups]
data-eng = ["user:{me}"]

[[rule]]
id = "read"
effect = "allow"
classes = ["read"]

[[delegate]]
to = ["team"]
effect = "allow"
tools = ["workspace.write"]
"""
TEAM = """\
version = 1
name = "data"
layer = "team"

[[rule]]
id = "write"
effect = "allow"
tools = ["workspace.*"]

[[rule]]
id = "no-c"
effect = "deny"
resources = ["path:c.txt"]
"""


class Team(Organisation):
    """With a team ``data`` of Di's, for one group."""

    def __init__(self, folder: Path, group: str = "group:data-eng") -> None:
        super().__init__(folder)
        policy = ENVELOPE.replace("{me}", principal().user)
        self.promote(self.build("org", policy=policy))
        self.di = signer("di")
        delegating.add_team(self.repository, "data", [self.di.public_key], 1, [group])
        self.sign_all()
        release.put_team_policy(self.repository, "data", TEAM.encode(), signer=self.di)
        self.publish()


async def test_a_team_speaks_within_the_organisations_envelope_for_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = Team(tmp_path)
    assert sync_here(enrolled_here(org, tmp_path, monkeypatch)).outcome == "updated"
    run = ("workspace.shell", {"command": "ls"})
    denied = ("workspace.write", {"path": "c.txt", "content": "x"})
    judged, record = await played(tmp_path, [READ, WRITE, run, denied])
    # Writing is within the envelope; running is not, so the org's default stands.
    assert [one.decision.effect for one in judged] == ["allow", "allow", "ask", "deny"]
    assert judged[1].decision.rules == ("team/data#write",)
    loaded = [(one.layer, one.name) for one in record if isinstance(one, PolicyLoaded)]
    assert loaded == [("org", "acme"), ("team", "data")]
    (found,) = [one for one in record if isinstance(one, BundleInForce)]
    assert found.versions["team-data"] == 1


async def test_a_teams_file_is_not_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = Team(tmp_path, "group:others")
    sync_here(enrolled_here(org, tmp_path, monkeypatch))
    judged, _ = await played(tmp_path, [WRITE])
    assert judged[0].decision.effect == "ask"


async def test_what_a_lapsed_team_forbids_goes_on_and_what_it_allows_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = Team(tmp_path)
    # python-tuf takes no delegated role that is over: it was brought here while it held.
    fresh = enrolled_here(org, tmp_path, monkeypatch)
    assert sync_here(fresh).outcome == "updated"
    from devagent.org import in_force

    teams = in_force._teams  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(in_force, "_teams", lambda t, f, now: teams(t, f, now + 40 * 86_400))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    denied = ("workspace.write", {"path": "c.txt", "content": "x"})
    judged, _ = await played(tmp_path, [WRITE, denied])
    assert [one.decision.effect for one in judged] == ["ask", "deny"]


async def test_what_a_lapsed_teams_allows_owe_and_refuse_goes_on(tmp_path: Path) -> None:
    org = b'version = 1\nname = "acme"\ndefault = "ask"\n[[rule]]\nid = "all"\neffect = "allow"\n'
    team = b"""version = 1
name = "data"
layer = "team"

[[rule]]
id = "masked"
effect = "allow"
tools = ["sql.query"]
obligations = { mask = { "tag:pii.*" = "hash" } }

[[rule]]
id = "only-small"
effect = "allow"
tools = ["git.push"]
when = { "args.force" = false }
otherwise = "deny"
"""
    signed = SignedPolicy(
        (SignedFile("org", "org.toml", org), SignedFile("team", "team.toml", team, lapsed=True))
    )
    policy = effective_policy(places({"DEVAGENT_HOME": str(tmp_path)}), signed=signed)
    asks = Request(principal=Principal(user="ana"), extension="sql", tool="query")
    assert policy.compiled.decide(asks).obligations == {"mask": {"tag:pii.*": "hash"}}
    forces = Request(
        principal=Principal(user="ana"), extension="git", tool="push", args={"force": True}
    )
    assert policy.compiled.decide(forces).effect == "deny"


async def test_a_team_that_lets_its_term_pass_keeps_nobody_from_the_organisations_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = Team(tmp_path)
    org.now -= timedelta(days=31)  # what the team signs is over
    release.put_team_policy(org.repository, "data", TEAM.encode(), signer=org.di)
    org.publish()
    org.now += timedelta(days=31)
    org.promote(org.build("later", policy=ENVELOPE.replace("{me}", principal().user)))
    org.publish()
    file = enrolled_here(org, tmp_path, monkeypatch)
    assert (sync_here(file).outcome, sync_here(file).after) == ("updated", 3)
    denied = ("workspace.write", {"path": "c.txt", "content": "x"})
    judged, _ = await played(tmp_path, [WRITE, denied])
    assert [one.decision.effect for one in judged] == ["ask", "deny"]


HOSTILE = {
    "the org's place": 'version = 1\nname = "acme"\nlayer = "org"\ndefault = "allow"\n\n[[rule]]\nid = "all"\neffect = "allow"\n',
    "an envelope of its own": 'version = 1\nname = "data"\nlayer = "org"\ndefault = "ask"\n\n[[delegate]]\nto = ["team"]\neffect = "allow"\n\n[[rule]]\nid = "all"\neffect = "allow"\n',
    "groups": 'version = 1\nname = "data"\nlayer = "team"\n\n[groups]\nadmins = ["user:*"]\n\n[[rule]]\nid = "all"\neffect = "allow"\n',
    "everything": 'version = 1\nname = "data"\nlayer = "team"\n\n[[rule]]\nid = "all"\neffect = "allow"\n',
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
async def test_a_team_gets_nothing_beyond_the_envelope_whatever_its_file_says(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = Team(tmp_path)
    release.put_team_policy(org.repository, "data", HOSTILE[what].encode(), signer=org.di)
    org.publish()
    sync_here(enrolled_here(org, tmp_path, monkeypatch))
    session = await opened(tmp_path, script(tmp_path, [("workspace.shell", {"command": "ls"})]))
    events = await turn(session)
    await session.close("done", 0)
    judged = [one for one in events if isinstance(one, ToolJudged)]
    assert not [one for one in judged if one.decision.effect == "allow"]
    assert session.policy.locked or [one.decision.effect for one in judged] == ["ask"]


@pytest.mark.parametrize("data", [b"version =", b"[" * 5000, b"\xff"])
@pytest.mark.parametrize("group", ["group:data-eng", "group:others"])
async def test_a_team_that_signs_nonsense_harms_itself_alone(
    data: bytes, group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = Team(tmp_path, group)
    release.put_team_policy(org.repository, "data", data, signer=org.di)
    org.publish()
    assert sync_here(enrolled_here(org, tmp_path, monkeypatch)).outcome == "updated"
    session = await opened(tmp_path, script(tmp_path, []))
    await session.close("done", 0)
    assert bool(session.policy.locked) is (group == "group:data-eng")


@pytest.mark.parametrize("group", ["group:data-eng", "group:others"])
async def test_a_team_that_signs_for_a_file_that_is_not_there_harms_itself_alone(
    group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = Team(tmp_path, group)
    for file in (org.published / "targets/team/data").iterdir():
        file.unlink()
    assert sync_here(enrolled_here(org, tmp_path, monkeypatch)).outcome == "updated"
    session = await opened(tmp_path, script(tmp_path, []))
    await session.close("done", 0)
    assert bool(session.policy.locked) is (group == "group:data-eng")


def test_a_teams_role_that_the_team_has_not_signed_is_refused(tmp_path: Path) -> None:
    org = Team(tmp_path)
    machine = org.machine(tmp_path / "m")
    assert machine.sync().outcome == "updated"
    server = org.after(hours=1).server()
    org.publish()
    metadata = Metadata[Any].from_bytes(server.files["metadata/1.team-data.json"])
    metadata.signed.version = 2
    metadata.signatures.clear()
    metadata.sign(org.people["ana"])
    release.put_team_policy(org.repository, "data", TEAM.encode(), signer=org.di)
    org.publish()
    forged = org.server().with_files({"metadata/2.team-data.json": metadata.to_bytes()})
    done = machine.sync(forged)
    assert (done.outcome, done.code) == ("refused", "signatures")
    assert machine.sync().outcome == "renewed"


def test_a_team_signs_nothing_outside_its_own_folder(tmp_path: Path) -> None:
    org = Team(tmp_path)
    machine = org.machine(tmp_path / "m")
    assert machine.sync().outcome == "updated"
    metadata = org.repository.change("team-data")
    metadata.signed.targets["prod/rings.json"] = org.repository.put("prod/rings.json", b"{}")
    org.repository.stage("team-data", metadata)
    org.repository.sign("team-data", org.di)
    org.publish()
    before = machine.client.in_force().digest
    assert machine.sync().outcome == "renewed"
    assert machine.client.in_force().digest == before


async def test_a_candidate_is_judged_and_logged_and_not_enforced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    org = Organisation(tmp_path)
    strict = org.build(
        "strict", policy='version = 1\nname = "acme"\nlayer = "org"\ndefault = "deny"\n'
    )
    evidence = Evidence({}, {}, {})
    repository = org.repository
    release.shadow(repository, "prod", strict, evidence, ring="", signer=org.people["ana"])
    approving.sign(repository, "env-prod", org.people["bo"])
    org.publish()
    pin = enrolled_here(org, tmp_path, monkeypatch)
    assert sync_here(pin).after == 1
    judged, record = await played(tmp_path, [READ, WRITE], mode="run")
    assert [one.decision.effect for one in judged] == ["allow", "allow"]
    assert [one.shadow.effect if one.shadow else "" for one in judged] == ["deny", "deny"]
    (found,) = [one for one in record if isinstance(one, BundleInForce)]
    assert found.shadow == strict.digest
    logged = [one for one in record if isinstance(one, ToolJudged)]
    assert [one.shadow.effect if one.shadow else "" for one in logged] == ["deny", "deny"]


def test_a_candidate_that_one_person_signed_is_not_even_fetched(tmp_path: Path) -> None:
    org = Organisation(tmp_path)
    machine = org.machine(tmp_path / "m")
    machine.sync()
    candidate = org.build("strict")
    evidence = Evidence({}, {}, {})
    release.shadow(org.repository, "prod", candidate, evidence, ring="", signer=org.people["ana"])
    assert org.publish() == []
    assert machine.sync().after == 1
    assert machine.client.in_force().shadow is None


class TestWho:
    def of(self, tmp_path: Path, text: str) -> Organisation:
        org = Organisation(tmp_path, publish=False)
        org.promote(org.build("first", files={principals.FILE: text.encode()}))
        org.publish()
        return org

    async def test_an_account_is_who_the_organisation_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        me = principal().user
        text = (
            f'[users.{me}]\nuser = "ana@acme.example"\ngroups = ["eng"]\non_behalf_of = "release"\n'
        )
        org = self.of(tmp_path, text)
        sync_here(enrolled_here(org, tmp_path, monkeypatch))
        judged, record = await played(tmp_path, [READ], mode="run")
        (started,) = [one for one in record if isinstance(one, SessionStarted)]
        for who in (started.principal, judged[0].principal):
            assert (who.user, who.groups, who.on_behalf_of) == (
                "ana@acme.example",
                ("eng",),
                "release",
            )

    async def test_an_account_that_it_does_not_know_is_locked_where_it_says_so(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        org = self.of(tmp_path, 'unknown = "refuse"\n')
        sync_here(enrolled_here(org, tmp_path, monkeypatch))
        with pytest.raises(ConfigError, match="knows no account"):
            await played(tmp_path, [READ], mode="run")

    def test_a_file_that_says_something_else_refuses_the_bundle(self, tmp_path: Path) -> None:
        org = self.of(tmp_path, '[users.ana]\nuser = "ana"\nadmin = true\n')
        machine: Enrolled = org.machine(tmp_path / "m")
        assert machine.sync().code == "policy"
        assert isinstance(machine.client.look(), Refused)
