"""Where files lie: the environment moves one person's, never the organisation's."""

import os
import sys
from pathlib import Path

import pytest

from devagent.settings import places as module
from devagent.settings.places import ORG_FOLDER, places
from devagent.settings.policies import org_file

XDG = {
    "XDG_CONFIG_HOME": "/x/config",
    "XDG_STATE_HOME": "/x/state",
    "XDG_DATA_HOME": "/x/data",
    "XDG_CACHE_HOME": "/x/cache",
}


def test_the_xdg_folders_are_used() -> None:
    here = places(XDG)
    assert here.config == "/x/config/devagent/config.toml"
    assert here.policy == "/x/config/devagent/policy.toml"
    assert here.sessions == "/x/state/devagent/sessions"
    assert here.data == "/x/data/devagent"
    assert here.cache == "/x/cache/devagent/policy"


def test_without_them_their_defaults_below_the_home_are(home: Path) -> None:
    here = places({})
    assert here.config == f"{home}/.config/devagent/config.toml"
    assert here.sessions == f"{home}/.local/state/devagent/sessions"
    assert here.data == f"{home}/.local/share/devagent"
    assert here.cache == f"{home}/.cache/devagent/policy"


@pytest.mark.parametrize("relative", ["", "config", "./config", "../config", "~/config"])
def test_a_relative_xdg_folder_is_ignored(home: Path, relative: str) -> None:
    assert places({"XDG_CONFIG_HOME": relative}).config == f"{home}/.config/devagent/config.toml"


def test_devagent_home_moves_everything_of_one_person() -> None:
    here = places({**XDG, "DEVAGENT_HOME": "/h"})
    assert here.config == "/h/config.toml"
    assert here.policy == "/h/policy.toml"
    assert {here.sessions, here.data, here.cache} == {"/h/sessions", "/h/data", "/h/cache"}


def test_devagent_home_may_be_relative_or_begin_with_a_tilde(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert places({"DEVAGENT_HOME": "h/../k"}).config == f"{tmp_path}/k/config.toml"
    assert places({"DEVAGENT_HOME": "~/h"}).config == f"{home}/h/config.toml"


def test_the_process_environment_is_asked_where_none_is_given(home: Path) -> None:
    assert places().config == f"{home}/devagent/config.toml"


def test_every_place_is_absolute() -> None:
    for env in ({}, XDG, {"DEVAGENT_HOME": "h"}):
        here = places(env)
        for path in (here.config, here.policy, here.sessions, here.data, here.cache):
            assert os.path.isabs(path)


def test_nothing_in_the_environment_moves_the_organisation(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEVAGENT_HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "DEVAGENT_ORG", "HOME"):
        monkeypatch.setenv(name, "/elsewhere")
    assert org_file() == f"{ORG_FOLDER}/policy.toml"
    assert ORG_FOLDER in places().own()


def test_what_is_devagents_own_covers_every_place() -> None:
    for env in (XDG, {"DEVAGENT_HOME": "/h"}):
        here = places(env)
        own = here.own()
        for path in (here.config, here.policy, here.sessions, here.data, here.cache):
            assert any(path == one or path.startswith(f"{one}/") for one in own), path


def test_windows_has_its_own_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "platform", "win32")
    assert sys.platform == "win32"
    env = {"APPDATA": "/roaming", "LOCALAPPDATA": "/local", **XDG}
    here = places(env)
    assert here.config == "/roaming/devagent/config.toml"
    assert here.sessions == "/local/devagent/sessions"
