"""Which variables a line sets anywhere: one that is set twice has no value that could be known."""

from typing import TYPE_CHECKING

from devagent_workspace.grammar import Line

if TYPE_CHECKING:
    from tree_sitter import Node


def assigned(line: Line) -> dict[str, list[str]]:
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
