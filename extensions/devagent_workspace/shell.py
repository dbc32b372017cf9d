"""``shell`` and ``job``: commands in the workspace, at once or in the background."""

import os
import re
import signal
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from devagent_workspace.concealing import concealed
from devagent_workspace.contract import Result, Surroundings, WorkspaceError, bad
from devagent_workspace.environment import environment
from devagent_workspace.jobs import Job, jobs_of
from devagent_workspace.places import is_inside, moved
from devagent_workspace.programs.kinds import INTERACTIVE
from devagent_workspace.real_paths import real_path
from devagent_workspace.running import READ_BYTES, run
from devagent_workspace.sandbox import Enclosure, enclosure, sandbox_by
from devagent_workspace.sandbox.network import Network, network_of
from devagent_workspace.shown import byte_limit, clipped, one_line, shown
from devagent_workspace.state import state_of

_MOVES = re.compile(r"\b(?:cd|chdir|pushd|popd)\b")
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[?[0-9a-f:]+\]?")
_NO_NETWORK = re.compile(
    r"resolv|ENOTFOUND|EAI_AGAIN|[Nn]etwork is unreachable|name resolution|[Uu]nknown host|ENETUNREACH|socket",
)
_NO_ACCESS = re.compile(
    r"[Rr]ead-only file system|EROFS|Permission denied|EACCES|Operation not permitted"
)
_FIRST_WORD = re.compile(r"\s*(?:sudo\s+)?([\w.+-]+)(?:\s|$)")
_NEEDS_TERMINAL = re.compile(
    r"\bgit\s+(?:rebase\s+(?:-i|--interactive)|add\s+(?:-p|-i|--patch|--interactive)|checkout\s+-p|stash\s+-p)\b"
)


def shell(
    here: Surroundings,
    *,
    command: str,
    timeout_s: int = 120,
    background: bool = False,
    hosts: str = "",
) -> Result:
    """Run a bash command line, in the sandbox where there is one. ``cd`` lasts until the next command; the
    input is empty. ``hosts``: those that it wants the network for.

    Standard output and error come back together, cut in the middle where they are long; for the record
    ``RECORD_BYTES`` of them are kept. Raises
    WorkspaceError interactive, conflict, no_shell, no_sandbox, failed.
    """
    if "\0" in command or not command.strip():
        raise bad("the command is empty or holds a NUL")
    _refuse_interactive(command)
    state = state_of(here.folder)
    cwd = working_folder(here)
    judged = state.judged.get(("shell", command))
    if judged is not None and judged != cwd:
        raise moved("the working folder")
    network = network_named(here, hosts)
    variables = {**environment(here.settings), **network.variables()}
    within = enclosure(
        here.folder,
        own=here.own,
        settings=here.settings,
        written=state.written.get(command, ()),
        network=network,
        concealed=partial(concealed, here),
    )
    if background:
        job = jobs_of(here.folder).start(command, cwd=cwd, variables=variables, within=within)
        return {
            "text": f"job {job.number} runs in the background; see it with job(action=read, id={job.number})",
            "structured": {"job": job.number, "pid": job.pid},
        }
    limit = min(float(timeout_s), here.time_limit_s)
    cancelled: Any = getattr(here, "cancelled", None)
    ran = run(
        command, cwd=cwd, variables=variables, seconds=limit, within=within, cancelled=cancelled,
        follow="&" in command or _MOVES.search(command) is not None, tell=getattr(here, "progress", None),
    )  # fmt: skip
    notes: list[str] = []
    if ran.cwd and ran.cwd != cwd:
        notes.append(_moved_to(here, ran.cwd))
    if ran.left_behind and not ran.why:
        notes.append("processes left behind were ended; start servers with background=true")
    if within.refused:
        missing = " ".join(within.refused)
        notes.append(f"not reached, because hosts does not name them: {one_line(missing)}")
    if ran.why:
        hint = "; run what takes long with background=true" if "finished" in ran.why else ""
        notes.insert(0, f"ended: {ran.why}{hint}")
    elif ran.code:
        notes.insert(0, _exit(ran.code))
        notes += _held(here.folder, within, ran.output)
    most = byte_limit(here.obligations, READ_BYTES + 2000)
    text = ran.output.rstrip("\n")
    tail = f"[{'; '.join(notes)}]" if notes else ""
    room = most - len(tail.encode()) - 1
    body = clipped(text, room) if len(text.encode()) > room else text
    whole = ran.whole.rstrip("\n") or (text if body != text else "")
    return {
        "text": "\n".join(part for part in (body, tail) if part) or "[no output]",
        "failed": ran.code != 0,
        "whole": "\n".join(part for part in (whole, tail) if part) if whole else "",
        "error": "" if ran.code == 0 else "timeout" if "finished" in ran.why else ran.why or "exit",
        "structured": {
            "exit": ran.code,
            "bytes": ran.size,
            "complete": ran.complete and body == text,
            "duration_ms": round(ran.seconds * 1000),
            "cwd": _relative(here.folder, state.cwd),
            "sandbox": within.sandbox.kind,
        },
    }


def job(
    here: Surroundings, *, action: Literal["list", "read", "stop"] = "list", id: int = 0
) -> Result:
    """Background jobs: all of them, the output of one, or the end of one.

    Raises WorkspaceError no_such_job.
    """
    jobs = jobs_of(here.folder)
    if action == "list":
        lines = [_job_line(one) for one in jobs.all()]
        return {"text": "\n".join(lines) or "[no jobs]", "rows": len(lines)}
    one = jobs.find(id)
    if action == "stop":
        jobs.stop(one)
    text, complete, since = one.text(byte_limit(here.obligations, READ_BYTES) - 200)
    line = _job_line(one)
    whole = (
        "" if complete else f"{line}\n[what it printed since it was last read]\n{since}".rstrip()
    )
    return {
        "text": clipped(f"{line}\n{text}".rstrip(), byte_limit(here.obligations)),
        "whole": whole,
        "structured": {
            "job": one.number,
            "exit": one.code,
            "running": one.running,
            "complete": complete,
        },
    }


def working_folder(here: Surroundings) -> str:
    """Where the next command starts: where the last one ended, or the workspace."""
    state = state_of(here.folder)
    if not os.path.isdir(state.cwd) or not is_inside(real_path(state.cwd), here.folder):
        state.cwd = here.folder
    return state.cwd


def hosts_named(hosts: str) -> list[str]:
    """The hosts of that argument. Raises WorkspaceError bad_arguments."""
    named = hosts.lower().replace(",", " ").split()
    for host in named:
        if not _HOST.fullmatch(host):
            raise bad(f"hosts names hosts by spaces, without scheme, port or path; not {host!r}")
    return list(dict.fromkeys(named))


def network_named(here: Surroundings, hosts: str) -> Network:
    """What a command that names these hosts may reach. Raises WorkspaceError bad_arguments, no_sandbox."""
    return network_of(sandbox_by(here.settings).kind, hosts_named(hosts))


def _held(folder: str, within: Enclosure, output: str) -> list[str]:
    """What the sandbox may have to do with a failure; programs tell it in words of their own."""
    if within.sandbox.kind == "none":
        return []
    notes: list[str] = []
    if not (within.bounds.network or within.bounds.hosts) and _NO_NETWORK.search(output):
        notes.append("there is no network here; name in hosts what it must reach")
    if _NO_ACCESS.search(output):
        notes.append("the sandbox lets nothing be written outside the workspace and hides secrets")
        inside = [one for one in within.bounds.hidden if is_inside(one, folder)]
        if inside:
            names = ", ".join(_relative(folder, one) for one in inside[:5])
            more = f" and {len(inside) - 5} more" if len(inside) > 5 else ""
            beside = (
                ", and nothing new can be made beside them"
                if within.sandbox.kind == "landlock"
                else ""
            )
            notes.append(f"policy keeps commands from {names}{more}{beside}")
    return notes


def _moved_to(here: Surroundings, cwd: str) -> str:
    state = state_of(here.folder)
    if not os.path.isdir(cwd) or not is_inside(real_path(cwd), here.folder):
        state.cwd = here.folder
        return f"the next command starts in the workspace again, not in {one_line(cwd)}"
    state.cwd = cwd
    return f"now in {_relative(here.folder, cwd)}"


def _relative(folder: str, cwd: str) -> str:
    return one_line(os.path.relpath(cwd, folder))


def _exit(code: int) -> str:
    if code < 0 or code > 128:
        number = -code if code < 0 else code - 128
        try:
            return f"exit {code} ({signal.Signals(number).name})"
        except ValueError:
            return f"exit {code}"
    told: Mapping[int, str] = {126: "not executable", 127: "command not found"}
    return f"exit {code}{f' ({told[code]})' if code in told else ''}"


def _job_line(one: Job) -> str:
    how = "running" if one.running else "stopped" if one.stopped else _exit(one.code or 0)
    return f"job {one.number} [{how}, {one.seconds():.0f} s] {shown(one.command)[:200]}"


def _refuse_interactive(command: str) -> None:
    """Programs that need a person at a terminal would only hang or fail in odd ways."""
    for part in re.split(r"[|;&\n]+", command):
        word = _FIRST_WORD.match(part)
        if (
            word is not None
            and word[1] in INTERACTIVE
            and not re.search(r"\s--?(?:version|help)\b|\s-batch\b|\s-[a-z]*b", part)
        ):
            raise WorkspaceError(
                f"{word[1]} needs a terminal and there is none; use {INTERACTIVE[word[1]]}",
                error="interactive",
            )
    if _NEEDS_TERMINAL.search(command):
        raise WorkspaceError(
            "this git command asks a person at a terminal; name paths or commits instead",
            error="interactive",
        )
