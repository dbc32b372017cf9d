"""Signals while a coroutine runs to its end."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from devagent.cli.asynchronous import run_until_done


@pytest.fixture
def hangups() -> Iterator[None]:
    """As a program is started by a shell; as it was afterwards."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hangups")
def test_a_terminal_that_goes_away_cancels_once_however_often_it_says_so() -> None:
    closed: list[str] = []

    async def work() -> None:
        try:
            async with asyncio.timeout(20):
                os.kill(os.getpid(), signal.SIGHUP)
                await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0)
            closed.append("the record")

    with pytest.raises(KeyboardInterrupt):
        run_until_done(work())
    assert closed == ["the record"]


@pytest.mark.usefixtures("hangups")
def test_what_was_told_to_ignore_hangups_goes_on() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def work() -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(0)
        return 7

    assert run_until_done(work()) == 7
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
