"""``read``: lines of a text file, images, the text of PDFs, or a description of what is none of these.

What was read as text is remembered.
"""

import hashlib
import os
import stat

from devagent_workspace.content import (
    MOST_BYTES,
    Text,
    decode,
    described,
    dimensions,
    kind_of,
    notebook_text,
)
from devagent_workspace.contract import Result, Surroundings, WorkspaceError, bad
from devagent_workspace.places import Place, failure, judged_place, open_place
from devagent_workspace.shown import (
    byte_limit,
    clipped,
    fitted,
    one_line,
    short_line,
    shown,
    size_text,
)
from devagent_workspace.state import state_of

HEAD_BYTES = 65_536


def read(
    here: Surroundings, *, path: str, offset: int = 1, limit: int = 2000, pages: str = ""
) -> Result:
    """Lines ``offset`` to ``offset + limit - 1``, numbered; a whole image as an image; the text of a PDF's ``pages``.

    Raises WorkspaceError not_found, not_a_file, special, denied, conflict, bad_arguments, timeout.
    """
    place = judged_place(here.folder, "read", path)
    descriptor = open_place(place)
    try:
        head = _head(descriptor, place)
        if head.startswith(b"%PDF-"):
            return _document(here, place, descriptor, pages)
        if pages:
            raise bad(f"pages is for PDFs, and {one_line(place.name)} is none; use offset")
        data, size = _bytes_of(descriptor, place)
    finally:
        os.close(descriptor)
    if data is None:
        told = described(head, size)
        return _described(place, f"{told} too large to read; search it with grep", size)
    text = decode(data)
    if text is None:
        return _picture(here, place, data)
    state_of(here.folder).seen[place.real] = digest(data)
    return _page(place, text, offset, limit, byte_limit(here.obligations))


def _document(here: Surroundings, place: Place, descriptor: int, pages: str) -> Result:
    from devagent_workspace.pdf import NoText, text_of  # noqa: PLC0415 - few files are PDFs

    size = os.fstat(descriptor).st_size
    name, most = one_line(place.name), byte_limit(here.obligations)
    try:
        text, count = text_of(descriptor, size, pages, most, here.time_limit_s)
    except NoText as why:
        os.lseek(descriptor, 0, os.SEEK_SET)
        told = described(os.read(descriptor, HEAD_BYTES), size)
        return _described(place, f"{told} {why}", size)
    return {
        "text": clipped(text, most),
        "rows": text.count("--- page "),
        "structured": {"path": name, "bytes": size, "text": True, "pages": count},
    }


def _picture(here: Surroundings, place: Place, data: bytes) -> Result:
    """An image to look at where it is one, else what the file is."""
    from devagent_workspace.pictures import Unfit, media_type  # noqa: PLC0415 - as above

    size, told, kind = len(data), described(data, len(data)), kind_of(data)
    if not kind.endswith("image"):
        return _described(place, told, size)
    try:
        mime = media_type(data, dimensions(data, kind))
    except Unfit as why:
        return _described(place, f"{told} {why}", size)
    if size > here.obligations.get("limit_bytes", size):
        return _described(place, f"{told} not shown: the policy's byte limit", size)
    from base64 import b64encode  # noqa: PLC0415 - as above

    result = _described(place, told, size)
    result["content"] = [{"type": "image", "mimeType": mime, "data": b64encode(data).decode()}]
    return result


def _described(place: Place, text: str, size: int) -> Result:
    return {
        "text": f"{one_line(place.name)}: {text}",
        "structured": {"path": one_line(place.name), "bytes": size, "text": False},
    }


def content(place: Place) -> tuple[bytes | None, int]:
    """The bytes of a file and their number; no bytes where they are too many."""
    descriptor = open_place(place)
    try:
        _head(descriptor, place)
        return _bytes_of(descriptor, place)
    finally:
        os.close(descriptor)


def _head(descriptor: int, place: Place) -> bytes:
    """The first bytes of a regular file. Raises WorkspaceError not_a_file, special."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        raise WorkspaceError(f"{one_line(place.name)} is a folder; use list", error="not_a_file")
    if not stat.S_ISREG(mode):
        raise WorkspaceError(
            f"{one_line(place.name)} is no regular file (a pipe, socket or device)",
            error="special",
        )
    try:
        return os.pread(descriptor, HEAD_BYTES, 0)
    except OSError as e:
        raise failure(e, place.name) from e


def _bytes_of(descriptor: int, place: Place) -> tuple[bytes | None, int]:
    try:
        size = os.fstat(descriptor).st_size
        if size > MOST_BYTES:
            return None, size
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as e:
        raise failure(e, place.name) from e
    return (None if len(data) > MOST_BYTES else data), max(size, len(data))


def digest(data: bytes) -> bytes:
    """What a file's content is remembered by."""
    return hashlib.sha256(data).digest()


def line_ends(text: str) -> str:
    """``crlf``, ``lf``, ``mixed`` or, for a single line, ``none``."""
    windows, all_of_them = text.count("\r\n"), text.count("\n")
    if not all_of_them:
        return "none"
    return "lf" if not windows else "crlf" if windows == all_of_them else "mixed"


def _page(place: Place, text: Text, offset: int, limit: int, most: int) -> Result:
    body, notes = text.text, list[str]()
    if place.name.endswith(".ipynb"):
        cells = notebook_text(body)
        if cells is not None:
            body = cells
            notes.append("a notebook as text; edits apply to its JSON")
    ends = line_ends(body)
    if ends in ("crlf", "mixed"):
        notes.append("CRLF line ends" if ends == "crlf" else "mixed line ends")
        body = body.replace("\r\n", "\n")
    if text.encoding != "utf-8":
        notes.append(f"encoding {text.encoding}")
    lines = body.split("\n")
    if lines[-1] == "":
        lines.pop()
    elif lines:
        notes.append("no newline at the end")
    total = len(lines)
    wanted = lines[offset - 1 : offset - 1 + limit]
    out = [f"{offset + at}\t{short_line(shown(line))}" for at, line in enumerate(wanted)]
    cut = "[cut: lines 999999-999999 of 999999; go on with offset=999999]"
    page, _ = fitted(out, most - (len(", ".join(notes)) + 3 if notes else 0), cut)
    last = offset - 1 + len(page)
    if not total:
        page = ["[empty file]"]
        notes = notes[:-1] if notes and notes[-1].startswith("no newline") else notes
    elif not page:
        page = [f"[no lines from {offset} on: there are {total}]"] if not wanted else []
    if page and last < total and wanted:
        page.append(f"[cut: lines {offset}-{last} of {total}; go on with offset={last + 1}]")
    if notes:
        page.append(f"[{', '.join(notes)}]")
    return {
        "text": clipped("\n".join(page), most),
        "rows": max(0, last - offset + 1),
        "structured": {
            "path": one_line(place.name),
            "lines": total,
            "encoding": text.encoding,
            "line_ends": ends,
        },
    }


def too_large(place: Place, size: int) -> WorkspaceError:
    return WorkspaceError(
        f"{one_line(place.name)} has {size_text(size)}; files beyond {size_text(MOST_BYTES)} "
        "are not edited here",
        error="too_large",
    )
