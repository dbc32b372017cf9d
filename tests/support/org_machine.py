"""This process as a machine that belongs to an organisation: its pin, and sessions under what it fetched.

``enrolled_here`` puts the pin where root would; nothing of the real machine is touched.
"""

import os
from collections.abc import Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest

from devagent.audit.reader import read_events
from devagent.core.events import Event
from devagent.core.events.calls import ToolJudged
from devagent.org import pin as pins
from devagent.org.client import Synced
from devagent.org.sources import source_for
from devagent.repl.approver import Unattended
from devagent.session import Options, Session, open_session
from devagent.session.enrolled import client_of
from devagent.settings import places as places_module
from devagent.settings import policies as policies_module
from devagent.settings.identity import principal
from devagent.settings.places import places
from devagent.settings.trusted_file import read_trusted
from tests.support.org_repository import Organisation
from tests.support.owners import ME
from tests.support.policy_cases import toml


def org_folders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Move where enrolments lie below the folder; the file of the machine's."""
    monkeypatch.setattr(places_module, "ORG_FOLDER", str(folder / "etc"))
    monkeypatch.setattr(places_module, "OWN_ORG_FOLDER", str(folder / "own"))
    if ME != 0:
        # What this user writes stands for what root wrote.
        def as_root(path: str, *, root_only: bool = False, **named: Any) -> bytes:
            del root_only
            return read_trusted(path, **named)

        monkeypatch.setattr(policies_module, "read_trusted", as_root)
        monkeypatch.setattr("devagent.session.enrolled.read_trusted", as_root)
        monkeypatch.setattr("devagent.session.equipped.read_trusted", as_root)
    return folder / "etc" / pins.FILE


def enrolled_here(
    org: Organisation, folder: Path, monkeypatch: pytest.MonkeyPatch, **pin: Any
) -> Path:
    """Enrol this process; the pin's file."""
    file = org_folders(folder, monkeypatch)
    file.parent.mkdir(mode=0o755)
    file.write_bytes(pins.written(org.pin(**pin)))
    file.chmod(0o644)
    return file


def sync_here(file: Path) -> Synced:
    client = client_of(places(), principal(), str(file))
    with closing(source_for(client.pin.url)) as source:
        return client.sync(source)


def script(folder: Path, calls: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """A model that makes these calls, one a reply."""
    file = folder / f"script-{len(os.listdir(folder))}.toml"
    lines = ['name = "org"']
    for number, (tool, args) in enumerate(calls):
        lines += [
            "[[reply]]",
            f"call = {toml([{'name': f'c{number}', 'tool': tool, 'args': args}])}",
        ]
    file.write_text("\n".join([*lines, "[[reply]]", 'text = "Done."\n']), encoding="utf-8")
    return f"rehearsal:{file}"


async def opened(folder: Path, model: str, mode: str = "chat") -> Session:
    work = folder / "work"
    work.mkdir(exist_ok=True)
    (work / "a.txt").write_text("one\n")
    return await open_session(
        Options(folder=str(work), mode=mode, approver=Unattended(), model=model)
    )


async def turn(session: Session) -> list[Event]:
    async with aclosing(session.turn("Go")) as events:
        return [event async for event in events]


async def played(
    folder: Path, calls: Sequence[tuple[str, dict[str, Any]]], mode: str = "chat"
) -> tuple[list[ToolJudged], list[Event]]:
    """One whole session: the verdicts, and what is on record."""
    session = await opened(folder, script(folder, calls), mode)
    try:
        events = await turn(session)
    finally:
        await session.close("done", 0)
    return [one for one in events if isinstance(one, ToolJudged)], list(read_events(session.folder))
