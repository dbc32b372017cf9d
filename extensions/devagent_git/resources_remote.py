"""What the tools touch that talk to a remote."""

from collections.abc import Callable

from devagent_git.contract import ResourceDict
from devagent_git.facts import PUSH_HOOKS, skipped_hooks
from devagent_git.names import branch_id
from devagent_git.plans import plan_fetch, plan_pull, plan_push
from devagent_git.repository import Repository
from devagent_git.touching import Arguments, remote, resource, secret_places


def _push(repository: Repository, args: Arguments) -> list[ResourceDict]:
    plan = plan_push(
        repository, args.text("remote"), args.text("ref"), args.flag("tags"), args.flag("delete")
    )
    found = remote(repository, plan.remote, "write")
    forced = plan.forced or args.text("force", "none") != "none"
    allowed = args.texts("allow_secrets")
    more = [*skipped_hooks(repository, PUSH_HOOKS), *(["git.secret"] if allowed else [])]
    for source, target in plan.refs:
        tags = [*(["git.force"] if forced else []), *([] if source else ["git.delete"]), *more]
        found.append(resource(branch_id(plan.remote.name, target), "write", *tags))
    return secret_places(repository, allowed) + found


def _pull(repository: Repository, args: Arguments) -> list[ResourceDict]:
    plan = plan_pull(repository, args.text("remote"), args.text("branch"))
    return [
        *remote(repository, plan.remote, "read"),
        resource(f"branch:{plan.remote.name}/{plan.branch}", "read"),
        resource(f"branch:{plan.current}", "write"),
    ]


def _fetch(repository: Repository, args: Arguments) -> list[ResourceDict]:
    return remote(repository, plan_fetch(repository, args.text("remote")).remote, "read")


REMOTE: dict[str, Callable[[Repository, Arguments], list[ResourceDict]]] = {
    "push": _push,
    "pull": _pull,
    "fetch": _fetch,
}
