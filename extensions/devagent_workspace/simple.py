"""A simple command as it is written: its words, its own variables and redirections."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from devagent_workspace.assignments import assign_for
from devagent_workspace.grammar import Unclear
from devagent_workspace.redirections import redirect
from devagent_workspace.sources import Source
from devagent_workspace.variables import Scope
from devagent_workspace.walk import Walk
from devagent_workspace.words import Field

if TYPE_CHECKING:
    from tree_sitter import Node


def simple_command(walk: Walk, node: "Node", scope: Scope) -> Source:
    """Note what a command would run and touch; what its output is. Raises Unclear."""
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
                    redirect(walk, child, scope)
                case "command_name":
                    fields += walk.words.fields(child.named_children[0], scope)
                case _:
                    fields += walk.words.fields(child, scope)
        except Unclear as e:
            unclear = unclear or e
    reads = bool(fields) and fields[0].text == "read"
    for assignment in assignments:
        if reads and walk.words.text(assignment) == "IFS=":
            continue  # `IFS= read -r line`: for read alone, and it only keeps blanks
        walk.attempt(lambda assignment=assignment: assign_for(walk, assignment, scope))
    if unclear is not None:
        if fields and node.child_by_field_name("name") is not None and fields[0].text is not None:
            walk.record([*fields[:1], Field(None, "…")], scope)
        raise unclear
    try:
        return of_fields(walk, fields, scope) if fields else "output"
    finally:
        scope.stdin = stdin


def of_fields(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    """The same for words that are expanded already."""
    name = fields[0]
    if name.text is None:
        walk.record([Field(None, name.name), *fields[1:]], scope) if len(fields) > 1 else None
        raise Unclear("the name of a command is not known")
    if not name.text:
        raise Unclear("a command without a name")
    return walk.command(fields, scope)
