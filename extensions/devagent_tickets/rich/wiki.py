"""Jira's wiki markup (Data Center): read line by line, and written."""

import re

from devagent_tickets.rich.tree import (
    Block,
    Blocks,
    Code,
    Heading,
    Items,
    Paragraph,
    Quote,
    Rule,
    Run,
    Runs,
    Table,
    joined,
    plain,
)

_HEADING = re.compile(r"h([1-6])\.\s+(.*)$")
_ITEM = re.compile(r"([*#-]{1,8})\s+(.*)$")
_CODE = re.compile(r"\{(code|noformat)(?::([^}]*))?\}\s*$")
_INLINE = re.compile(
    r"(?P<hard>\\\\\n?|\n)|\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?P<reference>&#92;)|\{\{(?P<code>.{1,1000}?)\}\}"
    r"|\[(?:(?P<label>[^\]|\n]{1,1000})\|)?(?P<target>(?:https?://|mailto:|#|~)[^\]|\n]{0,1000})(?:\|[^\]\n]{0,200})?\]"
    r"|!(?P<image>[^\s!|][^!|\n]{0,500})(?:\|[^!\n]{0,200})?!"
    r"|(?P<bare>https?://[^\s\[\]{}|]{0,2000}[^\s\[\]{}|.,;:!?])"
    r"|(?<!\w)\*(?P<strong>(?=\S)[^*\n]{1,1000}(?<=\S))\*(?!\w)"
    r"|(?<!\w)_(?P<em>(?=\S)[^_\n]{1,1000}(?<=\S))_(?!\w)"
    r"|(?<!\w)-(?P<strike>(?=[^\s-])[^-\n]{1,1000}(?<=[^\s-]))-(?!\w)"
    r"|\{color(?::[^}]{0,50})?\}"
)
"""What is marked has an end near by: a text of brackets alone would else be read once for each of them."""
_BACKSLASH = re.compile(r"\\(?=[!-/:-@\[-`{-~]|$)")
_TO_ESCAPE = re.compile(r"([{}\[\]|!])|(?<!\w)([*_-])(?=\S)")


def read(text: str) -> Blocks:
    """The blocks of a text."""
    lines = text.replace("\r\n", "\n").split("\n")
    out: list[Block] = []
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        if not line:
            at += 1
        elif code := _CODE.match(line):
            end = _end(lines, at + 1, f"{{{code[1]}}}")
            language = next(
                (one for one in (code[2] or "").split("|") if one and "=" not in one), ""
            )
            out.append(Code("\n".join(lines[at + 1 : end]), language.lower()))
            at = end + 1
        elif line.startswith("{quote}"):
            end = (
                at
                if line.endswith("{quote}") and len(line) > 13
                else _end(lines, at + 1, "{quote}")
            )
            inner = "\n".join(lines[at : end + 1]).replace("{quote}", "")
            out.append(Quote(read(inner)))
            at = end + 1
        elif heading := _HEADING.match(line):
            out.append(Heading(int(heading[1]), _runs(heading[2])))
            at += 1
        elif line == "----":
            out.append(Rule())
            at += 1
        elif line.startswith("bq. "):
            out.append(Quote((Paragraph(_runs(line[4:])),)))
            at += 1
        elif line.startswith("|"):
            end = at
            while end < len(lines) and lines[end].strip().startswith("|"):
                end += 1
            out.append(Table(tuple(_row(one.strip()) for one in lines[at:end])))
            at = end
        elif _ITEM.match(line):
            end = at
            found: list[tuple[str, str]] = []
            while end < len(lines) and (item := _ITEM.match(lines[end].strip())):
                found.append((item[1], item[2]))
                end += 1
            out += _lists(found)
            at = end
        else:
            end = at + 1
            while end < len(lines) and lines[end].strip() and not _begins(lines[end].strip()):
                end += 1
            out.append(Paragraph(_runs("\n".join(lines[at:end]))))
            at = end
    return tuple(out)


def write(blocks: Blocks) -> str:
    """The text of blocks."""
    return "\n\n".join(_written(block) for block in blocks)


def _begins(line: str) -> bool:
    return bool(_CODE.match(line) or _HEADING.match(line) or _ITEM.match(line)) or line.startswith(
        ("|", "bq. ", "{quote}", "----")
    )


def _end(lines: list[str], at: int, mark: str) -> int:
    while at < len(lines) and mark not in lines[at]:
        at += 1
    return at


def _row(line: str) -> tuple[Runs, ...]:
    cells = re.split(r"(?<!\\)\|{1,2}(?![^\[\]]{0,1000}\])", line.strip("|"))
    return tuple(_runs(cell.strip()) for cell in cells)


def _lists(found: list[tuple[str, str]]) -> list[Block]:
    """Lists of items whose signs tell how deep they are (``*``, ``**``, ``*#``)."""
    out: list[Block] = []
    at = 0
    while at < len(found):
        ordered = found[at][0][0] == "#"
        items: list[Blocks] = []
        while at < len(found) and (found[at][0][0] == "#") == ordered:
            deeper: list[tuple[str, str]] = []
            text: Blocks = ()
            if len(found[at][0]) == 1:
                text = (Paragraph(_runs(found[at][1])),)
                at += 1
            while at < len(found) and len(found[at][0]) > 1:
                deeper.append((found[at][0][1:], found[at][1]))
                at += 1
            items.append((*text, *_lists(deeper)))
        out.append(Items(ordered, tuple(items)))
    return out


def _runs(text: str, marks: frozenset[str] = frozenset(), href: str = "") -> Runs:
    runs: list[Run] = []
    done = 0
    for match in _INLINE.finditer(text):
        runs.append(Run(text[done : match.start()], marks, href))
        done = match.end()
        if match["escaped"] or match["reference"]:
            runs.append(Run(match["escaped"] or "\\", marks, href))
        elif match["code"]:
            runs.append(Run(match["code"], marks | {"code"}, href))
        elif match["target"]:
            to = match["target"]
            if to.startswith("~"):
                runs.append(Run(f"@{to[1:]}", marks, href))
            else:
                runs += (
                    _runs(match["label"], marks, to)
                    if match["label"]
                    else [Run(to.removeprefix("mailto:"), marks, to)]
                )
        elif match["image"]:
            runs.append(Run(f"[{match['image']}]", marks, href))
        elif match["bare"]:
            runs.append(Run(match["bare"], marks, href or match["bare"]))
        elif match["hard"]:
            runs.append(Run("\n"))
        else:
            for mark in ("strong", "em", "strike"):
                if match[mark]:
                    runs += _runs(match[mark], marks | {mark}, href)
    runs.append(Run(text[done:], marks, href))
    return joined(tuple(runs))


def _written(block: Block) -> str:
    match block:
        case Paragraph(runs=runs):
            return _texts(runs)
        case Heading(level=level, runs=runs):
            return f"h{level}. {_texts(runs)}"
        case Code(text=text, language=language):
            return f"{{code{':' + language if language else ''}}}\n{text}\n{{code}}"
        case Quote(blocks=blocks):
            return f"{{quote}}\n{write(blocks)}\n{{quote}}"
        case Items():
            return "\n".join(_item_lines(block, ""))
        case Table(rows=rows):
            lines: list[str] = []
            for number, row in enumerate(rows):
                sign = "|" if number else "||"
                lines.append(f"{sign}{sign.join(_texts(cell) or ' ' for cell in row)}{sign}")
            return "\n".join(lines)
        case Rule():
            return "----"


def _item_lines(block: Items, before: str) -> list[str]:
    sign = before + ("#" if block.ordered else "*")
    lines: list[str] = []
    for number, item in enumerate(block.items):
        ticked = block.done[number] if number < len(block.done) else None
        box = "" if ticked is None else "\\[x\\] " if ticked else "\\[ \\] "
        texts = [
            _written(one).replace("\n", "\\\\ ")
            for one in item
            if not isinstance(one, Items | Code)
        ]
        texts += [f"{{{{{one.text}}}}}" for one in item if isinstance(one, Code)]
        lines.append(f"{sign} {box}{' '.join(texts)}".rstrip())
        for one in item:
            if isinstance(one, Items):
                lines += _item_lines(one, sign)
    return lines


def _texts(runs: Runs) -> str:
    out: list[str] = []
    at = 0
    while at < len(runs):
        end = at + 1
        while end < len(runs) and runs[at].href and runs[end].href == runs[at].href:
            end += 1
        text = "".join(_text(run) for run in runs[at:end])
        href = runs[at].href
        if href:
            text = f"[{href}]" if plain(runs[at:end]) == href else f"[{text}|{href}]"
        out.append(text)
        at = end
    return "".join(out)


def _text(run: Run) -> str:
    if run.text == "\n":
        return "\n"
    core = run.text.strip()
    if not core:
        return run.text
    before, after = (
        run.text[: len(run.text) - len(run.text.lstrip())],
        run.text[len(run.text.rstrip()) :],
    )
    is_code = "code" in run.marks
    core = f"{{{{{core}}}}}" if is_code else _escaped(core)
    for mark, sign in (("strike", "-"), ("em", "_"), ("strong", "*")):
        if mark in run.marks:
            core = f"{sign}{core}{sign}"
    return f"{before}{core}{after}"


def _escaped(text: str) -> str:
    # Before a sign a backslash would escape it, and two of them are a line break: it goes as a reference.
    return "&#92;".join(_TO_ESCAPE.sub(r"\\\g<0>", part) for part in _BACKSLASH.split(text))
