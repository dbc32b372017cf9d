"""The text of a PDF, page by page; a process of its own reads it (see ``pdf_text``)."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

from devagent_workspace.contract import WorkspaceError, bad
from devagent_workspace.shown import fitted, shown, size_text

MOST_BYTES = 100_000_000
PAGES = 20
"""Read where nobody says which."""
_PAGES = re.compile(r"(\d{1,6})(?:(-)(\d{1,6})?)?")
_WHY = {
    "encrypted": "it is encrypted, and its text cannot be read without its password",
    "damaged": "it is damaged, and its text cannot be read",
}


class NoText(Exception):
    """Why a PDF is described, not read, as a clause."""


def wanted(pages: str) -> tuple[int, int]:
    """First and last page of ``3``, ``2-9`` or ``10-`` (then the last is 0). Raises WorkspaceError bad_arguments."""
    if not pages:
        return 1, PAGES
    match = _PAGES.fullmatch(pages.replace(" ", ""))
    first = int(match[1]) if match else 0
    last = (int(match[3]) if match[3] else 0 if match[2] else first) if match else 0
    if not first or (last and last < first):
        raise bad(f"pages is {shown(pages)[:40]!r}; write 3, 2-9 or 10-")
    return first, last


def text_of(descriptor: int, size: int, pages: str, most: int, seconds: float) -> tuple[str, int]:
    """The text of the pages of an open document within ``most`` bytes, and how many pages it has.

    Raises NoText; WorkspaceError bad_arguments, timeout.
    """
    first, last = wanted(pages)
    if size > MOST_BYTES:
        raise NoText(f"too large to read: {size_text(MOST_BYTES)} is the most")
    found = find_spec("pypdf")
    if found is None or found.origin is None:
        raise NoText("its text cannot be read: pypdf is not installed (devagent's extra `pdf`)")
    told = _told(descriptor, first, last, most, os.path.dirname(os.path.dirname(found.origin)), seconds)  # fmt: skip
    count = told[0].get("pages") if told else None
    if not isinstance(count, int):
        raise NoText(_WHY.get(told[0].get("failed", "") if told else "", _WHY["damaged"]))
    if first > count:
        return f"[no page {first}: there are {count}]", count
    return _written(told[1:], first, min(last or count, count), count, most), count


def _told(
    descriptor: int, first: int, last: int, most: int, packages: str, seconds: float
) -> list[dict[str, Any]]:
    program = os.path.join(os.path.dirname(__file__), "pdf_text.py")
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        ran = subprocess.run(  # noqa: S603 - argv is explicit, there is no shell
            [sys.executable, "-I", program, str(first), str(last), str(most), packages],
            stdin=descriptor,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
        out = ran.stdout
    except subprocess.TimeoutExpired as e:
        out = e.stdout or b""
        if not out:
            raise WorkspaceError(
                f"the PDF could not be read within {seconds:.0f} s; name fewer pages",
                error="timeout",
            ) from None
    # A reader that was ended or ran out of memory has said whole lines until then.
    lines = out[: out.rfind(b"\n") + 1].splitlines()
    return [json.loads(line) for line in lines]


def _written(told: list[dict[str, Any]], first: int, last: int, count: int, most: int) -> str:
    cut = "[cut: pages 999999-999999 of 999999; go on with pages=999999-]"
    parts: list[str] = []
    for one in told:
        text = shown(str(one.get("text", "")).replace("\r", "")).strip()
        if "failed" in one:
            text = "[this page is damaged]"
        parts.append(f"--- page {one['page']} of {count} ---\n{text or '[no text: a scan or a drawing]'}")  # fmt: skip
    page, _ = fitted(parts, most, cut)
    if not page and parts:  # a single page that is too long
        room = max(0, most - len(cut) - 60)
        head = parts[0].encode()[:room].decode(errors="ignore")
        page = [f"{head}\n[cut: the rest of this page is too long]"]
    done = first - 1 + len(page)
    if done < last or last < count:
        at = f"pages {first}-{done}" if page else "nothing"
        page.append(f"[{'cut: ' if done < last else ''}{at} of {count}; go on with pages={done + 1}-]")  # fmt: skip
    return "\n".join(page)
