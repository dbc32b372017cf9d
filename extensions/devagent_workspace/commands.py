"""From a parsed line to what it would run and touch: every simple command, every redirection.

The walk follows the line as bash would run it: folders change with ``cd``, a subshell keeps its changes
to itself, both branches of a choice count. Whatever is not fully known is noted as unclear and becomes
the resource ``command:?``, which no prefix matches; what is known is named all the same.
"""

import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from devagent_workspace.contract import Access, ResourceDict
from devagent_workspace.grammar import Line, Unclear, parsed
from devagent_workspace.operands import Operands
from devagent_workspace.places import is_inside
from devagent_workspace.shown import names, shown
from devagent_workspace.variables import Scope
from devagent_workspace.words import Atom, Field, Source, Words, hyphen_file

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_COMMANDS = 200
MOST_NESTED = 4
_SEQUENCES = frozenset([
    "program", "compound_statement", "do_group", "else_clause", "elif_clause", "if_statement", "case_item",
])  # fmt: skip
_MOST_FOLDERS = 4
_NOT_POSIX = re.compile(
    r"\[\[|\(\(|\$['\"]|&>|\|&|[<>]\(|<<<|\{[^}\s]*(?:,|\.\.)|;&|==|\b(?:coproc|function|select)\b|>&\s*[^\d\s-]"
)
"""What sh reads otherwise than bash."""
_SILENT = frozenset(["/dev/null", "/dev/stdout", "/dev/stderr", "/dev/stdin"])
Finder = Callable[[str], str | None]


Look = Callable[["Walk", Sequence[Field], Scope], Source]
"""What looks at one simple command (``lookthrough.look``); given, because each needs the other."""


class Walk:
    """One line, or the code of one ``bash -c`` within it. Resources and doubts are gathered on the way."""

    def __init__(
        self, folder: str, environment: Mapping[str, str], find: Finder, look: "Look"
    ) -> None:
        self.folder = folder
        self.environment = environment
        self.find = find
        self._look = look
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
        return Walk(self.folder, self.environment, self.find, self._look)

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
            os.path.join(
                os.path.realpath(os.path.dirname(os.path.join(at, name))), os.path.basename(name)
            )
            for at in scope.folders
        }
        if len(paths) > 1:
            raise Unclear("a program whose folder is not known")
        path = paths.pop()
        bare = os.path.basename(path)
        found = self.find(bare)
        if (
            found is not None
            and os.path.join(os.path.realpath(os.path.dirname(found)), bare) == path
        ):
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
        self._words = Words(line.source, self._substituted)
        scope.assigned = {**{name: ["x", "x"] for name in scope.assigned}, **_assigned(line)}
        try:
            return self._run(line.root, scope)
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
        assert self._words is not None  # noqa: S101 - set before any node is walked
        return self._words

    def _run(self, node: "Node", scope: Scope) -> Source:
        """Walk a node; what its output is. A part that is unclear is noted, and the walk goes on."""
        try:
            return self._walked(node, scope)
        except Unclear as e:
            self.doubt(str(e))
            return "output"

    def _walked(self, node: "Node", scope: Scope) -> Source:
        match node.type:
            case kind if kind in _SEQUENCES:
                if kind == "compound_statement" and node.children[0].type == "((":
                    scope.check_arithmetic(self.words.text(node)[2:-2])
                    return "output"
                return self._sequence(node, scope)
            case "command":
                return self._command(node, scope)
            case "list":
                return self._list(node, scope)
            case "pipeline":
                return self._pipeline(node, scope)
            case "redirected_statement":
                return self._redirected(node, scope)
            case "subshell":
                return self._sequence(node, scope.copy())
            case "negated_command":
                return self._run(node.named_children[0], scope)
            case "while_statement" | "c_style_for_statement":
                return self._loop(node, scope)
            case "for_statement":
                return self._for(node, scope)
            case "case_statement":
                return self._case(node, scope)
            case "test_command":
                return self._test(node, scope)
            case "variable_assignment":
                self._assign(node, scope)
            case "variable_assignments":
                for child in node.named_children:
                    self._assign(child, scope)
            case "declaration_command":
                self._declare(node, scope)
            case "unset_command":
                self._unset(node, scope)
            case "comment":
                pass
            case "function_definition":
                body = node.child_by_field_name("body")
                if body is not None:
                    inner = scope.copy()
                    inner.straight, inner.no_arguments = False, False
                    self._run(body, inner)
                raise Unclear("the line defines a function")
            case kind:
                raise Unclear(f"the command uses {kind.replace('_', ' ')}")
        return "output"

    def _sequence(self, node: "Node", scope: Scope) -> Source:
        straight = scope.straight
        choice = node.type in ("if_statement", "elif_clause", "else_clause", "case_item")
        scope.straight = straight and not choice
        kinds: list[Source] = []
        for child in node.named_children:
            if child.type == "comment" or (
                node.type == "case_item" and child.type not in _STATEMENTS
            ):
                continue
            before = scope.folders
            following = child.next_sibling
            if following is not None and following.type == "&":
                self._run(child, scope.copy())
            else:
                kinds.append(self._run(child, scope))
            if choice:
                scope.folders = self._either(before, scope.folders)
        scope.straight = straight
        return kinds[0] if len(kinds) == 1 else "output"

    def _list(self, node: "Node", scope: Scope) -> Source:
        left, sign, right = node.children[0], node.children[1].type, node.children[-1]
        before, straight = scope.folders, scope.straight
        self._run(left, scope)
        if sign == "||":
            scope.folders = self._either(before, scope.folders)
        if sign == "||" or left.type not in ("variable_assignment", "variable_assignments"):
            scope.straight = False
        between = scope.folders
        kind = self._run(right, scope)
        scope.folders = self._either(between, scope.folders)
        scope.straight = straight
        return kind if sign == "&&" and left.type != "list" else "output"

    def _pipeline(self, node: "Node", scope: Scope) -> Source:
        kind: Source | None = scope.stdin
        for part in node.named_children:
            if part.type == "comment":
                continue
            inner = scope.copy()
            inner.stdin = kind
            kind = self._run(part, inner)
        return kind or "output"

    def _loop(self, node: "Node", scope: Scope) -> Source:
        if node.type == "c_style_for_statement":
            text = self.words.text(node)
            scope.check_arithmetic(text[text.index("((") + 2 : text.index("))")].replace(";", ","))
        before, straight = scope.folders, scope.straight
        scope.straight = False
        body = node.child_by_field_name("body")
        for child in node.named_children:
            if child.type in _STATEMENTS and (node.type == "while_statement" or child == body):
                self._run(child, scope)
        scope.straight = straight
        if scope.folders != before:
            raise Unclear("cd in a loop")
        return "output"

    def _for(self, node: "Node", scope: Scope) -> Source:
        body = node.child_by_field_name("body")
        if node.children[0].type != "for" or body is None:
            raise Unclear("select")
        name = self.words.text(node.named_children[0])
        values = [
            field
            for child in node.named_children[1:]
            if child != body and child.type != "comment"
            for field in self.words.fields(child, scope)
        ]
        before, straight = scope.folders, scope.straight
        scope.assign(name, None, "output")
        scope.straight = False
        known = [field for field in values if field.text is not None]
        alone = len(scope.assigned.get(name, ())) == 1
        if alone and len(known) == len(values) and len(values) <= 16:
            for field in values:
                scope.values[name] = (field.text, "known")
                self._run(body, scope)
        else:
            kinds: set[Source] = {field.source for field in values}
            listed = alone and kinds <= {"known", "files", "number"} and "files" in kinds
            options = any(hyphen_file(f, scope) or (f.text or "").startswith("-") for f in values)
            inside = not any(self.operands.leads_out(f.begins, scope) for f in values)
            source: Source = "files" if listed and inside and not options else "output"
            if alone and kinds == {"number"}:
                source = "number"
            scope.values[name] = (None, source)
            self._run(body, scope)
        scope.values.pop(name, None)
        scope.straight = straight
        if scope.folders != before:
            raise Unclear("cd in a loop")
        return "output"

    def _case(self, node: "Node", scope: Scope) -> Source:
        for child in node.named_children:
            if child.type == "case_item":
                for pattern in child.named_children:
                    if pattern.type in _STATEMENTS or pattern.type == "comment":
                        continue
                    if pattern.type != "extglob_pattern":
                        self.words.value(pattern, scope)
                    elif any(sign in self.words.text(pattern) for sign in "`$("):
                        raise Unclear("a pattern with an expansion")
                before = scope.folders
                self._run(child, scope)
                scope.folders = self._either(before, scope.folders)
            else:
                self.words.value(child, scope)
        return "output"

    def _test(self, node: "Node", scope: Scope) -> Source:
        """``[[ … ]]``, and ``[ … ]`` as the plain command that it is."""
        if node.children[0].type == "[":
            fields = [Field("[", "[")]
            for leaf in _parts(node):
                if leaf.type in ("[", "]"):
                    continue
                if leaf.is_named:
                    fields += (
                        self.words.fields(leaf, scope)
                        if leaf.type != "test_operator"
                        else [Field(self.words.text(leaf), self.words.text(leaf))]
                    )
                elif leaf.type in ("=", "==", "!=", "!"):
                    fields.append(Field(leaf.type, leaf.type))
                else:
                    raise Unclear("a test that bash would read as several commands")
            fields.append(Field("]", "]"))
            return self._simple(fields, scope)
        if node.children[0].type == "((":
            scope.check_arithmetic(self.words.text(node)[2:-2])
            return "output"
        compares = False
        for leaf in _parts(node):
            text = self.words.text(leaf)
            if leaf.type == "test_operator" and text in ("-v", "-R", "-o"):
                raise Unclear(f"the test {text}")
            if leaf.type == "test_operator" and text in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge"):
                compares = True
            if leaf.type in ("extglob_pattern", "regex"):
                if any(sign in text for sign in ("`", "$(", "${", "<(", ">(")):
                    raise Unclear("a pattern with an expansion")
            elif leaf.is_named and leaf.type != "test_operator":
                self.words.value(leaf, scope)
        if compares:
            scope.check_arithmetic(" ".join(
                self.words.text(leaf).strip('"') for leaf in _parts(node)
                if leaf.is_named and leaf.type not in ("test_operator", "extglob_pattern", "regex")
            ))  # fmt: skip
        return "output"

    # -- variables

    def _assign(self, node: "Node", scope: Scope, *, exported: bool = False) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if (
            name is None
            or name.type != "variable_name"
            or (value is not None and value.type == "array")
        ):
            raise Unclear("an array")
        adds = any(child.type == "+=" for child in node.children)
        field = Field("", "''") if value is None else self.words.value(value, scope)
        text = None if adds else field.text
        scope.assign(
            self.words.text(name), text, "output" if adds else field.source, exported=exported
        )

    def _declare(self, node: "Node", scope: Scope) -> None:
        kind, exported = node.children[0].type, node.children[0].type == "export"
        names = [Field(kind, kind)]
        for child in node.named_children:
            text = self.words.text(child)
            names.append(Field(text, shown(text)))
            if child.type == "variable_assignment":
                self._assign(child, scope, exported=exported)
            elif child.type == "variable_name":
                scope.assign(text, None, "output", exported=exported)
            elif text in ("-x", "-r", "-p", "-rx", "-xr") and (kind != "export" or text == "-p"):
                exported = exported or "x" in text
            else:
                raise Unclear(f"{kind} {text}")
        self.record(names, scope)

    def _unset(self, node: "Node", scope: Scope) -> None:
        names = [Field(node.children[0].type, node.children[0].type)]
        for child in node.named_children:
            text = self.words.text(child)
            if child.type != "variable_name":
                raise Unclear(f"unset {text}")
            scope.assign(text, None, "output")
            names.append(Field(text, text))
        self.record(names, scope)

    # -- redirections

    def _redirected(self, node: "Node", scope: Scope) -> Source:
        body = node.child_by_field_name("body")
        redirects = [child for child in node.named_children if child != body]
        inner_stdin = scope.stdin
        for redirect in redirects:
            self._try(lambda redirect=redirect: self._redirect(redirect, scope))
        kind: Source = "output"
        if body is not None:
            kind = self._run(body, scope)
        if body is not None and body.type in ("list", "pipeline"):
            # The redirection belongs to the last command, which may run in another folder.
            for redirect in redirects:
                self._try(lambda redirect=redirect: self._redirect(redirect, scope))
        scope.stdin = inner_stdin
        return "output" if any(_writes(redirect) for redirect in redirects) else kind

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Unclear as e:
            self.doubt(str(e))

    def _redirect(self, node: "Node", scope: Scope) -> None:
        if node.type == "herestring_redirect":
            self.words.value(node.named_children[-1], scope)
            scope.stdin = "output"
            return
        if node.type != "file_redirect":
            raise Unclear(f"a redirection of the kind {node.type.replace('_', ' ')}")
        sign = next((child.type for child in node.children if not child.is_named), "")
        target = node.child_by_field_name("destination")
        if target is None:
            if sign in (">&-", "<&-"):
                return
            raise Unclear("a redirection to nowhere")
        written = self.words.text(target)
        assert self._line is not None  # noqa: S101 - set before any node is walked
        if written in self._line.documents:
            scope.stdin = "output"
            return
        if target.type == "process_substitution":
            atom = self._substituted(target, scope)
            if sign == "<":
                scope.stdin = "files" if atom.name == "files" else "output"
            return
        fields = self.words.fields(target, scope)
        if len(fields) != 1 or fields[0].text is None:
            raise Unclear("a redirection to a place that is not known")
        place = fields[0].text
        if sign in (">&", "<&") and (place.isdigit() or place == "-"):
            return
        if sign == "<&":
            raise Unclear("a redirection to a place that is not known")
        if sign == "<":
            scope.stdin = "output"
        if place in _SILENT or (place.startswith("/dev/fd/") and place[8:].isdigit()):
            return
        if place.startswith(("/dev/tcp/", "/dev/udp/")):
            self.touch(f"host:{shown(place.split('/')[3].lower())}", "write")
            raise Unclear("a network connection of the shell's own")
        access: Access = "read" if sign == "<" else "write"
        for place_name in self.operands.places(place, scope):
            self.touch(place_name["id"], access, place_name["tags"])

    # -- commands

    def _command(self, node: "Node", scope: Scope) -> Source:
        fields: list[Field] = []
        assignments: list[Node] = []
        stdin = scope.stdin
        unclear: Unclear | None = None
        for child in node.children:
            try:
                match child.type:
                    case "variable_assignment":
                        assignments.append(child)
                    case "file_redirect" | "herestring_redirect":
                        self._redirect(child, scope)
                    case "command_name":
                        fields += self.words.fields(child.named_children[0], scope)
                    case _:
                        fields += self.words.fields(child, scope)
            except Unclear as e:
                unclear = unclear or e
        reads = bool(fields) and fields[0].text == "read"
        for assignment in assignments:
            if reads and self.words.text(assignment) == "IFS=":
                continue  # `IFS= read -r line`: for read alone, and it only keeps blanks
            self._try(lambda assignment=assignment: self._assign_for(assignment, scope))
        if unclear is not None:
            if (
                fields
                and node.child_by_field_name("name") is not None
                and fields[0].text is not None
            ):
                self.record([*fields[:1], Field(None, "…")], scope)
            raise unclear
        try:
            return self._simple(fields, scope) if fields else "output"
        finally:
            scope.stdin = stdin

    def _assign_for(self, node: "Node", scope: Scope) -> None:
        """A variable for one command only."""
        inner = scope.copy()
        inner.straight = False
        self._assign(node, inner, exported=True)

    def _simple(self, fields: Sequence[Field], scope: Scope) -> Source:
        name = fields[0]
        if name.text is None:
            self.record([Field(None, name.name), *fields[1:]], scope) if len(fields) > 1 else None
            raise Unclear("the name of a command is not known")
        if not name.text:
            raise Unclear("a command without a name")
        return self.command(fields, scope)

    def command(self, fields: Sequence[Field], scope: Scope) -> Source:
        """Look at a simple command whose name is known; what its output is."""
        return self._look(self, fields, scope)

    def _substituted(self, node: "Node", scope: Scope) -> Atom:
        """``$(…)``, backticks and ``<(…)``: their commands are walked, their output is not known."""
        written = self.words.text(node)
        if written.startswith("`") and "\\" in written:
            raise Unclear("backslashes within backticks")
        inner = scope.copy()
        statements = [child for child in node.named_children if child.type != "comment"]
        pipe = node.type == "process_substitution"
        if not pipe and len(statements) == 1:
            text = self._document(statements[0])
            if text is not None:
                return Atom(text.rstrip("\n"), quoted=True)
            if written.strip("$()` \t\n") == "pwd" and len(scope.folders) == 1:
                return Atom(scope.folders[0], quoted=True)
        kind: Source = "output"
        straight = inner.straight
        for child in statements:
            if child.type == "file_redirect":
                self._redirect(child, inner)
                continue
            inner.straight = straight and len(statements) == 1
            before = inner.folders
            kind = self._run(child, inner)
            inner.folders = self._either(before, inner.folders)
        if len(statements) > 1:
            kind = "output"
        return Atom(None, False, "pipe" if pipe else kind, name=kind)

    def _document(self, node: "Node") -> str | None:
        """The text of ``cat <<'EOF'``: a here-document that is printed as it is."""
        assert self._line is not None  # noqa: S101 - set before any node is walked
        if node.type != "redirected_statement" or node.named_child_count != 2:
            return None
        body, redirect = node.named_children
        if self.words.text(body) != "cat" or redirect.type != "file_redirect":
            return None
        document = self._line.documents.get(self.words.text(redirect.named_children[-1]))
        if document is None or (
            document.expands and ("$" in document.text or "\\" in document.text)
        ):
            return None
        return document.text

    def _either(self, one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
        folders = tuple(dict.fromkeys((*other, *one)))
        if len(folders) > _MOST_FOLDERS:
            raise Unclear("the folder is not known")
        return folders


_STATEMENTS = names("""
command list pipeline redirected_statement subshell compound_statement if_statement while_statement
for_statement c_style_for_statement case_statement negated_command test_command variable_assignment
variable_assignments declaration_command unset_command function_definition do_group else_clause elif_clause
""")  # fmt: skip


@lru_cache(maxsize=16)
def _path_leads_inside(path: str, folder: str) -> bool:
    return any(is_inside(os.path.realpath(part), folder) for part in path.split(os.pathsep))


def _writes(redirect: "Node") -> bool:
    return redirect.type == "file_redirect" and any(
        ">" in child.type for child in redirect.children
    )


def _parts(node: "Node") -> "list[Node]":
    """The words and operators of a test, left to right."""
    found: list[Node] = []
    for child in node.children:
        if child.type in ("unary_expression", "binary_expression", "parenthesized_expression"):
            found += _parts(child)
        else:
            found.append(child)
    return found


def _assigned(line: Line) -> dict[str, list[str]]:
    """Every variable that the line sets anywhere, with the values as they are written."""
    found: dict[str, list[str]] = {}

    def add(name: str, value: str) -> None:
        found.setdefault(name, []).append(value)

    def text(node: "Node") -> str:
        return line.source[node.start_byte : node.end_byte].decode()

    def visit(node: "Node", arithmetic: bool) -> None:
        kind = node.type
        if kind == "variable_assignment":
            name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
            if name is not None:
                plain = "" if value is None else text(value)
                add(text(name), "((" if arithmetic or plain.startswith("$((") else plain)
        elif kind == "for_statement":
            values = [text(child) for child in node.named_children[1:-1]]
            numbers = all(
                value.isdigit() or (value.startswith("{") and value.strip("{}.0123456789") == "")
                for value in values
            )
            add(text(node.named_children[0]), "0" if numbers else "x")
        elif kind in ("postfix_expression", "unary_expression", "binary_expression") and arithmetic:
            operator = {child.type for child in node.children}
            if any(
                ("=" in sign and sign not in ("==", "<=", ">=", "!=")) or sign in ("++", "--")
                for sign in operator
            ):
                for child in node.named_children[:1]:
                    add(text(child), "((")
        elif kind == "unset_command":
            for child in node.named_children:
                add(text(child), "x")
        elif kind == "command":
            words = [text(child) for child in node.named_children]
            if "read" in words:
                for word in words[words.index("read") + 1 :]:
                    add(word, "x")
                add("REPLY", "x")
        inner = (
            arithmetic
            or kind in ("arithmetic_expansion", "c_style_for_statement")
            or (kind == "compound_statement" and node.children[0].type == "((")
        )
        for child in node.children:
            visit(child, inner and kind != "do_group" and child.type != "do_group")

    visit(line.root, False)
    return found
