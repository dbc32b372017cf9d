"""The key's encrypted file: opened by its passphrase alone, found after the keyring, shown nowhere."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from devagent.cli.auth import auth
from devagent.cli.passphrase import asked_beforehand
from devagent.core.errors import ConfigError
from devagent.settings.credentials import find_credential
from devagent.settings.key_file import VARIABLE, KeyFile, passphrase_of
from devagent.settings.places import places
from tests.support.keyrings import in_memory

KEY = "sk-ant-test-0123456789"
PHRASE = "correct horse battery"


def kept() -> KeyFile:
    file = KeyFile(places().data)
    file.keep(KEY, PHRASE)
    return file


def phrase_file(folder: Path, text: str = f"{PHRASE}\n") -> Path:
    path = folder / "phrase"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_what_was_kept_comes_back_and_the_file_shows_none_of_it() -> None:
    file = kept()
    data = Path(file.path).read_bytes()
    assert KEY.encode() not in data
    assert PHRASE.encode() not in data
    assert os.stat(file.path).st_mode & 0o777 == 0o600
    assert file.open(PHRASE) == KEY


def test_the_same_key_is_sealed_anew_each_time() -> None:
    file = kept()
    first = Path(file.path).read_bytes()
    kept()
    assert Path(file.path).read_bytes() != first


def test_another_passphrase_opens_nothing() -> None:
    with pytest.raises(ConfigError, match="does not open") as refused:
        kept().open("correct horse batterx")
    assert PHRASE not in str(refused.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [("n", 1 << 30), ("n", 2), ("r", 1), ("v", 2), ("sealed", ""), ("salt", "!")],
)
def test_a_changed_file_is_refused(field: str, value: object) -> None:
    file = kept()
    plain = json.loads(Path(file.path).read_bytes())
    Path(file.path).write_text(json.dumps({**plain, field: value}))
    with pytest.raises(ConfigError):
        file.open(PHRASE)


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(ConfigError, match="too short"):
        KeyFile(places().data).keep(KEY, "short")


def test_it_is_found_after_environment_and_keyring(tmp_path: Path) -> None:
    kept()
    environment = {**os.environ, VARIABLE: str(phrase_file(tmp_path))}
    with in_memory() as ring:
        found = find_credential(environment)
        assert (found.kind, found.value, found.source) == ("api_key", KEY, "the encrypted file")
        ring.kept["devagent", "anthropic"] = "of the keyring"
        assert find_credential(environment).value == "of the keyring"
    assert find_credential({**environment, "ANTHROPIC_API_KEY": "env"}).value == "env"


def test_somebody_is_asked_only_where_that_is_possible() -> None:
    kept()
    with in_memory():
        with pytest.raises(ConfigError, match="nobody can be asked"):
            find_credential(os.environ)
        assert find_credential(os.environ, ask=lambda: PHRASE).value == KEY


def test_a_passphrase_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = phrase_file(tmp_path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="others can read"):
        passphrase_of({VARIABLE: str(path)})
    with pytest.raises(ConfigError, match="no such file"):
        passphrase_of({VARIABLE: str(tmp_path / "gone")})


def test_login_status_and_logout_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(phrase_file(tmp_path)))
    runner = CliRunner()
    with in_memory():
        login = runner.invoke(auth, ["login", "--file", "--no-check"], input=f"{KEY}\n")
        assert (login.exit_code, KEY in login.output) == (0, False), login.output
        status = runner.invoke(auth, ["status"])
        assert "comes from the encrypted file" in status.output
        assert runner.invoke(auth, ["logout"]).output == "Removed.\n"
        assert not KeyFile(places().data).is_there()


def test_login_without_keyring_and_passphrase_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    done = CliRunner().invoke(auth, ["login", "--no-check"], input=f"{KEY}\n")
    assert isinstance(done.exception, ConfigError)
    assert not KeyFile(places().data).is_there()


def test_a_chat_asks_before_it_takes_the_screen_and_only_where_nothing_else_gives_the_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("click.prompt", lambda *_, **__: PHRASE)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with in_memory() as ring:
        assert asked_beforehand() is None  # there is no file
        kept()
        ask = asked_beforehand()
        assert ask is not None
        assert find_credential(os.environ, ask=ask).value == KEY
        ring.kept["devagent", "anthropic"] = KEY
        assert asked_beforehand() is None
        ring.kept.clear()
        monkeypatch.setenv(VARIABLE, str(phrase_file(tmp_path)))
        assert asked_beforehand() is None
