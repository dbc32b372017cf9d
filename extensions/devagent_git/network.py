"""The tools that talk to a remote: push, pull, fetch."""

import os
from typing import Literal

from devagent_git.contract import GitError, Result, Surroundings
from devagent_git.hardening import hooks_in
from devagent_git.names import bad
from devagent_git.plans import Push, Remote, plan_fetch, plan_pull, plan_push
from devagent_git.process import Output
from devagent_git.reading import TAINT
from devagent_git.repository import Repository
from devagent_git.scanning import ALL, refuse, scan_push
from devagent_git.text import fitted, shown, without_credentials
from devagent_git.writing import refuse_own_filters

Force = Literal["none", "with_lease", "force"]

_RECEIVING_HOOKS = (
    "pre-receive", "update", "post-receive", "post-update", "proc-receive", "push-to-checkout",
    "reference-transaction",
)  # fmt: skip
_RECEIVE = (
    f"git -c core.hooksPath={os.devnull} -c core.fsmonitor=false -c core.alternateRefsCommand=true "
    "-c receive.denyCurrentBranch=refuse -c receive.autogc=false -c gc.auto=0 receive-pack"
)
"""How a repository on this machine receives: constant text, as git runs it through a shell."""
_FETCH = (
    "fetch", "--no-recurse-submodules", "--no-auto-maintenance", "--no-progress", "--refmap=",
    "--upload-pack=git-upload-pack",
)  # fmt: skip


def push(
    here: Surroundings,
    *,
    remote: str = "",
    ref: str = "",
    force: Force = "none",
    tags: bool = False,
    delete: bool = False,
    allow_secrets: list[str] = [],  # noqa: B006 - as the schema says; it is never changed
) -> Result:
    """Push one branch or tag (default: the current branch). Hooks of this repository are not run. What looks like a
    secret in the commits that the remote does not have stops it, as for a commit."""
    repository = Repository(here, "net")
    plan = plan_push(repository, remote, ref, tags, delete)
    if plan.forced and force == "none":
        raise bad("a '+' forces: say so with force=with_lease or force=force")
    if plan.deletes and not delete:
        raise bad("this deletes a remote branch: say so with delete=true")
    if force not in ("none", "with_lease", "force"):
        raise bad("force must be none, with_lease or force")
    if ALL not in allow_secrets:
        sources = [source for source, _ in plan.refs]
        refuse(scan_push(repository, plan.remote.name, sources), allow_secrets, "the push")
    args = ["push", "--porcelain", "--no-verify", "--no-progress", "--recurse-submodules=no"]
    args += ["--no-follow-tags", "--no-signed"]
    local = _receiver(repository, plan.remote)
    args.append(f"--receive-pack={_RECEIVE if local else 'git-receive-pack'}")
    if force == "with_lease":
        args += [_lease(repository, plan.remote.name, target) for _, target in plan.refs]
    if plan.sets_upstream_of is not None:
        args.append("--set-upstream")
    sign = "+" if force == "force" else ""
    specs = [f"{sign}{source}:{target}" if source else f":{target}" for source, target in plan.refs]
    output = repository.git(*args, "--", plan.remote.name, *specs, codes=(0, 1, 128))
    return _pushed(repository, plan, output)


def _receiver(repository: Repository, remote: Remote) -> bool:
    """Whether the remote is a folder on this machine. Raises GitError ``hooks`` where it has hooks:
    pushing would run them, and pushing past them would go round whatever they guard."""
    for address in remote.addresses:
        if address.folder is None:
            continue
        found = _hooks_of(repository, address.folder)
        if found:
            raise GitError(
                f"the receiving repository on this machine has hooks ({', '.join(found)}), which would "
                "run here; the person can push in their terminal",
                error="hooks",
            )
    kinds = {address.folder is None for address in remote.addresses}
    if len(kinds) > 1:
        raise bad("the remote has addresses on this machine and elsewhere: push to one of them")
    return kinds == {False}


def _hooks_of(repository: Repository, folder: str) -> list[str]:
    for place in (os.path.join(folder, ".git"), folder):
        asked = repository.git("rev-parse", "--resolve-git-dir", place, codes=(0, 128))
        if asked.code == 0:
            git_dir = os.fsdecode(asked.out.removesuffix(b"\n"))
            break
    else:
        raise GitError("the remote's folder is no git repository", error="unreachable")
    own = repository.line(
        "config", "--file", os.path.join(git_dir, "config"), "--get", "core.hooksPath", codes=(0, 1)
    )
    hooks = os.path.join(git_dir, os.path.expanduser(own) if own else "hooks")
    return hooks_in(hooks, _RECEIVING_HOOKS)


def _lease(repository: Repository, remote: str, target: str) -> str:
    """Expect on the remote what was last seen of it; nothing where it was never seen."""
    branch = target.removeprefix("refs/heads/")
    seen = repository.ref_oid(f"refs/remotes/{remote}/{branch}") if branch != target else None
    return f"--force-with-lease={target}:{seen or ''}"


def _pushed(repository: Repository, plan: Push, output: Output) -> Result:
    done: list[str] = []
    refused: list[str] = []
    for line in shown(output.out).splitlines():
        flag, tab, rest = line.partition("\t")
        if not tab or len(flag) != 1:
            continue
        names, _, summary = rest.partition("\t")
        target = names.rpartition(":")[2].removeprefix("refs/heads/")
        word = {" ": "updated", "+": "forced", "-": "deleted", "*": "created", "=": "already there"}
        if flag == "!":
            refused.append(f"{target}: {summary}")
        else:
            done.append(
                f"{word.get(flag, 'pushed')} {plan.remote.name}/{target} {summary}".rstrip()
            )
    said = _remote_said(output)
    if output.code or refused:
        if not refused:
            repository.fail(output)
        text = "the remote refused:\n" + "\n".join(refused + done)
        stale = any("fetch first" in line or "non-fast-forward" in line for line in refused)
        if stale:
            text += "\nfetch or pull first; it has commits that are not here"
        raise GitError(
            fitted(without_credentials("\n".join([text, *said])), 2000, "more"),
            error="not_fast_forward" if stale else "rejected",
        )
    if plan.sets_upstream_of is not None:
        done.append(
            f"{shown(plan.sets_upstream_of)} now tracks {plan.remote.name}/{shown(plan.sets_upstream_of)}"
        )
    text = without_credentials("\n".join(done + said)) or "nothing to push"
    return {
        "text": fitted(text, repository.text_bytes, "more"),
        "rows": len(plan.refs),
        "taint": [TAINT] if said else [],
        "structured": {
            "remote": plan.remote.name,
            "refs": [shown(target) for _, target in plan.refs],
        },
    }


def _remote_said(output: Output) -> list[str]:
    """What the other side printed, at most 20 lines of it; it is that side's text, not git's."""
    lines = [line.rstrip() for line in shown(output.err).splitlines()]
    return [line for line in lines if line.startswith("remote: ") and line != "remote: "][:20]


def fetch(here: Surroundings, *, remote: str = "", prune: bool = False) -> Result:
    """Update the remote-tracking branches of one remote; with ``prune`` drop those gone there."""
    repository = Repository(here, "net")
    plan = plan_fetch(repository, remote)
    options = ["--prune"] if prune else ["--no-prune"]
    output = repository.git(*_FETCH, *options, "--", plan.remote.name, *plan.refspecs)
    changes = _fetched(output)
    text = "\n".join(changes) or f"{plan.remote.name}: nothing new"
    return {
        "text": fitted(text, repository.text_bytes, f"{len(changes)} in all"),
        "rows": len(changes),
        "taint": [TAINT] if changes else [],
    }


def _fetched(output: Output) -> list[str]:
    """The lines of ``git fetch`` that tell of a changed reference."""
    lines = without_credentials(shown(output.err)).splitlines()
    return [line.strip() for line in lines if " -> " in line and not line.startswith("remote: ")]


def pull(here: Surroundings, *, remote: str = "", branch: str = "", ff_only: bool = True) -> Result:
    """Fetch one branch and fast-forward to it; with ``ff_only`` false, merge, undone if it conflicts."""
    repository = Repository(here, "net", work_tree=True)
    plan = plan_pull(repository, remote, branch)
    refuse_own_filters(repository)
    before = repository.ref_oid("HEAD")
    spec = f"+refs/heads/{plan.branch}:{plan.tracking}"
    repository.git(*_FETCH, "--no-prune", "--", plan.remote.name, spec)
    there = repository.commit(plan.tracking)
    if before == there:
        return {
            "text": f"already up to date with {plan.remote.name}/{shown(plan.branch)}",
            "rows": 0,
        }
    args = ["merge", "--quiet", "--no-stat", "--no-autostash"]
    name = f"{plan.remote.name}/{shown(plan.branch)}"
    if ff_only:
        args.append("--ff-only")
    else:
        args += [
            "--ff",
            "--no-edit",
            "-m",
            f"Merge remote-tracking branch '{name}' into {shown(plan.current)}",
        ]
    output = repository.git(*args, there, codes=(0, 1, 2, 128))
    if output.code:
        _not_merged(repository, output, name)
    after = repository.commit("HEAD")
    if after == before:
        return {"text": f"already up to date with {name}", "rows": 0}
    count, stat = 0, b""
    if before:
        count = int(repository.line("rev-list", "--count", f"{before}..{after}"))
        stat = repository.git(
            "diff", "--shortstat", "--no-ext-diff", "--no-textconv", before, after, "--"
        ).out
    came = (
        f"{(before or 'nothing')[:10]}..{after[:10]}, {count} commits"
        if before
        else f"at {after[:10]}"
    )
    text = f"{shown(plan.current)} {came} from {name}\n{shown(stat).strip()}".rstrip()
    return {
        "text": fitted(text, repository.text_bytes, "more"),
        "rows": count,
        "taint": [TAINT],
        "structured": {"before": before or "", "after": after},
    }


def _not_merged(repository: Repository, output: Output, name: str) -> None:
    said = shown(output.out + output.err)
    if "Not possible to fast-forward" in said or "Diverging branches" in said:
        raise GitError(
            f"{name} and the current branch have both moved on: fetched, not merged. "
            "ff_only=false merges them",
            error="not_fast_forward",
        )
    if "would be overwritten" in said:
        raise GitError(fitted(said.strip(), 1500, "more files"), error="would_overwrite")
    unmerged = repository.git("diff", "--name-only", "-z", "--diff-filter=U", "--no-ext-diff").out
    files = [shown(path) for path in unmerged.split(b"\0") if path]
    if files:
        repository.git("merge", "--abort")
        raise GitError(
            fitted(
                f"{name} conflicts in {', '.join(files)}; the merge was undone", 1500, "more files"
            ),
            error="conflict",
        )
    repository.fail(output)
