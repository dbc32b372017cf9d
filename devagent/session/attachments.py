"""Files that go with a prompt: images, PDFs and text, as blocks of the Messages API.

A file's kind is told by its first bytes, never by its name. What is too large or of no kind that a model can read is
refused before anything is sent. Text and PDFs are documents that the answer can cite.
"""

import base64
import os
import stat
from collections.abc import Sequence
from typing import Any

from devagent.core.errors import UsageError
from devagent.core.text import one_line

MOST = 20
MAX_IMAGE, MAX_PDF, MAX_TEXT, MAX_ALL = 5_000_000, 20_000_000, 2_000_000, 22_000_000
"""Bytes of a file, and of all: base64 makes four of three, and the service takes 32 MB in one request."""
PDF = "application/pdf"
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", PDF),
)


def attached(paths: Sequence[str]) -> list[dict[str, Any]]:
    """A block for each file, in their order. Raises UsageError with the file that is not right."""
    if len(paths) > MOST:
        raise UsageError(f"{len(paths)} files are attached; {MOST} are the most")
    blocks: list[dict[str, Any]] = []
    room = MAX_ALL
    for path in paths:
        data = _read(path)
        room -= len(data)
        if room < 0:
            raise UsageError(
                f"the attached files have over {MAX_ALL:,} bytes together", hint="Attach fewer."
            )
        blocks.append(block(path, data))
    return blocks


def _read(path: str) -> bytes:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise UsageError(
                f"{path} cannot be attached: it is no file"
            )  # a pipe would be waited for
        with open(path, "rb") as file:
            return file.read(MAX_PDF + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be attached: {error.strerror}") from error


def block(path: str, data: bytes) -> dict[str, Any]:
    """The block of a file's content. Raises UsageError with its path where it is not right."""
    kind = _kind(data)
    limit = {"text/plain": MAX_TEXT, PDF: MAX_PDF}.get(kind, MAX_IMAGE)
    if not data:
        raise UsageError(f"{path} cannot be attached: it is empty")
    if len(data) > limit:
        raise UsageError(
            f"{path} cannot be attached: {limit:,} bytes are the most for {kind}",
            hint="Name the file in the prompt instead, and let the model read of it what it needs."
            if kind == "text/plain"
            else "Attach a smaller one.",
        )
    if kind.startswith("image/"):
        return {"type": "image", "source": _encoded(kind, data)}
    if kind == PDF:
        source = _encoded(kind, data)
    else:
        source = {"type": "text", "media_type": kind, "data": _text(path, data)}
    title = one_line(os.path.basename(path), 200)
    return {"type": "document", "source": source, "title": title, "citations": {"enabled": True}}


def _kind(data: bytes) -> str:
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "text/plain"


def _encoded(kind: str, data: bytes) -> dict[str, str]:
    return {"type": "base64", "media_type": kind, "data": base64.b64encode(data).decode()}


def _text(path: str, data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UsageError(
            f"{path} cannot be attached: it is neither an image (PNG, JPEG, GIF, WebP), nor a PDF, nor UTF-8 text"
        )
    return text
