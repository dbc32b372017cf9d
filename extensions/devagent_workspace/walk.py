"""From a parsed line to what it would run and touch: every simple command, every redirection.

The walk gathers what its readers find (``Readers``: statements, commands and substitutions, each a room of
its own). Whatever is not fully known is noted as unclear and becomes the resource ``command:?``, which no
prefix matches; what is known is named all the same.
"""

import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from devagent_workspace.assigned import assigned
from devagent_workspace.atoms import Atom
from devagent_workspace.contract import Access, ResourceDict
from devagent_workspace.grammar import Document, Line, Unclear, parsed
from devagent_workspace.operands import Operands
from devagent_workspace.places import is_inside
from devagent_workspace.real_paths import real_path
from devagent_workspace.shown import names, shown
from devagent_workspace.sources import Source
from devagent_workspace.variables import Scope
from devagent_workspace.words import Field, Words

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_COMMANDS = 200
MOST_NESTED = 4
_MOST_FOLDERS = 4
_NOT_POSIX = re.compile(
    r"\[\[|\(\(|\$['\"]|&>|\|&|[<>]\(|<<<|\{[^}\s]*(?:,|\.\.)|;&|==|\b(?:coproc|function|select)\b|>&\s*[^\d\s-]"
)
"""What sh reads otherwise than bash."""
Finder = Callable[[str], str | None]

STATEMENTS = names("""
command list pipeline redirected_statement subshell compound_statement if_statement while_statement
for_statement c_style_for_statement case_statement negated_command test_command variable_assignment
variable_assignments declaration_command unset_command function_definition do_group else_clause elif_clause
""")  # fmt: skip


class Readers(NamedTuple):
    """What reads the parts of a line; given, because a command may hold a line and a line holds commands.

    ``statement`` reads a node of the tree, ``command`` the words of a simple command; both say what its
    output is, and raise Unclear. ``substitution`` gives the piece of a word that takes its place.
    """

    statement: Callable[["Walk", "Node", Scope], Source]
    command: Callable[["Walk", Sequence[Field], Scope], Source]
    substitution: Callable[["Walk", "Node", Scope], Atom]


class Walk:
    """One line, or the code of one ``bash -c`` within it. Resources and doubts are gathered on the way."""

    def __init__(
        self, folder: str, environment: Mapping[str, str], find: Finder, readers: Readers
    ) -> None:
        self.folder = folder
        self.environment = environment
        self.find = find
        self._readers = readers
        self.resources: dict[tuple[str, str], ResourceDict] = {}
        self.doubts: list[str] = []
        self.operands = Operands(folder, self.touch)
        self._path_leads_inside = _path_leads_inside(environment["PATH"], folder)
        self._commands = 0
        self._nested = 0
        self._line: Line | None = None
        self._words: Words | None = None

    def aside(self) -> "Walk":
        """A walk of the same kind, whose findings are its own."""
        return Walk(self.folder, self.environment, self.find, self._readers)

    # -- what is found

    def doubt(self, reason: str) -> None:
        """Something is not fully known."""
        if reason not in self.doubts:
            self.doubts.append(reason)

    def touch(self, id: str, access: Access, tags: Iterable[str] = ()) -> None:
        known = self.resources.setdefault((id, access), {"id": id, "access": access, "tags": []})
        known["tags"] += [tag for tag in tags if tag not in known["tags"]]

    def record(self, fields: Sequence[Field], scope: Scope, tags: Iterable[str] = ()) -> None:
        """A command that would run, with all its words."""
        self._commands += 1
        if self._commands > MOST_COMMANDS:
            raise Unclear(f"more than {MOST_COMMANDS} commands")
        name, more = (
            (fields[0].name, ()) if fields[0].text is None else self._program(fields[0].text, scope)
        )
        self.touch(
            "command:" + " ".join([name, *(field.name for field in fields[1:])]),
            "write",
            (*more, *tags),
        )

    def _program(self, name: str, scope: Scope) -> tuple[str, list[str]]:
        """What rules call an executable: its bare name where PATH leads to it, else its real path."""
        if "/" not in name:
            # Only a folder of PATH inside the workspace makes a difference; looking costs more than the rest.
            found = self.find(name) if self._path_leads_inside else None
            if found is None or not is_inside(found, self.folder):
                return name if name == "[" else shown(shlex.quote(name)), []
            return self._workspace_name(found), ["command.workspace"]
        paths = {
            os.path.join(real_path(os.path.dirname(os.path.join(at, name))), os.path.basename(name))
            for at in scope.folders
        }
        if len(paths) > 1:
            raise Unclear("a program whose folder is not known")
        path = paths.pop()
        bare = os.path.basename(path)
        found = self.find(bare)
        if found is not None and os.path.join(real_path(os.path.dirname(found)), bare) == path:
            return shown(shlex.quote(bare)), []
        if is_inside(path, self.folder):
            return self._workspace_name(path), ["command.workspace"]
        return shown(shlex.quote(path)), ["command.path"]

    def _workspace_name(self, path: str) -> str:
        return shown(shlex.quote("./" + os.path.relpath(path, self.folder)))

    # -- walking

    def line(self, text: str, scope: Scope) -> Source:
        """Walk a line; what its output is. Raises Unclear only for what cannot be read at all."""
        outer = self._line, self._words
        self._line = line = parsed(text)
        self._words = Words(line.source, self.substituted)
        scope.assigned = {**{name: ["x", "x"] for name in scope.assigned}, **assigned(line)}
        try:
            return self.run(line.root, scope)
        finally:
            self._line, self._words = outer

    def shell(self, code: Field, scope: Scope, *, posix: bool, arguments: bool) -> None:
        """The code that is given to a shell by ``-c``."""
        if code.text is None:
            raise Unclear("a shell is given code that is not known")
        if self._nested >= MOST_NESTED:
            raise Unclear("shells within shells")
        if posix and _NOT_POSIX.search(code.text):
            raise Unclear("sh reads this otherwise than bash")
        inner = Scope(self.environment, scope.folders, scope.assigned, no_arguments=not arguments)
        inner.stdin = scope.stdin
        self._nested += 1
        try:
            self.line(code.text, inner)
        finally:
            self._nested -= 1

    @property
    def words(self) -> Words:
        """Of the line that is being walked."""
        assert self._words is not None  # noqa: S101 - set before any node is walked
        return self._words

    def document(self, written: str) -> Document | None:
        """The here-document that this placeholder stands for."""
        assert self._line is not None  # noqa: S101 - set before any node is walked
        return self._line.documents.get(written)

    def run(self, node: "Node", scope: Scope) -> Source:
        """Walk a node; what its output is. A part that is unclear is noted, and the walk goes on."""
        try:
            return self._readers.statement(self, node, scope)
        except Unclear as e:
            self.doubt(str(e))
            return "output"

    def attempt(self, step: Callable[[], None]) -> None:
        """Take a step that may be unclear; if it is, that is noted."""
        try:
            step()
        except Unclear as e:
            self.doubt(str(e))

    def command(self, fields: Sequence[Field], scope: Scope) -> Source:
        """Look at a simple command whose name is known; what its output is. Raises Unclear."""
        return self._readers.command(self, fields, scope)

    def substituted(self, node: "Node", scope: Scope) -> Atom:
        """What takes the place of a substitution, whose commands are walked. Raises Unclear."""
        return self._readers.substitution(self, node, scope)


def either(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """The folders after a choice. Raises Unclear where they are too many."""
    folders = tuple(dict.fromkeys((*other, *one)))
    if len(folders) > _MOST_FOLDERS:
        raise Unclear("the folder is not known")
    return folders


@lru_cache(maxsize=16)
def _path_leads_inside(path: str, folder: str) -> bool:
    return any(is_inside(real_path(part), folder) for part in path.split(os.pathsep))
