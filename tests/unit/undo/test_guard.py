"""Snapshots on the way of a call: before what may change something, on record, and refused without."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from devagent.agent.history import History
from devagent.agent.loop import Agent
from devagent.agent.own_files import OwnFiles
from devagent.agent.safeguards import Safeguards
from devagent.core.events.calls import SnapshotFailed, SnapshotMade, ToolFinished
from devagent.core.events.people import UndoDone
from devagent.core.limits import Limits
from devagent.core.principal import Principal
from devagent.core.tools import ToolClass, ToolSpec
from devagent.undo.guard import SnapshotGuard
from tests.support.agent_parts import (
    FakeJudge,
    FakeModel,
    FakeToolbox,
    gate_of,
    kinds,
    reply,
    said,
    spec,
    the_only,
    turn_of,
    use,
)


class OneTool(FakeToolbox):
    """A toolbox with one tool, of a class."""

    def __init__(self, tool_class: ToolClass) -> None:
        super().__init__()
        self._tool = spec(tool_class=tool_class)

    def specs(self) -> Sequence[ToolSpec]:
        return (self._tool,)


def agent_with(guard: SnapshotGuard, tool_class: ToolClass = "write") -> tuple[Agent, FakeToolbox]:
    toolbox = OneTool(tool_class)
    model = FakeModel(reply(use("c1", branch="main")), reply(said("So.")))
    agent = Agent(
        model, gate_of(FakeJudge(), toolbox), toolbox, system="", limits=Limits(), safeguards=Safeguards(OwnFiles(()), guard),
    )  # fmt: skip
    return agent, toolbox


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a").write_text("a")
    return folder


@pytest.mark.parametrize("tool_class", ["write", "exec", "net", "secret", "read"])
async def test_every_call_but_a_read_is_preceded_by_a_snapshot_on_record(
    tmp_path: Path, work: Path, tool_class: ToolClass
) -> None:
    guard = SnapshotGuard(str(tmp_path / "data"), str(work), "required")
    agent, _ = agent_with(guard, tool_class)
    events = await turn_of(agent)
    seen = [kind for kind in kinds(events) if kind.startswith(("tool.", "snapshot."))]
    made = ["snapshot.made"] if tool_class != "read" else []
    assert seen == ["tool.called", "tool.judged", "tool.started", *made, "tool.finished"]
    if made:
        snapshot = the_only(events, SnapshotMade)
        assert (snapshot.call, len(snapshot.snapshot), snapshot.files) == ("c1", 12, 1)


async def test_without_a_snapshot_the_call_is_refused_and_the_model_told(
    tmp_path: Path, work: Path
) -> None:
    (tmp_path / "data").write_text("in the way")
    agent, toolbox = agent_with(SnapshotGuard(str(tmp_path / "data"), str(work), "required"))
    events = await turn_of(agent)
    failed, finished = the_only(events, SnapshotFailed), the_only(events, ToolFinished)
    assert (failed.err, failed.refused) == ("unusable", True)
    assert (finished.outcome, finished.err) == ("failed", "no_snapshot")
    assert "Not run: no snapshot" in finished.text
    assert toolbox.ran == []


async def test_when_possible_it_runs_and_is_told_and_off_takes_none(
    tmp_path: Path, work: Path
) -> None:
    (tmp_path / "data").write_text("in the way")
    agent, toolbox = agent_with(SnapshotGuard(str(tmp_path / "data"), str(work), "when-possible"))
    events = await turn_of(agent)
    assert the_only(events, SnapshotFailed).refused is False
    assert len(toolbox.ran) == 1
    agent, toolbox = agent_with(SnapshotGuard(str(tmp_path / "data"), str(work), "off"))
    assert not any("snapshot" in kind for kind in kinds(await turn_of(agent)))
    assert len(toolbox.ran) == 1


def test_the_model_reads_of_an_undo_with_the_next_prompt() -> None:
    history = History()
    who: Any = Principal(user="ana")
    history.apply(
        UndoDone(
            principal=who,
            agent="main",
            snapshot="s",
            kept="k",
            files=2,
            changed=("a", "b"),
            repository=("HEAD",),
        )
    )
    (message,) = history.messages
    assert message["role"] == "user"
    assert "Files set back: a, b. Of the repository: HEAD." in message["content"][0]["text"]
