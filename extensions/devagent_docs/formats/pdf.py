"""PDF text, where pypdf is installed: a section for each page. Scanned pages have no text to search."""

import io
import logging

from devagent_docs.formats.model import Builder, Document, Unreadable, name_of

MAX_PAGES = 5000


def read(data: bytes, path: str) -> Document:
    """The document; the line of a paragraph is its page. Raises Unreadable."""
    try:
        from pypdf import PdfReader  # noqa: PLC0415  (optional, and 100 ms)
    except ImportError:
        raise Unreadable("PDF needs pypdf, which is not installed") from None
    # What is odd in a file it would write to stderr, with the file's own words.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)
    name = name_of(path)
    try:
        book = PdfReader(io.BytesIO(data))
        title = (book.metadata.title if book.metadata else "") or name
        builder = Builder(title)
        for number, page in enumerate(book.pages[:MAX_PAGES], 1):
            text = page.extract_text()
            if text.strip():
                builder.heading(2, f"Page {number}", number, anchor=f"page={number}")
                for paragraph in text.split("\n\n"):
                    builder.text(paragraph, number)
    except Exception as error:  # what a hostile file makes another's parser raise may be anything
        raise Unreadable("its text cannot be read") from error
    return builder.document(name)
