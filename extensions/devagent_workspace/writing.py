"""``write`` and ``edit``: whole and never half, and never over what the model has not seen.

A file is written beside its place, synced, and put there by one rename, so that a reader or a crash
meets the old content or the new. An existing file whose content is not the one last read or written here
is a conflict. Everything after judging goes through a descriptor of the parent folder.
"""

import contextlib
import errno
import itertools
import os
import stat
import time
from bisect import bisect_left
from collections.abc import Generator, Sequence
from typing import Any

from devagent_workspace.content import decode, described
from devagent_workspace.contract import Result, Surroundings, WorkspaceError, bad
from devagent_workspace.places import Place, failure, judged_place, open_place, resolve
from devagent_workspace.reading import content, digest, line_ends, too_large
from devagent_workspace.shown import clipped, one_line, shown
from devagent_workspace.state import State, state_of

VIEW_BYTES = 20_000
_TEMPORARY = ".devagent-tmp"
_ABANDONED_S = 600.0
_MOST_SWEPT = 2_000


def write(here: Surroundings, *, path: str, content: str) -> Result:
    """Create a file, with the folders it needs, or replace one that was read before.

    An existing file keeps its mode, encoding, byte order mark and kind of line ends. Raises
    WorkspaceError conflict, not_a_file, not_a_folder, special, denied, encoding, no_space.
    """
    place = judged_place(here.folder, "write", path)
    state = state_of(here.folder)
    with state.lock, _parent(place, make=True) as parent:
        before = _present(place, parent)
        if before is None:
            data = _utf8(content)
            _put_new(parent, place, data)
            state.seen[place.real] = digest(data)
            done = f"created {one_line(place.name)} ({_lines(content)})"
            return _result(place, done, _difference(place, "", content))
        known = _unchanged(state, place, before)
        text = decode(before)
        if text is None:
            data, old = _utf8(content), ""
        else:
            old = text.text
            ends = line_ends(old)
            wanted = (
                content.replace("\r\n", "\n").replace("\n", "\r\n") if ends == "crlf" else content
            )
            data = text.encoded(wanted)
        _put(parent, place, data, known)
        state.seen[place.real] = digest(data)
        done = f"replaced {one_line(place.name)} ({_lines(content)})"
        return _result(place, done, _difference(place, old, content))


def edit(here: Surroundings, *, path: str, edits: list[dict[str, Any]]) -> Result:
    """Replace exact text in a file that was read before: all of the edits, in order, or none.

    Each edit has ``old``, ``new`` and, to replace every place, ``all``. Line ends need not be told apart.
    Raises WorkspaceError no_match, ambiguous, conflict, not_found, binary, too_large, encoding.
    """
    place = judged_place(here.folder, "edit", path)
    state = state_of(here.folder)
    with state.lock, _parent(place) as parent:
        before = _present(place, parent)
        if before is None:
            raise WorkspaceError(
                f"{one_line(place.name)} does not exist; use write to create it", error="not_found"
            )
        known = _unchanged(state, place, before)
        text = decode(before)
        if text is None:
            told = described(before, len(before))
            raise WorkspaceError(f"{one_line(place.name)} is no text: {told}", error="binary")
        after, places = _edited(text.text, edits)
        data = text.encoded(after)
        _put(parent, place, data, known)
        state.seen[place.real] = digest(data)
    where = ", ".join(map(str, places[:10])) + (", …" if len(places) > 10 else "")
    done = f"edited {one_line(place.name)}: {len(places)} replaced, at line {where}"
    return _result(place, done, _difference(place, text.text, after))


def foreseen(here: Surroundings, tool: str, path: str, edits: list[dict[str, Any]]) -> None:
    """Nothing, where the call could be carried out as things stand; else raises what it would. Only of files inside
    the workspace: of others nothing is told before somebody said yes."""
    place = resolve(here.folder, path)
    if place.outside or not os.path.isfile(place.real):
        return
    state = state_of(here.folder)
    with state.lock, _parent(place) as parent:
        before = _present(place, parent)
        if before is None:
            return
        _unchanged(state, place, before)
        text = decode(before)
        if tool == "edit" and text is not None:
            _edited(text.text, edits)


def _edited(text: str, edits: list[dict[str, Any]]) -> tuple[str, list[int]]:
    """The text after all of the edits, and the lines where something was replaced."""
    after, places = text, list[int]()
    for number, one in enumerate(edits, 1):
        after, found = _replaced(after, one, number if len(edits) > 1 else 0)
        places += found
    if after == text:
        raise bad("the edits change nothing: old and new text are the same")
    return after, places


def _replaced(text: str, one: dict[str, Any], number: int) -> tuple[str, list[int]]:
    """The text after one edit, and the lines where something was replaced."""
    old, new = one["old"].replace("\r\n", "\n"), one["new"].replace("\r\n", "\n")
    which = f"edit {number}: " if number else ""
    if not old:
        raise bad(f"{which}old text is empty; use write to replace a whole file")
    # Matching is on newlines alone; where each was "\r\n", the bytes around the match stay as they are.
    windows: list[int] = []
    flat = text
    if "\r\n" in text:
        parts = text.split("\r\n")
        at = -1
        for part in parts[:-1]:
            at += len(part) + 1
            windows.append(at)
        flat = "\n".join(parts)
    starts: list[int] = []
    at = flat.find(old)
    while at >= 0:
        starts.append(at)
        at = flat.find(old, at + len(old))
    if not starts:
        from devagent_workspace.nearest import nearest  # noqa: PLC0415 - only where nothing fits

        raise WorkspaceError(
            f"{which}old text was not found. {nearest(flat, old)}", error="no_match"
        )
    lines = [flat.count("\n", 0, start) + 1 for start in starts]
    if len(starts) > 1 and not one.get("all", False):
        where = ", ".join(map(str, lines[:20]))
        raise WorkspaceError(
            f"{which}old text is there {len(starts)} times (lines {where}); add lines around it "
            "until it is unique, or say all=true",
            error="ambiguous",
        )
    if windows and line_ends(text) == "crlf":
        new = new.replace("\n", "\r\n")
    elif windows:  # mixed: the ends of the lines that are replaced
        first = bisect_left(windows, starts[0])
        inside = first < len(windows) and windows[first] < starts[0] + len(old)
        new = new.replace("\n", "\r\n") if inside else new
    out, done = list[str](), 0
    for start in starts:
        out += [text[done : start + bisect_left(windows, start)], new]
        end = start + len(old)
        done = end + bisect_left(windows, end)
    return "".join([*out, text[done:]]), lines


@contextlib.contextmanager
def _parent(place: Place, *, make: bool = False) -> Generator[int]:
    """A descriptor of the folder that a file is in; with ``make`` missing folders are made."""
    folder = os.path.dirname(place.real)
    if place.real == "/" or os.path.isdir(place.real):
        raise WorkspaceError(f"{one_line(place.name)} is a folder", error="not_a_file")
    if make and not os.path.lexists(folder):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as e:
            raise failure(e, os.path.dirname(place.name) or place.name) from e
    descriptor = open_place(place._replace(real=folder), os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _present(place: Place, parent: int) -> bytes | None:
    """The content that is there now, None where there is no file."""
    try:
        about = os.stat(os.path.basename(place.real), dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(about.st_mode):
        raise WorkspaceError(f"{one_line(place.name)} is no regular file", error="special")
    data, size = content(place)
    if data is None:
        raise too_large(place, size)
    return data


def _unchanged(state: State, place: Place, data: bytes) -> bytes:
    """The digest of what is there, which must be what the model knows."""
    known, now = state.seen.get(place.real), digest(data)
    if known is None:
        raise WorkspaceError(
            f"{one_line(place.name)} exists and was not read in this session; read it first",
            error="conflict",
        )
    if known != now:
        raise WorkspaceError(
            f"{one_line(place.name)} was changed by someone else since it was read; read it again",
            error="conflict",
        )
    return known


def _put_new(parent: int, place: Place, data: bytes) -> None:
    """A file that must not be there yet: linking, other than renaming, never replaces."""
    name = os.path.basename(place.real)
    temporary = _written(parent, place, data, None)
    try:
        os.link(temporary, name, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
    except FileExistsError:
        raise WorkspaceError(
            f"{one_line(place.name)} has just been created by someone else; read it first",
            error="conflict",
        ) from None
    except OSError as e:
        if e.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
            raise failure(e, place.name) from e
        os.rename(
            temporary, name, src_dir_fd=parent, dst_dir_fd=parent
        )  # no links on this file system
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=parent)
    os.fsync(parent)


def _put(parent: int, place: Place, data: bytes, known: bytes) -> None:
    """Replace a file that still has the ``known`` content, keeping its mode."""
    name = os.path.basename(place.real)
    mode = stat.S_IMODE(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    if not mode & 0o200:
        raise WorkspaceError(f"{one_line(place.name)} is read-only", error="denied")
    temporary = _written(parent, place, data, mode)
    try:
        now = _present(place, parent)
        if now is None or digest(now) != known:
            raise WorkspaceError(
                f"{one_line(place.name)} was changed while it was being written; read it again",
                error="conflict",
            )
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=parent)
        raise
    os.fsync(parent)


def _written(parent: int, place: Place, data: bytes, mode: int | None) -> str:
    """The name of a synced file in the parent that holds ``data``."""
    _sweep(parent)
    temporary = f".{os.path.basename(place.real)[:100]}.{os.urandom(6).hex()}{_TEMPORARY}"
    try:
        descriptor = os.open(
            temporary,
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW,
            0o666 if mode is None else 0o600,
            dir_fd=parent,
        )
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                if mode is not None:
                    os.fchmod(descriptor, mode)
                os.fsync(descriptor)
        except BaseException:
            os.unlink(temporary, dir_fd=parent)
            raise
    except OSError as e:
        raise failure(e, place.name) from e
    return temporary


def _sweep(parent: int) -> None:
    """Take away what a write that was killed has left in a folder. What is young may be another's."""
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in itertools.islice(entries, _MOST_SWEPT):
            if (
                entry.name.endswith(_TEMPORARY)
                and entry.is_file(follow_symlinks=False)
                and entry.stat(follow_symlinks=False).st_mtime < time.time() - _ABANDONED_S
            ):
                os.unlink(entry.name, dir_fd=parent)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise WorkspaceError("the content is not valid Unicode", error="encoding") from None


def _lines(text: str) -> str:
    count = text.count("\n") + (not text.endswith("\n") and text != "")
    return f"{count} line{'' if count == 1 else 's'}"


def _difference(place: Place, before: str, after: str) -> tuple[str, int, int]:
    """A unified diff for the person, and how many lines came and went."""
    name = one_line(place.name)
    old, new = (_flat(text).split("\n") if text else [] for text in (before, after))
    if len(old) + len(new) > 20_000:  # the comparison is quadratic at its worst
        return "", max(0, len(new) - len(old)), max(0, len(old) - len(new))
    import difflib  # noqa: PLC0415 - only where something was written

    lines: Sequence[str] = list(difflib.unified_diff(old, new, name, name, lineterm="", n=3))
    added = sum(line.startswith("+") for line in lines[2:])
    removed = sum(line.startswith("-") for line in lines[2:])
    return clipped("\n".join(map(shown, lines)), VIEW_BYTES), added, removed


def _flat(text: str) -> str:
    return text.replace("\r\n", "\n").removesuffix("\n")


def _result(place: Place, text: str, difference: tuple[str, int, int]) -> Result:
    view, added, removed = difference
    linked = "path.hardlink" in place.tags
    return {
        "text": f"{text}; its other hard links keep the old content" if linked else text,
        "view": view,
        "structured": {"path": one_line(place.name), "added": added, "removed": removed},
    }
