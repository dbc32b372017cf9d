"""Manual pages in their source form (man and mdoc macros), packed or not."""

import gzip
import re
import zlib

from devagent_docs.formats.encoding import decoded
from devagent_docs.formats.model import Builder, Document, Unreadable, flags_in

MAX_UNPACKED = 64 * 1024 * 1024
_NAME = re.compile(r".+\.[1-9][a-z]*(?:\.gz)?$")
_ESCAPES = {"\\-": "-", "\\&": "", "\\e": "\\", "\\ ": " ", "\\(co": "©", "\\(bu": "•", "\\(aq": "'", "\\(dq": '"',
            "\\(lq": "“", "\\(rq": "”", "\\(oq": "‘", "\\(cq": "’", "\\(em": "—", "\\(en": "–", "\\c": "", "\\|": "", "\\^": "", "\\~": " ", "\\0": " ", "\\/": "", "\\,": "", "\\%": "", "\\:": ""}  # fmt: skip
_ESCAPE = re.compile(r"\\f(?:\[\w*\]|\(..|.)|\\s[+-]?\d|\\\*\(..|\\\*.|\\\(..|\\\[([\w ]+)\]|\\.")
_DIGIT = re.compile(r"(?<![\w-])-[0-9]\b")
_WORD = re.compile(r'"((?:[^"]|"")*)"|(\S+)')
_FONTS = frozenset({"B", "I", "BI", "BR", "IB", "IR", "RB", "RI", "SM", "SB"})


def is_page(name: str) -> bool:
    """Whether a file of this name is a manual page: ``git.1``, ``printf.3p.gz``."""
    return _NAME.match(name) is not None


def unpacked(data: bytes) -> bytes:
    """What a gzip file holds, up to a limit. Raises Unreadable."""
    try:
        out = zlib.decompressobj(31).decompress(data, MAX_UNPACKED)
    except (zlib.error, gzip.BadGzipFile, EOFError) as error:
        raise Unreadable("it is no gzip file") from error
    return out


def read(data: bytes, path: str) -> Document:
    """The page. Raises Unreadable for what has no macro of a manual page."""
    source = decoded(data)
    if not re.search(r"^[.'](?:TH|Dt|Sh|SH)\b", source, re.MULTILINE):
        raise Unreadable("it has no macro of a manual page")
    return _Page(source, path).read()


class _Page:
    def __init__(self, source: str, path: str) -> None:
        self._lines = source.split("\n")
        self._name = path.rpartition("/")[2].removesuffix(".gz")
        self._builder = Builder()
        self._paragraph: list[str] = []
        self._began = 1
        self._base = 1

    def read(self) -> Document:
        code: list[str] | None = None
        tagged, code_line = False, 0
        for number, row in enumerate(self._lines, 1):
            if row.startswith(('.\\"', "'\\\"", '\\"')):
                continue
            if not row.startswith((".", "'")):
                if code is not None:
                    code.append(_unescaped(row))
                elif tagged:
                    self._tag(_unescaped(row), number)
                    tagged = False
                elif row.strip():
                    self._say(_unescaped(row), number)
                else:
                    self._flush()
                continue
            macro, _, rest = row[1:].strip().partition(" ")
            words = [_unescaped(quoted or bare) for quoted, bare in _WORD.findall(rest)]
            if macro in ("nf", "EX", "Bd"):
                self._flush()
                code, code_line = [], number
            elif macro in ("fi", "EE", "Ed"):
                if code is not None:
                    self._builder.code("\n".join(code), code_line)
                code = None
            elif code is not None:
                if macro in _FONTS:
                    code.append(" ".join(words))
            elif macro in ("TH", "Dt"):
                section = f"({words[1]})" if len(words) > 1 else ""
                title = f"{words[0].lower()}{section}" if words else self._name
                self._builder.heading(1, title, number, symbols=[words[0].lower()] if words else ())
            elif macro in ("SH", "Sh", "SS", "Ss"):
                self._flush()
                self._base = 2 if macro.lower() == "sh" else 3
                self._builder.heading(self._base, " ".join(words), number)
            elif macro in ("TP", "TQ"):
                self._flush()
                tagged = True
            elif macro in ("IP", "It"):
                self._flush()
                self._tag(_mdoc(words), number)
            elif tagged and macro in _FONTS:
                self._tag(_joined(macro, words), number)
                tagged = False
            elif macro == "RS" and len(self._paragraph) == 1 and self._paragraph[0][:1] == "-":
                tag = self._paragraph.pop()  # as AsciiDoc and DocBook write the tag of a list
                self._tag(tag, number - 1)
            elif macro in ("PP", "P", "LP", "Pp", "RS", "RE", "sp", "HP"):
                self._flush()
            elif macro in _FONTS:
                self._say(_joined(macro, words), number)
            elif macro[:1].isupper() and len(macro) == 2 and macro not in ("Os", "Dd", "El", "Bl"):
                self._say(_mdoc([macro, *words]), number)
        self._flush()
        return self._builder.document(self._name)

    def _say(self, text: str, number: int) -> None:
        if not self._paragraph:
            self._began = number
        self._paragraph.append(text)

    def _flush(self) -> None:
        self._builder.text(" ".join(self._paragraph), self._began)
        self._paragraph.clear()

    def _tag(self, text: str, number: int) -> None:
        """The tag of a list: an option's becomes a section, a bullet is text."""
        flags = [*_DIGIT.findall(text), *flags_in(text)]
        word = text.split(" ")[0].strip(",:")
        if flags or re.fullmatch(r"[A-Za-z_][\w.]{2,}", word):
            self._builder.entry(self._base + 1, text, number, symbols=flags or [word])
        elif text.strip():
            self._say(text, number)


_MDOC = {"Fl": "-", "Ar": "", "Op": "", "Nm": "", "Xr": "", "Pa": "", "Sy": "", "Em": "", "Li": "", "Cm": "", "Dq": "", "Ql": "", "Ns": "", "No": ""}  # fmt: skip


def _mdoc(words: list[str]) -> str:
    out: list[str] = []
    before = ""
    for word in words:
        if word in _MDOC:
            before = _MDOC[word]
            continue
        out.append(before + word)
        before = ""
    return " ".join(out)


def _joined(macro: str, words: list[str]) -> str:
    return ("" if macro in ("BI", "BR", "IB", "IR", "RB", "RI") else " ").join(words)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda m: _ESCAPES.get(m[0], ""), text)
