"""reStructuredText as Sphinx and docutils use it: titles by their underlines, directives, roles."""

import re

from devagent_docs.formats.encoding import decoded
from devagent_docs.formats.model import Builder, Document

_UNDERLINE = re.compile(r"([!-/:-@\[-`{-~])\1+\s*$")
_LABEL = re.compile(r"\.\. _([^:]+):\s*$")
_DIRECTIVE = re.compile(r"(\s*)\.\. ([\w:+-]+)::\s*(.*)$")
_CODE = frozenset(
    {
        "code",
        "code-block",
        "sourcecode",
        "parsed-literal",
        "productionlist",
        "doctest",
        "testcode",
        "literalinclude",
    }
)
_QUIET = frozenset(
    {
        "index",
        "toctree",
        "module",
        "currentmodule",
        "highlight",
        "image",
        "only",
        "contents",
        "sectionauthor",
        "moduleauthor",
        "raw",
        "meta",
    }
)
_DEFINES = re.compile(
    r"(?:[a-z]+:)?(function|class|method|attribute|data|exception|module|option|envvar|classmethod|staticmethod|property|decorator|macro|type|member|program|cmdoption|confval|setting)$"
)
_ROLE = re.compile(
    r"(?<![\w:]):[\w:+-]{1,60}:`(?:!|~)?([^`<]{0,400}?)(?:\s?<[^`>]{0,400}>)?`|`([^`<]{1,400}?)\s?<[^`>]{0,400}>`__?|``([^`]{1,400})``"
)
_NAME = re.compile(r"--?[A-Za-z][\w-]*|[A-Za-z_][\w]*(?:[.:]{1,2}[A-Za-z_]\w*)*")


def read(data: bytes, path: str) -> Document:
    """The document. Raises Unreadable."""
    builder = Builder()
    _Reading(decoded(data).split("\n"), builder).run()
    return builder.document(path.rpartition("/")[2].partition(".")[0])


class _Reading:
    def __init__(self, lines: list[str], builder: Builder) -> None:
        self._lines, self._builder = lines, builder
        self._styles: list[str] = []
        self._label = ""
        self._module = ""
        self._paragraph: list[str] = []
        self._began = 1
        self._base = 0

    def run(self) -> None:
        lines, at = self._lines, 0
        while at < len(lines):
            row = lines[at]
            if not row.strip():
                self._flush()
                at += 1
            elif title := self._title(at):
                self._flush()
                at = self._heading(at, *title)
            elif label := _LABEL.match(row):
                self._label = label[1].strip("`")
                at += 1
            elif directive := _DIRECTIVE.match(row):
                self._flush()
                at = self._directive(at, len(directive[1]), directive[2], directive[3])
            elif row.startswith(".. "):
                at = self._skip_block(at + 1, 0)
            elif row.lstrip().startswith(">>> ") and not self._paragraph:
                end = at
                while end < len(lines) and lines[end].strip():
                    end += 1
                self._builder.code(_dedented(lines[at:end]), at + 1)
                at = end
            else:
                if not self._paragraph:
                    self._began = at + 1
                self._paragraph.append(row)
                at += 1
                if row.rstrip().endswith("::"):
                    self._paragraph[-1] = row.rstrip()[:-1]
                    self._flush()
                    at = self._literal(at, len(row) - len(row.lstrip()))
        self._flush()

    def _flush(self) -> None:
        if self._paragraph:
            self._builder.text(_plain(" ".join(self._paragraph)), self._began)
            self._paragraph.clear()

    def _title(self, at: int) -> tuple[str, str, int] | None:
        """Style, text and line count of the title that begins here."""
        lines = self._lines
        row = lines[at].rstrip()
        following = lines[at + 1].rstrip() if at + 1 < len(lines) else ""
        if (
            _UNDERLINE.match(row)
            and at + 2 < len(lines)
            and lines[at + 2].rstrip() == row
            and following
        ):
            return row[0] * 2, following.strip(), 3
        fits = _UNDERLINE.match(following) and len(following) >= min(len(row), 4)
        if fits and not row.startswith(" ") and not _UNDERLINE.match(row) and not self._paragraph:
            return following[0], row.strip(), 2
        return None

    def _heading(self, at: int, style: str, text: str, size: int) -> int:
        if style not in self._styles:
            self._styles.append(style)
        self._base = self._styles.index(style) + 1
        plain = _plain(text)
        symbols = _names(text) if ":`" in text or "``" in text else ()
        self._builder.heading(
            self._base, plain.replace("`", ""), at + 1, anchor=self._label, symbols=symbols
        )
        self._label = ""
        return at + size

    def _directive(self, at: int, indent: int, name: str, argument: str) -> int:
        after = self._options_end(at + 1, indent)
        if name in ("module", "py:module", "currentmodule", "py:currentmodule"):
            self._module = argument.strip()
        kind = _DEFINES.match(name)
        if kind and kind[1] not in ("module", "program"):
            found = _NAME.match(argument.rpartition(":: ")[2].strip())
            symbol = found[0] if found else argument.strip()
            full = (
                f"{self._module}.{symbol}"
                if self._module and "." not in symbol and symbol[:1] != "-"
                else symbol
            )
            self._builder.heading(
                self._base + 1 + indent // 3, argument.strip(), at + 1, anchor=full, symbols=(full,)
            )
            return after
        if name in _CODE:
            end = self._block_end(after, indent)
            self._builder.code(_dedented(self._lines[after:end]), at + 1)
            return end
        if name in _QUIET:
            return self._skip_block(after, indent)
        if argument:
            self._paragraph.append(argument)  # a note, a warning, versionadded
            self._began = at + 1
        return after

    def _options_end(self, at: int, indent: int) -> int:
        while at < len(self._lines) and re.match(rf"\s{{{indent + 1},}}:[\w-]+:", self._lines[at]):
            at += 1
        return at

    def _block_end(self, at: int, indent: int) -> int:
        lines = self._lines
        while at < len(lines) and (not lines[at].strip() or lines[at][: indent + 1].isspace()):
            at += 1
        return at

    def _skip_block(self, at: int, indent: int) -> int:
        return self._block_end(at, indent)

    def _literal(self, at: int, indent: int) -> int:
        end = self._block_end(at, indent)
        self._builder.code(_dedented(self._lines[at:end]), at + 1)
        return end


def _plain(text: str) -> str:
    text = _ROLE.sub(lambda m: f"`{m[1]}`" if m[1] else m[2] or f"`{m[3]}`", text)
    return text.replace("**", "").replace("\\ ", "")


def _names(text: str) -> tuple[str, ...]:
    return tuple(
        found[0] for m in _ROLE.finditer(text) if (found := _NAME.match(m[1] or m[3] or ""))
    )


def _dedented(lines: list[str]) -> str:
    least = min((len(row) - len(row.lstrip()) for row in lines if row.strip()), default=0)
    return "\n".join(row[least:] for row in lines)
