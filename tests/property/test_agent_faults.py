"""Whatever the service, the line or a proxy does: no turn hangs, none is lost, no tool runs twice.

Whole turns: the agent with its history, the client over loopback, a service that follows a seed.
"""

import asyncio
import random
from email.utils import formatdate
from typing import Any

import pytest

from devagent.core.events.calls import ToolFinished
from devagent.core.events.model import ModelFailed, ModelReplied
from devagent.core.events.turns import TurnEnded
from devagent.core.tools import ToolResult
from tests.support.agent_parts import FakeToolbox, agent_of, turn_of
from tests.support.messages_server import Answers, Call, MessagesServer, Step
from tests.support.messages_server import answer as messages_answer
from tests.support.model_client import ToldTime, client, pace_of
from tests.support.other_wires import chat_answer
from tests.support.platforms import chat_model
from tests.support.proxies import FlakyProxy, serving

RUNS, BATCH = 320, 40
NOW = 1_800_000_000
"""Unix time, as the client is told."""


def fault(chance: random.Random, number: int) -> Step:
    """A reply that must not count. Its call would show: it has a name of its own in its arguments."""
    half: dict[str, Any] = {
        "text": ["Half ", "of it"],
        "calls": [Call("git__push", {"seen": f"fault {number}"}, f"toolu_fault_{number:04}")],
        "chunks": chance.choice(["whole", "primes", "random"]),
        "seed": chance.randint(0, 1 << 30),
    }
    match chance.randrange(11):
        case 0:
            return Step(status=chance.choice([408, 409, 500, 502, 503, 504, 529]), message="busy")
        case 1:
            seconds = str(chance.randint(0, 4))
            return Step(status=429, headers={"retry-after": seconds})
        case 2:
            ms = {"retry-after-ms": str(chance.randint(0, 900))}
            return Step(status=529, headers=ms, close=True)
        case 3:
            return Step(fault="stall", at=chance.randint(0, 700), **half)
        case 4:
            kinds = ("overloaded_error", "api_error", "rate_limit_error")
            return Step(stream_error=chance.choice(kinds), message="sorry", **half)
        case 5:
            return Step(fault=chance.choice(["malformed", "page"]), **half)
        case 6:
            return Step(fault="early_end", **half)
        case 7:
            return Step(status=chance.choice([429, 503]), headers=skewed(chance))
        case 8:
            # A proxy's own page, and its line is gone afterwards.
            return Step(status=chance.choice([502, 504]), fault="page", close=True)
        case _:
            return Step(fault="disconnect", at=chance.randint(0, 700), **half)


def skewed(chance: random.Random) -> dict[str, str]:
    """To be asked again at a date, by a service whose clock is hours or years from ours."""
    there = NOW + chance.choice([-1, 1]) * chance.choice([30, 7_200, 86_400 * 900])
    again = formatdate(there + chance.randint(0, 5), usegmt=True)
    return {"retry-after": again, "date": formatdate(there, usegmt=True)}


def conversation(chance: random.Random) -> tuple[list[Step], list[Step]]:
    """All steps of a turn with some calls, and those among them that are whole.

    Each waits for the conversation to have come to it, so that a busy machine, which the client takes for a
    stall, is one more fault and not another conversation. The server takes the first that fits: the latest.
    """
    good: list[Step] = []
    for number in range(chance.randint(0, 3)):
        ids = [f"toolu_good_{number}_{at:04}" for at in range(chance.randint(1, 2))]
        calls = [Call(chance.choice(["git__log", "git__push"]), {"seen": one}, one) for one in ids]
        good.append(Step(text="Look.", calls=calls, chunks=chance.choice(["whole", "random"])))
    good.append(Step(text="Done."))
    steps: list[Step] = []
    after = "first"
    for number, step in enumerate(good):
        faults = [fault(chance, 10 * number + at) for at in range(chance.choice([0, 0, 1, 2]))]
        step.times = 0
        for one in (*faults, step):
            one.match = after
        steps = [*faults, step, *steps]
        after = step.calls[-1].id if step.calls else after
    return steps, good


async def run(seed: int) -> None:
    chance = random.Random(seed)
    steps, good = conversation(chance)
    chat = seed % 4 == 3
    answers: Answers = chat_answer if chat else messages_answer
    toolbox = FakeToolbox(ToolResult("done"))
    proxy = FlakyProxy(chance, most=4 if seed % 4 == 1 else 0)
    async with (
        MessagesServer(steps, answers=answers) as server,
        serving(proxy) as place,
        asyncio.timeout(30),
    ):
        pace = pace_of(ToldTime(), stall_s=0.1)
        through = {"http_proxy": f"http://{place}"} if seed % 4 == 1 else {}
        model = (
            chat_model(server.base_url, pace)
            if chat
            else client(server.base_url, pace=pace, environment=through)
        )
        agent = agent_of(model, toolbox=toolbox)
        seen = await turn_of(agent, "first")
        tries = 1
        while isinstance(seen[-1], TurnEnded) and seen[-1].stop == "service":
            # Damage is not borne with for long: the person says "go on", and nothing was lost.
            assert tries < 20
            tries += 1
            seen += await turn_of(agent, "go on")
        await model.aclose()
        asked = list(server.requests)
    ended = [event for event in seen if isinstance(event, TurnEnded)]
    assert len(ended) == tries
    assert ended[-1].stop == "done", ended
    ran = [str(args["seen"]) for _, args, _ in toolbox.ran]
    assert ran == [call.id for step in good for call in step.calls]
    finished = [event.call for event in seen if isinstance(event, ToolFinished)]
    assert finished == ran
    assert len([event for event in seen if isinstance(event, ModelReplied)]) == len(good)
    failed = [event for event in seen if isinstance(event, ModelFailed)]
    assert len(failed) - proxy.failed == len(asked) - len(good) >= len(steps) - len(good)
    last = str(asked[-1].body)
    for call in ran:
        assert call in last
    assert "first" in last
    assert "fault" not in last


@pytest.mark.parametrize("first", range(0, RUNS, BATCH))
async def test_no_turn_hangs_none_is_lost_and_no_tool_runs_twice(first: int) -> None:
    for start in range(first, first + BATCH, 10):
        await asyncio.gather(*(run(seed) for seed in range(start, start + 10)))


@pytest.mark.parametrize("status", [407, 502, 503])
async def test_a_proxys_page_is_a_failure_like_any_other(status: int) -> None:
    async with MessagesServer([Step(status=status, times=0)]) as server:
        model = client(server.base_url, give_up_s=5.0)
        ended = (await turn_of(agent_of(model)))[-1]
        await model.aclose()
    assert isinstance(ended, TurnEnded)
    assert ended.stop == "service"
    assert str(status) in ended.reason
