"""The pieces of a word while bash's expansions are carried out on them: tildes, braces, quotes, variables."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from devagent_workspace.grammar import Unclear
from devagent_workspace.places import SECRET_NAME, tells_of_secrets
from devagent_workspace.sources import ORDER, Source
from devagent_workspace.variables import Scope

if TYPE_CHECKING:
    from tree_sitter import Node


class Atom(NamedTuple):
    """A piece of a word: a character or, with no text, something unknown."""

    text: str | None
    quoted: bool
    source: Source = "known"
    name: str = ""
    expanded: bool = False


Substitute = Callable[["Node", Scope], Atom]
"""Walks a substitution's commands and gives the piece that takes its place."""

_NAME = re.compile(r"[A-Za-z_]\w*\Z")
_ANSI = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "a": "\a",
    "e": "\x1b",
    "0": "\0",
}
MOST_FIELDS = 256


def is_glob(atoms: list[Atom], at: int) -> bool:
    """Whether a sign of a glob stands here: a bracket is one only when it is closed."""
    atom = atoms[at]
    if atom.quoted or atom.text is None:
        return False
    if "*" in atom.text or "?" in atom.text:
        return True
    return "[" in atom.text and any(
        "]" in (other.text or "") and not other.quoted for other in atoms[at:]
    )


def widest(unknown: list[Atom]) -> Source:
    """The least that can be said of several unknown pieces."""
    widest: Source = "known" if unknown else "files"
    for atom in unknown:
        if ORDER.index(atom.source) > ORDER.index(widest):
            widest = atom.source
    return widest


def named(name: str, scope: Scope, *, quoted: bool) -> list[Atom]:
    """What a variable expands to."""
    if name in ("?", "$", "!", "#"):
        return [Atom(None, quoted, "number")]
    if name in ("@", "*"):
        if scope.no_arguments:
            return [
                Atom("", quoted=False, expanded=True)
            ]  # "$@" without arguments is no word at all
        return [Atom(None, quoted, "output", name="@")]
    if not _NAME.match(name):
        if name.isdigit() and name != "0" and scope.no_arguments:
            return [Atom("", quoted, expanded=True)]
        return [Atom(None, quoted, "output")]
    value, source = scope.look_up(name)
    if value is None:
        return [Atom(None, quoted, source, name)]
    return [Atom(value, quoted, expanded=True)]


def bends(atoms: list[Atom]) -> bool:
    """The same as ``bent`` for a word with pieces that are not known. A number is no name of a link."""
    first = next(at for at, atom in enumerate(atoms) if atom.text is None)
    before = "".join(atom.text or "" for atom in atoms[:first])
    after = "".join(atom.text or "x" for atom in atoms[first + 1 :])
    if all(atom.source == "number" for atom in atoms if atom.text is None):
        return "/.." in after or tells_of_secrets(f"{before}0{after}")
    return bent(before, after)


def bent(before: str, after: str) -> bool:
    """Whether the text around the name of a file may make it another's, or a secret's: ``x/../..``, ``.`` before ``./x``."""
    return before.endswith(".") or "/" in after or SECRET_NAME.search(f"x{after}") is not None


def splits(text: str | None) -> bool:
    """Whether bash would make several words of it, or match files."""
    return text is not None and any(sign in " \t\n*?[" for sign in text)


def unquoted(text: str) -> list[Atom]:
    """Characters of an unquoted word; an escaped one counts as quoted."""
    found: list[Atom] = []
    at = 0
    while at < len(text):
        sign = text[at]
        if sign == "\\":
            at += 1
            if at == len(text):
                raise Unclear("a backslash at the end")
            if text[at] != "\n":
                found.append(Atom(text[at], quoted=True))
        elif sign in " \t\n;|&<>()\"'`$":
            raise Unclear("a word that bash would read otherwise")
        else:
            found.append(Atom(sign, quoted=False))
        at += 1
    return found


def home(atoms: list[Atom], scope: Scope, *, whole: bool = True) -> list[Atom]:
    """A leading ``~`` replaced, also after ``name=`` where the word was written ``whole`` and not made by braces.
    ``~name``, ``~+`` and ``a:~`` are unclear."""
    start = next((i + 1 for i, a in enumerate(atoms) if a.text == "=" and _is_syntax(a)), 0)
    if not whole or (start and not _NAME.match("".join(a.text or "$" for a in atoms[: start - 1]))):
        start = 0
    for at in {0, start}:
        if at < len(atoms) and atoms[at].text == "~" and _is_syntax(atoms[at]):
            if at + 1 < len(atoms) and (not _is_syntax(atoms[at + 1]) or atoms[at + 1].text != "/"):
                raise Unclear("another person's home folder")
            home, source = scope.look_up("HOME")
            atoms = [*atoms[:at], Atom(home, quoted=True, source=source), *atoms[at + 1 :]]
    if any(
        a.text == ":" and b.text == "~" and _is_syntax(a) and _is_syntax(b)
        for a, b in pairwise(atoms)
    ):
        raise Unclear("a list of folders with ~ in it")
    return atoms


def braces(atoms: list[Atom]) -> list[list[Atom]]:
    """``a{b,c}{1..2}`` as four words. Alternatives within alternatives are unclear."""

    def at(sign: str, start: int = 0) -> int:
        return next(
            (i for i in range(start, len(atoms)) if atoms[i].text == sign and _is_syntax(atoms[i])),
            -1,
        )

    opening = at("{")
    closing = at("}", opening) if opening >= 0 else -1
    if closing < 0:
        return [atoms]
    if any((atom.expanded or atom.text is None) and not atom.quoted for atom in atoms):
        raise Unclear("braces beside a variable")  # bash reads $x{a,b} as $xa $xb
    inner = atoms[opening + 1 : closing]
    bare = [atom.text for atom in inner if _is_syntax(atom)]
    if "{" in bare:
        raise Unclear("braces within braces")
    if "," in bare:
        found: list[list[Atom]] = [[]]
        for atom in inner:
            if atom.text == "," and _is_syntax(atom):
                found.append([])
            else:
                found[-1].append(atom)
    elif len(bare) == len(inner) and ".." in (text := "".join(sign or "$" for sign in bare)):
        found = [[Atom(one, quoted=True)] for one in _counted(text)]
    elif any(a == b == "." for a, b in pairwise(bare)):
        raise Unclear("a range in braces")
    elif at("{", closing) >= 0 or at(",", closing) >= 0:
        raise Unclear("braces within braces")
    else:
        return [atoms]
    words = [
        atoms[:opening] + one + after for one in found for after in braces(atoms[closing + 1 :])
    ]
    if len(words) > MOST_FIELDS:
        raise Unclear("a word becomes too many")
    return words


def _counted(text: str) -> list[str]:
    """What ``{1..3}`` and ``{a..c}`` count. Raises Unclear."""
    numbers = re.fullmatch(r"(-?\d{1,4})\.\.(-?\d{1,4})", text)
    letters = re.fullmatch(r"([a-z])\.\.([a-z])|([A-Z])\.\.([A-Z])", text)
    if numbers is not None and not numbers[1].lstrip("-").startswith("0"):
        low, high = int(numbers[1]), int(numbers[2])
    elif letters is not None:
        low, high = ord(letters[1] or letters[3]), ord(letters[2] or letters[4])
    else:
        raise Unclear("a range in braces")
    counted = range(low, high + 1) if low <= high else range(low, high - 1, -1)
    if len(counted) > MOST_FIELDS:
        raise Unclear("a range in braces")
    return [chr(one) if letters else str(one) for one in counted]


def _is_syntax(atom: Atom) -> bool:
    """Whether bash sees the character before it expands variables."""
    return not atom.quoted and not atom.expanded


def ansi(text: str) -> str:
    """The text of ``$'…'``."""
    out, at = list[str](), 0
    while at < len(text):
        if text[at] != "\\":
            out.append(text[at])
            at += 1
            continue
        sign = text[at + 1 : at + 2]
        code = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|([0-7]{3}))").match(text, at)
        if code is not None:
            value = int(code[1] or code[2] or code[3], 8 if code[3] else 16)
            if not value or 0x80 <= value < 0x100 or 0xD800 <= value < 0xE000 or value > 0xFFFF:
                raise Unclear("an escape in $'…'")
            out.append(chr(value))
            at = code.end()
        elif sign in _ANSI and sign != "0":
            out.append(_ANSI[sign])
            at += 2
        else:
            raise Unclear("an escape in $'…'")
    return "".join(out)
