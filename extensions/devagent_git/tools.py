"""The tools of this extension, one plain function each, and what their calls would touch.

All of them run git's own plumbing. GitPython reads objects faster in a warm process, but it runs git with
the repository's settings (its ``is_dirty`` starts a configured fsmonitor) and does not open
SHA-256 repositories (see docs/extensions/git.md).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from devagent_git.contract import GitError, ResourceDict, Result, Surroundings
from devagent_git.resources import resources

if TYPE_CHECKING:
    from devagent_git.inspecting import conflicts, summary
    from devagent_git.inspecting import list_all as list
    from devagent_git.integrating import integrate
    from devagent_git.mentioning import preview
    from devagent_git.network import fetch, pull, push
    from devagent_git.reading import blame, diff, log, show, status
    from devagent_git.references import tag
    from devagent_git.remotes import remote
    from devagent_git.restoring import restore
    from devagent_git.stashing import stash
    from devagent_git.worktrees import worktree
    from devagent_git.writing import add, branch, commit, switch

__all__ = [
    "GitError",
    "ResourceDict",
    "Result",
    "Surroundings",
    "add",
    "blame",
    "branch",
    "commit",
    "conflicts",
    "diff",
    "fetch",
    "integrate",
    "list",
    "log",
    "preview",
    "pull",
    "push",
    "remote",
    "resources",
    "restore",
    "show",
    "stash",
    "status",
    "summary",
    "switch",
    "tag",
    "worktree",
]

_FOUND_IN = {
    "inspecting": ("conflicts", "summary", "list"), "integrating": ("integrate",), "mentioning": ("preview",), "network": ("fetch", "pull", "push"),
    "reading": ("blame", "diff", "log", "show", "status"), "references": ("tag",), "remotes": ("remote",), "restoring": ("restore",),
    "stashing": ("stash",), "worktrees": ("worktree",), "writing": ("add", "branch", "commit", "switch"),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """A tool, loaded when it is first asked for: a ``status`` needs nothing of what rebases."""
    for module, tools in _FOUND_IN.items():
        if name in tools:
            found = import_module(f"devagent_git.{module}")
            tool = getattr(found, "list_all" if name == "list" else name)
            globals()[name] = tool
            return tool
    raise AttributeError(name)
