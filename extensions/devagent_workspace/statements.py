"""Statements of a line, followed as bash would run them: lists, pipes, loops, choices.

Folders change with ``cd``, a subshell keeps its changes to itself, both branches of a choice count.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from devagent_workspace.assignments import assign, declare, unset
from devagent_workspace.conditions import condition
from devagent_workspace.grammar import Unclear
from devagent_workspace.redirections import redirected
from devagent_workspace.simple import simple_command
from devagent_workspace.sources import Source
from devagent_workspace.variables import Scope
from devagent_workspace.walk import STATEMENTS, Walk, either
from devagent_workspace.words import hyphen_file

if TYPE_CHECKING:
    from tree_sitter import Node


def statement(walk: Walk, node: "Node", scope: Scope) -> Source:
    """Note what a statement would run and touch; what its output is. Raises Unclear."""
    read = _STATEMENTS.get(node.type)
    if read is None:
        raise Unclear(f"the command uses {node.type.replace('_', ' ')}")
    return read(walk, node, scope)


def _sequence(walk: Walk, node: "Node", scope: Scope) -> Source:
    straight = scope.straight
    choice = node.type in ("if_statement", "elif_clause", "else_clause", "case_item")
    scope.straight = straight and not choice
    kinds: list[Source] = []
    for child in node.named_children:
        if child.type == "comment" or (node.type == "case_item" and child.type not in STATEMENTS):
            continue
        before = scope.folders
        following = child.next_sibling
        if following is not None and following.type == "&":
            walk.run(child, scope.copy())
        else:
            kinds.append(walk.run(child, scope))
        if choice:
            scope.folders = either(before, scope.folders)
    scope.straight = straight
    return kinds[0] if len(kinds) == 1 else "output"


def _compound(walk: Walk, node: "Node", scope: Scope) -> Source:
    if node.children[0].type == "((":
        scope.check_arithmetic(walk.words.text(node)[2:-2])
        return "output"
    return _sequence(walk, node, scope)


def _subshell(walk: Walk, node: "Node", scope: Scope) -> Source:
    return _sequence(walk, node, scope.copy())


def _negated(walk: Walk, node: "Node", scope: Scope) -> Source:
    return walk.run(node.named_children[0], scope)


def _assignments(walk: Walk, node: "Node", scope: Scope) -> Source:
    for child in [node] if node.type == "variable_assignment" else node.named_children:
        assign(walk, child, scope)
    return "output"


def _comment(walk: Walk, node: "Node", scope: Scope) -> Source:
    del walk, node, scope
    return "output"


def _function(walk: Walk, node: "Node", scope: Scope) -> Source:
    body = node.child_by_field_name("body")
    if body is not None:
        inner = scope.copy()
        inner.straight, inner.no_arguments = False, False
        walk.run(body, inner)
    raise Unclear("the line defines a function")


def _list(walk: Walk, node: "Node", scope: Scope) -> Source:
    left, sign, right = node.children[0], node.children[1].type, node.children[-1]
    before, straight = scope.folders, scope.straight
    walk.run(left, scope)
    if sign == "||":
        scope.folders = either(before, scope.folders)
    if sign == "||" or left.type not in ("variable_assignment", "variable_assignments"):
        scope.straight = False
    between = scope.folders
    kind = walk.run(right, scope)
    scope.folders = either(between, scope.folders)
    scope.straight = straight
    return kind if sign == "&&" and left.type != "list" else "output"


def _pipeline(walk: Walk, node: "Node", scope: Scope) -> Source:
    kind: Source | None = scope.stdin
    for part in node.named_children:
        if part.type == "comment":
            continue
        inner = scope.copy()
        inner.stdin = kind
        kind = walk.run(part, inner)
    return kind or "output"


def _loop(walk: Walk, node: "Node", scope: Scope) -> Source:
    if node.type == "c_style_for_statement":
        text = walk.words.text(node)
        scope.check_arithmetic(text[text.index("((") + 2 : text.index("))")].replace(";", ","))
    before, straight = scope.folders, scope.straight
    scope.straight = False
    body = node.child_by_field_name("body")
    for child in node.named_children:
        if child.type in STATEMENTS and (node.type == "while_statement" or child == body):
            walk.run(child, scope)
    scope.straight = straight
    if scope.folders != before:
        raise Unclear("cd in a loop")
    return "output"


def _for(walk: Walk, node: "Node", scope: Scope) -> Source:
    body = node.child_by_field_name("body")
    if node.children[0].type != "for" or body is None:
        raise Unclear("select")
    name = walk.words.text(node.named_children[0])
    values = [
        field
        for child in node.named_children[1:]
        if child != body and child.type != "comment"
        for field in walk.words.fields(child, scope)
    ]
    before, straight = scope.folders, scope.straight
    scope.assign(name, None, "output")
    scope.straight = False
    known = [field for field in values if field.text is not None]
    alone = len(scope.assigned.get(name, ())) == 1
    if alone and len(known) == len(values) and len(values) <= 16:
        for field in values:
            scope.values[name] = (field.text, "known")
            walk.run(body, scope)
    else:
        kinds: set[Source] = {field.source for field in values}
        listed = alone and kinds <= {"known", "files", "number"} and "files" in kinds
        options = any(hyphen_file(f, scope) or (f.text or "").startswith("-") for f in values)
        inside = not any(walk.operands.leads_out(f.begins, scope) for f in values)
        source: Source = "files" if listed and inside and not options else "output"
        if alone and kinds == {"number"}:
            source = "number"
        scope.values[name] = (None, source)
        if source == "files":
            walk.operands.judge(values, scope, "read")
            if len(values) == 1 and values[0].pattern:
                scope.patterns[name] = values[0].pattern
        walk.run(body, scope)
    scope.values.pop(name, None)
    scope.patterns.pop(name, None)
    scope.straight = straight
    if scope.folders != before:
        raise Unclear("cd in a loop")
    return "output"


def _case(walk: Walk, node: "Node", scope: Scope) -> Source:
    for child in node.named_children:
        if child.type == "case_item":
            for pattern in child.named_children:
                if pattern.type in STATEMENTS or pattern.type == "comment":
                    continue
                if pattern.type != "extglob_pattern":
                    walk.words.value(pattern, scope)
                elif any(sign in walk.words.text(pattern) for sign in "`$("):
                    raise Unclear("a pattern with an expansion")
            before = scope.folders
            walk.run(child, scope)
            scope.folders = either(before, scope.folders)
        else:
            walk.words.value(child, scope)
    return "output"


_STATEMENTS: dict[str, Callable[[Walk, "Node", Scope], Source]] = {
    "program": _sequence, "do_group": _sequence, "else_clause": _sequence, "elif_clause": _sequence, "if_statement": _sequence,
    "case_item": _sequence, "compound_statement": _compound, "subshell": _subshell, "list": _list, "pipeline": _pipeline,
    "negated_command": _negated, "command": simple_command, "redirected_statement": redirected, "while_statement": _loop,
    "c_style_for_statement": _loop, "for_statement": _for, "case_statement": _case, "test_command": condition,
    "variable_assignment": _assignments, "variable_assignments": _assignments, "declaration_command": declare,
    "unset_command": unset, "comment": _comment, "function_definition": _function,
}  # fmt: skip
