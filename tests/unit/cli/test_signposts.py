"""What is said to somebody who types another program's words, and what ``--help`` looks like where they look next."""

import re
from collections.abc import Iterator

import click
import pytest

from devagent.cli import COMMANDS, WAYS_IN, cli
from devagent.cli.chat import chat
from devagent.cli.entry import run_command_line
from devagent.cli.signposts import COMMANDS as SIGNPOSTS
from devagent.cli.signposts import GROUPS, OPTIONS


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    """What a command line says where it is wrong, in one line."""
    assert run_command_line(list(arguments)) == code
    out, err = capsys.readouterr()
    assert (out == "") == (code == 2)
    return " ".join((err or out).split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("exec hi", '`devagent run "…"`'),
        ("-p hi", '`devagent run "…"`'),
        ("resume", "`devagent --resume`"),
        ("-c", "`devagent --continue`"),
        ("login", "`devagent auth login`"),
        ("update", "`./install.sh`"),
        ("mcp add x", "`ext add`"),
        ("config set model x", "`devagent config edit`"),
        ("session rm 01", "`devagent session erase ID`"),
        ("policy list", "`devagent policy show`"),
        ("bundle sign", "`devagent bundle approve`"),
        ("--dangerously-skip-permissions", "Nothing switches policy off"),
        ("--output-format json", "`devagent run` take it, behind the command"),
        ("-C /tmp", "`devagent chat` and `devagent run` take it"),
        ("verify last", "Did you mean `devagent session verify`, `devagent bundle verify`?"),
        ("sesion list", "Did you mean 'session'?"),
        ("help nope", "No such command 'nope'"),
        ("help run fast", "devagent run has no commands of its own"),
    ],
)
def test_a_word_of_another_program_is_answered_with_the_word_here(
    capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    assert said in told(capsys, *words.split())


def test_every_signpost_stands_at_a_group_and_hides_none_of_its_commands() -> None:
    context = click.Context(cli)
    for path, posts in SIGNPOSTS.items():
        group: click.Command | None = cli
        for word in path.split()[1:]:
            assert isinstance(group, click.Group)
            group = group.get_command(context, word)
        assert isinstance(group, click.Group), path
        assert not set(posts) & set(group.list_commands(context)), path
    assert all(isinstance(cli.get_command(context, name), click.Group) for name in GROUPS)
    assert not set(OPTIONS) & {name for option in cli.params for name in option.opts}


def test_several_words_in_one_argument_begin_a_chat_with_the_options_before_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, object] = {}

    @click.command("chat", params=chat.params)
    @click.pass_context
    def stand_in(ctx: click.Context, **_: object) -> None:
        asked.update(ctx.params)

    monkeypatch.setattr("devagent.cli.chat.chat", stand_in)
    assert run_command_line(["--model", "m", "--plain", "--continue", "Why does CI fail?"]) == 0
    assert asked["prompt"] == "Why does CI fail?"
    assert (asked["model"], asked["plain"], asked["go_on"]) == ("m", True, True)
    assert run_command_line(["--resume=abc", "--screen-reader", "-x and so on"]) == 2
    assert run_command_line(["--resume=abc", "--screen-reader", "--", "-x and so on"]) == 0
    assert asked["prompt"] == "-x and so on"
    assert (asked["resume"], asked["screen_reader"], asked["go_on"]) == ("abc", True, False)


def test_help_is_a_word_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Usage: devagent session verify [OPTIONS]" in told(
        capsys, "help", "session", "verify", code=0
    )
    assert told(capsys, "help", code=0) == told(capsys, "--help", code=0)


def test_the_help_begins_with_the_ways_in_and_shows_every_command_under_a_heading(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_command_line(["--help"]) == 0
    text = capsys.readouterr().out
    before, _, after = text.partition("\nCommands:\n")
    assert all(line in before for line, _ in WAYS_IN)
    listed, _, rest = after.partition("\nOptions:\n")
    shown = [name for name, entry in COMMANDS.items() if entry.help]
    assert re.findall(r"^    ([a-z]+) ", listed, re.MULTILINE) == shown
    assert all(COMMANDS[name].about for name in shown)
    assert "Exit codes: 0 done" in rest
    assert max(map(len, text.splitlines())) <= 78


def test_a_narrow_terminal_gets_help_that_fits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    for words in (["--help"], ["policy", "--help"]):
        assert run_command_line(words) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 40


def every_command(
    command: click.Command, path: str, above: click.Context | None = None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    context = click.Context(command, parent=above, info_name=path)
    yield path, command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from every_command(below, f"{path} {name}", context)


def test_every_command_and_option_says_what_it_does_and_what_it_takes() -> None:
    silent: list[str] = []
    for path, command, context in every_command(cli, "devagent"):
        if not (command.help or "").strip():
            silent.append(path)
        for option in command.params:
            if not isinstance(option, click.Option) or option.hidden:
                continue
            if not (option.help or "").rstrip().endswith((".", "]")):
                silent.append(f"{path} {option.opts[-1]}: {option.help!r}")
            named = option.metavar or option.is_flag or isinstance(option.type, click.Choice)
            if not named:
                silent.append(f"{path} {option.opts[-1]} takes {option.make_metavar(context)}")
    assert silent == []
