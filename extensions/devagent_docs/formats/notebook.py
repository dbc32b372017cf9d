"""Jupyter notebooks: their Markdown cells as prose, their code cells as code, text output kept short."""

import json
from typing import Any

from devagent_docs.formats import markdown
from devagent_docs.formats.encoding import decoded
from devagent_docs.formats.model import Builder, Document, Unreadable, name_of

MAX_OUTPUT = 600
"""Characters of one cell's text output: it is there to be recognised, not to be the document."""


def read(data: bytes, path: str) -> Document:
    """The notebook (format 4). The line of a cell is its number. Raises Unreadable."""
    try:
        book: Any = json.loads(decoded(data))
        cells: list[dict[str, Any]] = book["cells"]
        builder = Builder()
        for number, cell in enumerate(cells, 1):
            source = _joined(cell.get("source", ""))
            if cell.get("cell_type") == "markdown":
                markdown.parse(source, builder, line=number)
            elif cell.get("cell_type") == "code":
                builder.code(source, number)
                for output in cell.get("outputs", []):
                    builder.code(_output(output)[:MAX_OUTPUT], number)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable("it is no notebook of format 4") from error
    return builder.document(name_of(path))


def _output(output: dict[str, Any]) -> str:
    if "text" in output:
        return _joined(output["text"])
    if output.get("output_type") == "error":
        return f"{output.get('ename', '')}: {output.get('evalue', '')}"
    return _joined(output.get("data", {}).get("text/plain", ""))


def _joined(source: Any) -> str:
    return source if isinstance(source, str) else "".join(map(str, source))
