"""Catalogues of translated messages: what the code says, what a ``.po`` file translates, and the ``.mo`` file made of it.

python -m tests.support.catalogue        # writes each catalogue's .mo; says what it lacks
"""

import ast
import struct
import sys
from pathlib import Path

from devagent.cli.chat.commands import about
from devagent.cli.chat.slash import TABLE
from devagent.repl import asker, filing

PACKAGE = Path(__file__).parents[2] / "devagent"
CATALOGUES = sorted((PACKAGE / "locale").glob("*/LC_MESSAGES/*.po"))
HEADER = "Content-Type: text/plain; charset=UTF-8\n"


def said() -> set[str]:
    """Every message that the code has translated: literals in ``tr("…")``, and the tables that it is used on."""
    found = {one.about for one in TABLE.values()}
    found |= {text for _, text in (*about.KEYS, *about.LINE_KEYS, *about.SIGNS)}
    found |= {text for table in (asker.OFFER, filing.REACH) for text in table.values()}
    for file in sorted(PACKAGE.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if "messages import tr" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "tr"
            ):
                (argument,) = node.args
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    found.add(argument.value)
    return found


def translated(catalogue: Path) -> dict[str, str]:
    """Message → translation of a ``.po`` file, without its header."""
    found: dict[str, str] = {}
    field, message = "", ""
    texts = {"msgid": "", "msgstr": ""}
    for row in [*catalogue.read_text(encoding="utf-8").splitlines(), 'msgid ""']:
        word, _, rest = row.partition(" ")
        if word in texts:
            if word == "msgid" and texts["msgid"]:
                message = texts["msgid"]
                assert message not in found, f"twice: {message}"
                found[message] = texts["msgstr"]
            field = word
            texts[field] = ast.literal_eval(rest)
        elif row.startswith('"'):
            texts[field] += ast.literal_eval(row)
    return found


def compiled(messages: dict[str, str]) -> bytes:
    """The ``.mo`` file: magic, version, count, where the two tables stand, no hashes; then texts, each ended by NUL."""
    rows = [(one.encode(), text.encode()) for one, text in sorted({**messages, "": HEADER}.items())]
    rows.sort()
    count = len(rows)
    at = 28 + 16 * count
    tables, texts = [b"", b""], b""
    for column in (0, 1):
        for row in rows:
            tables[column] += struct.pack("<II", len(row[column]), at + len(texts))
            texts += row[column] + b"\0"
    return (
        struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, at)
        + b"".join(tables)
        + texts
    )


if __name__ == "__main__":
    for file in CATALOGUES:
        messages = translated(file)
        file.with_suffix(".mo").write_bytes(compiled(messages))
        for one in sorted(said() - set(messages)):
            sys.stdout.write(f"{file}: not translated: {one!r}\n")
        for one in sorted(set(messages) - said()):
            sys.stdout.write(f"{file}: said nowhere: {one!r}\n")
