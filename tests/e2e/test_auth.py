"""``devagent auth`` as a process, with a keyring that a backend module keeps: the key goes there and nowhere else."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.command_line import ROOT, Finished, devagent
from tests.support.messages_server import MessagesServer, Step
from tests.support.repositories import small

KEY = "sk-ant-test-7d02ab9c41"
BACKEND = """
import json, os
from keyring.backend import KeyringBackend

class Ring(KeyringBackend):
    priority = 1
    path = os.environ["TEST_RING"]

    def _kept(self):
        if not os.path.exists(self.path):
            return {}
        with open(self.path) as file:
            return json.load(file)

    def _keep(self, kept):
        with open(self.path, "w") as file:
            json.dump(kept, file)

    def get_password(self, service, username):
        return self._kept().get(f"{service}/{username}")

    def set_password(self, service, username, password):
        self._keep({**self._kept(), f"{service}/{username}": password})

    def delete_password(self, service, username):
        kept = self._kept()
        del kept[f"{service}/{username}"]
        self._keep(kept)
"""


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    """Where the stand-in keyring keeps what it is given."""
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend/ring_of_a_test.py").write_text(BACKEND)
    return tmp_path / "ring.json"


def environment(ring: Path) -> Mapping[str, str]:
    paths = (ROOT, ROOT / "extensions", ROOT / "policies", ring.parent / "backend")
    return {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHON_KEYRING_BACKEND": "ring_of_a_test.Ring",
        "TEST_RING": str(ring),
        "ANTHROPIC_API_KEY": "",
    }


def kept(ring: Path) -> object:
    return json.loads(ring.read_text()) if ring.exists() else {}


def files_with(text: str) -> Iterator[str]:
    """The files of the person's home, devagent's own among them, that hold this."""
    for folder, _, names in os.walk(os.environ["DEVAGENT_HOME"]):
        for name in names:
            path = os.path.join(folder, name)
            if text.encode() in Path(path).read_bytes():
                yield path


async def test_a_key_goes_from_standard_input_by_the_services_check_to_the_keyring_and_into_runs_alone(
    ring: Path, tmp_path: Path
) -> None:
    env, work = environment(ring), small(tmp_path / "repository")
    said: list[Finished] = []
    async with MessagesServer([Step(text="models"), Step(text="Hello.")]) as server:
        login = await devagent("auth", "login", server=server, env=env, stdin=f"{KEY}\n".encode())
        assert (login.code, kept(ring)) == (0, {"devagent/anthropic": KEY})
        assert "The service takes it." in login.stdout
        run = await devagent("run", "Hi", server=server, env=env, cwd=work)
        assert (run.code, run.stdout) == (0, "Hello.\n")
        assert [r.path for r in server.requests] == ["/v1/models", "/v1/messages"]
        assert [r.headers["x-api-key"] for r in server.requests] == [KEY, KEY]
        assert KEY not in json.dumps(server.requests[1].body)
        said += [login, run, await devagent("auth", "status", server=server, env=env)]
        logout = await devagent("auth", "logout", server=server, env=env)
    assert (logout.stdout, kept(ring)) == ("Removed.\n", {})
    assert [one for one in said if KEY in one.stdout + one.stderr] == []
    assert list(files_with(KEY)) == []


async def test_a_key_that_the_service_refuses_reaches_no_keyring_and_is_not_repeated(
    ring: Path,
) -> None:
    refusal = Step(status=401, error="authentication_error", message="invalid", echo_key=True)
    async with MessagesServer([refusal]) as server:
        done = await devagent(
            "auth", "login", server=server, env=environment(ring), stdin=f"{KEY}\n".encode()
        )
    assert (done.code, kept(ring)) == (78, {})
    assert "the service refuses it" in done.stderr
    assert KEY not in done.stdout + done.stderr
    assert list(files_with(KEY)) == []


async def test_a_key_as_an_argument_is_wrong_usage(ring: Path) -> None:
    done = await devagent("auth", "login", KEY, env=environment(ring))
    assert (done.code, kept(ring)) == (2, {})
