"""``config.toml``: one bad entry refuses the file, with its place and what was meant."""

from pathlib import Path

import pytest

from devagent.core.errors import ConfigError
from devagent.settings.config import DEFAULT_MODEL, Config, load_config, parse_config

FILE = "/home/ana/.config/devagent/config.toml"


def refusal(text: str | bytes) -> ConfigError:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ConfigError) as raised:
        parse_config(data, FILE)
    return raised.value


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_config(str(tmp_path / "none.toml")) == Config()
    assert Config().model == DEFAULT_MODEL


def test_an_empty_file_is_the_defaults_too() -> None:
    assert parse_config(b"", FILE) == Config(file=FILE)


def test_each_value_is_taken_as_written() -> None:
    text = b"""
model = "claude-opus-5"
base_url = "https://gateway.example/v1"
max_tokens = 4000
stall_s = 10
give_up_s = 12.5

[extensions.sql]
sources = { shop = { type = "sqlite" } }
"""
    config = parse_config(text, FILE)
    assert (config.model, config.base_url) == ("claude-opus-5", "https://gateway.example/v1")
    assert (config.max_tokens, config.stall_s, config.give_up_s) == (4000, 10, 12.5)
    assert config.extensions == {"sql": {"sources": {"shop": {"type": "sqlite"}}}}


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ('model = "m"\nmodle = "x"', 2, 1, "unknown key 'modle'"),
        ("\n\n[extension.sql]\na = 1", 3, 1, "unknown key 'extension'"),
        ("model = 5", 1, 1, "model must be text or a table"),
        ("base_url = true", 1, 1, "base_url must be text"),
        ('# a comment\nmax_tokens = "many"', 2, 1, "max_tokens must be a whole number"),
        ("max_tokens = 1.5", 1, 1, "max_tokens must be a whole number"),
        ("max_tokens = true", 1, 1, "max_tokens must be a whole number"),
        ('stall_s = "long"', 1, 1, "stall_s must be a number"),
        ("stall_s = 0", 1, 1, "stall_s must be above 0"),
        ("give_up_s = -1", 1, 1, "give_up_s must be above 0"),
        ("stall_s = nan", 1, 1, "stall_s must be above 0"),
        ("give_up_s = inf", 1, 1, "below 10,000,000"),
        (f"max_tokens = {10**30}", 1, 1, "below 10,000,000"),
        ('extensions = "sql"', 1, 1, "extensions must be a table"),
        ('model = "m"\n[extensions]\nsql = 5', 3, 1, "extensions.sql must be a table"),
        ('model = "m', 1, 11, "not TOML"),
        ('model = "m"\nmodel = "n"', 2, 12, "not TOML"),
        ("a = " + "[" * 20_000, 1, 0, "nested too deeply"),
        (b'model = "\xff"', 1, 10, "is not UTF-8"),
        (b"\xef\xbb\xbfmodel = 1", 1, 1, "byte order mark"),
    ],
)
def test_every_error_has_its_place(text: str | bytes, line: int, column: int, said: str) -> None:
    error = refusal(text)
    assert said in error.what
    assert (error.file, error.line, error.column) == (FILE, line, column)
    place = f"{FILE}:{line}:{column}: " if column else f"{FILE}:{line}: "
    assert error.what.startswith(place)
    assert error.exit_code == 78


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("modle", "model"),
        ("baseurl", "base_url"),
        ("max_token", "max_tokens"),
        ("stalls", "stall_s"),
    ],
)
def test_the_nearest_name_is_told(slip: str, meant: str) -> None:
    assert refusal(f"{slip} = 1").hint == f"Did you mean {meant!r}?"


def test_where_none_is_near_all_are_told() -> None:
    hint = refusal("zzz = 1").hint
    assert all(key in hint for key in ("model", "base_url", "max_tokens", "extensions"))


def test_a_key_written_into_the_config_is_not_repeated_in_the_error() -> None:
    error = refusal('api_key = "sk-ant-secret"')
    assert "unknown key 'api_key'" in error.what
    assert "sk-ant-secret" not in str(error)


def test_a_config_that_others_can_write_is_refused_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('model = "m"')
    file.chmod(0o666)
    with pytest.raises(ConfigError, match="can be written by others"):
        load_config(str(file))


def test_a_config_that_cannot_be_reached_is_not_taken_for_none(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ConfigError, match="Not a directory"):
        load_config(str(file / "config.toml"))


def test_a_config_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('model = "m"\r\nstall_s = 3\r\n')
    file.chmod(0o600)
    text = 'model = "m"\nstall_s = 3\n'
    assert load_config(str(file)) == Config(file=str(file), model="m", stall_s=3, source=text)
