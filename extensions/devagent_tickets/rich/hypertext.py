"""HTML (Azure Boards): read with the standard library's parser, whatever stands in it, and written."""

import re
from html import escape
from html.parser import HTMLParser

from devagent_tickets.rich.tree import (
    DEEPEST,
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
)

_MARKS = {"b": "strong", "strong": "strong", "i": "em", "em": "em", "s": "strike", "del": "strike",
          "strike": "strike", "code": "code", "tt": "code"}  # fmt: skip
_PARAGRAPHS = frozenset(
    {"p", "div", "section", "article", "header", "footer", "figure", "dl", "dt", "dd"}
)
_SKIPPED = frozenset({"script", "style", "head", "title", "template"})
_NO_TAG = re.compile(r"<(?![^<>]*>)")
"""A sign that begins no tag; the library's parser would look for the tag's end from each of them to the text's."""
_LINKS = ("https://", "http://", "mailto:")


def _uncommented(text: str) -> str:
    """The text without its comments; one that does not end takes the rest."""
    parts: list[str] = []
    at = 0
    while (begin := text.find("<!--", at)) >= 0:
        parts.append(text[at:begin])
        end = text.find("-->", begin + 4)
        at = end + 3 if end >= 0 else len(text)
    return "".join([*parts, text[at:]])


class _Frame:
    """What is being read: a list, an item, a quote, a table … and the blocks in it so far."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.blocks: list[Block] = []
        self.items: list[Blocks] = []
        self.rows: list[tuple[Runs, ...]] = []
        self.row: list[Runs] = []


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.frames = [_Frame("")]
        self._runs: list[Run] = []
        self._marks: list[str] = []
        self._hrefs: list[str] = []
        self._skipping = 0
        self._code: list[str] | None = None
        self._language = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag in _SKIPPED:
            self._skipping += 1
        elif tag == "br":
            if self._code is not None:
                self._code.append("\n")
            else:
                self._runs.append(Run("\n"))
        elif tag == "hr":
            self.flush()
            self.frames[-1].blocks.append(Rule())
        elif tag == "img":
            self._runs.append(Run(f"[{values.get('alt') or 'image'}]"))
        elif tag == "pre":
            self.flush()
            self._code = []
        elif self._code is not None:
            if tag == "code" and values.get("class", "").startswith("language-"):
                self._language = values["class"][9:]
        elif tag in _MARKS:
            self._marks.append(tag)
        elif tag == "a":
            href = values.get("href", "")
            self._hrefs.append(href if href.startswith(_LINKS) else "")
        elif tag in ("ul", "ol", "blockquote", "table", "li", "tr"):
            self.flush()
            if len(self.frames) < DEEPEST * 2:
                self.frames.append(_Frame(tag))
        elif tag in _PARAGRAPHS or (len(tag) == 2 and tag[0] == "h" and tag[1] in "123456"):
            self.flush()

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self._skipping = max(0, self._skipping - 1)
        elif tag == "pre" and self._code is not None:
            self.frames[-1].blocks.append(Code("".join(self._code).strip("\n"), self._language))
            self._code, self._language = None, ""
        elif self._code is not None:
            return
        elif tag in _MARKS:
            if tag in self._marks:
                self._marks.reverse()
                self._marks.remove(tag)
                self._marks.reverse()
        elif tag == "a":
            if self._hrefs:
                self._hrefs.pop()
        elif tag in ("td", "th"):
            self.frames[-1].row.append(self._taken())
        elif tag in ("ul", "ol", "blockquote", "table", "li", "tr"):
            self.flush()
            self._close(tag)
        elif tag in _PARAGRAPHS:
            self.flush()
        elif len(tag) == 2 and tag[0] == "h" and tag[1] in "123456" and (runs := self._taken()):
            self.frames[-1].blocks.append(Heading(int(tag[1]), runs))

    def handle_data(self, data: str) -> None:
        if self._skipping:
            return
        if self._code is not None:
            self._code.append(data)
            return
        text = " ".join(data.split())
        if data[:1].isspace() and text:
            text = f" {text}"
        if data[-1:].isspace():
            text = f"{text} "
        marks = frozenset(_MARKS[tag] for tag in self._marks)
        self._runs.append(Run(text, marks, self._hrefs[-1] if self._hrefs else ""))

    def _taken(self) -> Runs:
        runs, self._runs = self._runs, []
        while runs and not runs[0].text.strip():
            runs.pop(0)
        while runs and not runs[-1].text.strip():
            runs.pop()
        if runs:
            runs[0] = Run(runs[0].text.lstrip(" "), runs[0].marks, runs[0].href)
            runs[-1] = Run(runs[-1].text.rstrip(" "), runs[-1].marks, runs[-1].href)
        return joined(tuple(runs))

    def flush(self) -> None:
        """End the paragraph."""
        if runs := self._taken():
            self.frames[-1].blocks.append(Paragraph(runs))

    def _close(self, tag: str) -> None:
        if not any(frame.tag == tag for frame in self.frames[1:]):
            return
        while True:
            frame = self.frames.pop()
            above = self.frames[-1]
            match frame.tag:
                case "ul" | "ol":
                    items = [*frame.items, *([tuple(frame.blocks)] if frame.blocks else [])]
                    above.blocks.append(Items(frame.tag == "ol", tuple(items)))
                case "li":
                    above.items.append(tuple(frame.blocks))
                case "blockquote":
                    above.blocks.append(Quote(tuple(frame.blocks)))
                case "tr":
                    above.rows.append(tuple(frame.row))
                case _:
                    above.blocks.append(Table(tuple(frame.rows)))
            if frame.tag == tag:
                return

    def end(self) -> Blocks:
        """Everything, with what was never closed."""
        if self._code is not None:
            self.handle_endtag("pre")
        self.flush()
        while len(self.frames) > 1:
            self._close(self.frames[-1].tag)
        return tuple(self.frames[0].blocks)


def read(text: str) -> Blocks:
    """The blocks of a text."""
    reader = _Reader()
    reader.feed(_NO_TAG.sub("&lt;", _uncommented(text)))
    reader.close()
    return reader.end()


def write(blocks: Blocks) -> str:
    """The text of blocks."""
    return "".join(_written(block) for block in blocks)


def _written(block: Block) -> str:
    match block:
        case Paragraph(runs=runs):
            return f"<p>{_texts(runs)}</p>"
        case Heading(level=level, runs=runs):
            return f"<h{level}>{_texts(runs)}</h{level}>"
        case Code(text=text, language=language):
            kind = f' class="language-{escape(language)}"' if language else ""
            return f"<pre><code{kind}>{escape(text)}</code></pre>"
        case Quote(blocks=blocks):
            return f"<blockquote>{write(blocks)}</blockquote>"
        case Items(ordered=ordered, items=items, done=done):
            tag = "ol" if ordered else "ul"
            texts: list[str] = []
            for number, item in enumerate(items):
                ticked = done[number] if number < len(done) else None
                box = "" if ticked is None else "[x] " if ticked else "[ ] "
                first = (
                    f"{box}{_texts(item[0].runs)}"
                    if item and isinstance(item[0], Paragraph)
                    else box
                )
                rest = item[1:] if item and isinstance(item[0], Paragraph) else item
                texts.append(f"<li>{first}{write(rest)}</li>")
            return f"<{tag}>{''.join(texts)}</{tag}>"
        case Table(rows=rows):
            lines: list[str] = []
            for number, row in enumerate(rows):
                cell = "td" if number else "th"
                lines.append(
                    f"<tr>{''.join(f'<{cell}>{_texts(one)}</{cell}>' for one in row)}</tr>"
                )
            return f"<table>{''.join(lines)}</table>"
        case Rule():
            return "<hr>"


def _texts(runs: Runs) -> str:
    out: list[str] = []
    for run in runs:
        if run.text == "\n":
            out.append("<br>")
            continue
        text = escape(run.text, quote=False)
        for mark, tag in (("code", "code"), ("strike", "s"), ("em", "em"), ("strong", "strong")):
            if mark in run.marks:
                text = f"<{tag}>{text}</{tag}>"
        if run.href.startswith(_LINKS):
            text = f'<a href="{escape(run.href)}">{text}</a>'
        out.append(text)
    return "".join(out)
