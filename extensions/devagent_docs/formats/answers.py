"""Past answers: a CSV file with a column of questions and one of answers, each row a section."""

import csv
import io

from devagent_docs.formats import markdown
from devagent_docs.formats.encoding import decoded
from devagent_docs.formats.model import Builder, Document, Unreadable

_QUESTION = ("question", "q", "title", "prompt", "subject")
_ANSWER = ("answer", "a", "response", "reply", "body", "resolution")
csv.field_size_limit(16 * 1024 * 1024)


def looks_like(beginning: bytes) -> bool:
    """Whether a CSV file's head names a column of questions and one of answers."""
    try:
        head = next(csv.reader([beginning.split(b"\n", 1)[0].decode("utf-8-sig")]), list[str]())
    except (UnicodeDecodeError, csv.Error):
        return False
    return _column(head, _QUESTION) is not None and _column(head, _ANSWER) is not None


def read(data: bytes, path: str) -> Document:
    """The file; an answer is Markdown. Raises Unreadable."""
    text = decoded(data)
    rows = csv.reader(io.StringIO(text, newline=""))
    builder = Builder(path.rpartition("/")[2])
    try:
        head = next(rows, list[str]())
        question, answer = _column(head, _QUESTION), _column(head, _ANSWER)
        if question is None or answer is None:
            raise Unreadable("its first line names no columns of questions and answers")
        line = rows.line_num + 1
        for row in rows:
            if len(row) > max(question, answer):
                builder.heading(2, row[question], line)
                markdown.parse(row[answer], builder, level=2, line=line)
            line = rows.line_num + 1
    except csv.Error as error:
        raise Unreadable("it is no CSV") from error
    return builder.document(builder.title)


def _column(head: list[str], names: tuple[str, ...]) -> int | None:
    lowered = [name.strip().lower() for name in head]
    return next((lowered.index(name) for name in names if name in lowered), None)
