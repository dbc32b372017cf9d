"""What the tools touch that write to this repository."""

from collections.abc import Callable

from devagent_git.contract import ResourceDict
from devagent_git.facts import COMMIT_HOOKS, path_facts, rewriting, skipped_hooks
from devagent_git.integrating import STARTS, files_of_rest, files_of_start, plan_start
from devagent_git.names import bad, branch_name, path_in, place_name
from devagent_git.plans import commit_changes, paths_of, to_stage, tracked_changes
from devagent_git.references import tag_ref
from devagent_git.remotes import plan_remote
from devagent_git.repository import Repository
from devagent_git.restoring import plan_restore
from devagent_git.stashing import brought_back, put_aside, stash_at
from devagent_git.states import state_of
from devagent_git.touching import Arguments, addresses, paths, resource, secret_places
from devagent_git.worktrees import target_of


def _add(repository: Repository, args: Arguments) -> list[ResourceDict]:
    given = args.texts("paths")
    files = to_stage(repository, given)
    named = [path_in(repository.folder, repository.top, path) for path in given]
    return paths(repository, files or named, "read", facts=path_facts(repository))


def _commit(repository: Repository, args: Arguments) -> list[ResourceDict]:
    allowed = args.texts("allow_secrets")
    tags: list[str] = []
    if args.flag("amend"):
        head = repository.ref_oid("HEAD")
        kept = commit_changes(repository, head).sides[:1] if head else ()
        parents = [oid for oid in kept if repository.git("cat-file", "-t", oid).out == b"commit\n"]
        tags = ["git.amend", *rewriting(repository, [head] if head else [], parents)]
    tags += [*skipped_hooks(repository, COMMIT_HOOKS), *(["git.secret"] if allowed else [])]
    branch = repository.head_branch()
    facts = path_facts(repository)
    found = [resource(f"branch:{'HEAD' if branch is None else branch}", "write", *tags)]
    if branch is None and not tags:
        found = []
    if args.flag("all"):
        found += paths(repository, tracked_changes(repository), "read", facts=facts)
    return found + secret_places(repository, allowed, facts)


def _branch(repository: Repository, args: Arguments) -> list[ResourceDict]:
    action = args.text("action", "create")
    name = branch_name(args.text("name"), "name")
    tags = ["git.delete"] if action == "delete" else []
    if args.flag("force"):
        tags.append("git.force")
    found = [resource(f"branch:{name}", "write", *tags)]
    if action == "rename":
        found.append(resource(f"branch:{branch_name(args.text('new_name'), 'new_name')}", "write"))
    return found


def _switch(repository: Repository, args: Arguments) -> list[ResourceDict]:
    name = branch_name(args.text("branch"))
    create = args.flag("create")
    target = args.text("start") if create else f"refs/heads/{name}"
    found = [resource(f"branch:{name}", "write" if create else "read")]
    if target and repository.ref_oid("HEAD") is not None:
        changed = repository.git(
            "diff-tree", "-r", "-z", "--name-only", "--no-renames",
            repository.commit("HEAD"), repository.commit(target),
        )  # fmt: skip
        found += paths(repository, paths_of(changed.out), "write", facts=path_facts(repository))
    return found


def _restore(repository: Repository, args: Arguments) -> list[ResourceDict]:
    given = args.texts("paths")
    plan = plan_restore(
        repository, given, args.flag("staged"), args.text("source"), args.text("side", "none")
    )
    named = [path_in(repository.folder, repository.top, path) for path in given]
    tags = () if plan.staged else ("git.discard",)
    return paths(repository, plan.files or named, "write", *tags, facts=path_facts(repository))


def _stash(repository: Repository, args: Arguments) -> list[ResourceDict]:
    action = args.text("action", "push")
    facts = path_facts(repository)
    if action == "push":
        files = put_aside(repository, args.flag("untracked"), args.texts("paths"))
        return [
            resource("branch:refs/stash", "write"),
            *paths(repository, files, "write", facts=facts),
        ]
    oid = stash_at(repository, args.number("number", 0))
    if action == "drop":
        return [resource("branch:refs/stash", "write", "git.delete", "git.discard")]
    files = brought_back(repository, oid)
    return [
        resource("branch:refs/stash", "write" if action == "pop" else "read"),
        *paths(repository, files, "write", facts=facts),
    ]


def _integrate(repository: Repository, args: Arguments) -> list[ResourceDict]:
    how = args.text("how")
    facts = path_facts(repository)
    if how in STARTS:
        plan = plan_start(repository, how, args.text("ref"))
        files = files_of_start(repository, plan)
        branch = repository.head_branch() or "HEAD"
        tags = rewriting(repository, [plan.head], plan.commits) if how == "rebase" else []
    else:
        state = state_of(repository)
        files = files_of_rest(repository, state, how)
        branch = "HEAD" if state.branch is None else state.branch.removeprefix("refs/heads/")
        tags = ["git.discard"] if how in ("abort", "skip") else []
        if state.kind.startswith("rebase") and how != "abort":
            before = [state.before] if state.before else []
            tags += rewriting(repository, before, [state.onto] if state.onto else [])
    tags += skipped_hooks(repository, COMMIT_HOOKS)
    found = [resource(f"branch:{branch}", "write", *tags)]
    if how in STARTS:
        found += _read_from(repository, args.text("ref"))
    return found + paths(repository, files, "write", facts=facts)


def _read_from(repository: Repository, ref: str) -> list[ResourceDict]:
    """The branch that is read, where a branch is named; other commits are known by the files that they change."""
    for kind in ("refs/heads/", "refs/remotes/"):
        short = ref.removeprefix(kind)
        if repository.ref_oid(kind + short) is not None:
            return [resource(f"branch:{short}", "read")]
    return []


def _tag(repository: Repository, args: Arguments) -> list[ResourceDict]:
    tags = ["git.delete"] if args.text("action", "create") == "delete" else []
    return [resource(f"branch:{tag_ref(args.text('name'))}", "write", *tags)]


def _worktree(repository: Repository, args: Arguments) -> list[ResourceDict]:
    target = place_name(repository.folder, target_of(repository, args.text("path")))
    if args.text("action", "add") != "add":
        forced = ["git.force", "git.discard"] if args.flag("force") else []
        return [resource(f"path:{target}", "write", "git.delete", *forced)]
    name = branch_name(args.text("branch"))
    return [
        resource(f"path:{target}", "write"),
        resource(f"branch:{name}", "read" if repository.ref_oid(f"refs/heads/{name}") else "write"),
    ]


def _remote(repository: Repository, args: Arguments) -> list[ResourceDict]:
    action = args.text("action")
    change = plan_remote(repository, args.text("name"), action, args.text("url"))
    tags = ["git.config", *(["git.delete"] if action == "remove" else [])]
    found = addresses(repository, change.name, change.before, "write", *tags)
    if change.after is not None:
        found += addresses(repository, change.name, [change.after], "write", "git.config")
    if not found:
        raise bad("the remote has no usable address")
    return found


WRITING: dict[str, Callable[[Repository, Arguments], list[ResourceDict]]] = {
    "add": _add,
    "commit": _commit,
    "branch": _branch,
    "switch": _switch,
    "restore": _restore,
    "stash": _stash,
    "integrate": _integrate,
    "tag": _tag,
    "worktree": _worktree,
    "remote": _remote,
}
