"""Repositories whose configuration names programs: no tool and no computing of resources runs one.

Each program leaves a canary file behind. That the traps are sharp is shown by plain git, which runs
nearly all of them.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from devagent_git import tools
from devagent_git.contract import GitError
from tests.support.repositories import Place, commit, git, person, script, small, with_origin, write


@pytest.fixture(autouse=True)
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return person(home, monkeypatch)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return with_origin(tmp_path)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "canary"


@pytest.fixture
def program(tmp_path: Path, canary: Path) -> str:
    return script(tmp_path / "program", canary)


def attributes(work: Path, line: str) -> None:
    """Add attributes to the repository's own file, which no checkout overwrites."""
    with (work / ".git/info/attributes").open("a") as file:
        file.write(f"{line}\n")


def fsmonitor(work: Path, program: str) -> None:
    git(work, "config", "core.fsmonitor", program)


def hooks(work: Path, program: str) -> None:
    for name in (
        "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-checkout", "post-merge",
        "pre-push", "pre-merge-commit", "post-index-change", "reference-transaction", "post-rewrite",
        "pre-auto-gc", "fsmonitor-watchman", "pre-rebase", "applypatch-msg", "sendemail-validate",
    ):  # fmt: skip
        (work / ".git/hooks").mkdir(exist_ok=True)
        (work / ".git/hooks" / name).symlink_to(program)


def hooks_path(work: Path, program: str) -> None:
    folder = work / "tracked-hooks"
    folder.mkdir()
    for name in ("pre-commit", "post-checkout", "pre-push", "post-index-change"):
        (folder / name).symlink_to(program)
    git(work, "config", "core.hooksPath", str(folder))


def configured_hook(work: Path, program: str) -> None:
    for event in ("pre-commit", "post-checkout", "pre-push"):
        git(work, "config", "hook.trap.command", program)
        git(work, "config", "--add", "hook.trap.event", event)


def external_diff(work: Path, program: str) -> None:
    git(work, "config", "diff.external", program)


def diff_driver(work: Path, program: str) -> None:
    attributes(work, "* diff=trap")
    git(work, "config", "diff.trap.command", program)


def textconv(work: Path, program: str) -> None:
    attributes(work, "* diff=trap")
    git(work, "config", "diff.trap.textconv", program)


def filter_commands(work: Path, program: str) -> None:
    attributes(work, "* filter=trap")
    git(work, "config", "filter.trap.clean", program)
    git(work, "config", "filter.trap.smudge", program)


def filter_process(work: Path, program: str) -> None:
    attributes(work, "* filter=a.b=c")
    git(work, "config", "filter.a.b=c.process", program)


def included_filter(work: Path, program: str) -> None:
    attributes(work, "* filter=trap")
    write(work, {"settings": f'[filter "trap"]\n\tclean = {program}\n\tsmudge = {program}\n'})
    git(work, "config", "include.path", "../settings")


def work_tree_config(work: Path, program: str) -> None:
    attributes(work, "* filter=trap")
    git(work, "config", "extensions.worktreeConfig", "true")
    git(work, "config", "--worktree", "filter.trap.clean", program)
    git(work, "config", "--worktree", "core.fsmonitor", program)


def aliases(work: Path, program: str) -> None:
    for name in ("status", "log", "diff", "commit", "st", "rev-parse", "config"):
        git(work, "config", f"alias.{name}", f"!{program}")


def ssh_command(work: Path, program: str) -> None:
    git(work, "config", "core.sshCommand", program)
    git(work, "config", "ssh.variant", "simple")
    git(work, "remote", "set-url", "origin", "ssh://127.0.0.1/x")


def credential_helper(work: Path, program: str) -> None:
    git(work, "config", "credential.helper", f"!{program}")
    git(work, "config", "credential.http://127.0.0.1:9.helper", f"!{program}")
    git(work, "config", "core.askPass", program)


def editors_and_pagers(work: Path, program: str) -> None:
    for key in (
        "core.editor",
        "sequence.editor",
        "core.pager",
        "pager.log",
        "pager.diff",
        "pager.branch",
    ):
        git(work, "config", key, program)


def signing(work: Path, program: str) -> None:
    git(work, "config", "gpg.program", program)
    git(work, "config", "gpg.openpgp.program", program)
    git(work, "config", "gpg.ssh.program", program)
    git(work, "config", "commit.gpgSign", "true")
    git(work, "config", "push.gpgSign", "if-asked")
    git(work, "config", "log.showSignature", "true")
    git(work, "config", "merge.verifySignatures", "true")
    git(work, "config", "tag.gpgSign", "true")
    git(work, "config", "gpg.x509.program", program)


def transports(work: Path, program: str) -> None:
    git(work, "config", "protocol.ext.allow", "always")
    git(work, "config", "protocol.allow", "always")
    git(work, "remote", "set-url", "origin", f"ext::{program} x")


def transport_by_rewriting(work: Path, program: str) -> None:
    git(work, "config", "protocol.ext.allow", "always")
    git(work, "config", f"url.ext::{program} .insteadOf", str(work.parent))


def transport_programs(work: Path, program: str) -> None:
    git(work, "config", "remote.origin.uploadpack", program)
    git(work, "config", "remote.origin.receivepack", program)
    git(work, "config", "uploadpack.packObjectsHook", program)
    git(work, "config", "core.gitProxy", program)
    git(work, "config", "core.alternateRefsCommand", program)


def transport_helper(work: Path, program: str) -> None:
    git(work, "config", "remote.origin.vcs", "trap")
    (Path(program).parent / "git-remote-trap").symlink_to(program)


def lazy_fetch(work: Path, program: str) -> None:
    """A partial clone that misses a blob: any reader of it would fetch from the promisor."""
    git(work, "config", "extensions.partialClone", "origin")
    git(work, "config", "remote.origin.promisor", "true")
    git(work, "config", "remote.origin.uploadpack", program)
    oid = git(work, "rev-parse", "HEAD:src/b.py")
    (work / ".git/objects" / oid[:2] / oid[2:]).unlink()


def merge_driver(work: Path, program: str) -> None:
    attributes(work, "* merge=trap")
    git(work, "config", "merge.trap.driver", program)
    git(work, "config", "merge.default", "trap")


def maintenance(work: Path, program: str) -> None:
    git(work, "config", "gc.auto", "1")
    git(work, "config", "maintenance.auto", "true")
    git(work, "config", "gc.recentObjectsHook", program)


def submodule_with_traps(work: Path, program: str) -> None:
    """A nested repository whose own config names programs; recursing into it would run them."""
    inner = small(work.parent / "inner")
    git(work, "submodule", "--quiet", "add", str(inner), "vendor")
    git(work, "commit", "--quiet", "-m", "Vendor")
    fsmonitor(work / "vendor", program)
    git(work / "vendor", "config", "filter.trap.clean", program)
    write(work / ".git/modules/vendor", {"info/attributes": "* filter=trap\n"})
    write(work / "vendor", {"a.txt": "dirty\n"})
    for key in ("submodule.recurse", "fetch.recurseSubmodules", "diff.ignoreSubmodules"):
        git(work, "config", key, "none" if key.endswith("ignoreSubmodules") else "true")
    git(work, "config", "diff.submodule", "diff")
    git(work, "config", "push.recurseSubmodules", "on-demand")
    git(work, "config", "submodule.vendor.update", f"!{program}")


def receiving_hooks(work: Path, program: str) -> None:
    for name in ("pre-receive", "update", "post-receive", "post-update", "reference-transaction"):
        target = work.parent / "origin.git/hooks"
        target.mkdir(exist_ok=True)
        (target / name).symlink_to(program)


def large_file_programs(work: Path, program: str) -> None:
    """The person's git-lfs would run what the repository's config names; here a stand-in shows it."""
    attributes(work, "* filter=lfs")
    git(work, "config", "lfs.customtransfer.x.path", program)
    git(work, "config", "lfs.standalonetransferagent", "x")


def merge_strategy(work: Path, program: str) -> None:
    """``git merge-<strategy>`` is looked for as a path where the name holds a slash."""
    folder = work / "git-merge-.."
    folder.mkdir()
    (folder / "trap").symlink_to(program)
    for key in ("pull.twohead", "pull.octopus"):
        git(work, "config", key, "../trap")


def merge_options(work: Path, program: str) -> None:
    for branch in ("main", "side"):
        git(
            work,
            "config",
            f"branch.{branch}.mergeOptions",
            "--strategy=../trap --verify-signatures",
        )


def instruction_format(work: Path, program: str) -> None:
    """A list of what a rebase has to do is text: a line's end in the format begins another command."""
    git(work, "config", "rebase.instructionFormat", f"%s%nexec {program}")


def rebase_settings(work: Path, program: str) -> None:
    git(work, "config", "sequence.editor", program)
    git(work, "config", "rebase.autoStash", "true")
    git(work, "config", "rebase.autoSquash", "true")
    git(work, "config", "rebase.updateRefs", "true")
    git(work, "config", "merge.tool", "trap")
    git(work, "config", "mergetool.trap.cmd", program)
    git(work, "config", "difftool.trap.cmd", program)
    git(work, "config", "interactive.diffFilter", program)


def conditional_filter(work: Path, program: str) -> None:
    """Filters that are in force on another branch, or in another work tree's folder, only."""
    attributes(work, "* filter=later")
    write(work, {".git/later": f'[filter "later"]\n\tclean = {program}\n\tsmudge = {program}\n'})
    for condition in ("onbranch:side", "onbranch:w", "gitdir:**/worktrees/**"):
        git(work, "config", f"includeIf.{condition}.path", "nested")
    write(work, {".git/nested": "[include]\n\tpath = later\n"})


def exported_archive(work: Path, program: str) -> None:
    git(work, "config", "tar.tar.gz.command", program)
    git(work, "config", "browser.trap.cmd", program)
    git(work, "config", "man.trap.cmd", program)
    git(work, "config", "sendemail.smtpServer", program)
    git(work, "config", "imap.tunnel", program)
    git(work, "config", "core.alternateRefsCommand", program)
    git(work, "config", "guitool.trap.cmd", program)


Trap = Callable[[Path, str], None]
LOCAL: list[list[Trap]] = [
    [fsmonitor, hooks, external_diff, aliases, editors_and_pagers, transport_programs, maintenance,
     merge_driver],
    [hooks_path, configured_hook, diff_driver, textconv, receiving_hooks],
    [filter_commands],
    [filter_process],
    [included_filter, work_tree_config],
    [large_file_programs],
    [signing],
    [lazy_fetch],
    [submodule_with_traps],
    [merge_strategy, merge_options, instruction_format, rebase_settings, exported_archive],
    [conditional_filter],
]  # fmt: skip
REMOTE: list[list[Trap]] = [
    [ssh_command], [credential_helper], [transports], [transport_by_rewriting], [transport_helper],
    [transport_programs, receiving_hooks, hooks],
]  # fmt: skip

CALLS: list[tuple[str, Mapping[str, Any]]] = [
    ("status", {}),
    ("log", {"path": "a.txt"}),
    ("show", {}),
    ("show", {"path": "src/b.py"}),
    ("diff", {}),
    ("diff", {"staged": True, "stat": True}),
    ("diff", {"ref": "HEAD~1"}),
    ("blame", {"path": "a.txt"}),
    ("list", {"what": "remote_branches"}),
    ("list", {"what": "tags"}),
    ("list", {"what": "remotes"}),
    ("list", {"what": "stashes"}),
    ("list", {"what": "worktrees"}),
    ("list", {"what": "kept"}),
    ("log", {"search": "one"}),
    ("log", {"search": "o.e", "regex": True}),
    ("log", {"path": "a.txt", "follow": True}),
    ("conflicts", {}),
    ("summary", {"base": "HEAD~1"}),
    ("restore", {"paths": ["src"], "source": "HEAD~1"}),
    ("restore", {"paths": ["src"], "source": "HEAD"}),
    ("stash", {"untracked": True}),
    ("stash", {"action": "apply"}),
    ("restore", {"paths": ["a.txt"]}),
    ("stash", {"action": "pop"}),
    ("worktree", {"path": "../tree", "branch": "w"}),
    ("worktree", {"path": "../tree", "action": "remove", "force": True}),
    ("tag", {"name": "v1", "message": "One"}),
    ("tag", {"name": "v1", "action": "delete"}),
    ("remote", {"name": "more", "action": "add", "url": "https://example.com/x"}),
    ("remote", {"name": "more", "action": "set_url", "url": "https://example.com/y"}),
    ("remote", {"name": "more", "action": "remove"}),
    ("add", {"paths": ["a.txt"]}),
    ("commit", {"message": "One"}),
    ("commit", {"message": "None"}),
    ("add", {"paths": ["."]}),
    ("commit", {"message": "Two", "all": True}),
    ("commit", {"message": "Three", "amend": True}),
    ("branch", {"name": "side", "start": "HEAD~1"}),
    ("switch", {"branch": "side"}),
    ("restore", {"paths": ["."], "staged": True}),
    ("integrate", {"how": "cherry_pick", "ref": "main"}),
    ("integrate", {"how": "abort"}),
    ("integrate", {"how": "revert", "ref": "HEAD"}),
    ("integrate", {"how": "rebase", "ref": "main"}),
    ("integrate", {"how": "skip"}),
    ("integrate", {"how": "continue"}),
    ("integrate", {"how": "abort"}),
    ("integrate", {"how": "merge", "ref": "main", "ff": False}),
    ("fetch", {"prune": True}),
    ("pull", {"branch": "main", "ff_only": False}),
    ("push", {"ref": "side", "force": "force"}),
    ("push", {"ref": "side", "delete": True}),
    ("branch", {"name": "side", "action": "rename", "new_name": "other"}),
    ("switch", {"branch": "main"}),
    ("branch", {"name": "other", "action": "delete", "force": True}),
]


NETWORK_CALLS = [call for call in CALLS if call[0] in ("status", "fetch", "pull", "push")]


def every_call(work: Path, calls: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    """Make every call, its resources first; what each gave: ``ok`` or the class of its error."""
    here = Place(str(work), time_limit_s=20)
    for tool, args in calls:
        for run in (
            lambda tool=tool, args=args: tools.resources(tool, args, here),
            lambda tool=tool, args=args: getattr(tools, tool)(here, **args),
        ):
            try:
                run()
            except GitError as error:
                yield error.error
            else:
                yield "ok"


def named(traps: list[Trap]) -> str:
    return "-".join(trap.__name__ for trap in traps)


def test_every_tool_is_called() -> None:
    assert {tool for tool, _ in CALLS} == set(tools.__all__) - {
        "GitError", "ResourceDict", "Result", "Surroundings", "preview", "resources",
    }  # fmt: skip


@pytest.mark.parametrize("traps", LOCAL, ids=named)
def test_no_tool_runs_what_the_repository_names(
    work: Path, canary: Path, program: str, traps: list[Trap]
) -> None:
    for trap in traps:
        trap(work, program)
    write(work, {"a.txt": "one\nchanged\n"})
    canary.unlink(missing_ok=True)
    outcomes = list(every_call(work, CALLS))
    assert not canary.exists()
    assert outcomes.count("ok") >= 24
    assert "timeout" not in outcomes


@pytest.mark.parametrize("traps", REMOTE, ids=named)
def test_no_network_tool_runs_what_the_repository_names(
    work: Path, canary: Path, program: str, traps: list[Trap]
) -> None:
    for trap in traps:
        trap(work, program)
    canary.unlink(missing_ok=True)
    outcomes = list(every_call(work, NETWORK_CALLS))
    assert not canary.exists()
    assert "timeout" not in outcomes


SHARP: list[tuple[Callable[[Path, str], None], list[str]]] = [
    (fsmonitor, ["status"]),
    (hooks, ["commit", "-am", "x"]),
    (hooks_path, ["commit", "-am", "x"]),
    (external_diff, ["diff"]),
    (diff_driver, ["diff"]),
    (textconv, ["diff"]),
    (filter_commands, ["add", "a.txt"]),
    (filter_process, ["add", "a.txt"]),
    (included_filter, ["add", "a.txt"]),
    (work_tree_config, ["add", "a.txt"]),
    (aliases, ["st"]),
    (ssh_command, ["fetch"]),
    (signing, ["commit", "-am", "x"]),
    (transports, ["fetch"]),
    (transport_by_rewriting, ["fetch"]),
    (transport_programs, ["fetch"]),
    (lazy_fetch, ["show", "HEAD:src/b.py"]),
    (submodule_with_traps, ["status"]),
    (receiving_hooks, ["push", "origin", "HEAD~1:refs/heads/x"]),
    (hooks, ["stash"]),
    (filter_commands, ["stash"]),
    (filter_commands, ["checkout", "HEAD~1", "--", "a.txt"]),
    (hooks, ["switch", "-c", "x"]),
    (textconv, ["log", "-Gchanged"]),
    (merge_strategy, ["cherry-pick", "HEAD~1"]),
    (instruction_format, ["rebase", "--force-rebase", "--autostash", "HEAD~1"]),
    (signing, ["tag", "-m", "One", "v1"]),
    (conditional_filter, ["worktree", "add", "../tree", "-b", "w"]),
    (hooks, ["worktree", "add", "../tree"]),
]


@pytest.mark.parametrize(("trap", "args"), SHARP, ids=lambda value: getattr(value, "__name__", ""))
def test_plain_git_does_run_it(
    work: Path, canary: Path, program: str, trap: Callable[[Path, str], None], args: list[str]
) -> None:
    write(work, {"a.txt": "one\nchanged\n"})
    trap(work, program)
    canary.unlink(missing_ok=True)
    git(work, *args, check=False)
    assert canary.exists()


def test_what_should_be_filtered_is_not_committed_raw(work: Path, program: str) -> None:
    filter_commands(work, program)
    write(work, {"a.txt": "plain secret\n"})
    head = git(work, "rev-parse", "HEAD")
    for call in (
        lambda: tools.add(Place(str(work)), paths=["a.txt"]),
        lambda: tools.commit(Place(str(work)), message="x", all=True),
        lambda: tools.switch(Place(str(work)), branch="x", create=True, start="HEAD~1"),
    ):
        with pytest.raises(GitError) as refused:
            call()
        assert refused.value.error == "filter"
        assert "The person can" in str(refused.value)
    assert git(work, "rev-parse", "HEAD") == head
    assert "plain secret" in tools.diff(Place(str(work)))["text"]


def test_a_filter_of_the_persons_own_config_runs_on_writing_only(
    work: Path, canary: Path, config: Path, tmp_path: Path
) -> None:
    upper = tmp_path / "upper"
    upper.write_text(f"#!/bin/sh\necho ran >> '{canary}'\ntr a-z A-Z\n")
    upper.chmod(0o755)
    with config.open("a") as file:
        file.write(f'[filter "mine"]\n\tclean = {upper}\n\trequired = true\n')
    commit(work, "Attributes", {".gitattributes": "a.txt filter=mine\n"})
    write(work, {"a.txt": "loud\n"})
    canary.unlink(missing_ok=True)
    tools.status(Place(str(work)))
    tools.diff(Place(str(work)))
    assert not canary.exists()
    tools.add(Place(str(work)), paths=["a.txt"])
    assert git(work, "cat-file", "blob", ":a.txt") == "LOUD"


def test_a_repository_may_not_replace_a_filter_of_the_person(
    work: Path, canary: Path, config: Path, program: str
) -> None:
    with config.open("a") as file:
        file.write('[filter "lfs"]\n\tclean = cat\n\tsmudge = cat\n\trequired = true\n')
    attributes(work, "a.txt filter=lfs")
    git(work, "config", "filter.lfs.clean", program)
    write(work, {"a.txt": "x\n"})
    with pytest.raises(GitError) as refused:
        tools.add(Place(str(work)), paths=["a.txt"])
    assert refused.value.error == "filter"
    assert not canary.exists()


def test_the_persons_credential_helper_is_asked_and_the_repositorys_is_not(
    work: Path, canary: Path, config: Path, program: str, tmp_path: Path
) -> None:
    mine = script(tmp_path / "mine", tmp_path / "asked")
    with config.open("a") as file:
        file.write(f"[credential]\n\thelper = !{mine}\n")
    credential_helper(work, program)
    with _unauthorised() as port:
        git(work, "remote", "set-url", "origin", f"http://127.0.0.1:{port}/x.git")
        with pytest.raises(GitError) as refused:
            tools.fetch(Place(str(work)))
    assert refused.value.error == "authentication"
    assert (tmp_path / "asked").exists()
    assert not canary.exists()


def test_a_credential_helper_of_the_repository_is_never_asked(
    work: Path, canary: Path, program: str
) -> None:
    with _unauthorised() as port:
        git(work, "config", "credential.helper", f"!{program}")
        git(work, "config", f"credential.http://127.0.0.1:{port}.helper", f"!{program}")
        git(work, "config", "core.askPass", program)
        git(work, "remote", "set-url", "origin", f"http://127.0.0.1:{port}/x.git")
        with pytest.raises(GitError) as refused:
            tools.fetch(Place(str(work)))
        assert refused.value.error == "authentication"
        assert not canary.exists()
        git(work, "fetch", check=False)
    assert canary.exists()


class _unauthorised:
    """An HTTP server on loopback that answers 401 to everything."""

    def __enter__(self) -> int:
        import http.server
        import threading

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="x"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self._server.server_port

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


def test_the_persons_ssh_command_stays_when_the_repository_sets_another(
    work: Path, canary: Path, config: Path, program: str, tmp_path: Path
) -> None:
    mine = script(tmp_path / "mine", tmp_path / "connected")
    with config.open("a") as file:
        file.write(f"[core]\n\tsshCommand = {mine}\n")
    ssh_command(work, program)
    with pytest.raises(GitError):
        tools.fetch(Place(str(work)))
    assert (tmp_path / "connected").exists()
    assert not canary.exists()


@pytest.mark.parametrize("how", ["merge", "rebase", "cherry_pick", "revert"])
def test_no_integration_takes_its_strategy_from_the_repository(
    work: Path, canary: Path, program: str, how: Any
) -> None:
    git(work, "switch", "--quiet", "-c", "side", "HEAD~1")
    commit(work, "Beside", {"beside.txt": "beside\n"})
    merge_strategy(work, program)
    canary.unlink(missing_ok=True)
    tools.integrate(Place(str(work)), how=how, ref="HEAD" if how == "revert" else "main")
    assert not canary.exists()


@pytest.mark.parametrize("how", ["rebase", "cherry-pick"])
def test_plain_git_does_take_it(work: Path, canary: Path, program: str, how: str) -> None:
    git(work, "switch", "--quiet", "-c", "side", "HEAD~1")
    commit(work, "Beside", {"beside.txt": "beside\n"})
    merge_strategy(work, program)
    canary.unlink(missing_ok=True)
    git(work, "-c", "pull.twohead=ort", how, "main", check=False)
    assert canary.exists(), "the first value is not the one that counts"


def test_a_state_without_a_strategy_does_not_get_the_repositorys(
    work: Path, canary: Path, program: str
) -> None:
    commit(work, "Here", {"both.txt": "here\n"})
    git(work, "switch", "--quiet", "-c", "side", "HEAD~1")
    commit(work, "Beside", {"both.txt": "beside\n"})
    commit(work, "Further", {"further.txt": "further\n"})
    git(work, "rebase", "--quiet", "main", check=False)
    merge_strategy(work, program)
    write(work, {"both.txt": "both\n"})
    git(work, "add", "both.txt")
    canary.unlink(missing_ok=True)
    for how in ("continue", "skip"):
        with pytest.raises(GitError) as refused:
            tools.integrate(Place(str(work)), how=how)
        assert refused.value.error == "unsafe_state"
    assert not canary.exists()
    git(work, "rebase", "--continue", check=False)
    assert canary.exists(), "the trap is not sharp"


PLANTED: list[tuple[str, Mapping[str, str], list[str]]] = [
    (
        "a rebase whose list runs a program",
        {"rebase-merge/git-rebase-todo": "exec {program}\n", "rebase-merge/interactive": ""},
        ["rebase", "--continue"],
    ),
    (
        "a rebase that names a strategy",
        {
            "rebase-merge/git-rebase-todo": "pick {before}\n",
            "rebase-merge/strategy": "../trap\n",
            "rebase-merge/interactive": "",
        },
        ["rebase", "--continue"],
    ),
    (
        "a cherry-pick that names a strategy",
        {
            "sequencer/todo": "pick {before}\npick {head}\n",
            "sequencer/opts": "[options]\n\tstrategy = ../trap\n",
            "sequencer/head": "{before}\n",
            "sequencer/abort-safety": "{before}\n",
        },
        ["cherry-pick", "--continue"],
    ),
]


@pytest.mark.parametrize(("name", "files", "plain"), PLANTED, ids=lambda value: str(value)[:40])
def test_a_planted_state_is_not_gone_on_with(
    work: Path, canary: Path, program: str, name: str, files: Mapping[str, str], plain: list[str]
) -> None:
    merge_strategy(work, program)
    git(work, "config", "--unset", "pull.twohead")
    head, before = git(work, "rev-parse", "HEAD"), git(work, "rev-parse", "HEAD~1")
    git(work, "reset", "--quiet", "--hard", before)
    common = (
        {
            "rebase-merge/head-name": "refs/heads/main\n",
            "rebase-merge/onto": f"{before}\n",
            "rebase-merge/orig-head": f"{head}\n",
            "rebase-merge/done": "",
            "rebase-merge/msgnum": "1\n",
            "rebase-merge/end": "2\n",
        }
        if "rebase" in plain
        else {}
    )
    made = {
        f".git/{n}": t.format(program=program, head=head, before=before) for n, t in files.items()
    }
    write(work, {**{f".git/{n}": t for n, t in common.items()}, **made})
    here = Place(str(work))
    for how in ("continue", "skip"):
        with pytest.raises(GitError) as refused:
            tools.integrate(here, how=how)
        assert refused.value.error == "unsafe_state"
    assert not canary.exists()
    git(work, *plain, check=False)
    assert canary.exists(), "the trap is not sharp"


def test_a_state_of_git_am_is_only_aborted(work: Path) -> None:
    write(
        work, {".git/rebase-apply/apply-opt": "'--unsafe-paths'\n", ".git/rebase-apply/next": "1\n"}
    )
    with pytest.raises(GitError) as refused:
        tools.integrate(Place(str(work)), how="continue")
    assert refused.value.error == "unsafe_state"


def test_settings_of_another_work_tree_run_nothing_when_it_is_removed(
    work: Path, canary: Path, program: str
) -> None:
    attributes(work, "* filter=theirs")
    git(work, "worktree", "add", "--quiet", "-b", "w", "../tree")
    git(work, "config", "extensions.worktreeConfig", "true")
    tree = work.parent / "tree"
    git(tree, "config", "--worktree", "filter.theirs.clean", program)
    git(tree, "config", "--worktree", "core.fsmonitor", program)
    write(tree, {"a.txt": "other\n"})
    here = Place(str(work))
    with pytest.raises(GitError) as refused:
        tools.worktree(here, path="../tree", action="remove")
    assert refused.value.error == "would_overwrite"
    tools.worktree(here, path="../tree", action="remove", force=True)
    assert not tree.exists()
    assert not canary.exists()
    kept = git(work, "for-each-ref", "--format=%(objectname)", "refs/devagent/kept/").splitlines()
    assert git(work, "show", f"{kept[-1]}:a.txt") == "other"


def test_a_merge_takes_no_message_from_a_file_that_the_config_names(
    work: Path, tmp_path: Path
) -> None:
    (tmp_path / "private").write_text("private words\n")
    git(work, "config", "branch.main.mergeOptions", f"-F {tmp_path}/private --no-ff")
    git(work, "switch", "--quiet", "-c", "side", "HEAD~1")
    commit(work, "Side", {"c.txt": "c\n"})
    git(work, "switch", "--quiet", "main")
    tools.integrate(Place(str(work)), how="merge", ref="side")
    assert "private" not in git(work, "log", "-1", "--format=%B")


def test_a_nested_bare_repository_changes_nothing(work: Path, canary: Path, program: str) -> None:
    nested = work / "nested"
    git(work, "init", "--quiet", "--bare", str(nested))
    git(nested, "config", "core.bare", "false")
    git(nested, "config", "core.worktree", str(work))
    git(nested, "config", "core.fsmonitor", program)
    tools.status(Place(str(work)))
    with pytest.raises(GitError):
        tools.status(Place(str(nested)))
    assert not canary.exists()


def test_history_is_not_what_a_list_of_grafts_says(work: Path) -> None:
    head = git(work, "rev-parse", "HEAD")
    write(work, {".git/info/grafts": f"{head}\n"})
    assert git(work, "rev-list", "--count", "HEAD") == "1"
    assert tools.log(Place(str(work))).get("rows", 0) > 1


def test_no_process_stays_behind(work: Path) -> None:
    git(work, "config", "gc.auto", "1")
    list(every_call(work, CALLS))
    ps = shutil.which("pgrep")
    if ps is None:
        pytest.skip("no pgrep here")
    left = subprocess.run([ps, "-f", str(work)], capture_output=True, text=True, timeout=10)
    assert left.stdout == ""
