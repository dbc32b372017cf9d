"""The formats that documentation comes in, one module each; ``read`` finds the one for a file."""

from collections.abc import Callable

from devagent_docs.formats import (
    answers,
    asciidoc,
    hypertext,
    manual,
    markdown,
    notebook,
    openapi,
    pdf,
    plain,
    restructured,
)
from devagent_docs.formats.model import Document, Unreadable

Read = Callable[[bytes, str], Document]
"""A file's bytes and its name → the document. Raises Unreadable."""

READERS: dict[str, Read] = {
    "markdown": markdown.read,
    "rest": restructured.read,
    "asciidoc": asciidoc.read,
    "html": hypertext.read,
    "text": plain.read,
    "notebook": notebook.read,
    "man": manual.read,
    "openapi": openapi.read,
    "answers": answers.read,
    "pdf": pdf.read,
}

_ENDINGS = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdx": "markdown",
    ".rst": "rest",
    ".rst.txt": "rest",
    ".adoc": "asciidoc",
    ".asciidoc": "asciidoc",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".txt": "text",
    ".text": "text",
    ".ipynb": "notebook",
    ".pdf": "pdf",
    ".csv": "answers",
}
_DESCRIPTIONS = (".json", ".yaml", ".yml")
_NAMES = {"readme", "changelog", "changes", "news", "install", "authors", "contributing", "todo"}


def format_of(path: str, beginning: Callable[[], bytes]) -> str:
    """The format of a file by its name, and where that does not say enough by its first bytes; "" = none."""
    name = path.rpartition("/")[2].lower()
    bare = name.removesuffix(".gz")
    for ending, format_name in _ENDINGS.items():
        if bare.endswith(ending) and (bare == name or format_name in ("text", "man")):
            if ending == ".rst.txt" or ending != ".csv":
                return _longest(bare) or format_name
            return format_name if answers.looks_like(beginning()) else ""
    if manual.is_page(name):
        return "man"
    if bare.endswith(_DESCRIPTIONS):
        return "openapi" if openapi.looks_like(beginning()) else ""
    return "text" if bare in _NAMES else ""


def _longest(name: str) -> str:
    fitting = [ending for ending in _ENDINGS if name.endswith(ending)]
    return _ENDINGS[max(fitting, key=len)] if fitting else ""


def read(data: bytes, path: str, format_name: str) -> Document:
    """The document in these bytes. Raises Unreadable."""
    if path.lower().endswith(".gz"):
        data = manual.unpacked(data)
    return READERS[format_name](data, path)


__all__ = ["READERS", "Document", "Unreadable", "format_of", "read"]
