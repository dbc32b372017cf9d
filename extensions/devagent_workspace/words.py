"""Words of a command line as bash would expand them: exactly, or marked as not known.

A word becomes fields. A field's text is known when bash could make nothing else of it: quotes, escapes,
braces, tildes and variables whose value the line itself or the made environment fixes. What comes from
globs, substitutions or other variables is not known, and its ``source`` says what kind of thing it is.
"""

import glob
import os
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from devagent_workspace.atoms import (
    MOST_FIELDS,
    Atom,
    Substitute,
    ansi,
    bends,
    braces,
    home,
    is_glob,
    named,
    splits,
    unquoted,
    widest,
)
from devagent_workspace.grammar import Unclear
from devagent_workspace.shown import shown
from devagent_workspace.sources import Source
from devagent_workspace.variables import Scope

if TYPE_CHECKING:
    from tree_sitter import Node


class Field(NamedTuple):
    """One word of an argv. ``text`` is None where it is not known, then ``start`` is what it begins with.

    ``name`` is how a resource shows it: known text quoted where the shell would need it, anything else
    as it was written. ``many``: there may be several words, or none. ``pattern``: the glob, for ``glob.glob``.
    """

    text: str | None
    name: str
    source: Source = "known"
    start: str = ""
    many: bool = False
    pattern: str = ""

    @property
    def begins(self) -> str:
        """What the word is known to begin with: all of it, where it is known."""
        return self.start if self.text is None else self.text

    @property
    def may_be_option(self) -> bool:
        """Whether the word, unknown as it is, may begin with a hyphen that was not written."""
        return self.text is None and self.source not in ("number", "word") and not self.start


def hyphen_file(field: Field, scope: Scope) -> bool:
    """Whether a word that is not known could be an option now: a glob may meet a file of such a name."""
    if not field.may_be_option:
        return False
    if not field.name.startswith(("*", "?", "[")):
        return True
    for folder in scope.folders:
        try:
            if any(name.startswith("-") for name in os.listdir(folder)):
                return True
        except OSError:
            return True
    return False


_PLAIN = re.compile(rb"[A-Za-z0-9_@%+:,./^-]+(?:=[A-Za-z0-9_@%+:,./^-]*)?\Z")
_BACK = re.compile(r"[*?\]].*/\.\.(?:/|\Z)", re.DOTALL)
_STRAY = re.compile(r'["`]|\$[\w({@*#?$!\-\[]')
_EXPANSION = re.compile(
    r"\$\{(#?)([A-Za-z_]\w*)((?::?[-+]|%%?|##?|//?|\^\^?|,,?)[^`$(){}<>\\]*|:[\d: ]+)?\}\Z",
    re.DOTALL,
)


class Words:
    """Expands the words of one line."""

    def __init__(self, source: bytes, substitute: Substitute) -> None:
        self._source = source
        self._substitute = substitute

    def text(self, node: "Node") -> str:
        return self._source[node.start_byte : node.end_byte].decode()

    def fields(self, node: "Node", scope: Scope) -> list[Field]:
        """What one word becomes. Raises Unclear."""
        if node.type in ("word", "number") and not node.child_count:
            raw = self._source[node.start_byte : node.end_byte]
            if _PLAIN.match(raw):
                text = raw.decode()
                return [Field(text, text)]
        fields = list[Field]()
        words = braces(self.atoms(node, scope))
        for atoms in words:
            fields += self._field(atoms, scope, node, whole=len(words) == 1)
        if len(fields) > MOST_FIELDS:
            raise Unclear("a word becomes too many")
        return fields

    def value(self, node: "Node", scope: Scope) -> Field:
        """The value of an assignment or the text after ``<<<``: one field, not split, no globs."""
        atoms = [atom._replace(quoted=True) for atom in home(self.atoms(node, scope), scope)]
        return (self._field(atoms, scope, node) or [Field("", "''")])[0]

    def _field(
        self, atoms: list[Atom], scope: Scope, node: "Node", *, whole: bool = True
    ) -> list[Field]:
        atoms = home(atoms, scope, whole=whole)
        if any(atom.expanded and not atom.quoted and splits(atom.text) for atom in atoms):
            if len(atoms) > 1:
                raise Unclear("a variable is split into words inside a word")
            return self._split(atoms[0].text or "")
        if len(atoms) > 1 and any(atom.name == "@" for atom in atoms):
            raise Unclear("$@ within a word")
        unknown = [atom for atom in atoms if atom.text is None]
        first = next((at for at in range(len(atoms)) if is_glob(atoms, at)), len(atoms))
        globs = first < len(atoms)
        start = ""
        for atom in atoms[:first]:
            if atom.text is None:
                break
            start += atom.text
        if not unknown and not globs:
            if all(atom.expanded and not atom.text and not atom.quoted for atom in atoms):
                return []
            return [Field(start, shown(shlex.quote(start)))]
        source = widest(unknown)
        if globs and source == "known":
            source = "files"
        pattern = name = ""
        if not unknown:
            pattern = "".join(
                glob.escape(a.text or "") if a.quoted else a.text or "" for a in atoms
            )
            name = "".join(shlex.quote(a.text or "") if a.quoted else a.text or "" for a in atoms)
        elif len(unknown) == 1 and unknown[0].name in scope.patterns:
            met = scope.patterns[unknown[0].name]
            pattern = "".join(
                met if a.text is None else glob.escape(a.text) if a.quoted else a.text
                for a in atoms
            )
        elif source != "output" and bends(atoms):
            source = "output"
        if ".." in pattern and _BACK.search(pattern):
            source = "output"  # what it met when it was judged is not all that it may meet
        many = globs or any(not atom.quoted or atom.name == "@" for atom in unknown)
        name = name or " ".join(self.text(node).split())
        return [Field(None, shown(name), source, start, many, pattern)]

    def _split(self, text: str) -> list[Field]:
        if any(sign in text for sign in "*?["):
            raise Unclear("a variable that holds a glob")
        return [Field(word, shown(shlex.quote(word))) for word in text.split()]

    def atoms(self, node: "Node", scope: Scope, *, quoted: bool = False) -> list[Atom]:
        """The pieces of a word, left to right."""
        match node.type:
            case "word" | "number" | "variable_name":
                return unquoted(self.text(node))
            case "concatenation":
                found, at = list[Atom](), node.start_byte
                for child in node.children:
                    if child.start_byte != at:
                        raise Unclear("a word with a gap in it")
                    found += self.atoms(child, scope)
                    at = child.end_byte
                return found
            case "raw_string":
                return [Atom(self.text(node)[1:-1], quoted=True)]
            case "ansi_c_string":
                return [Atom(ansi(self.text(node)[2:-1]), quoted=True)]
            case "string":
                return self._string(node, scope)
            case "simple_expansion":
                name = self.text(node)[self._blanks(node) * quoted + 1 :]
                if name.isdigit() and len(name) > 1:
                    raise Unclear("$12 is $1 and 2")
                return named(name, scope, quoted=quoted)
            case "expansion":
                written = self.text(node)[self._blanks(node) * quoted :]
                return self._expansion(written, scope, quoted=quoted)
            case "arithmetic_expansion":
                scope.check_arithmetic(self.text(node))
                return [Atom(None, quoted, "number")]
            case "command_substitution" | "process_substitution":
                return [self._substitute(node, scope)._replace(quoted=quoted)]
            case "brace_expression":
                return unquoted(self.text(node))
            case _ if node.child_count == 0 and not node.is_named:
                return unquoted(self.text(node))
            case kind:
                raise Unclear(f"a word with {kind.replace('_', ' ')}")

    def _string(self, node: "Node", scope: Scope) -> list[Atom]:
        """Text in double quotes: what lies between the expansions is read here, not by the parser."""
        start = node.start_byte + (
            2 if self._source[node.start_byte : node.start_byte + 1] == b"$" else 1
        )
        end = node.end_byte - 1
        found, at = list[Atom](), start
        inner = [child for child in node.named_children if child.type != "string_content"]
        for child in inner:
            found += self._piece(at, child.start_byte + self._blanks(child))
            found += self.atoms(child, scope, quoted=True)
            at = child.end_byte
        found += self._piece(at, end)
        return found or [Atom("", quoted=True)]

    def _blanks(self, node: "Node") -> int:
        """How many blanks before an expansion the parser counts to it; they belong to the text before."""
        text = self._source[node.start_byte : node.end_byte]
        return len(text) - len(text.lstrip(b" \t\n"))

    def _piece(self, start: int, end: int) -> list[Atom]:
        text = self._source[start:end].decode()
        if not text:
            return []
        plain, rest = list[str](), re.sub(r"\\[$`\"\\\n]", "", text)
        if _STRAY.search(rest):
            raise Unclear("quotes that cannot be read")
        at = 0
        while at < len(text):
            if (
                text[at] == "\\"
                and text[at + 1 : at + 2] in ("$", "`", '"', "\\", "\n")
                and text[at + 1 :]
            ):
                plain.append("" if text[at + 1] == "\n" else text[at + 1])
                at += 2
            else:
                plain.append(text[at])
                at += 1
        return [Atom("".join(plain), quoted=True)]

    def _expansion(self, written: str, scope: Scope, *, quoted: bool) -> list[Atom]:
        match = _EXPANSION.match(written)
        if match is None:
            bare = re.fullmatch(r"\$\{([@*#?$!0-9])\}", written)
            if bare is None:
                raise Unclear(f"the expansion {written[:40]}")
            return named(bare[1], scope, quoted=quoted)
        if match[1]:
            return [Atom(None, quoted, "number")]
        if match[3]:
            named(match[2], scope, quoted=quoted)
            return [Atom(None, quoted, "output")]
        return named(match[2], scope, quoted=quoted)
