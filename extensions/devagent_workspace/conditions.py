"""``[[ … ]]``, and ``[ … ]`` as the plain command that it is."""

from typing import TYPE_CHECKING

from devagent_workspace.grammar import Unclear
from devagent_workspace.simple import of_fields
from devagent_workspace.sources import Source
from devagent_workspace.variables import Scope
from devagent_workspace.walk import Walk
from devagent_workspace.words import Field

if TYPE_CHECKING:
    from tree_sitter import Node


def condition(walk: Walk, node: "Node", scope: Scope) -> Source:
    """Note what a test reads; a value that bash would evaluate makes it unclear."""
    if node.children[0].type == "[":
        fields = [Field("[", "[")]
        for leaf in _parts(node):
            if leaf.type in ("[", "]"):
                continue
            if leaf.is_named:
                fields += (
                    walk.words.fields(leaf, scope)
                    if leaf.type != "test_operator"
                    else [Field(walk.words.text(leaf), walk.words.text(leaf))]
                )
            elif leaf.type in ("=", "==", "!=", "!"):
                fields.append(Field(leaf.type, leaf.type))
            else:
                raise Unclear("a test that bash would read as several commands")
        fields.append(Field("]", "]"))
        return of_fields(walk, fields, scope)
    if node.children[0].type == "((":
        scope.check_arithmetic(walk.words.text(node)[2:-2])
        return "output"
    compares = False
    for leaf in _parts(node):
        text = walk.words.text(leaf)
        if leaf.type == "test_operator" and text in ("-v", "-R", "-o"):
            raise Unclear(f"the test {text}")
        if leaf.type == "test_operator" and text in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge"):
            compares = True
        if leaf.type in ("extglob_pattern", "regex"):
            if any(sign in text for sign in ("`", "$(", "${", "<(", ">(")):
                raise Unclear("a pattern with an expansion")
        elif leaf.is_named and leaf.type != "test_operator":
            walk.words.value(leaf, scope)
    if compares:
        scope.check_arithmetic(" ".join(
            walk.words.text(leaf).strip('"') for leaf in _parts(node)
            if leaf.is_named and leaf.type not in ("test_operator", "extglob_pattern", "regex")
        ))  # fmt: skip
    return "output"


def _parts(node: "Node") -> "list[Node]":
    """The words and operators of a test, left to right."""
    found: list[Node] = []
    for child in node.children:
        if child.type in ("unary_expression", "binary_expression", "parenthesized_expression"):
            found += _parts(child)
        else:
            found.append(child)
    return found
