"""Redirections: the files and hosts that they name."""

from typing import TYPE_CHECKING

from devagent_workspace.contract import Access
from devagent_workspace.grammar import Unclear
from devagent_workspace.shown import shown
from devagent_workspace.sources import Source
from devagent_workspace.variables import Scope
from devagent_workspace.walk import Walk

if TYPE_CHECKING:
    from tree_sitter import Node

_SILENT = frozenset(["/dev/null", "/dev/stdout", "/dev/stderr", "/dev/stdin"])


def redirected(walk: Walk, node: "Node", scope: Scope) -> Source:
    """A statement with redirections; what its output is."""
    body = node.child_by_field_name("body")
    redirects = [child for child in node.named_children if child != body]
    inner_stdin = scope.stdin
    for one in redirects:
        walk.attempt(lambda one=one: redirect(walk, one, scope))
    kind: Source = "output"
    if body is not None:
        kind = walk.run(body, scope)
    if body is not None and body.type in ("list", "pipeline"):
        # The redirection belongs to the last command, which may run in another folder.
        for one in redirects:
            walk.attempt(lambda one=one: redirect(walk, one, scope))
    scope.stdin = inner_stdin
    return "output" if any(_writes(one) for one in redirects) else kind


def redirect(walk: Walk, node: "Node", scope: Scope) -> None:
    """Note what one redirection reads or writes. Raises Unclear."""
    if node.type == "herestring_redirect":
        walk.words.value(node.named_children[-1], scope)
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
    written = walk.words.text(target)
    if walk.document(written) is not None:
        scope.stdin = "output"
        return
    if target.type == "process_substitution":
        atom = walk.substituted(target, scope)
        if sign == "<":
            scope.stdin = "files" if atom.name == "files" else "output"
        return
    fields = walk.words.fields(target, scope)
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
        walk.touch(f"host:{shown(place.split('/')[3].lower())}", "write")
        raise Unclear("a network connection of the shell's own")
    access: Access = "read" if sign == "<" else "write"
    for place_name in walk.operands.places(place, scope):
        walk.touch(place_name["id"], access, place_name["tags"])


def _writes(node: "Node") -> bool:
    return node.type == "file_redirect" and any(">" in child.type for child in node.children)
