"""What servers do beside answering a call, of both eras: tasks, rounds, forms and pages, notices, logs, pages of lists;
through the extension that a session makes of one."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devagent.host.mcp.extension import McpExtension
from tests.support.command_line import LIMIT_S, ROOT
from tests.support.conversations import Following
from tests.support.mcp_servers import lock_in, server

SERVER = str(ROOT / "tests/support/newer_mcp.py")
ON = "2026-11-20"


@asynccontextmanager
async def newer(folder: Path, *, older: bool = False, **more: Any) -> AsyncGenerator[McpExtension]:
    """The server, let in; what came to it is in ``folder/state``."""
    env = {"OLDER": "1"} if older else {}
    args = ["-S", SERVER, str(folder / "state")]
    table = {"type": "stdio", "command": sys.executable, "args": args, "env": env, **more}
    async with server(folder, table) as extension:
        extension.pin(await extension.look(), how="approved", on=ON)
        yield extension


def came(folder: Path, method: str) -> list[str]:
    """What the server was asked by this method, in order."""
    lines = (folder / "state").read_text().splitlines()
    return [rest for word, _, rest in (line.partition(" ") for line in lines) if word == method]


async def run(
    extension: McpExtension, tool: str, following: Following | None = None
) -> tuple[str, str]:
    result = await extension.run(tool, {}, {}, meanwhile=following or Following())
    return result.text, result.error


async def test_a_task_is_followed_until_it_is_done(tmp_path: Path) -> None:
    following = Following()
    async with newer(tmp_path) as extension:
        assert await run(extension, "task", following) == ("finished {}", "")
        assert await run(extension, "tells") == ("tells done", "")
    assert [one["text"] for one in following.told] == ["0 polls", "1 polls"]
    assert came(tmp_path, "tasks/get") == ["task-1", "task-1"]
    assert not came(tmp_path, "tasks/cancel")


async def test_what_a_task_asks_for_is_asked_once_and_brought_to_it(tmp_path: Path) -> None:
    following = Following(action="accept", content={"colour": "red"})
    async with newer(tmp_path) as extension:
        text, error = await run(extension, "task_asks", following)
    assert (error, json.loads(text.removeprefix("finished "))) == (
        *("", {"colour": {"action": "accept", "content": {"colour": "red"}}}),
    )
    ((tool, args),) = following.asked
    assert (tool, args["server"], args["key"]) == ("elicit", "odd", "colour")
    assert came(tmp_path, "tasks/update") == ["task-1"]


async def test_a_tool_that_runs_as_a_task_of_2025_alone_is_called_as_one(tmp_path: Path) -> None:
    following = Following(action="accept", content={"colour": "red"})
    async with newer(tmp_path, older=True) as extension:
        text, error = await run(extension, "task_asks", following)
    assert (error, json.loads(text.removeprefix("finished "))) == (
        *("", {"action": "accept", "content": {"colour": "red"}}),
    )
    assert [one["text"] for one in following.told] == ["0 polls"]
    assert came(tmp_path, "tasks/result") == ["task-1"]


@pytest.mark.parametrize(
    ("tool", "said"),
    [("task_fails", "refused: no disk"), ("task_is_cancelled", "the server cancelled the task: 2")],
)
async def test_a_task_that_comes_to_nothing_says_why(tmp_path: Path, tool: str, said: str) -> None:
    async with newer(tmp_path) as extension:
        text, error = await run(extension, tool)
        assert (error, said in text, "\x1b" in text) == ("refused", True, False)
        assert (await run(extension, "tells"))[1] == ""


@pytest.mark.parametrize("how", ["limit", "person"])
async def test_a_task_ends_with_its_call(tmp_path: Path, how: str) -> None:
    async with newer(tmp_path, call_s=0.5 if how == "limit" else LIMIT_S) as extension:
        if how == "limit":
            text, error = await run(extension, "task_never")
            assert (error, "no answer within 0.5 s" in text) == ("timeout", True)
        else:
            following = Following()
            call = asyncio.get_running_loop().create_task(run(extension, "task_never", following))
            await following.until_told(2)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert (await run(extension, "tells"))[1] == ""
    assert came(tmp_path, "tasks/cancel") == ["task-1"]


async def test_a_task_that_asks_for_what_is_not_given_is_cancelled(tmp_path: Path) -> None:
    async with newer(tmp_path) as extension:
        text, error = await run(extension, "task_asks_roots")
        assert (error, "not supported" in text.lower()) == ("refused", True), text
        assert (await run(extension, "tells"))[1] == ""
    assert came(tmp_path, "tasks/cancel") == ["task-1"]
    assert not came(tmp_path, "tasks/update")


async def test_a_form_in_a_round_is_answered_with_the_servers_own_state(tmp_path: Path) -> None:
    following = Following(action="accept", content={"colour": "blue"})
    async with newer(tmp_path) as extension:
        text, error = await run(extension, "asks_form", following)
    given = {"colour": {"action": "accept", "content": {"colour": "blue"}}}
    assert (json.loads(text), error) == (given, "")
    assert came(tmp_path, "answer") == [f"sealed {json.dumps(given)}"]
    ((_, args),) = following.asked
    assert (args["message"], args["schema"]["required"]) == ("Say it.", ["colour"])


async def test_a_form_for_a_secret_is_declined_and_nobody_sees_it(tmp_path: Path) -> None:
    following = Following(action="accept", content={"password": "hunter2"})
    async with newer(tmp_path) as extension:
        text, _ = await run(extension, "asks_secret", following)
    assert json.loads(text) == {"secret": {"action": "decline"}}
    assert not following.asked


async def test_a_page_is_shown_by_its_address_and_carries_no_content_back(tmp_path: Path) -> None:
    following = Following(action="accept", content={"colour": "red"})
    async with newer(tmp_path) as extension:
        text, _ = await run(extension, "asks_page", following)
        assert json.loads(text) == {"page": {"action": "accept"}}
        ((tool, args),) = following.asked
        assert (tool, args["url"]) == ("elicit", "https://a.example/consent")
        text, _ = await run(extension, "asks_bad_page", following)
        assert json.loads(text) == {"page": {"action": "decline"}}
    assert len(following.asked) == 1


async def test_folders_are_told_where_the_config_names_them_and_policy_lets_it(
    tmp_path: Path,
) -> None:
    root = {"uri": tmp_path.as_uri()}
    async with newer(tmp_path, roots=[str(tmp_path)]) as extension:
        told = await extension.beside.roots()
        assert told.structured == {"roots": [root]}
        text, _ = await run(extension, "asks_roots", Following(**told.structured))
        assert json.loads(text) == {"roots": {"roots": [root]}}
        text, error = await run(extension, "asks_roots", Following())
        assert (error, "roots are not given here" in text) == ("refused", True)


async def test_without_roots_in_the_config_none_are_declared(tmp_path: Path) -> None:
    following = Following(roots=[{"uri": "file:///etc"}])
    async with newer(tmp_path) as extension:
        _, error = await run(extension, "asks_roots", following)
    assert (error, following.asked) == ("refused", [])


async def test_a_server_that_asks_for_ever_is_given_up(tmp_path: Path) -> None:
    following = Following(action="accept", content={"colour": "red"})
    async with newer(tmp_path) as extension:
        text, error = await run(extension, "asks_for_ever", following)
        assert (error, "more than 10 times" in text) == ("bad_answer", True)
        assert len(following.asked) == 10
        assert (await run(extension, "tells"))[1] == ""


@pytest.mark.parametrize("older", [False, True])
async def test_progress_and_the_servers_log_reach_whoever_follows(
    tmp_path: Path, older: bool
) -> None:
    following = Following()
    async with newer(tmp_path, older=older) as extension:
        await run(extension, "tells", following)
        await run(extension, "logs", following)
    assert following.told == [
        {"done": 1.0, "total": 2.0, "text": "half"},
        {"text": "almost full", "level": "warning", "logger": "disk"},
    ]


async def test_an_answer_that_breaks_its_output_schema_is_no_answer(tmp_path: Path) -> None:
    async with newer(tmp_path) as extension:
        result = await extension.run("lies", {}, {})
        assert (result.failed, result.error, result.structured) == (True, "bad_answer", {})
        assert (await run(extension, "tells"))[1] == ""


async def test_lists_are_read_to_their_last_page(tmp_path: Path) -> None:
    async with newer(tmp_path) as extension:
        listed = (await extension.beside.list_resources({})).structured
        assert [one["uri"] for one in listed["resources"]] == [
            *("note://today", "note://yesterday", "note://older"),
        ]
        patterns = [one["uriTemplate"] for one in listed["resourceTemplates"]]
        assert patterns == ["note://{day}", "x://{y}"]
        assert list(extension.prompts) == ["review", "plan"]


async def until_updated(extension: McpExtension) -> list[str]:
    news = asyncio.Event()

    async def changed() -> None:
        news.set()

    extension.beside.tell("note://today", changed)
    if not (updated := extension.beside.take_updates()):
        async with asyncio.timeout(LIMIT_S):
            await news.wait()
        updated = extension.beside.take_updates()
    return list(updated)


@pytest.mark.parametrize("older", [False, True])
async def test_a_watched_resource_is_watched_again_after_a_crash(
    tmp_path: Path, older: bool
) -> None:
    async with newer(tmp_path, older=older) as extension:
        read = await extension.beside.read_resource("note://today", {}, watch=True)
        assert read.text == "[note://today]\nnote 0"
        await run(extension, "changes_note")
        assert await until_updated(extension) == ["note://today"]
        assert (await run(extension, "exits"))[1] == "server_gone"
        await run(extension, "tells")
        # Nothing was heard while it was gone.
        assert await until_updated(extension) == ["note://today"]
        await run(extension, "changes_note")
        assert await until_updated(extension) == ["note://today"]
    if older:
        assert came(tmp_path, "resources/subscribe") == ["note://today"] * 2
    else:
        assert [json.loads(one).get("resourceSubscriptions") for one in came(tmp_path, "listen")][
            -1
        ] == ["note://today"]


@pytest.mark.parametrize("older", [False, True])
async def test_somebody_who_cannot_be_told_of_a_change_keeps_no_call_from_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, older: bool
) -> None:
    monkeypatch.setattr("devagent.host.mcp.notices.TELL_S", 0.1)
    told = asyncio.Event()

    async def gone() -> None:
        told.set()
        raise ConnectionError("the client has gone")

    async def deaf() -> None:
        await asyncio.Event().wait()

    async with newer(tmp_path, older=older) as extension:
        for tell in (gone, deaf):
            await extension.beside.read_resource("note://today", {}, watch=True)
            extension.beside.tell("note://today", tell)
            assert (await run(extension, "exits"))[1] == "server_gone"
            assert (await run(extension, "tells"))[1] == ""
            assert await until_updated(extension) == ["note://today"]
        assert told.is_set()


async def test_a_stream_of_notices_that_breaks_off_is_taken_up_at_the_next_call(
    tmp_path: Path,
) -> None:
    async with newer(tmp_path) as extension:
        await extension.beside.read_resource("note://today", {}, watch=True)
        listened = len(came(tmp_path, "subscriptions/listen"))
        await run(extension, "breaks_stream")
        async with asyncio.timeout(LIMIT_S):
            while len(came(tmp_path, "subscriptions/listen")) == listened:
                await run(extension, "tells")
        assert await until_updated(extension) == ["note://today"]
        await run(extension, "changes_note")
        assert await until_updated(extension) == ["note://today"]


@pytest.mark.parametrize("older", [False, True])
async def test_a_prompt_that_changes_is_withheld_from_then_on(tmp_path: Path, older: bool) -> None:
    async with newer(tmp_path, older=older) as extension:
        assert "Review" in (await extension.beside.get_prompt("review", {}, {})).text
        await run(extension, "changes_prompts")
        async with asyncio.timeout(LIMIT_S):
            while "review" in extension.prompts:
                await run(extension, "tells")
        assert list(extension.prompts) == ["plan"]
        result = await extension.beside.get_prompt("plan", {}, {})
        assert not result.failed


async def test_a_server_that_nobody_calls_is_ended_and_started_at_the_next_call(
    tmp_path: Path,
) -> None:
    async with newer(tmp_path, idle_s=0.01) as extension:
        await run(extension, "tells")
        resting = extension.running.server
        assert resting is not None
        async with asyncio.timeout(LIMIT_S):
            await resting.ended()
        assert (await run(extension, "tells"))[1] == ""
        assert extension.running.server is not resting
        known = lock_in(tmp_path / "data").servers()["odd"]
        assert (known.pending, known.legacy) == ({}, False)


async def test_a_call_or_a_watch_keeps_a_server_from_its_rest(tmp_path: Path) -> None:
    async with newer(tmp_path, idle_s=0) as extension:
        following = Following()
        call = asyncio.get_running_loop().create_task(run(extension, "task_never", following))
        await following.until_told(2)
        await extension.running.rest()
        assert not call.done()
        call.cancel()
        await asyncio.wait([call])
        await extension.beside.read_resource("note://today", {}, watch=True)
        await extension.running.rest()
        running = extension.running.server
        assert running is not None
        assert running.alive
    assert len(came(tmp_path, "start")) == 1
