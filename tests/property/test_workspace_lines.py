"""What a clear line is said to run is what bash runs: checked against bash itself, with stub programs."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devagent_workspace.environment import environment
from devagent_workspace.judging import UNKNOWN, touched_by
from devagent_workspace.running import bash, plain
from devagent_workspace.scripts import awk_is_plain, sed_is_plain

STUBS = ("a", "b", "rm", "git")
TOKENS = st.sampled_from([
    "a", "b", "rm", "git", "x", "f*", "'", "'", '"', '"', "\\", "\n", ";", ";", "&&", "||", "|", "&", "(", ")", "{ ", " }", "$x", "${x}",
    "$(", ")", "`", "#", " ", " ", " ", " ", "<<E\n", "\nE\n", "<<'E'\n", " >o", " <f1", "*", "{a,b}", "$'", "if ", "; then ", "; fi", " else ",
    "! ", "=", "x=a ", "x=b;", "[ ", " ]", "[[ ", " ]]", "echo ", "cd s", "for x in a b; do ", "; done", "case a in ", "a) ", ";; ", " esac",
    "$((", "))", "((", "1", "+", "<(", ">(", "<<<", "-r", "\\\n", "  \\\n ", "a ", "b ", "rm ", "a b; rm x", " && rm y", "time ", "bash -c ",
    "sh -c ", "env ", "xargs ", "command ", "builtin ", "exec ", "2>&1", "&>o", ">&o", "|&", "read x;", "export ", "A=1 ", "unset x;", "$@",
    "$1", "$?", "~", "E\n", "\t", "!", ",", "..", "{1..2}", "@(a)", "a() { ", "; }", "until ", "while false; do ",
])  # fmt: skip
LINES = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "", "a ", "a; ", "git x ", "b 'q' ", "if a; then b; fi; "]),
        st.lists(TOKENS, min_size=1, max_size=9).map("".join),
    ),
)
DOCUMENTS = st.builds(
    "".join,
    st.tuples(
        st.lists(st.sampled_from(["a ", "b;", '"', "$(", "(", "{ ", "|", "&&", " "]), min_size=1, max_size=3).map("".join),
        st.sampled_from(["<<E", "<<'E'", "<<-E", '<<"E"', "<< E"]),
        st.lists(st.sampled_from([" ) ", ")", " }", "|b", "&&", ">o", "\\\n", "#", "; rm w", '"', " "]), max_size=3).map("".join),
        st.just("\n"),
        st.lists(st.sampled_from(["\n", "E\n", "rm x\n", "a $(rm y)\n", "$x\n", "\\\n", "\tE\n", "'", '"', "`rm z`\n", "E ", "; rm q\n"]), max_size=5).map("".join),
        st.sampled_from(["E\n", "E", "E\nrm end\n", "E\nb\n", "E)", 'E"']),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    stage = tmp_path_factory.mktemp("stage")
    (stage / "bin").mkdir()
    (stage / "work/s").mkdir(parents=True)
    for name in ("f1", "f2"):
        (stage / "work" / name).write_text("")
    for name in STUBS:
        stub = stage / "bin" / name
        stub.write_text(
            f"#!/bin/sh\nprintf '%s\\037' \"${{0##*/}}\" \"$@\" '\036' >> {stage}/log\n"
        )
        stub.chmod(0o755)
    return stage


def ran(stage: Path, line: str, variables: dict[str, str]) -> list[list[str]]:
    """The argv of every stub that bash starts for a line."""
    log = stage / "log"
    log.write_bytes(b"")
    subprocess.run(
        [bash(), "--norc", "--noprofile", "-c", line, "bash"], cwd=stage / "work", env=variables, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=20, check=False,
    )  # fmt: skip
    records = os.fsdecode(log.read_bytes()).split("\036\037")[:-1]
    return [record.split("\037")[:-1] for record in records]


def explained(argv: list[str], named: list[str]) -> bool:
    """Whether one of the named commands is this one; of those with unknown words the program counts."""
    for name in named:
        try:
            words = shlex.split(name)
        except ValueError:
            words = name.split()
        if words == argv or (words[:1] == argv[:1] and any(sign in name for sign in "*?$`<>…")):
            return True
    return False


@settings(max_examples=300)
@given(st.one_of(LINES, LINES, DOCUMENTS))
def test_bash_runs_nothing_that_a_clear_line_did_not_name(stage: Path, line: str) -> None:
    variables = {**environment({}), "PATH": str(stage / "bin")}
    work = str(stage / "work")
    found = touched_by(line, folder=work, cwd=work, variables=variables)
    assert found.resources
    if any(one["id"] == UNKNOWN for one in found.resources):
        assert found.doubts
        return
    named = [one["id"].removeprefix("command:") for one in found.resources]
    for argv in ran(stage, line, variables):
        assert explained(argv, named), (line, argv, named)


@given(st.text(max_size=60))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    found = touched_by(text, folder="/", cwd="/", variables={"PATH": "/bin"})
    assert found.resources
    assert all(
        one["id"].partition(":")[0] in ("command", "path", "host") for one in found.resources
    )


@given(
    st.lists(
        st.sampled_from(
            [
                "s/a/b/",
                "1,2",
                "e",
                "w x",
                "p",
                ";",
                "\n",
                "{",
                "}",
                "/r/",
                "s|",
                "|",
                "g",
                "d",
                "!",
                " ",
                "\\",
                "y/a/b/",
                "r x",
                "M",
            ]
        ),
        max_size=6,
    ).map("".join)
)
def test_a_sed_script_taken_for_plain_neither_runs_nor_writes(stage: Path, script: str) -> None:
    if not sed_is_plain(script):
        return
    done = subprocess.run(
        ["/usr/bin/env", "sed", "--sandbox", "-n", script, "/dev/null"], capture_output=True, timeout=20, check=False,
    )  # fmt: skip
    assert b"sandbox" not in done.stderr, script


def test_the_awk_that_runs_things_is_never_plain() -> None:
    for program in ('{system("x")}', '{"x"|getline}', '{print|"x"}', '{print > "x"}', "@load 'x'"):
        assert not awk_is_plain(program)
    for program in ("{print $1}", "NR>5", "$1 > 3 || $2 < 4 {n++} END {print n}", "/a/"):
        assert awk_is_plain(program)


@given(st.binary(max_size=200))
def test_output_of_any_bytes_becomes_text_without_controls(data: bytes) -> None:
    text = plain(data)
    text.encode()
    assert not any(ord(sign) < 32 and sign not in "\n\t" for sign in text)
