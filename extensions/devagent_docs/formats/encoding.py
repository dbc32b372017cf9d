"""Bytes to text: UTF-8 with or without a mark, UTF-16 with one, and what is neither as Latin-1."""

import unicodedata

from devagent_docs.formats.model import Unreadable


def decoded(data: bytes) -> str:
    """The text, with ``\\n`` at line ends. Raises Unreadable for what is no text at all."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    elif b"\0" in data[:8192]:
        raise Unreadable("it is not text")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() else unicodedata.normalize("NFC", text)
