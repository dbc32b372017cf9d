"""``list``, ``tree`` and ``glob``: names of files, what ``.gitignore`` names left out. No link is followed."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import NamedTuple

from devagent_workspace.contract import Result, Surroundings, WorkspaceError
from devagent_workspace.globs import path_glob
from devagent_workspace.ignoring import Ignored, ignored_in
from devagent_workspace.places import Place, judged_place, open_place
from devagent_workspace.shown import byte_limit, clipped, fitted, one_line, size_text

MOST_LISTED = 2000
MOST_VISITED = 300_000
MOST_FILES = 40
"""Files of one folder that a tree shows by name; how many more there are it says."""
_DEEPEST = 200
_CLOCK_EVERY = 1000


class Entry(NamedTuple):
    """Something in a folder. ``path`` is relative to the folder that was asked for."""

    path: str
    is_folder: bool
    depth: int
    about: str


def list_folder(here: Surroundings, *, path: str = ".", depth: int = 1) -> Result:
    """The entries of a folder, ``depth`` levels deep, folders with ``/``, sizes of files.

    Raises WorkspaceError not_found, not_a_folder, denied, conflict.
    """
    place = judged_place(here.folder, "list", path)
    lines: list[str] = []
    left_out = 0
    more = False
    for entry in entries(place, depth):
        if entry is None:
            left_out += 1
        elif len(lines) == MOST_LISTED:
            more = True
            break
        else:
            name = one_line(os.path.basename(entry.path))
            lines.append(f"{'  ' * entry.depth}{name}{'/' if entry.is_folder else ''}{entry.about}")
    notes = f"[{left_out} left out by .gitignore]" if left_out else ""
    return _names(here, place, lines or ["[empty folder]"], notes, more=more)


class Branch:
    """A folder of a tree: what is shown of it, and how much there is below it in all."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.files = 0
        self.folders = 0
        self.shown: list[Branch | str] = []
        self.names = 0
        self.more = 0

    def lines(self, indent: str = "") -> Iterator[str]:
        for one in self.shown:
            if isinstance(one, str):
                yield indent + one
                continue
            counts = [_counted(one.folders, "folder")] if one.folders else []
            yield f"{indent}{one.name}/  {', '.join([_counted(one.files, 'file'), *counts])}"
            yield from one.lines(indent + "  ")
        if self.more:
            yield f"{indent}… {_counted(self.more, 'more file')}"


def tree(here: Surroundings, *, path: str = ".", depth: int = 3) -> Result:
    """The folders below ``path``, ``depth`` levels deep, each with how many files and folders are below it in
    all, however deep, and the files among them. Where there are too many to count it says so.

    Raises WorkspaceError not_found, not_a_folder, denied, conflict.
    """
    place = judged_place(here.folder, "tree", path)
    until = time.monotonic() + here.time_limit_s * 0.8
    top = Branch("")
    open_folders = [top]
    left_out = 0
    cut = ""
    for visited, entry in enumerate(entries(place, _DEEPEST)):
        if visited >= MOST_VISITED:
            cut = (
                f"[cut: the counts are of the first {MOST_VISITED:,} entries; name a folder within]"
            )
            break
        if visited % _CLOCK_EVERY == 0 and time.monotonic() > until:
            cut = f"[cut: the time was up after {visited:,} entries, the counts are of those; name a folder within]"
            break
        if entry is None:
            left_out += 1
            continue
        del open_folders[entry.depth + 1 :]
        parent = open_folders[-1]
        name = one_line(os.path.basename(entry.path))
        if entry.is_folder:
            branch = Branch(name)
            for folder in open_folders:
                folder.folders += 1
            if entry.depth < depth:
                parent.shown.append(branch)
            open_folders.append(branch)
            continue
        for folder in open_folders:
            folder.files += 1
        if entry.depth >= depth:
            continue
        if parent.names < MOST_FILES:
            parent.names += 1
            parent.shown.append(name + entry.about)
        else:
            parent.more += 1
    lines = list(top.lines()) or ["[empty folder]"]
    total = f"{_counted(top.files, 'file')}, {_counted(top.folders, 'folder')}"
    ignored = f"; {left_out} left out by .gitignore" if left_out else ""
    note = "\n".join(part for part in (f"[in all {total}{ignored}]", cut) if part)
    result = _names(here, place, lines[:MOST_LISTED], note, more=len(lines) > MOST_LISTED)
    structured = result.setdefault("structured", {})
    structured |= {"files": top.files, "folders": top.folders, "counted": not cut}
    return result


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def glob(here: Surroundings, *, pattern: str, path: str = ".") -> Result:
    """Files below ``path`` whose relative path fits the glob, sorted by name.

    Raises WorkspaceError bad_pattern, not_found, not_a_folder, denied, conflict.
    """
    place = judged_place(here.folder, "glob", path)
    fits = path_glob(pattern).match
    top = "" if place.name == "." else place.name.rstrip("/") + "/"
    found = sorted(
        one_line(top + name) for name in files_below(place, here.time_limit_s) if fits(name)
    )
    lines = found[:MOST_LISTED] or ["[no file fits]"]
    return _names(here, place, lines, "", more=len(found) > MOST_LISTED)


def entries(place: Place, depth: int) -> Iterator[Entry | None]:
    """What is in a folder, in order of names, depth first; None for each entry that is left out."""
    descriptor = open_place(place, os.O_DIRECTORY)
    try:
        yield from _walk(descriptor, place.real, "", 0, depth, ignored_in(place.real))
    finally:
        os.close(descriptor)


def _walk(
    descriptor: int, real: str, prefix: str, level: int, depth: int, ignored: Ignored
) -> Iterator[Entry | None]:
    try:
        with os.scandir(descriptor) as scanned:
            found = sorted(scanned, key=lambda one: one.name)
    except PermissionError:
        yield Entry(prefix + "[no permission]", is_folder=False, depth=level, about="")
        return
    for one in found:
        is_folder = one.is_dir(follow_symlinks=False)
        path = os.path.join(real, one.name)
        if one.name == ".git" or ignored.ignores(path, is_folder=is_folder):
            if one.name != ".git":
                yield None
            continue
        yield Entry(
            prefix + one.name, is_folder, level, _about(one, descriptor, is_folder=is_folder)
        )
        if is_folder and level + 1 < depth:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                inner = os.open(one.name, flags, dir_fd=descriptor)
            except OSError:
                continue  # gone, or no folder any more
            try:
                below = f"{prefix}{one.name}/"
                yield from _walk(inner, path, below, level + 1, depth, ignored.below(path))
            finally:
                os.close(inner)


def _about(one: "os.DirEntry[str]", descriptor: int, *, is_folder: bool) -> str:
    if is_folder:
        return ""
    try:
        if one.is_symlink():
            return f" -> {one_line(os.readlink(one.name, dir_fd=descriptor))}"
        return f"  {size_text(one.stat(follow_symlinks=False).st_size)}"
    except OSError:
        return ""


def files_below(place: Place, seconds: float) -> Iterator[str]:
    """Relative paths of all files below a folder that are not ignored, in no order."""
    descriptor = open_place(place, os.O_DIRECTORY)
    try:
        program = ripgrep()
        if program is None:
            walked = _walk(descriptor, place.real, "", 0, _DEEPEST, ignored_in(place.real))
            for visited, entry in enumerate(walked):
                if visited > MOST_VISITED:
                    raise WorkspaceError(
                        f"more than {MOST_VISITED} files; name a smaller folder", error="too_large"
                    )
                if entry is not None and not entry.is_folder:
                    yield entry.path
            return
        argv = [program, "--files", "--null", *WALKING, "./"]
        try:
            done = subprocess.run(  # noqa: S603 - argv is explicit, there is no shell
                argv,
                cwd=through(descriptor, place),
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=seconds,
                check=False,
                pass_fds=(descriptor,),
            )
        except subprocess.TimeoutExpired:
            raise WorkspaceError(
                "the search took too long; name a smaller folder", error="timeout"
            ) from None
        for name in done.stdout.split(b"\0"):
            if name:
                yield os.fsdecode(name.removeprefix(b"./"))
    finally:
        os.close(descriptor)


WALKING = (
    "--no-config",
    "--hidden",
    "--no-messages",
    "--no-require-git",
    "--no-ignore-global",
    "--no-ignore-exclude",
    "--no-ignore-dot",
    "--glob=!.git",
)
"""Options that make ripgrep walk as ``entries`` does."""


def ripgrep() -> str | None:
    """The ``rg`` of this machine, from a folder of PATH that is absolute."""
    path = os.pathsep.join(
        part for part in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(part)
    )
    return shutil.which("rg", path=path)


def through(descriptor: int, place: Place) -> str:
    """A name of an opened folder for a process that starts in it."""
    name = f"/proc/self/fd/{descriptor}"
    return name if os.path.exists(name) else place.real


def _names(here: Surroundings, place: Place, lines: list[str], note: str, *, more: bool) -> Result:
    limit = byte_limit(here.obligations)
    rows = here.obligations.get("limit_rows")
    wanted = lines[:rows] if isinstance(rows, int) else lines
    cut = f"[cut: {len(lines)} of more; name a folder within or a narrower pattern]"
    page, whole = fitted(wanted, limit - len(note) - 1, cut)
    whole = whole and not more and len(wanted) == len(lines)
    if not whole:
        of = f"more than {len(lines)}" if more else f"{len(lines)}"
        page.append(f"[cut: {len(page)} of {of}; name a folder within or a narrower pattern]")
    if note:
        page.append(note)
    return {
        "text": clipped("\n".join(page), limit),
        "rows": len(lines),
        "structured": {"path": one_line(place.name), "complete": whole},
    }
