"""A session's two files as the appends that made them, and any state that a crash can leave of them."""

import os
import shutil
from pathlib import Path

from devagent.audit.layout import BODIES, EVENTS
from devagent.core.codec import parse


def appends(folder: str) -> list[tuple[str, bytes]]:
    """(file, line) in the order of writing: each body right before its header."""
    bodies = {parse(line)["seq"]: line for line in _lines(folder, BODIES)}
    order: list[tuple[str, bytes]] = []
    for header in _lines(folder, EVENTS):
        body = bodies.get(parse(header)["seq"])
        order += [(BODIES, body)] if body else []
        order.append((EVENTS, header))
    return order


def states(order: list[tuple[str, bytes]]) -> list[tuple[int, int]]:
    """Every state of a log that was killed: so many whole appends, and so many bytes of the next."""
    return [(n, cut) for n, (_, line) in enumerate(order) for cut in range(len(line))]


def put(folder: Path, order: list[tuple[str, bytes]], state: tuple[int, int]) -> str:
    """A folder that holds just that state."""
    whole, cut = state
    files = {EVENTS: b"", BODIES: b""}
    for name, line in order[:whole]:
        files[name] += line
    if cut:
        files[order[whole][0]] += order[whole][1][:cut]
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return str(folder)


def cut_back(folder: str, order: list[tuple[str, bytes]], state: tuple[int, int]) -> None:
    """Cut a later state's files back to this one."""
    whole, cut = state
    for name in (EVENTS, BODIES):
        size = sum(len(line) for one, line in order[:whole] if one == name)
        os.truncate(Path(folder) / name, size + (cut if order[whole][0] == name else 0))


def copy(folder: str, to: Path) -> Path:
    if to.exists():
        shutil.rmtree(to)
    shutil.copytree(folder, to)
    return to


def _lines(folder: str, name: str) -> list[bytes]:
    return (Path(folder) / name).read_bytes().splitlines(keepends=True)
