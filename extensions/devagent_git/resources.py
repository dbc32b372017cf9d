"""Which resources a call would touch. Nothing is changed, no hook, filter or transport runs.

Reads of content name every file whose content would be shown, so that a rule on ``path:`` holds for
history as for the work tree; ``stat`` shows names only and touches the repository alone. Writes name
the branch that would truly be written. A repository that takes objects from another one reads that one
too. ``tags`` mark what rules like to know: ``git.force``,
``git.delete``, ``git.amend``, and ``git.elsewhere`` for a repository that the workspace's own leads to.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from devagent_git.contract import ResourceDict, Surroundings
from devagent_git.names import bad, branch_id, branch_name, path_in, path_names, place_name
from devagent_git.object_stores import borrowed_stores
from devagent_git.plans import (
    Remote,
    commit_changes,
    compare,
    paths_of,
    plan_fetch,
    plan_pull,
    plan_push,
    to_stage,
    tracked_changes,
)
from devagent_git.repository import Repository
from devagent_git.text import shown

Access = Literal["read", "write"]
_ELSEWHERE = "git.elsewhere"
_WRITES = frozenset(["add", "commit", "branch", "switch", "push", "pull", "fetch"])


def resources(tool: str, args: Mapping[str, Any], here: Surroundings) -> list[ResourceDict]:
    """The canonical resources of a call, its repository first.

    Missing arguments count with their defaults. Raises GitError where something cannot be resolved, as
    the call itself would; then nothing may be run.
    """
    touched = _TOUCHED.get(tool)
    if touched is None:
        raise bad(f"git has no tool {tool!r}")
    repository = Repository(
        here, "read", work_tree=tool in ("status", "add", "commit", "switch", "pull")
    )
    access: Access = "write" if tool in _WRITES else "read"
    found = [_resource(f"repo:{place_name(repository.folder, repository.top)}", access)]
    if not repository.linked:
        found.append(
            _resource(
                f"repo:{place_name(repository.folder, repository.common_dir)}", access, _ELSEWHERE
            )
        )
    for store in borrowed_stores(repository.common_dir):
        place = os.path.dirname(store) if os.path.basename(store) == "objects" else store
        found.append(_resource(f"repo:{place_name(repository.folder, place)}", "read", _ELSEWHERE))
    found += touched(repository, _Arguments(args))
    unique: dict[tuple[str, str], ResourceDict] = {}
    for resource in found:
        known = unique.setdefault((resource["id"], resource["access"]), resource)
        known["tags"] = list(dict.fromkeys([*known["tags"], *resource["tags"]]))
    return list(unique.values())


class _Arguments:
    """Arguments by name, with the type that the schema gives them."""

    def __init__(self, args: Mapping[str, Any]) -> None:
        self._args = args

    def text(self, name: str, default: str = "") -> str:
        value = self._args.get(name, default)
        if not isinstance(value, str):
            raise bad(f"{name} must be a string")
        return value

    def flag(self, name: str) -> bool:
        value = self._args.get(name, False)
        if not isinstance(value, bool):
            raise bad(f"{name} must be true or false")
        return value

    def texts(self, name: str) -> list[str]:
        value: Any = self._args.get(name, [])
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):  # pyright: ignore[reportUnknownVariableType]
            raise bad(f"{name} must be a list of strings")
        return list[str](value)  # pyright: ignore[reportUnknownArgumentType]


def _resource(id: str, access: Access, *tags: str) -> ResourceDict:
    return {"id": shown(id), "access": access, "tags": list(tags)}


def _paths(repository: Repository, paths: Iterable[bytes], access: Access) -> list[ResourceDict]:
    return [
        _resource(f"path:{name}", access)
        for path in paths
        for name in path_names(repository.folder, repository.top, path)
    ]


def _path(repository: Repository, args: _Arguments) -> bytes | None:
    path = args.text("path")
    return path_in(repository.folder, repository.top, path) if path else None


def _status(_repository: Repository, _args: _Arguments) -> list[ResourceDict]:
    return []


def _log(repository: Repository, args: _Arguments) -> list[ResourceDict]:
    path = _path(repository, args)
    return [] if path is None else _paths(repository, [path], "read")


def _show(repository: Repository, args: _Arguments) -> list[ResourceDict]:
    path = _path(repository, args)
    if path is not None:
        return _paths(repository, [path], "read")
    oid = repository.commit(args.text("ref", "HEAD"))
    if args.flag("stat"):
        return []
    return _paths(repository, commit_changes(repository, oid).names(repository), "read")


def _diff(repository: Repository, args: _Arguments) -> list[ResourceDict]:
    comparison = compare(repository, args.text("ref"), args.flag("staged"), args.text("path"))
    if args.flag("stat"):
        return []
    return _paths(repository, comparison.names(repository), "read") or _log(repository, args)


def _blame(repository: Repository, args: _Arguments) -> list[ResourceDict]:
    path = _path(repository, args)
    if path is None:
        raise bad("path is empty")
    return _paths(repository, [path], "read")


def _add(repository: Repository, args: _Arguments) -> list[ResourceDict]:
    paths = args.texts("paths")
    files = to_stage(repository, paths)
    named = [path_in(repository.folder, repository.top, path) for path in paths]
    return _paths(repository, files or named, "read")


def _commit(repository: Repository, args: _Arguments) -> list[ResourceDict]:
    branch = repository.head_branch()
    tags = ["git.amend"] if args.flag("amend") else []
    found = [] if branch is None else [_resource(f"branch:{branch}", "write", *tags)]
    return found + (
        _paths(repository, tracked_changes(repository), "read") if args.flag("all") else []
    )


def _branch(repository: Repository, args: _Arguments) -> list[ResourceDict]:
    action = args.text("action", "create")
    name = branch_name(args.text("name"), "name")
    tags = ["git.delete"] if action == "delete" else []
    if args.flag("force"):
        tags.append("git.force")
    found = [_resource(f"branch:{name}", "write", *tags)]
    if action == "rename":
        found.append(_resource(f"branch:{branch_name(args.text('new_name'), 'new_name')}", "write"))
    return found


def _switch(repository: Repository, args: _Arguments) -> list[ResourceDict]:
    name = branch_name(args.text("branch"))
    create = args.flag("create")
    target = args.text("start") if create else f"refs/heads/{name}"
    found = [_resource(f"branch:{name}", "write" if create else "read")]
    if target and repository.ref_oid("HEAD") is not None:
        changed = repository.git(
            "diff-tree", "-r", "-z", "--name-only", "--no-renames",
            repository.commit("HEAD"), repository.commit(target),
        )  # fmt: skip
        found += _paths(repository, paths_of(changed.out), "write")
    return found


def _remote(repository: Repository, remote: Remote, access: Access) -> list[ResourceDict]:
    found: list[ResourceDict] = []
    for address in remote.addresses:
        found.append(_resource(address.id(remote.name), access))
        if address.folder is None:
            found.append(_resource(f"host:{address.host}", access))
        else:
            found.append(_resource(f"path:{place_name(repository.folder, address.folder)}", access))
    return found


def _push(repository: Repository, args: _Arguments) -> list[ResourceDict]:
    plan = plan_push(
        repository, args.text("remote"), args.text("ref"), args.flag("tags"), args.flag("delete")
    )
    found = _remote(repository, plan.remote, "write")
    forced = plan.forced or args.text("force", "none") != "none"
    for source, target in plan.refs:
        tags = [*(["git.force"] if forced else []), *([] if source else ["git.delete"])]
        found.append(_resource(branch_id(plan.remote.name, target), "write", *tags))
    return found


def _pull(repository: Repository, args: _Arguments) -> list[ResourceDict]:
    plan = plan_pull(repository, args.text("remote"), args.text("branch"))
    return [
        *_remote(repository, plan.remote, "read"),
        _resource(f"branch:{plan.remote.name}/{plan.branch}", "read"),
        _resource(f"branch:{plan.current}", "write"),
    ]


def _fetch(repository: Repository, args: _Arguments) -> list[ResourceDict]:
    return _remote(repository, plan_fetch(repository, args.text("remote")).remote, "read")


_TOUCHED: dict[str, Callable[[Repository, _Arguments], list[ResourceDict]]] = {
    "status": _status,
    "log": _log,
    "show": _show,
    "diff": _diff,
    "blame": _blame,
    "branches": _status,
    "add": _add,
    "commit": _commit,
    "branch": _branch,
    "switch": _switch,
    "push": _push,
    "pull": _pull,
    "fetch": _fetch,
}
