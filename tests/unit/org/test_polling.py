"""A running session asks its organisation's server by the clock, and what was revoked meanwhile stops it: a chat, and a gateway."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devagent.audit.reader import read_events
from devagent.core.events import Event
from devagent.core.events.calls import ToolJudged
from devagent.core.events.ground import BundleInForce, BundleRevoked
from devagent.core.events.session import SessionEnded
from devagent.core.tools import ToolCall
from devagent.gateway.sessions import Sessions
from devagent.host.manifest import FIRST_PARTY, package_folder, read_manifest
from devagent.org import revoking
from devagent.repl.approver import Unattended
from devagent.session import Options
from devagent.session.served import Served, open_served
from devagent.session.watching import RULE, Watch
from devagent.settings.identity import principal
from tests.support.command_line import logs
from tests.support.org_machine import enrolled_here, opened, script, sync_here, turn
from tests.support.org_repository import POLICY, Organisation

LIMIT_S = 30
GIT = read_manifest(package_folder(FIRST_PARTY["git"]))


class Clock:
    """Time as a session's look at its server has it: it stands still until ``ring``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waits: list[float] = []
        self._began = asyncio.Condition()
        self._over = asyncio.Semaphore(0)
        monkeypatch.setattr(Watch, "sleep", staticmethod(self._sleep))

    async def _sleep(self, seconds: float) -> None:
        async with self._began:
            self.waits.append(seconds)
            self._began.notify_all()
        await self._over.acquire()

    async def ring(self) -> None:
        """The wait that is under way is over; back once what follows it has been done, and the next has begun."""
        await self._reached(1)
        count = len(self.waits)
        self._over.release()
        await self._reached(count + 1)

    async def _reached(self, count: int) -> None:
        async with asyncio.timeout(LIMIT_S), self._began:
            await self._began.wait_for(lambda: len(self.waits) >= count)


@pytest.fixture
def org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Organisation:
    """With this process as a machine of its own that has the first bundle."""
    made = Organisation(tmp_path)
    assert sync_here(enrolled_here(made, tmp_path, monkeypatch)).outcome == "updated"
    return made


def revoked_by(what: str, org: Organisation, record: Iterable[Event]) -> tuple[str, str]:
    """Kind and name of what is revoked."""
    match what:
        case "bundle":
            return what, next(one.bundle for one in record if isinstance(one, BundleInForce))
        case "key":
            return what, org.people["bo"].public_key.keyid
        case "principal":
            return what, f"user:{principal().user}"
        case "extension":
            return what, "git"
        case _:
            return "extension", f"git@{GIT.reference.digest}"


def publish(org: Organisation, kind: str, what: str) -> None:
    found = revoking.revoked(revoking.revocations(org.repository, "acme"), kind, what, "because")
    revoking.set_revocations(org.repository, found, signer=org.people["cy"])
    org.after(minutes=1).publish()


ONLY_GIT = ("extension", "tool digest")
KINDS = ("bundle", "key", "principal", *ONLY_GIT)


@pytest.mark.parametrize("what", KINDS)
async def test_it_reaches_a_conversation_within_the_organisations_interval(
    what: str, org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("git.status", {}),
        ("workspace.read", {"path": "a.txt"}),
    ]
    session = await opened(tmp_path, script(tmp_path, calls), "run")
    try:
        await clock.ring()  # nothing is new yet
        publish(org, *revoked_by(what, org, session.opening))
        await clock.ring()
        events = await turn(session)
    finally:
        await session.close("done", 0)
    first, *others = clock.waits
    assert 1 <= first <= 3
    assert all(48 <= one <= 72 for one in others)  # poll_s = 60, and not all machines at once
    judged = [one for one in events if isinstance(one, ToolJudged)]
    effects = {one.tool: one.decision for one in judged}
    assert effects["status"].rules == (RULE,)
    assert (effects["read"].rules == (RULE,)) is (what not in ONLY_GIT)
    assert [("because" in one.reason) for one in events if isinstance(one, BundleRevoked)] == [True]


@asynccontextmanager
async def serving(tmp_path: Path) -> AsyncGenerator[Served]:
    (tmp_path / "a.txt").write_text("one\n")
    served = await open_served(Options(folder=str(tmp_path), mode="mcp", approver=Unattended()))
    try:
        yield served
    finally:
        await served.close("done", 0)


async def called(served: Served, name: str, number: int, **args: str) -> ToolJudged:
    call = ToolCall(f"c{number}", name, dict(args))
    async with aclosing(served.call(call)) as events:
        return next(one for one in [event async for event in events] if isinstance(one, ToolJudged))


@pytest.mark.parametrize("what", KINDS)
async def test_it_reaches_a_gateway_that_goes_on_serving(
    what: str, org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    async with serving(tmp_path) as served:
        before = await called(served, "workspace__read", 1, path="a.txt")
        assert before.decision.effect == "allow"
        publish(org, *revoked_by(what, org, read_events(served.folder)))
        still = await called(served, "workspace__read", 2, path="a.txt")
        assert still.decision.effect == "allow"  # nobody has asked yet
        await clock.ring()
        git = await called(served, "git__status", 3)
        read = await called(served, "workspace__read", 4, path="a.txt")
    assert git.decision.rules == (RULE,)
    assert (read.decision.effect == "allow") is (what in ONLY_GIT)


async def test_a_gateways_next_call_is_judged_by_the_bundle_that_came_into_force(
    org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    (tmp_path / "a.txt").write_text("one\n")

    async def open_for(_client: str) -> Served:
        options = Options(folder=str(tmp_path), mode="gateway", approver=Unattended())
        return await open_served(options)

    async def effect() -> tuple[str, str]:
        calling = await sessions.start("ide", "workspace__read", {"path": "a.txt"})
        step = await calling.step()
        return calling.served.id, step.decision.effect if isinstance(step, ToolJudged) else "allow"

    sessions = Sessions(open_for)
    try:
        first = await effect()
        assert await effect() == first
        denies = POLICY.replace('effect = "allow"', 'effect = "deny"')
        org.promote(org.build("closed", policy=denies))
        org.publish()
        assert await effect() == first  # nobody has asked yet
        await clock.ring()
        second = await effect()
        assert await effect() == second
    finally:
        await sessions.close("done", 0)
    assert first[0] != second[0]
    assert (first[1], second[1]) == ("allow", "deny")
    ends = [e for folder in logs() for e in read_events(folder) if isinstance(e, SessionEnded)]
    assert {one.reason for one in ends} == {
        "",
        "another policy of the organisation's came into force",
    }


async def test_a_server_that_is_not_there_is_asked_again_and_the_session_goes_on(
    org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    session = await opened(tmp_path, script(tmp_path, [("workspace.read", {"path": "a.txt"})]), "run")  # fmt: skip
    try:
        org.published.rename(org.folder / "gone")
        await clock.ring()
        await clock.ring()
        (org.folder / "gone").rename(org.published)
        publish(org, "principal", f"user:{principal().user}")
        await clock.ring()
        events = await turn(session)
    finally:
        await session.close("done", 0)
    assert [one.decision.rules for one in events if isinstance(one, ToolJudged)] == [(RULE,)]


def test_an_organisation_cannot_have_its_machines_ask_more_often_than_every_quarter_minute(
    org: Organisation, tmp_path: Path
) -> None:
    machine = org.machine(tmp_path / "other")
    machine.sync()
    found = machine.client.in_force()
    wanted: dict[object, float] = {1: 15, 60: 60, 10**9: 86_400, "often": 300}
    for asked, poll_s in wanted.items():
        found.chosen.trusted.client["poll_s"] = asked
        assert Watch(machine.client, found, frozenset()).poll_s == poll_s
