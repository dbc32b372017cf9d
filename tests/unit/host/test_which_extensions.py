"""Which extensions a session has, and what is known of their tools without a session."""

from pathlib import Path
from typing import Any

import pytest

from devagent.core.errors import ConfigError, UsageError
from devagent.host.configured import configured
from devagent.host.inprocess import InProcess
from devagent.host.known import KnownTools
from devagent.settings.config import parse_config
from tests.support.repositories import small

SHOP = {"sources": {"shop": {"type": "sqlite", "path": "shop.db", "env": "dev"}}}


def found(settings: dict[str, Any] | None = None, only: tuple[str, ...] = ()) -> list[InProcess]:
    made = configured(settings or {}, folder="/work", only=only, file="/home/ana/config.toml")
    for one in made:
        one.close()
    return made


def names(extensions: list[InProcess]) -> list[str]:
    return [one.manifest.reference.name for one in extensions]


def test_an_extension_without_needs_is_there_by_itself() -> None:
    assert "git" in names(found())


def test_one_that_needs_settings_is_there_when_it_has_them() -> None:
    assert "sql" not in names(found())
    assert "sql" not in names(found({"sql": {"sources": {}}}))
    assert "sql" in names(found({"sql": SHOP}))


def test_a_session_can_be_limited_to_some() -> None:
    assert names(found({"sql": SHOP}, only=("sql",))) == ["sql"]
    assert names(found({"sql": SHOP}, only=("git",))) == ["git"]


def test_one_that_is_switched_off_is_left_out() -> None:
    assert "git" not in names(found({"git": {"enabled": False}}))
    assert "git" in names(found({"git": {"enabled": True}}))


def test_one_that_is_switched_off_but_asked_for_is_an_error_and_not_silently_missing() -> None:
    with pytest.raises(UsageError, match=r"'git' is switched off in /home/ana/config\.toml"):
        found({"git": {"enabled": False}}, only=("git",))


@pytest.mark.parametrize("odd", ["false", 0, []])
def test_enabled_is_true_or_false_and_nothing_else(odd: Any) -> None:
    with pytest.raises(ConfigError, match=r"extensions\.git\.enabled must be true or false") as e:
        found({"git": {"enabled": odd}})
    assert e.value.file == "/home/ana/config.toml"


def test_one_that_was_asked_for_must_have_what_it_needs() -> None:
    with pytest.raises(ConfigError, match=r"'sql' needs \[extensions\.sql\] sources"):
        found(only=("sql",))


def test_an_unknown_name_is_wrong_usage_and_tells_the_known_ones() -> None:
    with pytest.raises(UsageError, match="there is no extension 'sqll'") as raised:
        found(only=("sqll",))
    assert "git" in raised.value.hint
    assert "sql" in raised.value.hint


def test_a_strangers_extension_in_the_config_is_never_ignored() -> None:
    with pytest.raises(ConfigError, match=r"extensions\.odd") as raised:
        found({"odd": {}})
    assert raised.value.file == "/home/ana/config.toml"
    assert "enabled = false" in raised.value.hint
    assert "odd" not in names(found({"odd": {"enabled": False}}))


def test_a_known_tool_is_judged_as_the_gate_would(tmp_path: Path) -> None:
    repository = small(tmp_path / "shop")
    extensions = configured({}, folder=str(repository), only=("git",), file="")
    known = KnownTools(extensions)("git", "log")
    assert known is not None
    assert known.tool_class == "read"
    assert "limit_rows" in known.can
    completed = known.complete({})
    assert completed["limit"] > 0
    assert "repo:." in [resource.id for resource in known.resources(completed)]
    for one in extensions:
        one.close()


def test_what_a_known_tool_cannot_name_is_told(tmp_path: Path) -> None:
    extensions = configured({}, folder=str(tmp_path), only=("git",), file="")
    known = KnownTools(extensions)("git", "log")
    assert known is not None
    with pytest.raises(ValueError, match="repository"):
        known.resources(known.complete({}))
    for one in extensions:
        one.close()


def test_tools_of_others_are_not_known() -> None:
    known = KnownTools(found())
    assert known("git", "burn") is None
    assert known("mail", "log") is None


@pytest.mark.parametrize(
    ("text", "place", "said", "hint"),
    [
        ("[extensions.sql]\nsourcs = {}\n", "2:1", "no setting 'sourcs'", "'sources'"),
        ("[extensions.sql]\nsources = 3\n", "2:1", "sources must be a table", ""),
        ("[extensions.git]\n\nfoo = 1\n", "3:1", "no setting 'foo'", "Known: enabled"),
    ],
)
def test_a_setting_that_the_extension_does_not_know_is_an_error_with_its_place(
    text: str, place: str, said: str, hint: str
) -> None:
    config = parse_config(text.encode(), "/home/ana/config.toml")
    with pytest.raises(ConfigError, match=said) as caught:
        configured(config.extensions, folder="/work", only=(), file=config.file, fault=config.fault)
    assert str(caught.value).startswith(f"/home/ana/config.toml:{place}: ")
    assert hint in caught.value.hint
