"""Who runs this: the operating system's answer, whatever the environment says."""

import os
import pwd

import pytest

from devagent.settings.identity import principal


def test_the_person_is_the_effective_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "mallory")
    who = principal()
    assert who.user == pwd.getpwuid(os.geteuid()).pw_name
    assert who.user != "mallory"
    assert (who.agent, who.groups, who.ci, who.on_behalf_of) == ("main", (), "", "")


def test_a_user_without_a_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_111)
    assert principal().user == "uid-4000111"


def test_the_agent_is_told_apart() -> None:
    assert principal("reviewer").names() >= {"agent:reviewer"}
