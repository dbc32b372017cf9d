"""The tools of this extension, one plain function each, and what their calls would touch."""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from devagent_workspace.contract import (
    ResourceDict,
    Result,
    Surroundings,
    WorkspaceError,
    bad,
)
from devagent_workspace.places import remember_judged

if TYPE_CHECKING:
    from devagent_workspace.finding import glob, tree
    from devagent_workspace.finding import list_folder as list
    from devagent_workspace.reading import read
    from devagent_workspace.searching import grep
    from devagent_workspace.shell import job, shell
    from devagent_workspace.writing import edit, write

__all__ = [
    "ResourceDict",
    "Result",
    "Surroundings",
    "WorkspaceError",
    "edit",
    "glob",
    "grep",
    "job",
    "list",
    "preview",
    "read",
    "resources",
    "shell",
    "tree",
    "write",
]


_FOUND_IN = {
    "edit": "writing", "glob": "finding", "grep": "searching", "job": "shell", "list": "finding", "read": "reading", "shell": "shell",
    "tree": "finding", "write": "writing",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """A tool, loaded when it is first asked for: a ``read`` needs neither the parser of commands nor a sandbox."""
    if name not in _FOUND_IN:
        raise AttributeError(name)
    module = import_module(f"devagent_workspace.{_FOUND_IN[name]}")
    tool = getattr(module, "list_folder" if name == "list" else name)
    globals()[name] = tool
    return tool


def close(folder: str) -> None:
    """The session in ``folder`` is over: its jobs end with it."""
    jobs = sys.modules.get("devagent_workspace.jobs")  # not loaded, there are none
    if jobs is not None:
        jobs.stop_all(folder)


def checks(here: Surroundings) -> Sequence[tuple[str, str, str]]:
    """What this machine has for the shell, for ``devagent doctor``: name, state, what to do ("" = nothing)."""
    from devagent_workspace.sandbox import check

    return [check(here.settings)]


def resources(tool: str, args: Mapping[str, Any], here: Surroundings) -> Sequence[ResourceDict]:
    """The canonical resources of a call. Missing arguments count with their defaults.

    Raises WorkspaceError where something cannot be resolved, as the call itself would; then nothing may
    be run.
    """
    match tool:
        case "read" | "list" | "tree" | "glob":
            place = remember_judged(here.folder, tool, _text(args, "path", "."))
            walked = tool in ("tree", "glob") or args.get("depth", 1) != 1
            return [(place.as_tree() if walked else place).resource("read")]
        case "write" | "edit":
            return [remember_judged(here.folder, tool, _text(args, "path", "")).resource("write")]
        case "grep":
            from devagent_workspace import searching

            return searching.resources(here, args)
        case "shell":
            from devagent_workspace import judging

            return judging.resources(here, _text(args, "command", ""), _text(args, "hosts", ""))
        case "job":
            stops = args.get("action") == "stop"
            return [{"id": "path:.", "access": "write" if stops else "read", "tags": []}]
        case _:
            raise bad(f"workspace has no tool {tool!r}")


def preview(tool: str, args: Mapping[str, Any], here: Surroundings) -> str:
    """Empty: a call's arguments say all. Raises WorkspaceError as the call itself would where a change of a file
    cannot be carried out as things stand, so that nobody is asked about it."""
    edits: Any = args.get("edits", [])
    if tool in ("write", "edit"):
        from devagent_workspace.writing import foreseen

        foreseen(here, tool, _text(args, "path", ""), edits)
    return ""


def _text(args: Mapping[str, Any], name: str, default: str) -> str:
    value = args.get(name, default)
    if not isinstance(value, str):
        raise bad(f"{name} must be a string")
    return value
