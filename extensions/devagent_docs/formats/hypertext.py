"""HTML: exported sites of Sphinx, DocBook, AsciiDoc, MkDocs, javadoc and anything with headings.

A scanner of tags, not a browser: it keeps headings with their anchors, entries of definition lists that
define a name, prose, tables by row, and code. Navigation, scripts and what a site repeats on
every page are left out. One pass, linear in the text.
"""

import re
from html import unescape

from devagent_docs.formats.encoding import decoded
from devagent_docs.formats.model import Builder, Document, Section, flags_in, name_of

_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<end>/?)(?P<tag>[A-Za-z][A-Za-z0-9:-]*+)(?P<rest>(?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+)[^<>]*+>"
    r"|<[!?][^>]*+>?"
    r"|[^<]++|<",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"([A-Za-z_:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_LEFT_OUT = frozenset(
    {
        "script",
        "style",
        "nav",
        "footer",
        "head",
        "svg",
        "noscript",
        "template",
        "form",
        "button",
        "iframe",
    }
)
_VOID = frozenset(
    {
        "br",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "col",
        "area",
        "base",
        "wbr",
        "source",
        "embed",
        "track",
        "param",
    }
)
_BLOCKS = frozenset(
    {"p", "li", "dd", "dt", "tr", "div", "section", "article", "blockquote", "table", "ul", "ol", "dl",
     "figure", "figcaption", "caption", "aside", "main", "header", "body", "details", "summary", "thead", "tbody"}
)  # fmt: skip
_HEADINGS = {f"h{n}": n for n in range(1, 7)}
_REPEATED = re.compile(
    r"(?<!\S)(?:navheader|navfooter|related|sphinxsidebar|toctree-wrapper|toc|breadcrumbs?|sidebar|headerlink|"
    r"footer|navigation|md-nav|skip-link|contents local|noprint|wy-nav\S*|linenos)(?!\S)"
)
_ADMONITIONS = frozenset({"note", "notes:", "tip", "warning", "important", "caution", "see also"})
_ROLES = frozenset({"navigation", "search", "contentinfo", "banner"})
_CODE_NAME = re.compile(r"--?[A-Za-z][\w-]*|[A-Za-z_$@][\w$]*(?:(?:\.|::|/|-)[A-Za-z_$][\w$]*)*")
_SETTING = re.compile(r"[A-Za-z][\w-]*(?:\.[\w<>*-]+)+|[A-Z][A-Z0-9]*_[A-Z0-9_]+")


def read(data: bytes, path: str) -> Document:
    """The document. Raises Unreadable for what is no text."""
    text = decoded(data)
    scan = _Scan(text)
    scan.run()
    name = name_of(path)
    return scan.builder.document(scan.title or name)


class _Scan:
    def __init__(self, text: str) -> None:
        self._source = text
        self.builder = Builder()
        self.title = ""
        self._line, self._counted = 1, 0
        self._words: list[str] = []
        self._began = 1
        self._skipping: list[str] = []
        self._code_depth = 0
        self._code_line = 1
        self._ids: list[tuple[str, str]] = []
        self._head: tuple[str, int, str, int] | None = None
        self._entry: tuple[str, int, str] | None = None
        self._entry_code: list[str] = []
        self._code_starts: list[int] = []
        self._lists: list[Section | None] = []
        self._tables: list[Section | None] = []
        self._base = 1
        self._titled = False

    def run(self) -> None:
        title = re.search(
            r"<title[^>]*>(.*?)</title>", self._source[:20_000], re.DOTALL | re.IGNORECASE
        )
        if title:
            self.title = _clean(
                re.sub(r"\s[—–|]\s.*|\s-\s.*", "", unescape(title[1]).strip(), flags=re.DOTALL)
            )
        for token in _TOKEN.finditer(self._source):
            tag = token["tag"]
            if tag is None:
                if not self._skipping and self._source[token.start()] != "<":
                    self._text(token[0], token.start())
                continue
            tag = tag.lower()
            if token["end"]:
                self._close(tag)
            else:
                self._open(tag, token["rest"], token.start())
        self._flush()

    def _line_at(self, position: int) -> int:
        self._line += self._source.count("\n", self._counted, position)
        self._counted = position
        return self._line

    def _text(self, text: str, position: int) -> None:
        if "&" in text:
            text = unescape(text)
        if not self._words:
            if text.isspace() and not self._code_depth:
                return
            self._began = self._line_at(position)
        self._words.append(text)

    def _open(self, tag: str, rest: str, position: int) -> None:
        if self._skipping:
            if tag == self._skipping[-1]:
                self._skipping.append(tag)
            return
        attributes = _attributes(rest) if "=" in rest else {}
        if tag in _VOID:
            if tag == "br":
                self._words.append("\n" if self._code_depth else " ")
            elif tag == "hr":
                self._flush()
            return
        named = attributes.get("class", "")
        if (
            tag in _LEFT_OUT
            or (
                named and _REPEATED.search(named) and tag not in ("body", "html", "main", "article")
            )
            or attributes.get("role", "") in _ROLES
        ):
            if self._head and tag == "a" and attributes.get("href", "").startswith("#"):
                # A heading's own permanent link is the anchor that people cite.
                self._head = (*self._head[:2], attributes["href"][1:], self._head[3])
            self._skipping.append(tag)
            return
        anchor = attributes.get("id", "") or (attributes.get("name", "") if tag == "a" else "")
        if tag in _HEADINGS:
            self._flush()
            self._head = (tag, _HEADINGS[tag], anchor or self._pending(), self._line_at(position))
        elif tag == "pre":
            self._flush()
            self._code_depth += 1
            self._code_line = self._line_at(position)
        elif tag == "dt":
            self._flush()
            self._entry = (tag, self._line_at(position), anchor)
            self._entry_code = []
        elif tag in ("code", "tt", "kbd"):
            self._code_starts.append(len(self._words))
        elif tag == "dl":
            self._flush()
            self._lists.append(self.builder.current)
        elif (
            tag == "p" and "func_signature" in named
        ):  # a function's line in a table, as DocBook has it
            self._flush()
            self._entry = (tag, self._line_at(position), anchor)
            self._entry_code = []
        elif tag in _BLOCKS:
            self._flush()
            if tag == "table":
                self._tables.append(self.builder.current)
        elif tag in ("td", "th") and self._words:
            self._words.append(" | ")
        if anchor and tag not in _HEADINGS and tag != "dt":
            self._ids.append((tag, anchor))
        if self._entry and anchor and tag != "dt" and not self._entry[2]:
            self._entry = (self._entry[0], self._entry[1], anchor)

    def _close(self, tag: str) -> None:
        if self._skipping:
            if tag == self._skipping[-1]:
                self._skipping.pop()
            return
        if self._head and tag == self._head[0]:
            self._heading(*self._head[1:])
        elif tag == "pre" and self._code_depth:
            self._code_depth -= 1
            text = "".join(self._words)
            self._words.clear()
            self.builder.code(text, self._code_line)
        elif self._entry and tag == self._entry[0]:
            self._definition(*self._entry[1:])
        elif tag in ("code", "tt", "kbd") and self._code_starts:
            start = self._code_starts.pop()
            if self._entry:
                self._entry_code.append("".join(self._words[start:]).strip())
        elif tag == "dl" and self._lists:
            self._flush()
            self.builder.resume(self._lists.pop())
        elif tag == "table" and self._tables:
            self._flush()
            self.builder.resume(self._tables.pop())
        elif tag in _BLOCKS:
            self._flush()

    def _flush(self) -> None:
        if self._head or self._entry or self._code_depth:
            return
        if self._words:
            self.builder.text("".join(self._words), self._began)
            self._words.clear()

    def _pending(self) -> str:
        """The id of the element just around a heading, where the heading has none."""
        return self._ids[-1][1] if self._ids else ""

    def _heading(self, level: int, anchor: str, line: int) -> None:
        self._head = None
        text = _clean("".join(self._words))
        self._words.clear()
        self._ids.clear()
        if not text:
            return
        if text.lower() in _ADMONITIONS:
            self._words.append(f"{text}: ")
            self._began = line
            return
        if level == 1 and self._titled:
            level = 2
        self._titled = self._titled or level == 1
        symbols = _names(text)
        self.builder.heading(level, text, line, anchor=anchor, symbols=symbols)
        self._base = level

    def _definition(self, line: int, anchor: str) -> None:
        """An entry of a definition list: a section of its own where it defines a name."""
        self._entry = None
        text = _clean("".join(self._words))
        self._words.clear()
        if not text:
            return
        names = [found[0] for code in self._entry_code if (found := _CODE_NAME.match(code))]
        names = [name for at, name in enumerate(names) if at == 0 or any(c in name for c in "._-")]
        flags = flags_in(text)
        named = anchor.removeprefix("envvar-").removeprefix("module-")
        dotted = [named] if "." in named or named in text.split() else []
        alone = [text] if _SETTING.fullmatch(text) else []
        symbols = tuple(dict.fromkeys([*dotted, *names, *alone, *flags]))
        if not anchor and not symbols:
            self.builder.text(f"{text}:", line)
            return
        level = self._base + max(1, len(self._lists))
        self.builder.entry(level, text, line, anchor=anchor or _entry_anchor(text), symbols=symbols)


def _entry_anchor(text: str) -> str:
    return (
        re.sub(r"[^\w.-]+", "-", text.partition(",")[0].partition("=")[0]).strip("-")[:60]
        or "entry"
    )


def _names(heading: str) -> list[str]:
    """The names in a short heading, as of a manual page, a module or a view."""
    words = _NUMBER.sub("", heading).split()
    if len(words) > 6:
        return []
    bare = [re.sub(r"\(\d\w*\)$|[(),:]", "", word) for word in words]
    odd = [word for word in bare if any(mark in word[1:-1] for mark in "._-")]
    first = [word for word in bare[:1] if len(words) > 1 and words[1] in ("—", "-", "–")]
    return [word for word in dict.fromkeys([*first, *odd]) if _CODE_NAME.fullmatch(word)]


_NUMBER = re.compile(r"^(?:(?:Chapter|Appendix|Part)\s+)?[A-Z0-9]+(?:\.\d+)*\.\s+")


def _attributes(rest: str) -> dict[str, str]:
    return {
        found[1].lower(): unescape(found[2] or found[3] or found[4] or "")
        for found in _ATTRIBUTE.finditer(rest)
    }


def _clean(text: str) -> str:
    return " ".join(text.replace("¶", " ").replace("#\u200b", "").split())
