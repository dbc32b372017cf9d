"""What a run keeps on the disk: its secrets in no file, while the model and the person saw what there was."""

from pathlib import Path

import pytest

from devagent.audit.reader import read
from devagent.audit.verify import verify_session
from tests.support.command_line import KEY, devagent, logs, own_file, sessions
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.repositories import git
from tests.support.synthetic_secrets import secrets
from tests.support.workplace import ADD, POLICY, workplace

PASSWORD = "vier-mal-sieben-28"
TOKEN = next(secret for kind, secret, _ in secrets(10) if kind == "github-token")


@pytest.fixture
def work(tmp_path: Path, home: Path) -> Path:
    return workplace(tmp_path, home)


def on_disk() -> bytes:
    return b"\n".join(path.read_bytes() for path in sessions().rglob("*") if path.is_file())


async def test_a_run_leaves_its_secrets_on_no_disk_and_is_resumed_with_placeholders(
    work: Path,
) -> None:
    own_file("policy.toml", f'{POLICY}\n[log]\nredact = ["pii"]\n')
    message = f"Use {TOKEN}, tell ana@acme.example"
    steps = [
        Step(calls=[ADD, Call("git__commit", {"message": message, "allow_secrets": ["*"]})]),
        Step(text=f"I used {TOKEN} and {PASSWORD}; my own key is {KEY}."),
    ]
    env = {"DB_PASSWORD": PASSWORD}
    async with MessagesServer(steps) as server:
        done = await devagent("run", f"It is {PASSWORD}", server=server, cwd=work, env=env)
        (log,) = logs()
        again = await devagent(
            "run", "Go on", "--resume", Path(log).name, server=server, cwd=work, env=env
        )
    assert done.code == 0, done.stderr
    assert done.stdout == f"I used {TOKEN} and {PASSWORD}; my own key is {KEY}.\n"
    assert git(work, "log", "-1", "--format=%B").strip() == message
    assert again.code == 6  # no step is left: what counts is what was asked
    resumed = str(server.requests[-1].body["messages"])
    assert "It is [redacted:environment:" in resumed
    assert "my own key is [redacted:model-key:" in resumed
    disk = on_disk()
    for secret in (PASSWORD, TOKEN, KEY, "ana@acme.example"):
        assert secret not in resumed
        assert secret.encode() not in disk
    kinds = {kind for one in read(log) for kind in one.header.get("redacted", {})}
    assert {"environment", "github-token", "model-key", "email"} <= kinds
    assert verify_session(log).ok
