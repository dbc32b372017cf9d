"""What a call prints while it runs: seen as it comes, kept nowhere, withheld where the result may be."""

import asyncio
import threading
from collections.abc import Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from devagent.agent.progress import MOST_CHARACTERS, Told
from devagent.audit.tap import tapped
from devagent.core.errors import LogError
from devagent.core.events.calls import ToolFinished, ToolProgress
from devagent.core.ports import MayRead, Meanwhile, Progress
from devagent.core.principal import Principal
from devagent.core.tools import ToolResult, ToolSpec
from devagent.core.verdicts import Decision, Needs
from tests.support.agent_parts import (  # fmt: skip
    FakeJudge,
    FakeModel,
    FakeToolbox,
    agent_of,
    reply,
    said,
    the_only,
    turn_of,
    use,
)
from tests.support.log_events import new_log


class Printing(FakeToolbox):
    """Prints from a thread, as tools do, and ends when it is told to."""

    def __init__(self, *texts: str) -> None:
        super().__init__(ToolResult("all of it"))
        self._texts = texts
        self.may_end = asyncio.Event()
        self.cut = False

    async def run(
        self,
        tool: ToolSpec,
        args: Mapping[str, Any],
        obligations: Mapping[str, Any],
        may_read: MayRead | None = None,
        progress: Progress | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> ToolResult:
        assert progress is not None
        try:
            await asyncio.to_thread(lambda: [progress(text) for text in self._texts])
            await asyncio.wait_for(self.may_end.wait(), 20)
        except asyncio.CancelledError:
            self.cut = True
            raise
        return await super().run(tool, args, obligations, may_read, progress)


def calling(toolbox: FakeToolbox, judge: FakeJudge | None = None):
    return agent_of(FakeModel(reply(use("c1", branch="main")), reply(said("So."))), judge, toolbox)


async def test_what_a_call_prints_is_seen_while_it_runs() -> None:
    toolbox = Printing("compiling\n")
    async with aclosing(calling(toolbox).turn("go")) as events:
        async for event in events:
            if isinstance(event, ToolProgress):
                assert (event.call, event.text) == ("c1", "compiling\n")
                toolbox.may_end.set()  # only now: without this event the turn would never end
            if isinstance(event, ToolFinished):
                assert event.text == "all of it"


async def test_progress_is_never_on_record(tmp_path: Path) -> None:
    toolbox = Printing("compiling\n")
    toolbox.may_end.set()
    with new_log(str(tmp_path)) as log:
        async with aclosing(tapped(calling(toolbox).turn("go"), log)) as events:
            seen = [event async for event in events]
        with pytest.raises(LogError, match="never logged"):
            log.write(ToolProgress(turn=1, call="c1", text="x"))
    assert the_only(seen, ToolProgress).text == "compiling\n"
    assert b"compiling" not in b"".join(f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())


class Looking(FakeJudge):
    def needs(self, principal: Principal, tool: ToolSpec) -> Needs:
        return Needs(context=frozenset({"result.bytes"}))


@pytest.mark.parametrize(
    "judge",
    [
        FakeJudge(obligations={"redact": ["secrets"]}),
        FakeJudge(afterwards=Decision(effect="deny", reason="no")),
        FakeJudge(afterwards=Decision(effect="allow", reason="", obligations={"redact": ["pii"]})),
        Looking(),
    ],
)
async def test_where_the_result_may_be_withheld_nothing_is_seen_before_it(judge: FakeJudge) -> None:
    toolbox = Printing("4711\n")
    toolbox.may_end.set()
    events = await turn_of(calling(toolbox, judge))
    assert not [event for event in events if isinstance(event, ToolProgress)]
    assert the_only(events, ToolFinished)


async def test_a_reader_that_leaves_ends_the_call_that_prints() -> None:
    toolbox = Printing("compiling\n")
    async with aclosing(calling(toolbox).turn("go")) as events:
        async for event in events:
            if isinstance(event, ToolProgress):
                break
    assert toolbox.cut


async def test_a_cut_turn_ends_the_call_that_prints() -> None:
    toolbox, printed = Printing("compiling\n"), asyncio.Event()

    async def read() -> None:
        async with aclosing(calling(toolbox).turn("go")) as events:
            async for event in events:
                if isinstance(event, ToolProgress):
                    printed.set()

    reading = asyncio.create_task(read())
    await asyncio.wait_for(printed.wait(), 20)
    reading.cancel()
    await asyncio.wait([reading])
    assert reading.cancelled()
    assert toolbox.cut


async def test_a_flood_leaves_its_end_for_a_slow_reader() -> None:
    told = Told()

    def flood() -> None:
        for number in range(20_000):
            told(f"line {number}\n")

    thread = threading.Thread(target=flood)
    thread.start()
    thread.join()
    await asyncio.wait_for(told.news.wait(), 20)
    text = told.take()
    assert len(text) <= MOST_CHARACTERS
    assert text.endswith("line 19999\n")
    assert told.take() == ""
