"""Bytes to text: UTF-8 with or without a mark, UTF-16 with one, and what is neither as Latin-1."""

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
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
