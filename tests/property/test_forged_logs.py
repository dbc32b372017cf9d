"""A log in which anything may stand for anything: whoever reads it says so, or shows what there is, and goes on."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click import Command
from click.testing import CliRunner

from devagent.audit.layout import BODIES, EVENTS
from devagent.cli.review import review
from devagent.cli.session import session
from devagent.cli.usage import usage
from devagent.core.errors import DevagentError
from devagent.settings.places import places
from tests.support.log_events import write_story
from tests.support.reviewed import emails, hostile

SEEDS = range(int(os.environ.get("DEVAGENT_FORGED_LOGS", "0"))) or (1, 8, 26, 88, 116)
"""Those of every day: a header without a field, content that is none, numbers that no database takes."""
INSTEAD: list[Any] = [
    *(None, 1, -1, 2**70, 1.5, "", [], {}, True, [[1]], {"a": {}}),
    *("x" * 100_000, "\x1b[2J\u202e"),
]
READERS: list[tuple[Command, tuple[str, ...]]] = [
    *((session, (name,)) for name in ("list", "show", "report", "replay", "verify")),
    *((session, ("report", "--format", form)) for form in ("json", "markdown")),
    *((session, ("search", "push")), (session, ("export", "--format", "jsonl"))),
    *((session, ("verify", "--all")), (session, ("prune", "--dry-run"))),
    *((review, ("list",)), (review, ("marks",)), (usage, ())),
]


def forged(value: Any, chance: random.Random) -> Any:
    """The value with something else in one place of it."""
    if isinstance(value, dict | list) and value and chance.random() < 0.9:
        place: Any = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        if isinstance(value, dict) and chance.random() < 0.15:
            del value[place]
        else:
            value[place] = forged(value[place], chance)
        return value  # pyright: ignore[reportUnknownVariableType]
    return chance.choice(INSTEAD)


def rewrite(path: Path, chance: random.Random, change: Callable[[Any], Any]) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    number = chance.randrange(len(lines))
    lines[number] = text_of(change(json.loads(lines[number])))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def text_of(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_reader_fails_over_what_stands_in_a_log(seed: int) -> None:
    chance = random.Random(seed)
    root = Path(places().sessions)
    one, other = (Path(write_story(f"{root}{n}", e)) for n, e in enumerate((emails(), hostile())))
    day = root / one.parent.name
    folders = [day / one.name, day / f"7{other.name[1:]}"]
    for source, target in zip((one, other), folders, strict=True):
        shutil.copytree(source, target)
    folder = chance.choice(folders)

    def content(body: Any) -> Any:
        return {**body, "content": text_of(forged(json.loads(body["content"]), chance))}

    for _ in range(3):
        if chance.random() < 0.5:
            rewrite(folder / EVENTS, chance, lambda header: forged(header, chance))
        else:
            rewrite(folder / BODIES, chance, content)
    for command, args in READERS:
        named = (folder.name,) if args[:1] in (("show",), ("report",), ("replay",)) else ()
        done = CliRunner().invoke(command, [*args, *named])
        assert isinstance(done.exception, DevagentError | SystemExit | None), (seed, args)
        assert "\x1b" not in done.stdout, (seed, args)
