"""What the chat says of itself: how a session begins, its line at the bottom."""

import os
from typing import TYPE_CHECKING

from devagent import __version__
from devagent.core.errors import UsageError
from devagent.repl.messages import tr
from devagent.repl.style import Line, Segment, line

if TYPE_CHECKING:
    from devagent.session import Session


def greeting(session: "Session") -> list[Line]:
    """What a session begins with."""
    layers = ", ".join(f"{layer.layer}/{layer.name}" for layer in session.policy.layers)
    many = tr("{many} hidden by policy").format(many=len(session.hidden))
    hidden = f" ({many})" if session.hidden else ""
    rows = [
        line(Segment("devagent", "bold+accent"), Segment(f" · {session.model} · {tr('{many} tools').format(many=len(session.offered))}{hidden}", "quiet")),
        line(Segment(f"{__version__} · policy {layers} · log {short_path(session.folder)}", "quiet")),
    ]  # fmt: skip
    if session.policy.locked:
        rows.insert(
            0,
            line(
                Segment(tr("LOCKED, reading only: {why}").format(why=session.policy.locked), "bad")
            ),
        )
    if session.unanchored:
        rows.append(
            line(Segment(tr("! the record is {how}").format(how=session.unanchored), "ask"))
        )
    return rows


def status(session: "Session", folder: str, *, plan: bool, usd_micros: int) -> str:
    """The line at the bottom."""
    parts = ["/help", session.model]
    if plan:
        parts.append(tr("plan: only reading"))
    if session.policy.locked:
        parts.append(tr("LOCKED: only reading"))
    if usd_micros:
        parts.append(f"${usd_micros / 1e6:.{2 if usd_micros >= 10_000 else 4}f}")
    parts.append(short_path(folder))
    return " · ".join(parts)


def short_path(path: str) -> str:
    """With ``~`` for the person's home."""
    home = os.path.expanduser("~")
    return f"~{path[len(home) :]}" if home != "/" and path.startswith(home + os.sep) else path


def calls_back(rest: str, known: int) -> int:
    """Which call is meant, 1 the last, where so many are known. Raises UsageError."""
    if rest and not (rest.isascii() and rest.isdecimal()):
        raise UsageError(
            "how many calls back is a number", hint="1 is the last call, 2 the one before."
        )
    number = int(rest[:9] or "1")
    if not 0 < number <= known:
        many = (
            "no call has been judged yet"
            if not known
            else f"there is no call {number} calls back: {known} are known here"
        )
        raise UsageError(many)
    return number


def words(rest: str) -> list[str]:
    """The words of a line, quotes heeded. Raises UsageError."""
    import shlex  # noqa: PLC0415

    try:
        return shlex.split(rest)
    except ValueError as error:
        raise UsageError(f"the line cannot be read: {error}") from error
