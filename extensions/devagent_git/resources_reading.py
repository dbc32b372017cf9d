"""What the reading tools touch."""

from collections.abc import Callable

from devagent_git.contract import GitError, ResourceDict
from devagent_git.history import found_files, plan_log
from devagent_git.inspecting import base_of
from devagent_git.names import bad
from devagent_git.plans import commit_changes, compare, remote_of, remotes_of
from devagent_git.repository import Repository
from devagent_git.touching import Arguments, path_of, paths, remote, resource


def _nothing(_repository: Repository, _args: Arguments) -> list[ResourceDict]:
    return []


def _log(repository: Repository, args: Arguments) -> list[ResourceDict]:
    chosen = plan_log(
        repository, args.text("ref", "HEAD"), args.text("path"), args.text("author"), args.text("since"),
        args.text("grep"), args.text("search"), args.flag("regex"), args.flag("follow"),
    )  # fmt: skip
    named = [] if chosen.path is None else [chosen.path]
    if args.text("search") and chosen.path is None:
        named = [b""]  # all of history is read
    files = found_files(repository, chosen, args.number("limit", 20), args.number("skip", 0))
    return paths(repository, [*named, *files], "read")


def _show(repository: Repository, args: Arguments) -> list[ResourceDict]:
    path = path_of(repository, args)
    if path is not None:
        return paths(repository, [path], "read")
    oid = repository.commit(args.text("ref", "HEAD"))
    if args.flag("stat"):
        return []
    return paths(repository, commit_changes(repository, oid).names(repository), "read")


def _diff(repository: Repository, args: Arguments) -> list[ResourceDict]:
    comparison = compare(repository, args.text("ref"), args.flag("staged"), args.text("path"))
    if args.flag("stat"):
        return []
    path = path_of(repository, args)
    named = [] if path is None else [path]
    return paths(repository, comparison.names(repository) or named, "read")


def _blame(repository: Repository, args: Arguments) -> list[ResourceDict]:
    path = path_of(repository, args)
    if path is None:
        raise bad("path is empty")
    if args.text("ref"):
        repository.commit(args.text("ref"))
    return paths(repository, [path], "read")


def _list(repository: Repository, args: Arguments) -> list[ResourceDict]:
    if args.text("what", "branches") != "remotes":
        return []
    found: list[ResourceDict] = []
    for name in remotes_of(repository.settings):
        for push in (False, True):
            try:
                place = remote_of(repository, name, push=push)
            except GitError:  # one that cannot be used is listed as that, without its address
                continue
            found += [
                one for one in remote(repository, place, "read") if one["id"].startswith("remote:")
            ]
    return found


def _conflicts(repository: Repository, args: Arguments) -> list[ResourceDict]:
    path = path_of(repository, args)
    return [] if path is None else paths(repository, [path], "read")


def _summary(repository: Repository, args: Arguments) -> list[ResourceDict]:
    name, _ = base_of(repository, args.text("base"))
    return [resource(f"branch:{name}", "read")]


READING: dict[str, Callable[[Repository, Arguments], list[ResourceDict]]] = {
    "status": _nothing,
    "log": _log,
    "show": _show,
    "diff": _diff,
    "blame": _blame,
    "list": _list,
    "conflicts": _conflicts,
    "summary": _summary,
}
