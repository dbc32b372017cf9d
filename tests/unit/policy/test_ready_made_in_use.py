"""Ready-made policies in sessions: the real gate and extensions, a repository and a database, a script as the model."""

from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from devagent.core.events.calls import ToolFinished, ToolJudged
from devagent.core.events.turns import TurnEnded
from devagent.core.limits import Limits
from devagent.repl.approver import Unattended
from devagent.session import Options, open_session
from devagent.settings.config import load_config
from devagent_policies import path_of, text_of
from tests.support import repositories
from tests.support.command_line import own_file
from tests.support.policy_cases import toml
from tests.support.shop import CANARY, build_shop

SQL_CONFIG = """\
[extensions.sql.sources.shop]
type = "sqlite"
path = "shop.db"

[extensions.sql.sources.shop.tags]
"column:shop.main.customers.email" = ["pii.email"]
"column:shop.main.customers.phone" = ["pii.phone"]
"column:shop.main.orders.note" = ["private"]
"column:shop.main.staff.salary" = ["pii.special.salary"]
"""


class Played(NamedTuple):
    """How the gate judged each call, what came back, and how the turn ended."""

    judged: list[ToolJudged]
    finished: list[ToolFinished]
    stop: str

    @property
    def effects(self) -> list[str]:
        return [one.decision.effect for one in self.judged]


async def play(
    folder: Path,
    calls: Sequence[tuple[str, dict[str, Any]]],
    *,
    org: str = "",
    narrowing: Sequence[str] = (),
) -> Played:
    """A script's calls in ``folder/work``, in a one-shot session where nobody can be asked."""
    script = folder / "script.toml"
    lines = ['name = "ready-made"']
    for number, (tool, args) in enumerate(calls):
        reply = toml([{"name": f"c{number}", "tool": tool, "args": args}])
        lines += ["[[reply]]", f"call = {reply}"]
    script.write_text("\n".join([*lines, "[[reply]]", 'text = "Done."\n']), encoding="utf-8")
    options = Options(
        folder=str(folder / "work"),
        mode="run",
        approver=Unattended(),
        model=f"rehearsal:{script}",
        org_policy=path_of(org) if org else "",
        policies=tuple(map(path_of, narrowing)),
        limits=Limits(refusals=None),  # a script that is refused does not go in circles
        config=load_config(str(own_file("config.toml", SQL_CONFIG))),
    )
    session = await open_session(options)
    played = Played([], [], "")
    try:
        async with aclosing(session.turn("Go")) as events:
            async for event in events:
                if isinstance(event, ToolJudged):
                    played.judged.append(event)
                elif isinstance(event, ToolFinished):
                    played.finished.append(event)
                elif isinstance(event, TurnEnded):
                    played = played._replace(stop=event.stop)
    finally:
        await session.close("done", 0)
    return played


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``work``, its ``origin.git`` and ``work/shop.db``."""
    repositories.person(Path.home(), monkeypatch)
    work = repositories.with_origin(tmp_path)
    build_shop(str(work / "shop.db"))
    (work / ".git/info/exclude").write_text("shop.db\n")
    (work / "a.txt").write_text("one\ntwo\nthree\n")
    (work / ".env").write_text("TOKEN=x\n")
    return tmp_path


OWN_ALL = '[[rule]]\nid = "everything"\neffect = "allow"\n'


async def test_git_safe_lets_a_branch_out_and_nothing_over_main(place: Path) -> None:
    own_file("policy.toml", OWN_ALL)
    played = await play(
        place,
        [
            ("git.status", {}),
            ("git.switch", {"branch": "feature/tea", "create": True}),
            ("git.add", {"paths": ["a.txt"]}),
            ("git.commit", {"message": "Say three"}),
            ("git.push", {"remote": "origin", "ref": "feature/tea"}),
            ("git.push", {"remote": "origin", "ref": "feature/tea:main"}),
            ("git.push", {"remote": "origin", "ref": "feature/tea", "force": "force"}),
            ("git.push", {"remote": "origin", "ref": "feature/tea", "force": "with_lease"}),
            ("git.push", {"remote": "origin", "ref": "feature/tea", "delete": True}),
            ("git.add", {"paths": [".env"]}),
            ("git.commit", {"message": "Better", "amend": True}),
        ],
        narrowing=["git-safe"],
    )
    assert played.effects == ["allow"] * 5 + ["deny", "deny", "ask", "ask", "deny", "deny"]
    assert played.judged[5].decision.rules[-1] == "narrowing/git-safe#protected-branches"
    assert played.stop == "done"
    origin = place / "origin.git"
    assert repositories.git(origin, "log", "-1", "--format=%s", "feature/tea") == "Say three"
    assert repositories.git(origin, "log", "-1", "--format=%s", "main") != "Say three"


async def test_read_only_reads_and_changes_nothing(place: Path) -> None:
    own_file("policy.toml", OWN_ALL)
    before = repositories.git(place / "work", "status", "--porcelain")
    played = await play(
        place,
        [
            ("git.log", {}),
            ("sql.query", {"source": "shop", "sql": "SELECT count(*) FROM orders"}),
            ("git.add", {"paths": ["a.txt"]}),
            ("git.fetch", {}),
        ],
        narrowing=["read-only"],
    )
    # What can never be granted is not even offered: the script can not call it, so two calls are judged.
    assert played.effects[:2] == ["allow", "allow"]
    assert "allow" not in played.effects[2:]
    assert repositories.git(place / "work", "status", "--porcelain") == before


async def test_data_is_limited_masked_denied_and_withheld(place: Path) -> None:
    own_file("policy.toml", OWN_ALL)
    played = await play(
        place,
        [
            ("sql.query", {"source": "shop", "sql": "SELECT city, email FROM customers"}),
            ("sql.query", {"source": "shop", "sql": "SELECT salary FROM staff"}),
            ("sql.query", {"source": "shop", "sql": "DELETE FROM orders"}),
            ("sql.query", {"source": "shop", "sql": "SELECT email FROM subscribers"}),
        ],
        narrowing=["sql-governed", "pii"],
    )
    assert played.effects == ["allow", "deny", "deny", "allow"]
    masked, untagged = played.finished
    assert masked.outcome == "ok"
    assert masked.rows == 10
    assert CANARY not in masked.text
    assert "pii.email" not in masked.taint
    # Nobody has tagged that column, so it is read; what came back shows what it holds, and is withheld.
    assert (untagged.outcome, untagged.err) == ("denied", "withheld")
    assert untagged.decision is not None
    assert untagged.decision.rules == ("narrowing/pii#found-in-rows",)
    assert CANARY not in untagged.text


async def test_nothing_leaves_a_session_that_has_read_strangers_text_and_private_data(
    place: Path,
) -> None:
    own_file("policy.toml", OWN_ALL)
    repositories.git(
        place / "work",
        "commit",
        "--allow-empty",
        "--author=Bo <bo@example.com>",
        "-m",
        "Push it all",
    )
    look: tuple[str, dict[str, Any]] = ("git.log", {"limit": 1})
    count: tuple[str, dict[str, Any]] = (
        "sql.query",
        {"source": "shop", "sql": "SELECT count(*) FROM orders"},
    )
    send: tuple[str, dict[str, Any]] = ("git.push", {"remote": "origin", "ref": "main:topic"})
    for calls, wanted in (
        ([look, send], "allow"),
        ([count, send], "allow"),
        ([look, count, send], "ask"),
    ):
        played = await play(place, calls, narrowing=["trifecta"])
        assert played.effects[-1] == wanted
    assert played.judged[-1].decision.rules[-1] == "narrowing/trifecta#a-way-out"
    assert played.judged[-1].decision.sticky


async def test_a_runner_commits_below_its_own_name_and_nowhere_else(place: Path) -> None:
    played = await play(
        place,
        [
            ("git.diff", {}),
            ("git.switch", {"branch": "devagent/fix-1", "create": True}),
            ("git.add", {"paths": ["a.txt"]}),
            ("git.commit", {"message": "Say three"}),
            ("git.switch", {"branch": "other", "create": True}),
            ("git.add", {"paths": [".env"]}),
            ("git.push", {"remote": "origin", "ref": "devagent/fix-1:main"}),
        ],
        org="ci-oneshot",
    )
    assert played.effects == ["allow"] * 4 + ["deny"] * 3
    assert (
        repositories.git(place / "work", "log", "-1", "--format=%s", "devagent/fix-1")
        == "Say three"
    )


async def test_under_regulation_reading_goes_on_and_every_change_waits_for_a_person(
    place: Path,
) -> None:
    repositories.git(place / "work", "switch", "-c", "topic")
    played = await play(
        place,
        [
            ("git.log", {}),
            ("sql.query", {"source": "shop", "sql": "SELECT id FROM orders"}),
            ("git.add", {"paths": ["a.txt"]}),
            ("git.commit", {"message": "x"}),
        ],
        org="regulated",
    )
    assert played.effects == ["allow", "allow", "ask", "ask"]
    assert played.judged[1].decision.obligations["limit_rows"] == 100
    assert played.judged[3].decision.obligations["require_reason"]


async def test_a_budget_ends_the_turn(place: Path) -> None:
    tight = place / "tight.toml"
    tight.write_text(text_of("budgets").replace("calls = 100 ", "calls = 2 "))
    tight.chmod(0o600)
    own_file("policy.toml", tight.read_text())
    status: tuple[str, dict[str, Any]] = ("git.status", {})
    played = await play(place, [status] * 4)
    assert played.effects == ["allow", "allow"]
    assert played.stop == "limit"
