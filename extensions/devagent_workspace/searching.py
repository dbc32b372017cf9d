"""``grep``: lines that fit a regular expression, by ripgrep or, without it, by ``plain_grep``.

A search is carried out when it is judged, so that the files whose lines would be shown can be named; the
call itself then shows what was found for them, or searches anew and shows only files that were judged.
"""

import json
import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from devagent_workspace.contract import ResourceDict, Result, Surroundings, WorkspaceError, bad
from devagent_workspace.finding import WALKING, ripgrep, through
from devagent_workspace.globs import path_glob
from devagent_workspace.places import (
    Place,
    judged_place,
    located,
    mounts_inside,
    open_place,
    remember_judged,
    tells_of_secrets,
)
from devagent_workspace.shown import byte_limit, clipped, fitted, one_line, short_line, shown
from devagent_workspace.state import state_of

Mode = Literal["lines", "files", "count"]
OUTPUT_BYTES = 8_000_000
"""Most that a search may print before it is ended."""
FRESH_S = 5.0
LINE_CHARACTERS = 400
MOST_FILES = 1000
"""Most files of one answer: each of them is a resource that policy judges."""


class Search(NamedTuple):
    """What is sought; equal searches give equal answers."""

    place: Place
    pattern: str
    glob: str
    ignore_case: bool
    context: int
    mode: Mode
    limit: int


class Found(NamedTuple):
    """Blocks of an answer by file, in order of names. ``secrets``: files left out for their names."""

    files: dict[str, list[str]]
    hits: int
    secrets: int
    complete: bool
    at: float


def grep(
    here: Surroundings,
    *,
    pattern: str,
    path: str = ".",
    glob: str = "",
    ignore_case: bool = False,
    context: int = 0,
    mode: Mode = "lines",
    limit: int = 200,
) -> Result:
    """Lines that fit ``pattern`` in files below ``path`` (or in that file), with line numbers.

    Regular expressions are those that ripgrep knows: no look-around, no back references. Binary and
    ignored files are not searched, nor are files whose names tell of secrets, unless named by ``path``.
    Raises WorkspaceError bad_pattern, not_found, timeout, conflict.
    """
    place = judged_place(here.folder, "grep", path)
    rows = here.obligations.get("limit_rows")
    search = Search(place, pattern, glob, ignore_case, context, mode, limit)
    judged: Found | None = state_of(here.folder).searches.get(search)
    if judged is not None and time.monotonic() - judged.at < FRESH_S:
        found = judged
    else:
        found = run(search, here.time_limit_s)
        if judged is not None:
            new = {name: lines for name, lines in found.files.items() if name in judged.files}
            complete = found.complete and len(new) == len(found.files)
            found = found._replace(files=new, complete=complete)
    if isinstance(rows, int):
        search = search._replace(limit=min(limit, rows))
    return _answer(search, found, byte_limit(here.obligations))


def resources(here: Surroundings, args: Mapping[str, Any]) -> list[ResourceDict]:
    """The place that is searched, and every file of which something would be shown."""
    try:
        search = _asked(here.folder, **args)
    except TypeError as e:
        raise bad(f"the arguments of grep do not fit: {e}") from e
    found = run(search, here.time_limit_s)
    state_of(here.folder).searches[search] = found
    base = search.place.real
    if not os.path.isdir(base):
        base = os.path.dirname(base)
    named = [search.place.as_tree().resource("read")]
    mounts = mounts_inside(here.folder)
    named += [
        located(here.folder, os.path.join(base, name), mounts).resource("read")
        for name in found.files
    ]
    return list({resource["id"]: resource for resource in named}.values())


def _asked(
    folder: str,
    *,
    pattern: str,
    path: str = ".",
    glob: str = "",
    ignore_case: bool = False,
    context: int = 0,
    mode: Mode = "lines",
    limit: int = 200,
) -> Search:
    place = remember_judged(folder, "grep", path)
    return Search(place, pattern, glob, ignore_case, context, mode, limit)


def run(search: Search, seconds: float) -> Found:
    """Search now."""
    if "\n" in search.pattern or "\0" in search.pattern:
        raise WorkspaceError(
            "a pattern is about one line and holds no newline", error="bad_pattern"
        )
    fits = path_glob(search.glob).match if search.glob else None
    is_folder = os.path.isdir(search.place.real)
    above = (
        search.place
        if is_folder
        else search.place._replace(real=os.path.dirname(search.place.real))
    )
    descriptor = open_place(above, os.O_DIRECTORY)
    try:
        if not is_folder:
            os.close(open_place(search.place))
        target = "./" if is_folder else "./" + os.path.basename(search.place.real)
        program = ripgrep()
        argv, said = (
            _ripgrep_argv(program, search, target) if program else _plain_argv(search, target)
        )
        out, complete = _output(argv, said, through(descriptor, above), descriptor, seconds)
    finally:
        os.close(descriptor)
    return _parsed(search, out, complete, fits, is_folder)


def _ripgrep_argv(program: str, search: Search, target: str) -> tuple[list[str], bytes]:
    argv = [program, *WALKING, "--color=never", "--no-heading", "--with-filename", "--null"]
    argv += ["--no-binary", "--crlf", "--max-columns=2000", "--max-columns-preview"]
    argv += {"lines": ["--line-number"], "files": ["--files-with-matches"], "count": ["--count"]}[
        search.mode
    ]
    if search.context and search.mode == "lines":
        argv.append(f"--context={search.context}")
    if search.ignore_case:
        argv.append("--ignore-case")
    if search.glob:  # a type, unlike --glob, does not bring ignored files back
        argv += [
            f"--type-add=wanted:{search.glob.rstrip('/').rpartition('/')[2] or '*'}",
            "--type=wanted",
        ]
    return [*argv, "--regexp", search.pattern, "--", target], b""


def _plain_argv(search: Search, target: str) -> tuple[list[str], bytes]:
    """A process of its own, because a hostile pattern can hold an interpreter up for ever."""
    program = os.path.join(os.path.dirname(__file__), "plain_grep.py")
    asked = {
        "pattern": search.pattern,
        "ignore_case": search.ignore_case,
        "context": search.context if search.mode == "lines" else 0,
        "mode": search.mode,
        "target": target,
        "packages": os.path.dirname(os.path.dirname(__file__)),
    }
    return [sys.executable, "-I", "-S", program], json.dumps(asked).encode()


def _output(
    argv: list[str], said: bytes, folder: str, descriptor: int, seconds: float
) -> tuple[bytes, bool]:
    """What a search printed, and whether that is all. Exit 1 is: nothing found."""
    process = subprocess.Popen(  # noqa: S603 - argv is explicit, there is no shell
        argv,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(descriptor,),
    )
    limit = time.monotonic() + seconds
    with process:
        assert process.stdin is not None  # noqa: S101 - all three were asked for as pipes
        assert process.stdout is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        try:
            if said:
                process.stdin.write(said)
            process.stdin.close()
            out = bytearray()
            while True:
                left = limit - time.monotonic()
                ready, _, _ = select.select([process.stdout], [], [], max(0.0, left))
                if not ready:
                    raise WorkspaceError(
                        f"the search did not end within {seconds:.0f} s; narrow it", error="timeout"
                    )
                chunk = os.read(process.stdout.fileno(), 1 << 18)
                if not chunk:
                    break
                out += chunk
                if len(out) > OUTPUT_BYTES:
                    return bytes(out[: out.rindex(b"\n") + 1] if b"\n" in out else out), False
            told = process.stderr.read(4000).decode("utf-8", "replace")
            code = process.wait(max(0.1, limit - time.monotonic()))
        except BrokenPipeError:
            raise WorkspaceError("the search did not start", error="failed") from None
        finally:
            if process.poll() is None:
                process.kill()
    if code not in (0, 1) and not out:
        kind = "bad_pattern" if "regex" in told else "failed"
        reason = one_line(told.strip().splitlines()[-1] if told.strip() else f"exit {code}")
        raise WorkspaceError(f"the pattern cannot be used: {reason}", error=kind)
    return bytes(out), True


_LINE = re.compile(r"(\d+)([:-])(.*)", re.DOTALL)


def _parsed(
    search: Search,
    out: bytes,
    complete: bool,
    fits: Callable[[str], object] | None,
    is_folder: bool,
) -> Found:
    # Of thousands of files few are shown: only their lines are decoded.
    named: dict[bytes, list[bytes]] = {}
    left_out: set[bytes] = set()
    last, current = b"", list[bytes]()
    top = "" if search.place.name == "." else search.place.name.rstrip("/") + "/"
    records = out.split(b"\0")[:-1] if search.mode == "files" else out.split(b"\n")
    for record in records:
        raw, zero, rest = record.partition(b"\0")
        if search.mode != "files" and not zero:
            if record == b"--" and current:
                current.append(b"--")
            continue
        if raw == last:
            current.append(rest)
            continue
        last, current = raw, [rest]
        name = os.fsdecode(raw.removeprefix(b"./"))
        if fits is not None and not fits(name):
            continue
        if is_folder and tells_of_secrets(top + name):
            left_out.add(raw)
            continue
        named[raw] = current
    files: dict[str, list[str]] = {}
    hits = 0
    for raw in sorted(named, key=os.fsdecode):
        lines = named[raw]
        while lines and lines[-1] == b"--":
            lines.pop()
        here = 1
        if search.mode == "lines":
            here = len(lines) if not search.context else sum(map(_is_hit, lines))
        elif search.mode == "count":
            here = int(lines[0])
        if len(files) >= MOST_FILES or (search.mode == "lines" and hits >= search.limit):
            complete = False
            hits += here
            continue
        files[os.fsdecode(raw.removeprefix(b"./"))] = [
            line.decode("utf-8", "surrogateescape").rstrip("\r") for line in lines
        ]
        hits += here
    return Found(files, hits, len(left_out), complete, time.monotonic())


def _is_hit(line: bytes) -> bool:
    return line.lstrip(b"0123456789")[:1] == b":"


def _answer(search: Search, found: Found, limit: int) -> Result:
    top = "" if search.place.name == "." else search.place.name.rstrip("/") + "/"
    if not os.path.isdir(search.place.real):
        top = top.rstrip("/").rpartition("/")[0] + "/" if "/" in top.rstrip("/") else ""
    lines: list[str] = []
    shown_hits = 0
    complete = found.complete
    for name, block in found.files.items():
        if shown_hits >= search.limit:
            complete = False
            break
        label = one_line(top + name)
        if search.mode == "files":
            lines.append(label)
            shown_hits += 1
        elif search.mode == "count":
            lines.append(f"{label}: {block[0]}")
            shown_hits += 1
        else:
            lines.append(label)
            for line in block:
                match = _LINE.match(line)
                if match is None:
                    lines.append("  --")
                    continue
                if match[2] == ":":
                    if shown_hits >= search.limit:
                        complete = False
                        break
                    shown_hits += 1
                said = short_line(shown(match[3]), LINE_CHARACTERS)
                lines.append(f"  {match[1]}{match[2]} {said}".rstrip())
    if not lines:
        lines = ["[nothing found]"]
    note = f"[cut: {found.hits} hits in all; narrow the pattern, the glob or the path]"
    page, whole = fitted(lines, limit - 100, note)
    whole = whole and complete
    if not whole:
        page.append(note)
    if found.secrets:
        page.append(f"[{found.secrets} files not searched: their names tell of secrets]")
    return {
        "text": clipped("\n".join(page), limit),
        "rows": shown_hits,
        "structured": {"files": len(found.files), "hits": found.hits, "complete": whole},
    }
