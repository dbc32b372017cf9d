"""What every test stands on: a fresh home, no keys, a fixed terminal, and no network but loopback."""

import ipaddress
import os
import re
import socket
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.verifiers import disagreements

settings.register_profile(
    "devagent",
    # CI runs every test on few cores, a developer the one that matters just now.
    max_examples=50 if "CI" in os.environ else 100,
    deadline=None,
    # In CI the same examples each time, so that a red run says something about the change.
    derandomize="CI" in os.environ,
    database=None,
    # The fixtures below are the same for each example; nothing in them is used up.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("devagent")

UNWANTED = re.compile(
    r"(DEVAGENT|ANTHROPIC|CLAUDE|OPENAI|AWS|GOOGLE|AZURE|GIT|SSH|XDG|OTEL|PROMPT_TOOLKIT)_.*"
    r"|.*_(API_KEY|TOKEN|SECRET|PASSWORD)|.*_PROXY|SSL_CERT_(FILE|DIR)"
    r"|PAGER|EDITOR|VISUAL|NO_COLOR|FORCE_COLOR|CLICOLOR.*|COLORTERM|LANG|LC_.*|PYTHON.*",
    re.IGNORECASE,
)
"""Variables that change what devagent or git does, or hold a secret."""


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def git_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("git") / "config"
    file.write_text(
        "[user]\n\tname = Test Person\n\temail = test@example.invalid\n"
        "[init]\n\tdefaultBranch = main\n[commit]\n\tgpgSign = false\n[gc]\n\tauto = 0\n",
        encoding="utf-8",
    )
    return file


def surroundings(home: Path, git_config: Path) -> Mapping[str, str]:
    """The variables of a person who has just got this machine."""
    return {
        "HOME": str(home),
        "USER": "tester",
        "LOGNAME": "tester",
        "DEVAGENT_HOME": str(home / "devagent"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "XDG_STATE_HOME": str(home / ".local/state"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "GIT_CONFIG_GLOBAL": str(git_config),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TERM": "xterm-256color",
        "COLUMNS": "80",
        "LINES": "24",
        "PROMPT_TOOLKIT_NO_CPR": "1",
    }


@pytest.fixture(autouse=True)
def both_verifiers_agree(
    request: pytest.FixtureRequest, home: Path, loopback_only: None
) -> Generator[None]:
    """The second verifier judges every log that a test leaves in its home or in ``tmp_path/sessions`` as the first."""
    places = [home / "devagent/sessions"]
    if "tmp_path" in request.fixturenames:
        places.append(request.getfixturevalue("tmp_path") / "sessions")
    yield
    found = [text for place in places if place.is_dir() for text in disagreements(place)]
    assert found == []


@pytest.fixture(autouse=True)
def home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, git_config: Path
) -> Path:
    """An empty home folder, outside ``tmp_path``, so that a test may take that as its workspace.

    ``$DEVAGENT_HOME`` is below it and does not exist yet, as at a first run.
    """
    folder = tmp_path_factory.mktemp("home")
    for name in [name for name in os.environ if UNWANTED.fullmatch(name)]:
        monkeypatch.delenv(name)
    for name, value in surroundings(folder, git_config).items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets of this process reach loopback alone; anything else fails the test that tried.

    ``pytest.fail`` raises a BaseException, which no handler of connection errors swallows.
    """
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    sendto, getaddrinfo = socket.socket.sendto, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check(address)
        return connect_ex(self, address)

    def guarded_sendto(self: socket.socket, *arguments: Any) -> int:
        check(arguments[-1])
        return sendto(self, *arguments)

    def guarded_getaddrinfo(host: bytes | str | None, *arguments: Any, **named: Any) -> Any:
        check((host,))
        return getaddrinfo(host, *arguments, **named)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket.socket, "sendto", guarded_sendto)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)


def check(address: tuple[Any, ...] | str | bytes) -> None:
    """Fail the test for an address that is neither a Unix socket's nor loopback's."""
    if isinstance(address, tuple) and not is_loopback(address[0]):
        pytest.fail(f"the test tried to reach {address[0]}; only loopback is allowed")


def is_loopback(host: bytes | str | None) -> bool:
    """Whether a host of a socket address is this machine: ``localhost``, 127.0.0.0/8, ::1 or nothing."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host or "localhost"
    if name in {"localhost", "0.0.0.0", "::"}:
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False
