"""Variables that a line sets: plainly, by ``export`` and its kin, and taken away by ``unset``."""

from typing import TYPE_CHECKING

from devagent_workspace.grammar import Unclear
from devagent_workspace.shown import shown
from devagent_workspace.sources import Source
from devagent_workspace.variables import Scope
from devagent_workspace.walk import Walk
from devagent_workspace.words import Field

if TYPE_CHECKING:
    from tree_sitter import Node


def assign(walk: Walk, node: "Node", scope: Scope, *, exported: bool = False) -> None:
    """A plain assignment. Raises Unclear where it changes what later commands are."""
    name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
    if (
        name is None
        or name.type != "variable_name"
        or (value is not None and value.type == "array")
    ):
        raise Unclear("an array")
    adds = any(child.type == "+=" for child in node.children)
    field = Field("", "''") if value is None else walk.words.value(value, scope)
    text = None if adds else field.text
    scope.assign(walk.words.text(name), text, "output" if adds else field.source, exported=exported)


def assign_for(walk: Walk, node: "Node", scope: Scope) -> None:
    """A variable for one command only."""
    inner = scope.copy()
    inner.straight = False
    assign(walk, node, inner, exported=True)


def declare(walk: Walk, node: "Node", scope: Scope) -> Source:
    """``export``, ``declare``, ``local``, ``readonly``; what its output is. Raises Unclear."""
    kind, exported = node.children[0].type, node.children[0].type == "export"
    names = [Field(kind, kind)]
    for child in node.named_children:
        text = walk.words.text(child)
        names.append(Field(text, shown(text)))
        if child.type == "variable_assignment":
            assign(walk, child, scope, exported=exported)
        elif child.type == "variable_name":
            scope.assign(text, None, "output", exported=exported)
        elif text in ("-x", "-r", "-p", "-rx", "-xr") and (kind != "export" or text == "-p"):
            exported = exported or "x" in text
        else:
            raise Unclear(f"{kind} {text}")
    walk.record(names, scope)
    return "output"


def unset(walk: Walk, node: "Node", scope: Scope) -> Source:
    """``unset``; what its output is. Raises Unclear."""
    names = [Field(node.children[0].type, node.children[0].type)]
    for child in node.named_children:
        text = walk.words.text(child)
        if child.type != "variable_name":
            raise Unclear(f"unset {text}")
        scope.assign(text, None, "output")
        names.append(Field(text, text))
    walk.record(names, scope)
    return "output"
