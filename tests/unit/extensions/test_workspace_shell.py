"""Running commands: their end, their output, their surroundings, and nothing left behind."""

import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devagent_workspace import tools
from devagent_workspace.contract import Result, WorkspaceError
from devagent_workspace.jobs import jobs_of, stop_all
from devagent_workspace.progress import EVERY_S, MOST_BYTES, Progress
from devagent_workspace.running import READ_BYTES, RECORD_BYTES, Kept, members, plain
from tests.support.workspaces import Place


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "src").mkdir()
    yield Place(str(tmp_path), cancelled=threading.Event())
    stop_all(str(tmp_path))


def run(here: Place, command: str, timeout_s: int = 20) -> Result:
    return tools.shell(here, command=command, timeout_s=timeout_s)


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something with a limit; the threads of jobs have no event to wait on."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not happen"
        threading.Event().wait(0.01)


def running(marker: str) -> bool:
    """Whether a process with this word in its command line is there."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if marker.encode() in Path("/proc", entry, "cmdline").read_bytes().split(b"\0"):
                    return True
            except OSError:
                continue
    return False


def test_output_errors_and_exit_come_back_in_order(here: Place) -> None:
    result = run(here, "echo one; echo two >&2; echo three; exit 3")
    assert result["text"] == "one\ntwo\nthree\n[exit 3]"
    assert result.get("failed") is True
    assert result.get("structured", {})["exit"] == 3
    assert run(here, "true")["text"] == "[no output]"
    assert "[exit 127 (command not found)]" in run(here, "no-such-program")["text"]
    assert "(SIGKILL)" in run(here, "kill -9 $$")["text"]


def test_cd_lasts_inside_the_workspace_and_not_outside(here: Place) -> None:
    assert run(here, "cd src")["text"] == "[now in src]"
    assert run(here, "pwd")["text"] == f"{here.folder}/src"
    assert "starts in the workspace again" in run(here, "cd /")["text"]
    assert run(here, "pwd")["text"] == here.folder
    run(here, "cd src && false")
    assert run(here, "pwd")["text"] == f"{here.folder}/src"
    os.rmdir(Path(here.folder, "src"))
    assert run(here, "pwd")["text"] == here.folder


def test_a_call_is_judged_from_the_folder_that_it_runs_in(here: Place) -> None:
    run(here, "cd src")
    found = tools.resources("shell", {"command": "echo x > a.txt"}, here)
    assert "path:src/a.txt" in [one["id"] for one in found]
    run(here, "cd ..")
    with pytest.raises(WorkspaceError) as moved:
        run(here, "echo x > a.txt")
    assert moved.value.error == "conflict"


def test_a_command_that_takes_too_long_is_ended_with_all_it_started(here: Place) -> None:
    marker = f"{time.time_ns()}.5"
    result = run(here, f"echo began; (trap '' TERM; sleep {marker}) & sleep {marker}", timeout_s=1)
    assert result["text"].startswith("began\n[ended: not finished after 1 s")
    assert result.get("error") == "timeout"
    assert not running(marker)


def test_a_cancelled_call_is_ended(here: Place) -> None:
    marker = f"{time.time_ns()}.5"
    threading.Timer(0.3, here.cancelled.set).start()
    began = time.monotonic()
    assert run(here, f"sleep {marker}").get("error") == "cancelled"
    assert time.monotonic() - began < 5
    assert not running(marker)


def test_what_is_left_behind_is_ended_and_said(here: Place) -> None:
    marker = f"{time.time_ns()}.5"
    assert "processes left behind were ended" in run(here, f"sleep {marker} & echo ok")["text"]
    assert not running(marker)
    quiet = run(here, f"set -m; sleep {marker} >/dev/null 2>&1 & echo ok")
    assert "processes left behind were ended" in quiet["text"]
    assert not running(marker)


def test_a_program_that_waits_for_input_gets_none(here: Place) -> None:
    assert run(here, "cat; read x || echo none")["text"] == "none"
    assert run(here, "test -t 0 || echo no terminal")["text"] == "no terminal"


def test_the_environment_holds_no_secret_and_no_surprise(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "ANTHROPIC_API_KEY",
        "LD_PRELOAD",
        "GIT_DIR",
        "PYTHONPATH",
        "BASH_ENV",
        "DATABASE_URL",
    ):
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.setenv("PAGER", "sh -c id")
    monkeypatch.setenv("PATH", f"relative::{os.environ['PATH']}")
    text = run(here, "env")["text"]
    assert "hunter2" not in text
    assert "PAGER=cat" in text
    assert "GIT_TERMINAL_PROMPT=0" in text
    assert "relative" not in text
    more = Place(here.folder, settings={"environment": ["DATABASE_URL"]})
    assert "DATABASE_URL=hunter2" in run(more, "env")["text"]


def test_colours_and_overwritten_lines_are_gone() -> None:
    assert plain(b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07x\r\n") == "red x\n"
    assert plain(b"10%\r20%\r100%\ndone\n") == "100%\ndone\n"
    assert plain(b"ab\b\bcd") == "cd"
    assert plain(b"\xff\x00\xe2\x80\xae") == "\\xff\\x00\\u202e"


def test_long_output_keeps_its_head_and_tail(here: Place) -> None:
    result = run(here, "seq 1 200000")
    lines = result["text"].split("\n")
    assert lines[:2] == ["1", "2"]
    assert lines[-1] == "200000"
    assert "of 1.3 MB (200000 lines) left out here" in result["text"]
    assert len(result["text"]) < 42_000
    assert result.get("structured", {})["complete"] is False


def test_the_record_gets_what_the_model_does_not(here: Place) -> None:
    result = run(here, "seq 1 100000; exit 3")
    whole = result.get("whole", "")
    assert "\n50000\n" in whole
    assert "\n50000\n" not in result["text"]
    assert whole.startswith("1\n2\n")
    assert whole.endswith("\n100000\n[exit 3]")
    assert run(here, "seq 1 100").get("whole") == ""
    limited = Place(here.folder, obligations={"limit_bytes": 300})
    assert "\n777\n" in run(limited, "seq 1 1000").get("whole", "")


def test_what_is_kept_for_the_record_has_an_end_and_says_so(here: Place) -> None:
    whole = run(here, "head -c 3000000 /dev/zero; echo; echo end").get("whole", "")
    assert whole.endswith("end")
    assert "left out here]" in whole
    assert len(whole) < RECORD_BYTES + 200


def test_the_record_gets_of_a_job_what_came_since_it_was_last_read(here: Place) -> None:
    os.mkfifo(Path(here.folder, "gate"))
    line = "seq 1 30000; echo first; read -r x < gate; seq 30001 60000; echo second"
    tools.shell(here, command=line, background=True)
    until(lambda: jobs_of(here.folder).find(1).lines == 30_001)
    first = tools.job(here, action="read", id=1).get("whole", "")
    assert "\n15000\n" in first
    Path(here.folder, "gate").write_text("go\n")
    until(lambda: not jobs_of(here.folder).find(1).running)
    second = tools.job(here, action="read", id=1).get("whole", "")
    assert "\n45000\n" in second
    assert "\n15000\n" not in second


def test_a_flood_takes_constant_memory() -> None:
    kept = Kept()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(1600):
        kept.add(b"x" * 65_536)
    assert kept.size > 100_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    text, complete = kept.text()
    assert not complete
    assert 900_000 < len(text) < 1_001_000
    assert len(kept.text(READ_BYTES)[0]) < 41_000


def test_a_command_that_floods_is_survived_in_constant_memory(here: Place) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = run(here, "head -c 100000000 /dev/zero | tr '\\0' x; echo; echo end", timeout_s=60)
    assert result["text"].endswith("end")
    assert result.get("structured", {})["bytes"] == 100_000_005
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_many_small_pieces_keep_the_true_tail() -> None:
    kept = Kept(head=10, tail=10)
    for number in range(100):
        kept.add(f"{number:02d}\n".encode())
    assert kept.text()[0].endswith("97\n98\n99\n")


@pytest.mark.parametrize(
    "command",
    [
        "vim a.txt",
        "cd src && nano x",
        "ls | less",
        "top",
        "git rebase -i HEAD~2",
        "git add -p",
        "man ls",
    ],
)
def test_a_program_that_needs_a_terminal_is_refused_with_what_to_use(
    here: Place, command: str
) -> None:
    with pytest.raises(WorkspaceError, match=r"use |name ") as refused:
        run(here, command)
    assert refused.value.error == "interactive"


def test_an_empty_command_is_refused(here: Place) -> None:
    for command in ("", "  \n", "a\0b"):
        with pytest.raises(WorkspaceError) as refused:
            run(here, command)
        assert refused.value.error == "bad_arguments"


def test_a_background_job_is_listed_read_and_stopped(here: Place) -> None:
    marker = f"{time.time_ns()}.5"
    started = tools.shell(here, command=f"echo ready; sleep {marker}", background=True)
    number = started.get("structured", {})["job"]
    until(lambda: "ready" in tools.job(here, action="read", id=number)["text"])
    assert f"job {number} [running" in tools.job(here)["text"]
    assert "[stopped" in tools.job(here, action="stop", id=number)["text"]
    assert not running(marker)
    with pytest.raises(WorkspaceError) as missing:
        tools.job(here, action="read", id=99)
    assert missing.value.error == "no_such_job"


def test_a_job_that_ends_tells_its_exit_and_leaves_no_watcher(here: Place) -> None:
    tools.shell(here, command="echo bye; exit 4", background=True)
    until(lambda: "[exit 4" in tools.job(here, action="read", id=1)["text"])
    job = jobs_of(here.folder).find(1)
    until(lambda: members(job.pid) == [])
    until(lambda: job._watcher.returncode is not None)  # pyright: ignore[reportPrivateUsage]


def test_a_job_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    import signal
    import subprocess
    import sys

    marker = f"{time.time_ns()}.5"
    code = (
        "import sys, time\nfrom devagent_workspace import tools\n"
        "class Here:\n    folder, settings, obligations, time_limit_s, own = sys.argv[1], {}, {}, 5, ()\n"
        f"tools.shell(Here, command='sleep {marker}', background=True)\nprint('up', flush=True)\ntime.sleep(60)"
    )
    extensions = str(Path(tools.__file__).parent.parent)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], env={"PYTHONPATH": extensions, "PATH": os.environ["PATH"]}, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        until(lambda: running(marker))
        process.send_signal(signal.SIGKILL)
    until(lambda: not running(marker))


class Screen:
    """Takes what a command prints while it runs."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.seen = threading.Event()

    def __call__(self, text: str) -> None:
        self.texts.append(text)
        self.seen.set()


def test_output_is_told_while_the_command_runs(here: Place) -> None:
    screen, go_on = Screen(), Path(here.folder, "go-on")
    watching = here._replace(progress=screen)
    done: list[Result] = []
    command = "echo compiling; until [ -e go-on ]; do sleep 0.02; done; echo linked"
    thread = threading.Thread(target=lambda: done.append(run(watching, command)))
    thread.start()
    assert screen.seen.wait(20)
    assert "".join(screen.texts) == "compiling\n"
    go_on.touch()
    thread.join(20)
    assert done[0]["text"] == "compiling\nlinked"


def test_a_flood_is_told_seldom_and_by_its_end(here: Place) -> None:
    screen = Screen()
    result = run(here._replace(progress=screen), "yes 0123456789 | head -c 100000000")
    assert result.get("structured", {})["bytes"] == 100_000_000
    seconds = result.get("structured", {})["duration_ms"] / 1000
    assert len(screen.texts) <= seconds / EVERY_S + 1
    assert all(len(text) <= MOST_BYTES for text in screen.texts)
    assert set("".join(screen.texts).split()) <= {"0123456789"}


def test_what_is_told_has_no_colours_and_no_half_lines() -> None:
    told: list[str] = []
    progress = Progress(told.append, plain)
    progress.add(b"\x1b[1;31mred\x1b[0m\x1b]0;title\x07\nhalf \x1b[3")
    progress._told -= 60  # pyright: ignore[reportPrivateUsage]  (time has passed)
    progress.add(b"2mgreen")
    assert told == ["red\n"]
    progress.add(b"\x1b[0m\n")
    progress.quiet()
    progress.quiet()
    assert told == ["red\n", "half green\n"]
    progress.add(b"Password: ")
    progress.quiet()
    assert told[2:] == ["Password: "]
