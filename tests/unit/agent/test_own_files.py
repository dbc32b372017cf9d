"""devagent's own files under a call that reaches them: seen, recorded, and the session stops."""

import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from devagent.agent.floor import Floor
from devagent.agent.own_files import OwnFiles
from devagent.core.approvals import StandingApproval
from devagent.core.errors import OwnFilesChanged
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished
from devagent.core.events.session import ErrorRaised
from devagent.core.ports import MayRead, Meanwhile, Progress
from devagent.core.resources import Resource
from devagent.core.tools import ToolResult, ToolSpec
from devagent.core.verdicts import Decision, Effect
from devagent.settings.approvals import ApprovalsOnFile
from tests.support.agent_parts import FakeModel, FakeToolbox, agent_of, reply, said, turn_of, use


async def gather(events: AsyncIterator[Event], into: list[Event]) -> None:
    async for event in events:
        into.append(event)  # noqa: PERF401 - what came before a failure is kept


class Reaching(FakeToolbox):
    """A toolbox whose tool does something to a file."""

    def __init__(self, act: Any) -> None:
        super().__init__()
        self._act = act

    async def run(
        self,
        tool: ToolSpec,
        args: Mapping[str, Any],
        obligations: Mapping[str, Any],
        may_read: MayRead | None = None,
        progress: Progress | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> ToolResult:
        self._act()
        return await super().run(tool, args, obligations, may_read, progress)


@pytest.mark.parametrize("how", ["append", "rewrite", "chmod", "remove", "create", "same size and time"])  # fmt: skip
async def test_a_call_that_changes_an_own_file_stops_the_session(tmp_path: Path, how: str) -> None:
    policy, later = tmp_path / "policy.toml", tmp_path / "config.toml"
    policy.write_text("version = 1\n")
    times = os.stat(policy)

    def act() -> None:
        match how:
            case "append":
                policy.write_text("version = 1\nmore\n")
            case "rewrite":
                policy.unlink()
                policy.write_text("version = 2\n")
            case "chmod":
                policy.chmod(0o666)
            case "remove":
                policy.unlink()
            case "create":
                later.write_text("")
            case _:
                policy.write_text("version = 2\n")
                os.utime(policy, ns=(times.st_atime_ns, times.st_mtime_ns))

    model = FakeModel(reply(use("c1", branch="main")), reply(said("So.")))
    agent = agent_of(model, toolbox=Reaching(act), governing=(str(policy), str(later)))
    seen: list[Event] = []
    with pytest.raises(OwnFilesChanged, match=r"changed while a call") as stopped:
        await gather(agent.turn("go"), seen)
    assert stopped.value.exit_code == 3
    assert isinstance(seen[-2], ToolFinished)
    assert isinstance(seen[-1], ErrorRaised)
    assert seen[-1].err == "own_files_changed"
    assert seen[-1].reason == str(later if how == "create" else policy)
    assert len(model.requests) == 1
    with pytest.raises(OwnFilesChanged):
        await turn_of(agent)


async def test_touching_or_reading_them_and_a_persons_change_between_calls_is_nothing(
    tmp_path: Path,
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("version = 1\n")

    def act() -> None:
        policy.read_text()
        os.utime(policy)

    replies = [reply(use("c1", branch="main")), reply(said("So."))]
    again = [reply(use("c2", branch="main")), reply(said("So."))]
    agent = agent_of(FakeModel(*replies, *again), toolbox=Reaching(act), governing=(str(policy),))
    await turn_of(agent)
    policy.write_text("a person's own change\n")
    assert (await turn_of(agent))[-1].__class__.__name__ == "TurnEnded"


@pytest.mark.parametrize("tampers", [False, True])
async def test_an_approval_that_a_person_gives_meanwhile_is_no_calls_doing(
    tmp_path: Path, tampers: bool
) -> None:
    path = tmp_path / "approvals.json"

    def act() -> None:
        if tampers:
            path.write_text("{}")
            path.unlink()
            path.write_text('{"version":1,"approvals":[]}')
            path.chmod(0o600)
        own = agent._own_files  # pyright: ignore[reportPrivateUsage]
        ApprovalsOnFile.load(str(path), own.own_write).keep(approval)

    approval = StandingApproval(
        id="a1", user="ana", by="user:ana", tool="git.log", definition="ab", scope="always",
        given="2026-11-20", expires="2026-12-20", rules=(),
    )  # fmt: skip
    model = FakeModel(reply(use("c1")), reply(said("done")))
    agent = agent_of(model, toolbox=Reaching(act), governing=[str(path)])
    events: list[Event] = []
    if tampers:
        with pytest.raises(OwnFilesChanged, match=r"approvals\.json"):
            await gather(agent.turn("go"), events)
    else:
        await gather(agent.turn("go"), events)
    assert any(isinstance(event, ErrorRaised) for event in events) is tampers


def test_a_large_file_is_read_once_while_it_stays_as_it_is(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("version = 1\n")
    files = OwnFiles((str(policy),))
    before = files.now()
    known = before.files[str(policy)]
    del before
    again = files.now()
    assert again.files[str(policy)] is known
    assert files.changed_since(again) == ()


def test_a_call_beside_another_sees_what_changed_since_the_first_began(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("version = 1\n")
    files = OwnFiles((str(policy),))
    first = files.now()
    policy.write_text("version = 2\n")
    second = files.now()
    assert files.changed_since(first) == files.changed_since(second) == (str(policy),)
    del first, second
    assert files.changed_since(files.now()) == ()


# -- the floor: trees, hard links, commands that nothing holds


@pytest.fixture
def floor(tmp_path: Path) -> Floor:
    for name in ("home/shop", "home/.config/devagent"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "home/.config/devagent/policy.toml").write_text("x")
    return Floor(str(tmp_path / "home/shop"), (str(tmp_path / "home/.config/devagent"),))


def test_a_tree_that_holds_an_own_file_is_refused_for_reading(floor: Floor, tmp_path: Path) -> None:
    for name in ("..", str(tmp_path), "/"):
        assert floor.refusal([Resource(f"path:{name}", "read", ("path.tree",))]), name
        assert not floor.refusal([Resource(f"path:{name}", "read")]), name
    assert not floor.refusal([Resource("path:.", "read", ("path.tree",))])
    assert not floor.refusal([Resource(f"path:{tmp_path}/home/other", "read", ("path.tree",))])


def test_a_hard_link_to_an_own_file_is_that_file(floor: Floor, tmp_path: Path) -> None:
    own = tmp_path / "home/.config/devagent/policy.toml"
    shop = tmp_path / "home/shop"
    os.link(own, shop / "linked.toml")
    (shop / "a").write_text("a")
    os.link(shop / "a", shop / "b")
    for resource in ("path:linked.toml", "command:cat linked.toml", f"path:{shop}/linked.toml"):
        assert floor.refusal([Resource(resource, "read")]), resource
    for resource in ("path:a", "path:b", "command:cat b", "path:missing"):
        assert not floor.refusal([Resource(resource, "read")]), resource


def asked(floor: Floor, effect: Effect, *resources: Resource) -> Decision:
    return floor.asked(Decision(effect=effect, reason="r", rules=("local/mine#all",)), resources)


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("?", ()),
        ("?", ("sandbox.none",)),
        ("python3 -c 1", ("command.interpreter", "sandbox.none")),
        ("./x", ("command.workspace",)),
        ("make", ("unclear.because", "sandbox.none")),
    ],
)
def test_a_command_that_nothing_holds_is_at_least_asked(
    floor: Floor, name: str, tags: tuple[str, ...]
) -> None:
    plain = Resource("command:ls", "write", ("sandbox.none",))
    found = asked(floor, "allow", plain, Resource(f"command:{name}", "write", tags))
    assert found.effect == "ask"
    assert found.rules == ("floor#unbounded-command", "local/mine#all")
    assert found.determining[0].rule == "floor#unbounded-command"
    held = (*(tag for tag in tags if tag != "sandbox.none"), "sandbox.landlock")
    assert asked(floor, "allow", Resource(f"command:{name}", "write", held)).effect == "allow"
    for effect in ("deny", "ask"):
        kept = asked(floor, effect, Resource(f"command:{name}", "write", tags))
        assert (kept.effect, kept.rules) == (effect, ("local/mine#all",))


def test_known_commands_and_other_calls_are_left_to_policy(floor: Floor) -> None:
    for resource in (
        Resource("command:git status", "write", ("sandbox.none",)),
        Resource("path:a", "write"),
        Resource("mcp:server/tool", "write"),
    ):
        assert asked(floor, "allow", resource).effect == "allow"


def test_in_a_workspace_that_holds_own_files_every_unheld_command_is_asked(tmp_path: Path) -> None:
    floor = Floor(str(tmp_path), (str(tmp_path / ".config/devagent"),))
    assert asked(floor, "allow", Resource("command:grep -r x", "write")).effect == "ask"
    held = Resource("command:grep -r x", "write", ("sandbox.bubblewrap",))
    assert asked(floor, "allow", held).effect == "allow"
