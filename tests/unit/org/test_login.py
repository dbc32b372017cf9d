"""Who runs this, by an OpenID provider in a process of its own, and by CI's tokens; believed by the keys in the bundle alone."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devagent.cli.entry import run_command_line
from devagent.core.errors import ConfigError
from devagent.core.events.session import SessionStarted
from devagent.org import principals
from devagent.session.who import LOGIN
from devagent.settings.places import places
from tests.support.keyrings import Ring, in_memory
from tests.support.oidc_provider import CLIENT, Running, provider
from tests.support.org_machine import enrolled_here, played, sync_here
from tests.support.org_repository import Organisation

READ = ("workspace.read", {"path": "a.txt"})


@pytest.fixture(scope="module")
def process() -> Iterator[Running]:
    with provider() as running:
        yield running


@pytest.fixture
def issuer(process: Running) -> Running:
    process.set(expires_in=300, claims={}, alg="ES256")
    return process


@pytest.fixture
def ring() -> Iterator[Ring]:
    with in_memory() as made:
        yield made


def jwk(issuer: Running) -> str:
    return "{ " + ", ".join(f'{key} = "{value}"' for key, value in issuer.key.items()) + " }"


def enrol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: Running, *, required: bool = True
) -> None:
    text = (
        f'[oidc]\nissuer = "{issuer.issuer}"\nclient_id = "{CLIENT}"\nrequired = {str(required).lower()}\nkeys = [{jwk(issuer)}]\n'
        f'[[ci]]\nissuer = "{issuer.issuer}"\naudience = "{CLIENT}"\ngroups = ["ci"]\nkeys = [{jwk(issuer)}]\n'
    )
    org = Organisation(tmp_path, publish=False)
    org.promote(org.build("first", files={principals.FILE: text.encode()}))
    org.publish()
    assert sync_here(enrolled_here(org, tmp_path, monkeypatch)).outcome == "updated"


async def who(tmp_path: Path) -> Any:
    _, record = await played(tmp_path, [READ], mode="run")
    (started,) = [one for one in record if isinstance(one, SessionStarted)]
    return started.principal


def log_in(issuer: Running, monkeypatch: pytest.MonkeyPatch, *, code: int = 0) -> None:
    """The device flow, with somebody who enters the code while it is waited for."""
    asked: list[str] = []

    def told(where: str, user_code: str) -> None:
        asked.append(f"{where}?code={user_code}")

    def waited(seconds: float) -> None:
        assert seconds >= 1
        issuer.get(asked[0])

    monkeypatch.setattr("devagent.cli.org.login._tell", told)
    monkeypatch.setattr(time, "sleep", waited)
    assert run_command_line(["org", "login"]) == code


async def test_nobody_works_without_a_login_where_it_is_required(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: Running, ring: Ring
) -> None:
    enrol(tmp_path, monkeypatch, issuer)
    with pytest.raises(ConfigError, match="run `devagent org login`"):
        await who(tmp_path)


async def test_the_device_flow_says_who_and_in_which_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: Running, ring: Ring, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    enrol(tmp_path, monkeypatch, issuer)
    log_in(issuer, monkeypatch)
    assert "you are ana@acme.example (eng, data)" in capsys.readouterr().out
    found = await who(tmp_path)
    assert (found.user, found.groups) == ("ana@acme.example", ("eng", "data"))
    kept = [value for (_, name), value in ring.kept.items() if name.startswith("org-login:")]
    assert len(kept) == 1
    for file in Path(places().data).rglob("*"):
        assert not file.is_file() or kept[0].encode() not in file.read_bytes()


async def test_the_code_with_pkce_by_a_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: Running, ring: Ring
) -> None:
    enrol(tmp_path, monkeypatch, issuer)

    def browse(url: str) -> None:
        threading.Thread(target=issuer.get, args=(url,)).start()

    monkeypatch.setattr("devagent.cli.org.login._browse", browse)
    assert run_command_line(["org", "login", "--browser"]) == 0
    assert (await who(tmp_path)).user == "ana@acme.example"


async def test_a_login_that_is_over_is_renewed_by_the_keyring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: Running, ring: Ring
) -> None:
    enrol(tmp_path, monkeypatch, issuer)
    log_in(issuer, monkeypatch)
    over = Path(places().data, LOGIN)
    issuer.set(expires_in=-3_600)
    over.write_bytes(json.loads(issuer.get("/ci"))["value"].encode())
    issuer.set(expires_in=300)
    assert (await who(tmp_path)).user == "ana@acme.example"
    ring.kept.clear()
    issuer.set(expires_in=-3_600)
    over.write_bytes(json.loads(issuer.get("/ci"))["value"].encode())
    with pytest.raises(ConfigError, match="ExpiredSignatureError"):
        await who(tmp_path)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"alg": "stranger"}, "InvalidSignatureError"),
        ({"alg": "none"}, "no key of"),
        ({"alg": "HS256"}, "no key of"),
        ({"claims": {"iss": "https://other.example"}}, "InvalidIssuerError"),
        ({"claims": {"aud": "another"}}, "InvalidAudienceError"),
        ({"expires_in": -3_600}, "ExpiredSignatureError"),
        ({"claims": {"email": ""}}, "says nothing of email"),
        ({"claims": {"email_verified": False}}, "has not verified"),
        ({"claims": {"email_verified": "false"}}, "has not verified"),
    ],
)
def test_a_token_that_is_not_to_be_believed(
    settings: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    issuer: Running, ring: Ring, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    enrol(tmp_path, monkeypatch, issuer)
    issuer.set(**settings)
    log_in(issuer, monkeypatch, code=78)
    assert says in capsys.readouterr().err
    assert not Path(places().data, LOGIN).exists()


@pytest.mark.parametrize(
    "claims",
    [
        {"repository": "acme/shop", "ref": "refs/heads/main", "actor": "bo"},
        {"project_path": "acme/shop", "ref": "refs/heads/main", "user_login": "bo"},
    ],
)
@pytest.mark.parametrize("asked_for", [True, False])
async def test_a_ci_job_is_its_repository_and_ref_on_behalf_of_who_started_it(
    claims: dict[str, str], asked_for: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: Running, ring: Ring
) -> None:  # fmt: skip
    enrol(tmp_path, monkeypatch, issuer)
    issuer.set(claims=claims)
    if asked_for:  # as GitHub's runners have it
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{issuer.issuer}/ci?x=1")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner")
    else:
        monkeypatch.setenv("DEVAGENT_ID_TOKEN", json.loads(issuer.get("/ci"))["value"])
    found = await who(tmp_path)
    assert found.ci == "acme/shop@refs/heads/main"
    assert (found.user, found.groups, found.on_behalf_of) == ("", ("ci",), "bo")
    assert "ci:acme/shop@refs/heads/main" in found.names()


async def test_a_forged_ci_token_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, issuer: Running, ring: Ring
) -> None:
    enrol(tmp_path, monkeypatch, issuer, required=False)
    issuer.set(alg="stranger", claims={"repository": "acme/shop", "ref": "refs/heads/main"})
    monkeypatch.setenv("DEVAGENT_ID_TOKEN", json.loads(issuer.get("/ci"))["value"])
    with pytest.raises(ConfigError, match="who runs this is not known"):
        await who(tmp_path)
