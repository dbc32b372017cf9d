"""``$(…)``, backticks and ``<(…)``."""

from typing import TYPE_CHECKING

from devagent_workspace.atoms import Atom
from devagent_workspace.grammar import Unclear
from devagent_workspace.redirections import redirect
from devagent_workspace.sources import Source
from devagent_workspace.variables import Scope
from devagent_workspace.walk import Walk, either

if TYPE_CHECKING:
    from tree_sitter import Node


def substituted(walk: Walk, node: "Node", scope: Scope) -> Atom:
    """``$(…)``, backticks and ``<(…)``: their commands are walked, their output is not known."""
    written = walk.words.text(node)
    if written.startswith("`") and "\\" in written:
        raise Unclear("backslashes within backticks")
    inner = scope.copy()
    statements = [child for child in node.named_children if child.type != "comment"]
    pipe = node.type == "process_substitution"
    if not pipe and len(statements) == 1:
        text = _document(walk, statements[0])
        if text is not None:
            return Atom(text.rstrip("\n"), quoted=True)
        if written.strip("$()` \t\n") == "pwd" and len(scope.folders) == 1:
            return Atom(scope.folders[0], quoted=True)
    kind: Source = "output"
    straight = inner.straight
    for child in statements:
        if child.type == "file_redirect":
            redirect(walk, child, inner)
            continue
        inner.straight = straight and len(statements) == 1
        before = inner.folders
        kind = walk.run(child, inner)
        inner.folders = either(before, inner.folders)
    if len(statements) > 1:
        kind = "output"
    return Atom(None, False, "pipe" if pipe else kind, name=kind)


def _document(walk: Walk, node: "Node") -> str | None:
    """The text of ``cat <<'EOF'``: a here-document that is printed as it is."""
    if node.type != "redirected_statement" or node.named_child_count != 2:
        return None
    body, target = node.named_children
    if walk.words.text(body) != "cat" or target.type != "file_redirect":
        return None
    document = walk.document(walk.words.text(target.named_children[-1]))
    if document is None or (document.expands and ("$" in document.text or "\\" in document.text)):
        return None
    return document.text
