"""The day's sums over all sessions: whose they are, of which day, and as their logs grow."""

import os
from pathlib import Path

import msgspec
import pytest

from devagent.audit.ledger import LOOK_FOR_OTHERS_S, Ledger, scopes_of
from devagent.audit.writer import SessionLog
from devagent.core.errors import LogError
from devagent.core.events.calls import ServiceToolUsed
from devagent.core.events.model import ModelReplied
from devagent.core.events.session import SessionStarted
from devagent.core.limits import Spent
from devagent.core.principal import Principal
from devagent.core.tools import SERVICE, ExtensionReference
from devagent.core.usage import Cost, Usage
from tests.support.log_events import judged

DAY_S = 86_400
NOON = 20_000 * DAY_S + DAY_S // 2
ANA, BO, EVE = Principal(user="ana"), Principal(user="bo"), Principal(user="eve")


def names(who: Principal) -> frozenset[str]:
    return who.names() | frozenset(["group:eng"] if who.user in ("ana", "bo") else [])


def session(sessions: Path, who: Principal, at: float = NOON) -> SessionLog:
    log = SessionLog.create(str(sessions), clock=lambda: int(at * 1e9))
    log.write(
        SessionStarted(principal=who, agent="", mode="run", model="m", versions={}, policy="")
    )
    # A log's file is as old as its last event.
    os.utime(os.path.join(log.folder, "events.jsonl"), (at, at))
    return log


def spend(log: SessionLog, micros: int, tokens: int = 10, at: float = NOON) -> None:
    cost = Cost(micros, "p") if micros else None
    log.write(
        ModelReplied(turn=1, model="m", stop="", content=[], usage=Usage(input=tokens), cost=cost)
    )
    os.utime(os.path.join(log.folder, "events.jsonl"), (at, at))


def ledger(sessions: Path, now: list[float]) -> Ledger:
    scopes = scopes_of(ANA, names, ("day", "team:eng"))
    return Ledger(str(sessions), scopes, clock=lambda: now[0])


def test_a_day_is_one_principals_and_a_teams_is_its_members(tmp_path: Path) -> None:
    for who, micros in ((ANA, 100), (BO, 20), (EVE, 3), (ANA, 7)):
        spend(session(tmp_path, who), micros)
    sums = ledger(tmp_path, [NOON]).spent()
    assert {scope: spent.usd_micros for scope, spent in sums.items()} == {
        "day": 107,
        "team:eng": 127,
    }
    assert sums["team:eng"].replies == 3


def test_what_a_session_writes_later_is_counted_and_nothing_twice(tmp_path: Path) -> None:
    now = [float(NOON)]
    own, other = session(tmp_path, ANA), session(tmp_path, ANA)
    ours = ledger(tmp_path, now)
    assert ours.spent()["day"] == Spent()
    spend(own, 5)
    assert ours.spent()["day"].usd_micros == 5
    spend(other, 6)
    spend(own, 5)
    assert ours.spent()["day"].usd_micros == 16
    assert ours.spent()["day"].usd_micros == 16
    spend(session(tmp_path, ANA), 100)
    now[0] += LOOK_FOR_OTHERS_S
    assert ours.spent()["day"].usd_micros == 116


def test_yesterdays_events_count_no_more(tmp_path: Path) -> None:
    now = [float(NOON)]
    clock = [NOON - DAY_S]
    log = SessionLog.create(str(tmp_path), clock=lambda: int(clock[0] * 1e9))
    log.write(SessionStarted(principal=ANA, agent="", mode="", model="", versions={}, policy=""))
    spend(log, 1)
    clock[0] = NOON
    spend(log, 20)
    ours = ledger(tmp_path, now)
    assert ours.spent()["day"].usd_micros == 20
    now[0] += DAY_S
    assert ours.spent()["day"] == Spent()


def test_a_reply_without_a_price_is_named(tmp_path: Path) -> None:
    spend(session(tmp_path, ANA), 0)
    assert ledger(tmp_path, [NOON]).spent()["day"].unpriced == "m"


def test_a_log_that_cannot_be_read_is_no_nothing(tmp_path: Path) -> None:
    log = session(tmp_path, ANA)
    with open(os.path.join(log.folder, "events.jsonl"), "ab") as file:
        file.write(b'{"type":"model.replied",\n')
    with pytest.raises(LogError, match="what was spent today is not known"):
        ledger(tmp_path, [NOON]).spent()


def test_calls_are_counted_and_of_the_services_tools_their_uses_not_that_they_were_offered(
    tmp_path: Path,
) -> None:
    log = session(tmp_path, ANA)
    log.write(judged("allow", "c1"))
    offer = ExtensionReference(SERVICE, "1", "d")
    log.write(msgspec.structs.replace(judged("allow", "c2"), ext=offer, tool="web_search"))
    log.write(ServiceToolUsed(turn=1, call="s1", tool="web_search", outcome="ok"))
    log.write(ServiceToolUsed(turn=1, call="s2", tool="web_search", outcome="ok"))
    os.utime(os.path.join(log.folder, "events.jsonl"), (NOON, NOON))
    assert ledger(tmp_path, [NOON]).spent()["day"].calls == 3
