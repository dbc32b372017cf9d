"""The text of a PDF's pages, as JSON lines. Runs as a program of its own: a hostile document can keep a reader busy
for ever, or fill its memory.

Standard input is the document itself, arguments are the first page, the last one (0: to the end), how many
characters are wanted in all, and the folder that pypdf lies in. Lines: ``{"pages": 9}``, then ``{"page": 1, "text": …}`` for
each; instead of all that ``{"failed": "encrypted" | "damaged"}``.
"""

import json
import logging
import resource
import sys
import warnings

MOST_MEMORY = 1 << 30
MOST_SECONDS = 120
"""Of the processor, should nobody be there any more to end it."""


def main(first: int, last: int, most: int) -> None:
    """Print the pages ``first`` to ``last``, as far as ``most`` characters reach."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    logging.disable()
    warnings.simplefilter("ignore")
    from pypdf import PdfReader  # noqa: PLC0415 - under the limit, and where the last argument says
    from pypdf.errors import DependencyError, PyPdfError  # noqa: PLC0415

    try:
        book = PdfReader(sys.stdin.buffer)
        if book.is_encrypted and not book.decrypt(""):
            _say({"failed": "encrypted"})
            return
        count = len(book.pages)
    except DependencyError:
        _say({"failed": "encrypted"})
        return
    except (PyPdfError, *_BROKEN):
        _say({"failed": "damaged"})
        return
    _say({"pages": count})
    for number in range(first, min(last or count, count) + 1):
        try:
            text = book.pages[number - 1].extract_text()
        except (PyPdfError, *_BROKEN):
            _say({"page": number, "failed": "damaged"})
            continue
        _say({"page": number, "text": text[: most + 1]})
        most -= len(text)
        if most < 0:
            break


_BROKEN = (
    ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError, ArithmeticError,
    NotImplementedError, MemoryError, AssertionError,
)  # fmt: skip


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.path.append(sys.argv[4])
    main(*map(int, sys.argv[1:4]))
