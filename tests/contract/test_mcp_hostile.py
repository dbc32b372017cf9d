"""Servers that break the protocol or mean ill: each leaves the session usable, within limits, and nothing behind."""

import asyncio
import json
import resource
import signal
import sys
import time
from pathlib import Path

import pytest

from devagent.core.ports import ToolFailure
from devagent.host.mcp.under_way import MAX_ASKED
from tests.support.command_line import LIMIT_S
from tests.support.conversations import Following
from tests.support.mcp_servers import (
    HOSTILE,
    NAME,
    hostile,
    lock_in,
    pinned,
    running_in_group,
    server,
)

SOON_S = 1.0
"""How soon a server's end must be known. (Starting anew is not in it.)"""


async def echo(extension: object, text: str = "hi") -> tuple[str, str, str]:
    """(text, error, view) of one call of the tool that all of them have."""
    run = getattr(extension, "run")  # noqa: B009
    result = await run("echo", {"text": text}, {})
    assert result.taint == (f"mcp.{NAME}",) or result.error == "definition_changed"
    return result.text, result.error, result.view


@pytest.mark.parametrize(
    "mode",
    [
        *("ok", "banner", "exits-on-unknown", "garbage", "endless-stderr", "wrong-id", "twice"),
        *("duplicates", "bad-names", "bad-schemas", "look-alikes", "endless-pages"),
    ],
)
async def test_a_server_with_bad_manners_can_be_used_all_the_same(
    mode: str, tmp_path: Path
) -> None:
    async with pinned(tmp_path, mode) as extension:
        assert (await echo(extension))[:2] == ("hi", "")
        assert (await echo(extension, "again"))[:2] == ("again", "")


@pytest.mark.parametrize(
    ("mode", "error", "said"),
    [
        ("exits", "server_gone", "in the middle of the call: it ended with status 9"),
        ("exits-but-holds-pipes", "server_gone", "it ended with status 9"),
        ("endless-garbage", "server_gone", "more than 200 lines that are no messages"),
        ("endless-line", "server_gone", "a line of more than 8 MiB"),
        ("huge", "server_gone", "a line of more than 8 MiB"),
        ("endless-notices", "server_gone", "more than 20,000 lines in answer to one request"),
        ("deep", "server_gone", "nested too deeply"),
        ("wrong-shape", "bad_answer", "an answer of the wrong shape"),
    ],
)
async def test_a_call_that_cannot_be_answered_is_a_failed_result_and_the_next_one_is_tried(
    mode: str, error: str, said: str, tmp_path: Path
) -> None:
    async with pinned(tmp_path, mode, state=tmp_path / "state") as extension:
        for _ in range(2):
            text, found, _ = await echo(extension)
            assert found == error, text
            assert said in text


async def test_a_servers_end_is_known_within_a_second_and_its_last_words_are_for_the_person(
    tmp_path: Path,
) -> None:
    async with pinned(tmp_path, "exits") as extension:
        began = time.monotonic()
        text, error, view = await echo(extension)
        assert time.monotonic() - began < SOON_S
    assert error == "server_gone"
    assert "Segmentation fault" in view
    assert "\x1b" not in view
    assert "Segmentation" not in text


async def test_a_server_that_ends_again_and_again_is_left_alone_for_a_while(tmp_path: Path) -> None:
    async with pinned(tmp_path, "exits") as extension:
        texts = [(await echo(extension))[0] for _ in range(6)]
    assert "in the middle of the call" in texts[0]
    assert "left alone for a while" in texts[-1]


async def test_a_call_that_is_never_answered_ends_at_its_limit_and_the_server_stays(
    tmp_path: Path,
) -> None:
    async with pinned(tmp_path, "silent", call_s=0.3) as extension:
        text, error, _ = await echo(extension)
        assert (error, "no answer within 0.3 s" in text) == ("timeout", True)
        assert (await echo(extension))[1] == "timeout"


async def test_a_server_that_asks_without_end_is_not_heard_for_longer_than_its_call(
    tmp_path: Path,
) -> None:
    following = Following(action="decline")
    async with pinned(tmp_path, "asks-for-ever", call_s=1) as extension:
        result = await extension.run("echo", {"text": "hi"}, {}, meanwhile=following)
    assert result.error in ("timeout", "server_gone"), result.text
    assert len(following.asked) == MAX_ASKED


async def test_a_result_that_is_too_much_to_check_comes_without_its_data(tmp_path: Path) -> None:
    async with pinned(tmp_path, "costly-output") as extension:
        result = await extension.run("echo", {"text": "hi"}, {})
    assert (result.text, result.failed, result.structured) == ("done", False, {})


async def test_progress_that_is_no_number_is_none(tmp_path: Path) -> None:
    following = Following()
    async with pinned(tmp_path, "no-number") as extension:
        result = await extension.run("echo", {"text": "hi"}, {}, meanwhile=following)
    assert result.text == "hi"
    assert following.told == [{}]


async def test_lists_that_take_more_than_their_measure_are_not_read_on(tmp_path: Path) -> None:
    async with server(tmp_path, hostile("large-pages")) as extension:
        with pytest.raises(ToolFailure, match="it lists more than 4 MiB of tools"):
            await extension.look()


async def test_an_obligation_shortens_the_limit(tmp_path: Path) -> None:
    async with pinned(tmp_path, "silent") as extension:
        result = await extension.run("echo", {"text": "hi"}, {"timeout_s": 0.2})
    assert (result.error, "within 0.2 s" in result.text) == ("timeout", True)


async def test_a_cancelled_call_leaves_the_server_usable(tmp_path: Path) -> None:
    async with pinned(tmp_path, "silent", call_s=0.3) as extension:
        task = asyncio.ensure_future(extension.run("echo", {"text": "hi"}, {"timeout_s": 60}))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await task
        assert (await echo(extension))[1] == "timeout"


@pytest.mark.parametrize("mode", ["mute", "endless-banner", "cannot-start", "odd-version"])
async def test_a_server_that_does_not_start_is_told_within_its_limit(
    mode: str, tmp_path: Path
) -> None:
    async with server(tmp_path, hostile(mode, start_s=3)) as extension:
        async with asyncio.timeout(20):
            with pytest.raises(ToolFailure, match=f"The MCP server {NAME} ") as caught:
                await extension.look()
    assert caught.value.error in ("timeout", "not_started")
    if mode == "cannot-start":
        assert "ModuleNotFoundError" in "\n".join(getattr(caught.value, "tail", ()))


async def test_500_mb_of_an_answer_take_neither_the_memory_nor_the_loop(tmp_path: Path) -> None:
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    async with pinned(tmp_path, "huge") as extension:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        beating = asyncio.ensure_future(beat())
        began = time.monotonic()
        assert (await echo(extension))[1] == "server_gone"
        took = time.monotonic() - began
        beating.cancel()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100 * 1024  # KiB
    assert beats > 0
    assert took < 20


async def test_a_large_answer_below_the_limit_comes_through_whole(tmp_path: Path) -> None:
    async with pinned(tmp_path, "large") as extension:
        result = await extension.run("echo", {"text": ""}, {})
    assert (result.failed, len(result.text)) == (False, 4 << 20)


async def test_what_a_server_says_loses_what_nobody_sees(tmp_path: Path) -> None:
    async with pinned(tmp_path, "disguised") as extension:
        (tool,) = extension.tools
        assert tool.description == "Give back the text."
        assert (await echo(extension))[0] == "red evil ab\n"
        assert extension.pinned is not None
        assert extension.pinned.calls_itself == "hostile 1.0"


async def test_a_servers_refusal_is_cleaned_and_cut(tmp_path: Path) -> None:
    async with pinned(tmp_path, "refuses") as extension:
        text, error, _ = await echo(extension)
    assert error == "refused"
    assert "\x1b" not in text
    assert len(text) < 600
    async with pinned(tmp_path / "x", "fails") as extension:
        assert (await echo(extension))[:2] == ("no such thing", "tool_error")


async def test_pictures_are_told_and_links_are_not_followed(tmp_path: Path) -> None:
    async with pinned(tmp_path, "pictures") as extension:
        text = (await echo(extension))[0]
    assert text.splitlines() == [
        "[image of type image/png, about 300 bytes: not shown]",
        "[audio of type audio/wav, about 3 bytes: not shown]",
        "[link 'a' to file:///etc/passwd: not followed]",
        "[x://y]",
        "inside",
        "[x://z] [file of type unknown, about 3 bytes: not shown]",
    ]


async def test_structured_output_is_kept_and_cleaned(tmp_path: Path) -> None:
    async with pinned(tmp_path, "structured") as extension:
        result = await extension.run("echo", {"text": "hi"}, {})
    assert result.structured == {"text": "hi", "n": 1, "odd": "ab"}


async def test_a_server_is_given_nothing_that_it_asks_for(tmp_path: Path) -> None:
    async with pinned(tmp_path, "asks") as extension:
        assert (await echo(extension))[0] == "[true, true, true, true, true, true]"


async def test_a_server_gets_no_variable_that_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-test")
    monkeypatch.setenv("MINE", "1")
    monkeypatch.setenv("OTHER", "1")
    table = hostile("environment", env={"LEVEL": "low"}, pass_env=["MINE"])
    async with server(tmp_path, table) as extension:
        extension.pin(await extension.look(), how="approved", on="2026-11-20")
        names = set(json.loads((await echo(extension))[0]))
    assert {"LEVEL", "MINE", "PATH", "HOME"} <= names
    assert not {"OTHER", "ANTHROPIC_API_KEY", "DEVAGENT_HOME"} & names


@pytest.mark.parametrize("mode", ["silent-and-stubborn", "exits-but-holds-pipes"])
async def test_nothing_of_a_server_is_left_when_the_session_ends(mode: str, tmp_path: Path) -> None:
    state = tmp_path / "pid"
    began = time.monotonic()
    async with pinned(tmp_path, mode, state=state, call_s=1) as extension:
        await echo(extension)
        pid = int(state.read_text())
    assert time.monotonic() - began < 15
    async with asyncio.timeout(2):  # a kill takes effect a moment later
        while running_in_group(pid):
            await asyncio.sleep(0.01)


KILLED = """
import asyncio, os, signal, sys
from devagent.host.mcp.transport import GuardedStdio

async def main():
    async with GuardedStdio([sys.executable, "-S", *sys.argv[1:]], dict(os.environ), os.getcwd()) as _:
        sys.stdin.readline()
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_server_that_ignores_its_end_is_ended_where_devagent_is_killed(
    tmp_path: Path,
) -> None:
    state = tmp_path / "pid"
    killed = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, HOSTILE, "never-reads", str(state)),
        stdin=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LIMIT_S):
        while not (state.exists() and state.read_text()):
            await asyncio.sleep(0.01)
        group = int(state.read_text())
        assert running_in_group(group)
        await killed.communicate(b"\n")
        while running_in_group(group):
            await asyncio.sleep(0.05)
    assert killed.returncode == -signal.SIGKILL


async def test_tools_that_are_left_out_are_named_with_the_reason(tmp_path: Path) -> None:
    async with pinned(tmp_path, "bad-schemas") as extension:
        assert [tool.name for tool in extension.tools] == ["echo"]
        assert extension.pinned is not None
        why = {left.name: left.why for left in extension.pinned.left_out}
    assert set(why) == {
        *("none", "empty", "remote", "odd", "bomb", "big", "hidden", "no-output"),
    }
    assert "outside itself" in why["remote"]
    assert "too long" in why["bomb"]
    assert "larger than 64 KiB" in why["big"]


async def test_names_that_cannot_be_told_apart_are_all_left_out(tmp_path: Path) -> None:
    async with pinned(tmp_path, "look-alikes") as extension:
        assert [tool.name for tool in extension.tools] == ["echo"]
    async with pinned(tmp_path / "x", "duplicates") as extension:
        assert [tool.name for tool in extension.tools] == ["echo"]


async def test_a_tool_that_changed_is_withheld_and_the_others_go_on(tmp_path: Path) -> None:
    async with pinned(tmp_path, "changes", state=tmp_path / "state") as extension:
        assert (await echo(extension))[:2] == ("hi", "")  # as it was seen
    settings = hostile("changes", tmp_path / "state")
    async with server(tmp_path, settings) as extension:
        assert [tool.name for tool in extension.tools] == ["echo", "same"]
        text, error, _ = await echo(extension)
        assert error == "definition_changed"
        assert f"devagent ext approve {NAME}" in text
        result = await extension.run("same", {"text": "hi"}, {})
        assert (result.text, result.failed) == ("hi", False)
        (change,) = extension.take_changes()
        assert (change.ext.name, change.tools) == (NAME, ("echo",))
        assert extension.take_changes() == []
    async with server(tmp_path, settings) as extension:
        assert [tool.name for tool in extension.tools] == ["same"]
        (change,) = extension.take_changes()
        assert change.tools == ("echo",)
        extension.pin(await extension.look(), how="approved", on="2026-11-21")
        assert [tool.name for tool in extension.tools] == ["echo", "same"]
        assert (await echo(extension))[:2] == ("hi", "")


async def test_a_new_tool_waits_and_one_that_is_gone_is_withheld(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with pinned(tmp_path, "grows", state=state):
        pass
    async with server(tmp_path, hostile("grows", state)) as extension:
        assert (await echo(extension))[1] == ""
        assert extension.take_changes() == []
        assert [tool.name for tool in extension.tools] == ["echo"]
    assert list(lock_in(tmp_path / "data").servers()[NAME].pending) == ["more"]

    other, state = tmp_path / "other", tmp_path / "state2"
    async with pinned(other, "shrinks", state=state):
        pass
    async with server(other, hostile("shrinks", state)) as extension:
        result = await extension.run("less", {"text": "hi"}, {})
        assert result.error == "definition_changed"
        assert (await echo(extension))[1] == ""


async def test_a_server_that_says_its_tools_changed_is_asked_again_before_the_next_call(
    tmp_path: Path,
) -> None:
    async with pinned(tmp_path, "changes-later") as extension:
        assert (await echo(extension))[1] == ""
        assert (await echo(extension))[1] == "definition_changed"


async def test_a_program_that_was_exchanged_is_not_started(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_text(
        f"#!/bin/sh\nexec {hostile('ok')['command']} -S {hostile('ok')['args'][1]} ok\n"
    )
    program.chmod(0o755)
    table = {"type": "stdio", "command": str(program)}
    async with server(tmp_path, table) as extension:
        extension.pin(await extension.look(), how="approved", on="2026-11-20")
        assert (await echo(extension))[1] == ""
    async with server(tmp_path, table) as extension:
        assert extension.state == "pinned"
        program.write_text(program.read_text() + "# and more\n")
        text, error, _ = await echo(extension)
        assert (error, "another one" in text) == ("definition_changed", True)
    async with server(tmp_path, table) as extension:
        assert (extension.state, extension.tools) == ("other", ())
