"""What tests/conftest.py promises to every test."""

import os
import re
import socket
import subprocess
from pathlib import Path

import pytest


def test_a_socket_beyond_loopback_fails_the_test_whatever_catches_errors() -> None:
    def code_under_test() -> None:
        with socket.socket() as tcp:
            try:
                tcp.connect(("192.0.2.1", 80))
            except Exception:
                raise AssertionError("the guard can be swallowed") from None

    with pytest.raises(pytest.fail.Exception, match=r"192\.0\.2\.1"):
        code_under_test()


def test_a_name_beyond_this_machine_is_not_looked_up() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"example\.invalid"):
        socket.create_connection(("example.invalid", 443))


def test_loopback_works() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("localhost", port), timeout=5) as client:
            accepted, _ = server.accept()
            with accepted:
                client.sendall(b"hello")
                assert accepted.recv(5) == b"hello"


def test_home_is_empty_and_no_key_is_in_the_environment(home: Path) -> None:
    assert Path.home() == home
    assert list(home.iterdir()) == []
    keys = [name for name in os.environ if re.search(r"API_KEY|TOKEN|SECRET|_PROXY$", name, re.I)]
    assert keys == []


def test_git_commits_as_a_test_person(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", tmp_path, *arguments],
            check=True,
            capture_output=True,
            encoding="utf-8",
            timeout=30,
        )
        return done.stdout.strip()

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "--message", "first")
    assert git("log", "-1", "--format=%an <%ae> %D") == (
        "Test Person <test@example.invalid> HEAD -> main"
    )
