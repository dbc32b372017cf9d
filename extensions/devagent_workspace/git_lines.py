"""``git`` in a command line: its options before the command, and what makes it start other programs."""

import os
import re
from collections.abc import Callable, Sequence

from devagent_workspace.contract import Access
from devagent_workspace.grammar import Unclear
from devagent_workspace.programs.git import (
    GIT_COMMANDS,
    GIT_GLOBAL,
    GIT_READS,
    GIT_RUNS,
    GIT_SAFE_SETTINGS,
    GIT_SHORT_RUNS,
    GIT_STRATEGIES,
    GIT_UNCLEAR,
)
from devagent_workspace.sources import Source
from devagent_workspace.variables import Scope
from devagent_workspace.walk import Walk
from devagent_workspace.words import Field

_LISTS = {
    "ls-files": (),
    "diff": ("--name-only",),
    "grep": ("-l", "--files-with-matches"),
    "show": (),
}
_MERGING = frozenset(["merge", "rebase", "pull", "cherry-pick", "revert"])
_HARMLESS = frozenset(["--text", "--info-only", "--template=", "--exclude", "--show"])


def look_at_git(
    walk: Walk,
    fields: Sequence[Field],
    scope: Scope,
    check_unknown: Callable[[str, Sequence[Field], Scope], None],
) -> Source:
    """Name the command without what changes nothing of it (``git -C x --no-pager log`` is ``git log``)."""
    inner = scope.copy()
    at = 1
    doubtful = ""
    while at < len(fields):
        word = fields[at].text
        if word is None:
            walk.record(fields, scope)
            raise Unclear("git is given words that are not known")
        if not word.startswith("-") or word in GIT_COMMANDS:
            break
        if GIT_GLOBAL.fullmatch(word):
            at += 1
        elif word in ("-C", "-c") and at + 1 < len(fields):
            value = fields[at + 1].text
            if value is None or (word == "-c" and not GIT_SAFE_SETTINGS.match(value)):
                doubtful = f"git {word} {(value or '')[:40]}"
            elif word == "-C":
                walk.operands.judge([fields[at + 1]], inner, "read")
                inner.folders = tuple(
                    os.path.normpath(os.path.join(f, value)) for f in inner.folders
                )
            at += 2
        else:
            doubtful = f"git {word[:40]}"
            break
    if doubtful or at >= len(fields):
        walk.record(fields, scope)
        if doubtful:
            raise Unclear(doubtful)
        return "output"
    command = fields[at].text or ""
    words = fields[at + 1 :]
    walk.record([fields[0], *fields[at:]], scope)
    if command not in GIT_COMMANDS:
        raise Unclear(f"git {command[:30]} may be an alias or a program of the repository")
    access: Access = "read" if command in GIT_READS else "write"
    walk.operands.judge(words, inner, access)
    _check_words(walk, command, words, inner)
    check_unknown("git", words, inner)
    texts = [field.text for field in words]
    if command in _LISTS and command != "show":
        needed = _LISTS[command]
        if not needed or any(option in texts for option in needed):
            return "files"
    return "output"


def _check_words(walk: Walk, command: str, words: Sequence[Field], scope: Scope) -> None:
    texts = [field.begins for field in words]
    for at, word in enumerate(texts):
        if word == "--":
            break
        if re.match(r"\w+::", word):
            raise Unclear("git is given a transport that may run a program")
        if word in GIT_UNCLEAR.get(command, ()) and not any(
            t and not t.startswith("-") for t in texts[:at]
        ):
            raise Unclear(f"git {command} {word} may run programs")
        if not word.startswith("-"):
            continue
        if "%G" in word:
            raise Unclear("git starts the program that checks signatures")
        given = word.partition("=")[0]
        if word.startswith("--") and given not in _HARMLESS:
            if len(given) > 3 and any(option.startswith(given) for option in GIT_RUNS):
                raise Unclear(f"git {command} {given} may run programs")
            if given == "--output" or given == "--output-directory":
                target = word.partition("=")[2] or (texts[at + 1] if at + 1 < len(texts) else "")
                for place in walk.operands.places(target or ".", scope):
                    walk.touch(place["id"], "write", place["tags"])
        letters = GIT_SHORT_RUNS.get(command, "")
        if letters and not word.startswith("--") and re.match(f"-[A-Za-z]*[{letters}]", word):
            raise Unclear(f"git {command} {word[:20]} may run programs")
    if command == "config":
        _check_config(texts)
    if command == "clone" and any(t.startswith("--recurs") for t in texts):
        raise Unclear("git clone fetches what the repository's .gitmodules names")
    if command in _MERGING:
        _check_strategy(texts)
    if command == "archive" and any(t.startswith("--remote") for t in texts):
        raise Unclear("git archive --remote may run a program")


def _check_strategy(texts: Sequence[str]) -> None:
    for at, word in enumerate(texts):
        if word in ("-s", "--strategy"):
            named = texts[at + 1] if at + 1 < len(texts) else ""
        elif word.startswith("--strategy=") or (word.startswith("-s") and len(word) > 2):
            named = word.partition("=")[2] if word.startswith("--") else word[2:]
        else:
            continue
        if named not in GIT_STRATEGIES:
            raise Unclear(f"git merges by the program git-merge-{named[:20]}")


def _check_config(texts: Sequence[str]) -> None:
    plain = [text for text in texts if not text.startswith("-")]
    if any(re.match(r"--get|--list|-l\Z", text) for text in texts) or plain[:1] in (
        ["get"],
        ["list"],
    ):
        return
    if plain[:1] in (["set"], ["unset"]):
        plain = plain[1:]
    elif len(plain) <= 1 and not any(
        text.startswith(("--edit", "-e", "--add", "--replace", "--unset", "--rename", "--remove"))
        for text in texts
    ):
        return
    if not plain or not GIT_SAFE_SETTINGS.match(f"{plain[0]}={plain[1] if len(plain) > 1 else ''}"):
        raise Unclear("git config may change which programs git runs")
