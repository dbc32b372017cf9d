"""``chat``'s arguments, ``auth``, ``config`` and ``doctor``: what they say, and what they never show."""

import asyncio
import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from click.testing import CliRunner, Result
from keyring.backends.null import Keyring as NoKeyring
from keyring.errors import KeyringLocked
from msgspec.structs import replace

from devagent.cli.auth import auth
from devagent.cli.chat import chat
from devagent.cli.config import config
from devagent.cli.doctor import doctor
from devagent.cli.entry import run_command_line
from devagent.core.errors import ConfigError, UsageError
from devagent.settings import places as places_module
from devagent.settings.config import Config, parse_config
from tests.support.keyrings import Ring, in_memory
from tests.support.messages_server import MessagesServer, Step

KEY = "sk-ant-test-0123456789"


@pytest.fixture
def ring() -> Iterator[Ring]:
    with in_memory() as made:
        yield made


@pytest.fixture(autouse=True)
def nobody_enrolled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "etc"
    monkeypatch.setattr(places_module, "ORG_FOLDER", str(folder))
    return folder


@pytest.fixture
def settings(home: Path) -> Path:
    folder = home / "devagent"
    folder.mkdir(mode=0o700)
    return folder


def configure(settings: Path, text: str) -> Path:
    file = settings / "config.toml"
    file.write_text(text)
    file.chmod(0o600)
    return file


class TestChat:
    def refusal(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
        assert run_command_line(["chat", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        return err

    def at_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for stream in (sys.stdin, sys.stdout):
            monkeypatch.setattr(stream, "isatty", lambda: True)

    def test_it_needs_a_terminal_and_names_the_command_for_scripts(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        err = self.refusal(capsys)
        assert "chat needs a terminal" in err
        assert "devagent run" in err

    def test_so_does_the_bare_program(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run_command_line([]) == 2
        assert "chat needs a terminal" in capsys.readouterr().err

    def test_a_folder_that_is_not_there_is_wrong_usage(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.at_a_terminal(monkeypatch)
        assert "there is no folder /no/such" in self.refusal(capsys, "-C", "/no/such")

    def test_two_sessions_to_go_on_with_are_wrong_usage(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.at_a_terminal(monkeypatch)
        err = self.refusal(capsys, "--continue", "--resume", "01ABC")
        assert "--continue and --resume name two sessions" in err

    def test_an_odd_option_is_wrong_usage(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "No such option '--yolo'" in self.refusal(capsys, "--yolo")

    def test_a_second_prompt_is_wrong_usage(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "unexpected extra argument" in self.refusal(capsys, "hello", "you")

    def test_it_is_a_click_command_of_its_own(self) -> None:
        result = CliRunner().invoke(chat, ["--help"])
        assert result.exit_code == 0
        assert "--continue" in result.output


class TestAuth:
    @pytest.fixture(autouse=True)
    def nobody_answers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as taken:  # a port where nobody listens
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{port}")

    async def checked(self, monkeypatch: pytest.MonkeyPatch, step: Step, typed: str) -> Result:
        async with MessagesServer([step]) as server:
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.base_url)
            result = await asyncio.to_thread(self.run, "login", typed=typed)
            assert [r.path for r in server.requests] == ["/v1/models"]
            assert server.requests[0].headers["x-api-key"] == KEY
        return result

    async def test_a_key_is_checked_before_it_is_kept(
        self, ring: Ring, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        result = await self.checked(monkeypatch, Step(text="models"), f"{KEY}\n")
        assert ring.kept == {("devagent", "anthropic"): KEY}
        assert "The service takes it." in result.output

    async def test_a_key_that_the_service_refuses_is_not_kept(
        self, ring: Ring, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        step = Step(status=401, error="authentication_error", message="invalid", echo_key=True)
        with pytest.raises(ConfigError, match="the service refuses it") as raised:
            await self.checked(monkeypatch, step, f"{KEY}\n")
        assert ring.kept == {}
        assert KEY not in str(raised.value)

    def test_a_service_that_cannot_be_asked_is_said_and_the_key_kept(self, ring: Ring) -> None:
        result = self.run("login", typed=f"{KEY}\n")
        assert "Not checked: Cannot connect" in result.output
        assert ring.kept == {("devagent", "anthropic"): KEY}
        assert "Not checked: as asked" in self.run("login", "--no-check", typed=f"{KEY}\n").output

    def run(self, *arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(
            auth, list(arguments), input=typed, catch_exceptions=False, standalone_mode=False
        )

    def test_a_key_is_asked_for_kept_and_not_echoed(self, ring: Ring) -> None:
        result = self.run("login", typed=f"  {KEY} \n")
        assert ring.kept == {("devagent", "anthropic"): KEY}
        assert KEY not in result.output
        assert f"Kept in {ring.name}" in result.output

    @pytest.mark.parametrize("typed", ["\n", "   \n"])
    def test_no_key_is_wrong_usage(self, ring: Ring, typed: str) -> None:
        with pytest.raises(UsageError, match="no key was given"):
            self.run("login", typed=typed)
        assert ring.kept == {}

    @pytest.mark.parametrize("typed", ["two words\n", "a\x07b\n", "a\u200bb\n"])
    def test_what_no_key_can_be_is_refused_and_not_repeated(self, ring: Ring, typed: str) -> None:
        with pytest.raises(UsageError, match="that is not a key") as raised:
            self.run("login", typed=typed)
        assert typed.strip() not in str(raised.value)
        assert ring.kept == {}

    def test_a_keyring_that_cannot_be_used_is_told_before_anything_is_typed(
        self, ring: Ring
    ) -> None:
        ring.fails = KeyringLocked("locked")
        with pytest.raises(ConfigError, match="not usable: KeyringLocked") as raised:
            self.run("login")  # nothing is typed: that would be another error
        assert "ANTHROPIC_API_KEY" in raised.value.hint

    def test_a_key_may_be_piped_in_without_a_warning_about_the_terminal(self, ring: Ring) -> None:
        result = self.run("login", typed=f"{KEY}\nand a second line\n")
        assert ring.kept == {("devagent", "anthropic"): KEY}
        assert (result.stderr, result.stdout.startswith("Kept in ")) == ("", True)

    def test_without_a_keyring_nothing_is_kept_anywhere(self, home: Path) -> None:
        before = keyring.get_keyring()
        keyring.set_keyring(NoKeyring())
        try:
            with pytest.raises(ConfigError, match="no keyring can keep the key"):
                self.run("login", typed=f"{KEY}\n")
        finally:
            keyring.set_keyring(before)
        assert not [path for path in home.rglob("*") if path.is_file()]

    def test_logout_says_whether_there_was_a_key(self, ring: Ring) -> None:
        ring.kept["devagent", "anthropic"] = KEY
        assert self.run("logout").output == "Removed.\n"
        assert self.run("logout").output.startswith("There was no key in the keyring, and no")

    def test_status_says_where_the_key_comes_from_and_never_what_it_is(
        self, ring: Ring, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ring.kept["devagent", "anthropic"] = KEY
        assert self.run("status").output == "The key comes from the keyring.\n"
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        result = self.run("status")
        assert result.output == "The key comes from ANTHROPIC_API_KEY.\n"
        assert result.return_value == 0

    def test_status_without_a_key_is_78_and_says_what_to_do(self, ring: Ring) -> None:
        result = self.run("status")
        assert result.return_value == 78
        assert "devagent auth login" in result.output
        assert ring.asked == 1


class TestConfig:
    def run(self, *arguments: str) -> str:
        result = CliRunner().invoke(config, list(arguments), catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    def test_what_is_shown_is_a_config_of_the_defaults(self) -> None:
        shown = self.run("show")
        assert "is not there: these are the defaults" in shown
        assert 'model = "claude-sonnet-5-5"' in shown
        assert parse_config(shown.encode(), "shown") == replace(
            Config(), file="shown", source=shown
        )

    def test_what_is_written_is_shown_but_of_extensions_the_names_alone(
        self, settings: Path
    ) -> None:
        configure(
            settings,
            'model = { main = "m", headers = { x = "hunter2" } }\nundo = "off"\n'
            '[platforms.local]\ntype = "openai"\nbase_url = "http://127.0.0.1:1/hunter2"\n'
            '[extensions.sql]\nsources = { shop = { password = "hunter2" } }\n[extensions.git]\n',
        )
        shown = self.run("show")
        assert 'model = "m"' in shown
        assert 'undo = "off"' in shown
        assert "[model]  # main, headers" in shown
        assert "[platforms.local]  # type, base_url" in shown
        assert "[extensions.sql]  # sources" in shown
        assert "[extensions.git]  # defaults" in shown
        data = json.loads(self.run("show", "--format", "json"))
        assert data["extensions"] == {"git": [], "sql": ["sources"]}
        assert data["terminal"]["theme"] == "auto"
        assert "hunter2" not in shown + str(data)

    def test_paths_are_told_with_whether_they_are_there(
        self, settings: Path, nobody_enrolled: Path
    ) -> None:
        configure(settings, "")
        lines = dict(line.split(maxsplit=1) for line in self.run("path").splitlines())
        assert lines["config"] == f"{settings}/config.toml"
        assert lines["policy"] == f"{settings}/policy.toml  (not there)"
        assert lines["organisation"] == f"{nobody_enrolled}/policy.toml  (not there)"
        assert (Path(lines["ready-made"]) / "git-safe.toml").is_file()

    def test_a_broken_config_is_78_with_its_place(
        self, settings: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = configure(settings, "modle = 1\n")
        assert run_command_line(["config", "show"]) == 78
        assert f"{file}:1:1: unknown key 'modle'" in capsys.readouterr().err


class TestDoctor:
    def run(self) -> tuple[int, dict[str, str]]:
        """The exit code, and what is said of each thing, ``ok`` or ``FIX`` first."""
        result = CliRunner().invoke(doctor, catch_exceptions=False, standalone_mode=False)
        told = [line for line in result.output.splitlines() if not line.startswith("  ")]
        assert all(line.startswith(("ok    ", "FIX   ")) for line in told)
        pairs = (line[6:].partition(": ") for line in told)
        words = dict(zip((p[0] for p in pairs), (line[:3].strip() for line in told), strict=True))
        return result.return_value, {**words, "output": result.output}

    def test_a_working_installation_is_all_ok(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        code, told = self.run()
        assert code == 0, told["output"]
        assert "FIX" not in told["output"]
        assert "org/baseline" in told["output"]
        assert KEY not in told["output"]

    def test_a_missing_key_is_to_be_mended(self, ring: Ring) -> None:
        code, told = self.run()
        assert (code, told["key"]) == (1, "FIX")
        assert "devagent auth login" in told["output"]
        assert ring.asked == 1

    def test_one_fault_does_not_hide_the_others(
        self, settings: Path, ring: Ring, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure(settings, "modle = 1\n")
        (settings / "policy.toml").write_text("not toml")
        (settings / "policy.toml").chmod(0o600)
        (settings / "sessions").write_text("a file in its place")
        (settings / "sessions").chmod(0o755)
        monkeypatch.setenv("PATH", str(settings))
        code, told = self.run()
        assert code == 1
        for name in ("config", "policy", "key", "sessions", "git"):
            assert told[name] == "FIX", name
        assert told["principal"] == "ok"
        assert told["extension git"] == "ok"
        assert ring.asked == 1

    def test_a_setting_that_no_extension_has_is_to_be_mended(
        self, settings: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        configure(settings, "[extensions.git]\nspeed = 1\n")
        code, told = self.run()
        assert (code, told["extensions"]) == (1, "FIX")
        assert "has no setting 'speed'" in told["output"]

    def test_a_model_of_a_platform_of_ones_own_needs_no_key_of_the_service(
        self, settings: Path, ring: Ring
    ) -> None:
        configure(
            settings,
            'model = "local/qwen"\n[platforms.local]\ntype = "openai"\nbase_url = "http://127.0.0.1:1/v1"\n',
        )
        code, told = self.run()
        assert (code, told["key"], ring.asked) == (0, "ok", 0), told["output"]

    def test_a_disk_that_is_nearly_full_is_to_be_mended(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        nearly_full = shutil.disk_usage("/")._replace(free=3_000_000)

        def usage(path: str) -> object:
            assert os.path.exists(path)
            return nearly_full

        monkeypatch.setattr(shutil, "disk_usage", usage)
        code, told = self.run()
        assert (code, told["sessions"]) == (1, "FIX")
        assert "3 MB are free" in told["output"]

    def test_other_programs_get_the_same_as_one_object(
        self, monkeypatch: pytest.MonkeyPatch, ring: Ring
    ) -> None:
        result = CliRunner().invoke(doctor, ["--format", "json"], standalone_mode=False)
        data = json.loads(result.output)
        assert (result.return_value, data["ok"], ring.asked) == (1, False, 1)
        wrong = [check for check in data["checks"] if not check["ok"]]
        assert [check["name"] for check in wrong] == ["key"]
        assert "devagent auth login" in wrong[0]["hint"]

    def test_a_locked_policy_is_to_be_mended(
        self, nobody_enrolled: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        nobody_enrolled.mkdir()
        code, told = self.run()
        assert (code, told["policy"]) == (1, "FIX")
        assert "locked" in told["output"]

    def test_it_writes_nothing_but_the_policys_cache(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        self.run()
        written = [path for path in home.rglob("*") if path.is_file()]
        assert {os.path.dirname(path) for path in written} <= {f"{home}/devagent/cache"}
