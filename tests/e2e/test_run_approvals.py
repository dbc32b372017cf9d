"""Signed approvals that hold no more: the ask stays unanswered, which is exit 3; a file that is over is 78."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from devagent.audit.approval_file import Approvals, write
from devagent.audit.device import Device
from devagent.core.approvals import StandingApproval, standing_approval
from devagent.core.events.calls import ApprovalAnswered, ToolFinished, ToolJudged
from devagent.settings.places import places
from tests.support.command_line import Finished, devagent, logged, logs
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.repositories import git
from tests.support.workplace import workplace

BRANCH = Call("git__branch", {"action": "create", "name": "b"})
STREAM = ("run", "Do it", "--output-format", "stream-json")


@pytest.fixture
def work(tmp_path: Path, home: Path) -> Path:
    return workplace(tmp_path, home)


def day(offset: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=offset)).isoformat()


async def approved(work: Path) -> StandingApproval:
    """The approval of what a dry run asked about, given a week ago for a month."""
    async with MessagesServer([Step(calls=[BRANCH]), Step(text="Planned.")]) as server:
        assert (await devagent(*STREAM, "--dry-run", server=server, cwd=work)).code == 0
    (asked,) = [event for event in logged(logs()[0]) if isinstance(event, ToolJudged)]
    return standing_approval(
        asked, by="user:bo", scope="always", given=day(-7), days=30, folder=str(work)
    )


async def run_with(
    work: Path, file: Path, given: StandingApproval, *, issued: int, expires: int
) -> tuple[Finished, int]:
    """A run with this one approval in a file; its end, and how many requests it sent."""
    content = Approvals(issued=day(issued), expires=day(expires), approvals=(given,))
    file.write_bytes(write(content, Device(places().data)))
    async with MessagesServer([Step(calls=[BRANCH]), Step(text="So.")]) as server:
        done = await devagent(*STREAM, "--approvals", str(file), server=server, cwd=work)
    return done, len(server.requests)


async def test_a_file_whose_time_is_over_is_78_before_anything_is_sent(
    work: Path, tmp_path: Path
) -> None:
    given = await approved(work)
    done, requests = await run_with(work, tmp_path / "a", given, issued=-7, expires=-2)
    assert (done.code, done.result["stop"], requests) == (78, "config", 0)
    assert "expired on" in done.result["reason"]


@pytest.mark.parametrize("why", ["its time is over", "its tool has changed"])
async def test_an_approval_that_no_longer_holds_answers_nothing(
    work: Path, tmp_path: Path, why: str
) -> None:
    given = await approved(work)
    if why == "its time is over":
        over = replace(given, expires=day(-2))
        assert date.fromisoformat(over.expires) > date.fromisoformat(over.given)
    else:
        over = replace(given, definition="cd" * 32)
        assert over.definition != given.definition
    done, _ = await run_with(work, tmp_path / "a", over, issued=-7, expires=20)
    assert (done.code, done.result["stop"]) == (3, "policy")
    assert [one["tool"] for one in done.result["permission_denials"]] == ["git.branch"]
    assert git(work, "branch", "--list", "b") == ""
    events = logged(logs()[0])
    (answered,) = [event for event in events if isinstance(event, ApprovalAnswered)]
    assert (answered.approval.answer, answered.approval.method) == ("no", "unattended")
    assert [e.outcome for e in events if isinstance(e, ToolFinished)] in ([], ["denied"])
    done, _ = await run_with(work, tmp_path / "a", given, issued=-7, expires=20)
    assert done.code == 0, "the same one, not over and not changed, does answer"
