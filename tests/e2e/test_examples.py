"""The examples for scripts: valid for the services that read them, and their lines do what they say."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.command_line import LIMIT_S, Finished, environment
from tests.support.messages_server import MessagesServer, Step
from tests.support.repositories import git, small

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
FINE: dict[str, Any] = {"summary": "Nothing stands out.", "findings": []}
BAD: dict[str, Any] = {
    "summary": "A key is in it.",
    "findings": [{"file": "a.txt", "line": 3, "severity": "blocker", "text": "A key."}],
}


def yaml(name: str) -> Any:
    reader: Any = YAML(typ="safe")  # its stubs leave the stream without a type
    return reader.load((EXAMPLES / name).read_text(encoding="utf-8"))


@pytest.fixture
def work(tmp_path: Path, home: Path) -> Path:
    """A repository with a change, the examples in its ``ci``, and ``devagent`` on the path."""
    (home / ".gitconfig").write_text("[user]\n\tname = Ana Roe\n\temail = ana@example.com\n")
    work = small(tmp_path / "work")
    shutil.copytree(EXAMPLES, work / "ci")
    (work / ".git/info/exclude").write_text("ci\n")
    (work / "a.txt").write_text("one\ntwo\nthree\n")
    program = tmp_path / "bin" / "devagent"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m devagent "$@"\n')
    program.chmod(0o755)
    return work


async def shell(
    line: str, work: Path, server: MessagesServer | None = None, **variables: str
) -> Finished:
    """A line as the service's shell runs it."""
    path = os.pathsep.join([str(work.parent / "bin"), os.environ["PATH"]])
    process = await asyncio.create_subprocess_exec(
        *("bash", "-eo", "pipefail", "-c", line),
        cwd=work,
        env=environment(server, {"PATH": path, **variables}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(LIMIT_S):
        stdout, stderr = await process.communicate()
    return Finished(process.returncode or 0, stdout.decode(), stderr.decode())


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("github-actions.yml", "vendor.github-workflows"),
        ("gitlab-ci.yml", "vendor.gitlab-ci"),
    ],
)
def test_a_job_is_valid_for_the_service_that_runs_it(name: str, schema: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, EXAMPLES / name],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_actions_of_others_are_pinned_by_commit() -> None:
    uses = [
        step["uses"]
        for step in yaml("github-actions.yml")["jobs"]["review"]["steps"]
        if "uses" in step
    ]
    assert uses
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", one) for one in uses)


@pytest.mark.parametrize(("answer", "code"), [(FINE, 0), (BAD, 1)])
async def test_the_lines_of_both_jobs_review_the_change_and_show_the_record(
    work: Path, answer: dict[str, Any], code: int
) -> None:
    git(work, "commit", "-qam", "Third")
    steps = [
        one["run"] for one in yaml("github-actions.yml")["jobs"]["review"]["steps"] if "run" in one
    ]
    job = yaml("gitlab-ci.yml")["review"]
    for install in (steps[0], *job["before_script"]):
        assert install.startswith('python3 -m pip install "$DEVAGENT_PACKAGE"')
    for review, after in (
        (steps[1], steps[2:]),
        ("\n".join(job["script"]), job["after_script"]),
    ):
        async with MessagesServer([Step(text=json.dumps(answer))]) as server:
            done = await shell(review, work, server, BASE="HEAD~1", CI_MERGE_REQUEST_DIFF_BASE_SHA="HEAD~1")  # fmt: skip
        assert done.code == code, done
        assert answer["summary"] in done.stdout
        assert ("a.txt:3: blocker: A key." in done.stdout) == bool(code)
        assert "+three" in json.dumps(server.requests[0].body["messages"])
        told = await shell("\n".join(after), work)
        assert told.code == 0, told
        assert "claude-sonnet-5-5" in told.stdout
        assert "verify: ok" in told.stdout


async def test_a_review_that_could_not_be_made_is_no_clean_one(work: Path) -> None:
    async with MessagesServer([Step(status=401, error="authentication_error")]) as server:
        done = await shell("git diff | sh ci/review.sh", work, server)
    assert (done.code, done.stdout) == (6, "")
    assert "review: " in done.stderr


async def test_the_hook_stops_a_commit_with_a_finding_and_lets_a_clean_one_pass(
    work: Path,
) -> None:
    (hook,) = yaml("pre-commit-config.yaml")["repos"][0]["hooks"]
    assert (hook["language"], hook["entry"]) == ("system", "sh ci/pre-commit.sh")
    installed = work / ".git/hooks/pre-commit"
    installed.write_text(f"#!/bin/sh\nexec {hook['entry']}\n")
    installed.chmod(0o755)
    commit = "git commit -qam Third"
    async with MessagesServer([Step(text="a.txt: a debugging line")]) as server:
        stopped = await shell(commit, work, server)
    assert stopped.code == 1
    assert "a debugging line" in stopped.stderr
    async with MessagesServer([Step(status=401)]) as server:
        passed = await shell(commit, work, server)
    assert passed.code == 0
    assert "no look was taken (devagent: exit 6)" in passed.stderr
    (work / "a.txt").write_text("four\n")
    async with MessagesServer([Step(text="OK")]) as server:
        clean = await shell(commit, work, server)
    assert clean.code == 0, clean
    assert (await shell(commit.replace("-qam", "--allow-empty -qm"), work)).code == 0


async def test_the_lines_of_the_crontab_run(work: Path, home: Path) -> None:
    lines = (EXAMPLES / "crontab").read_text(encoding="utf-8").splitlines()
    jobs = [line for line in lines if line and not re.match(r"#|\w+=", line)]
    (home / "shop").symlink_to(work)
    for job in jobs:
        *when, command = job.split(None, 5)
        assert all(re.fullmatch(r"[\d*/,-]+", field) for field in when)
        assert len(when) == 5
        async with MessagesServer([Step(text="All quiet."), Step(status=401)]) as server:
            done = await shell(command, work, server)
            failed = await shell(command, work, server)
        assert (done.code, done.stdout) == (0, "All quiet.\n")
        assert failed.code == 6
        assert "ended with exit code 6" in failed.stderr


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
async def test_each_target_of_the_makefile_does_its_task(work: Path) -> None:
    git(work, "add", "a.txt")
    answers = {"review": json.dumps(FINE), "explain": "It adds a line.", "message": "Add a line"}
    for target, answer in answers.items():
        async with MessagesServer([Step(text=answer)]) as server:
            done = await shell(f"make -f ci/Makefile {target}", work, server)
        assert done.code == 0, done
        assert done.stdout.strip() == (FINE["summary"] if target == "review" else answer)
        assert "+three" in json.dumps(server.requests[0].body["messages"])


async def test_a_diff_is_reviewed_by_one_line_of_a_shell(work: Path) -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r'^git diff \| devagent run "[^"]+"$', page, re.MULTILINE)
    async with MessagesServer([Step(text="Fine.")]) as server:
        done = await shell(line, work, server)
    assert (done.code, done.stdout) == (0, "Fine.\n")
    assert "<input>" in json.dumps(server.requests[0].body["messages"])
