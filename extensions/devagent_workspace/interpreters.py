"""Interpreters, and what loads code into them: a script or a module may be named, code may not be given."""

import re
from collections.abc import Sequence
from itertools import pairwise

from devagent_workspace.grammar import Unclear
from devagent_workspace.handed_on import gives
from devagent_workspace.options import check_verbs, judge
from devagent_workspace.programs.kinds import INTERPRETERS, LONG_CODE_OPTIONS
from devagent_workspace.programs.known import PROGRAMS
from devagent_workspace.programs.scripting import SCRIPTS
from devagent_workspace.shown import names
from devagent_workspace.sources import Source
from devagent_workspace.variables import Scope
from devagent_workspace.walk import Walk
from devagent_workspace.words import Field

_SETTING = re.compile(
    r"(?:memory_limit|display_errors|error_reporting|max_execution_time|xdebug\.mode|zend\.assertions|date\.timezone"
    r"|opcache\.enable(?:_cli)?)(?:=[\w./~&| -]*)?"
)
_WARNINGS = re.compile(r"[a-z]+(?:::\w+)?(?::\w*:\d*)?")
_FEATURES = re.compile(
    r"importtime(?:=\d)?|dev|utf8(?:=\d)?|faulthandler|tracemalloc(?:=\d+)?|no_debug_ranges|showrefcount|perf"
    r"|int_max_str_digits=\d+|frozen_modules=(?:on|off)|warn_default_encoding|gil=\d|cpu_count=\w+"
)
_HARMLESS_VALUES = {
    ("php", "d"): _SETTING, ("php", "c"): re.compile(r"(?!)"),
    ("python", "W"): _WARNINGS, ("pypy", "W"): _WARNINGS, ("python", "X"): _FEATURES, ("pypy", "X"): _FEATURES,
}  # fmt: skip
"""What may follow an option of an interpreter whose other values name code to load: settings files, classes of
warnings in modules, folders of byte code."""


def check_interpreter(name: str, fields: Sequence[Field]) -> None:
    """An interpreter may be given a script or a module, no code. Raises Unclear."""
    loads, plain, valued = INTERPRETERS[name]
    at, valued_long = 1, False
    while at < len(fields):
        word = fields[at].text
        if word is None:
            if fields[at].source == "files" and fields[at].start:
                return
            raise Unclear(f"{name} is given words that are not known")
        if word in ("--version", "--help", "-V", "-h", "--test") or (
            word == "-v" and "v" not in plain
        ):
            if word != "--test":
                return
            at += 1
            continue
        if word.startswith("--"):
            given = word.partition("=")[0]
            if any(option.startswith(given) for option in LONG_CODE_OPTIONS) or word == "--":
                raise Unclear(f"{name} {word[:30]} may run or load code")
            valued_long = valued_long or "=" not in word
            at += 1
            continue
        if not word.startswith("-"):
            break
        if word == "-":
            raise Unclear(f"{name} runs what it reads")
        if name in ("python", "pypy") and word == "-m" and at + 1 < len(fields):
            _module(fields[at + 1 :])
            return
        step = 1
        for index, letter in enumerate(word[1:], 1):
            if letter in valued:
                last = index == len(word) - 1
                value = fields[at + 1 : at + 2] if last else [Field(word[index + 1 :], "")]
                harmless = _HARMLESS_VALUES.get((name, letter))
                if harmless and not (value and harmless.fullmatch(value[0].text or "-")):
                    raise Unclear(f"{name} {word[:30]} may run or load code")
                step = 2 if last else 1
                break
            if letter in loads or letter not in plain:
                raise Unclear(f"{name} {word[:30]} may run or load code")
        at += step
    if at >= len(fields):
        if name == "node" and any(field.text == "--test" for field in fields):
            return  # it runs the tests that it finds
        raise Unclear(f"{name} runs what it reads")
    script = fields[at].text or ""
    if valued_long and any(_may_be_code(name, field.begins) for field in fields[at + 1 :]):
        # What looks like the script may be the value of an option before it.
        raise Unclear(f"{name} with options that may run or load code")
    if script.startswith(("/dev/", "/proc/")) or script in ("eval", "repl", "inspect", "-e"):
        raise Unclear(f"{name} runs what it reads")
    if name in ("deno", "bun") and _is_read(fields[at + 1 :]):
        raise Unclear(f"{name} runs what it reads")
    told = SCRIPTS.get(script.rpartition("/")[2])
    if told is not None and any(field.text in told for field in fields[at + 1 :]):
        raise Unclear(f"{script[:40]} runs what is given to it")


def _is_read(words: Sequence[Field]) -> bool:
    """Whether a ``run`` means its input, or code of an address."""
    return any(
        field.begins == "-" or re.match(r"(?:https?|jsr|npm|data):", field.begins)
        for field in words
    )


def _may_be_code(name: str, word: str) -> bool:
    loads, plain, _ = INTERPRETERS[name]
    if word.startswith("--"):
        return any(option.startswith(word.partition("=")[0]) for option in LONG_CODE_OPTIONS)
    return word.startswith("-") and any(x in loads or x not in plain for x in word[1:])


_MODULES = names("""
code timeit pdb cProfile profile trace runpy IPython idlelib zipapp asyncio webbrowser turtledemo pyclbr bdb
pickle sqlite3 mailcap fire pyperf viztracer watchfiles watchmedo xonsh ptpython bpython
doctest site ensurepip venv
""") - {"doctest", "venv", "ensurepip"}


def _module(fields: Sequence[Field]) -> None:
    module = fields[0].text
    if module is None or module.split(".")[0] in _MODULES:
        raise Unclear("python runs code that is given to it")
    if module in PROGRAMS:
        check_verbs(module, PROGRAMS[module], fields[1:])
        for field in fields[1:]:
            word = field.begins
            program = PROGRAMS[module]
            given = program.words and re.fullmatch(program.words, word, re.DOTALL)
            runs = given or any(gives(program, word, option) for option in program.runs)
            if runs or loads_plugin(module, word, fields):
                raise Unclear(f"{module} {word[:40]} may start other programs")


def loads_plugin(name: str, word: str, fields: Sequence[Field]) -> bool:
    """``pytest -p module`` loads code; ``-p no:…`` only leaves some out."""
    if name != "pytest" or word.startswith("--") or not word.startswith("-p"):
        return False
    texts = [field.text or "" for field in fields]
    values = [word[2:]] if word[2:] else [b for a, b in pairwise(texts) if a == word]
    return not values or any(not value.startswith("no:") for value in values)


def pytest(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    walk.record(fields, scope)
    for field in fields[1:]:
        if field.text is not None and loads_plugin("pytest", field.text, fields[1:]):
            raise Unclear("pytest -p loads code")
    judge(walk, "pytest", fields, scope)
    return "output"
