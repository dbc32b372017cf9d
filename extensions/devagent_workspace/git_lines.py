"""``git`` in a command line: its options before the command, and what makes it start other programs."""

import os
import re
from collections.abc import Callable, Sequence

from devagent_workspace.contract import Access
from devagent_workspace.grammar import Unclear
from devagent_workspace.programs.git import (
    GIT_COMMANDS,
    GIT_GLOBAL,
    GIT_PLAIN,
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
_SAYS_A_NAME = re.compile(
    r"rev-parse(?: --short(?:=\d+)?| --verify| -q| --quiet| --abbrev-ref)*(?: (?:HEAD|@)(?:[~^]\d*)*)+|branch --show-current"
)
"""What prints the name of a commit or a branch, whatever the repository holds."""
_MERGING = frozenset(["merge", "rebase", "pull", "cherry-pick", "revert"])
_SIGNS = {
    "tag": ("--sign", "--local-user"), "push": ("--signed",), "hash-object": ("--stdin-paths",),
}  # fmt: skip
"""Options that start gpg, or read the names of files."""
_VALUED_LETTERS = {
    "commit": "mFCct", "merge": "mFsX", "rebase": "sXC", "tag": "mFn", "cherry-pick": "mX", "revert": "mX",
}  # fmt: skip
"""Letters of options behind which the rest of a word is their value."""
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
    if command == "merge-base" or _SAYS_A_NAME.fullmatch(
        " ".join([command, *(t or "?" for t in texts)])
    ):
        return "word"
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
        if "%G" in word or "%(signature" in word:
            raise Unclear("git starts the program that checks signatures")
        given = word.partition("=")[0]
        plain = given in _HARMLESS or given in GIT_PLAIN.get(command, ())
        if word.startswith("--") and not plain:
            if len(given) > 3 and any(option.startswith(given) for option in GIT_RUNS):
                raise Unclear(f"git {command} {given} may run programs")
            signs = _SIGNS.get(command, ())
            if len(given) > 3 and any(option.startswith(given) for option in signs):
                raise Unclear(
                    f"git {command} {given} may start the program that signs, or read any file"
                )
            if len(given) > 3 and "--output-directory".startswith(given):
                target = word.partition("=")[2] or (texts[at + 1] if at + 1 < len(texts) else "")
                for place in walk.operands.places(target or ".", scope):
                    walk.touch(place["id"], "write", place["tags"])
        letters = GIT_SHORT_RUNS.get(command, "")
        valued = _VALUED_LETTERS.get(command, "")
        if letters and re.match(f"-(?:(?![{valued}!])[A-Za-z0-9])*[{letters}]", word):
            raise Unclear(f"git {command} {word[:20]} may run programs")
    if command == "config" and (written := _config_written(texts)):
        for place in walk.operands.places(os.path.expanduser(written), scope):
            walk.touch(place["id"], "write", place["tags"])
    if command == "clone" and any(t.startswith("--recurs") for t in texts):
        raise Unclear("git clone fetches what the repository's .gitmodules names")
    if command in _MERGING:
        _check_strategy(texts)
    if command == "archive" and any(t.startswith("--remote") for t in texts):
        raise Unclear("git archive --remote may run a program")


def _check_strategy(texts: Sequence[str]) -> None:
    for at, word in enumerate(texts):
        cluster = re.match(r"-[a-rt-zA-WY-Z0-9]*s(.*)", word)
        if cluster is None and word.partition("=")[0] != "--strategy":
            continue
        named = cluster[1] if cluster is not None else word.partition("=")[2]
        named = named or (texts[at + 1] if at + 1 < len(texts) else "")
        if named not in GIT_STRATEGIES:
            raise Unclear(f"git merges by the program git-merge-{named[:20]}")


_CONFIG_VALUED = frozenset(["--file", "-f", "--blob", "--type", "--default"])
_CONFIG_READS = re.compile(
    r"--(?:global|system|local|worktree|file|blob|type|default|bool|int|path|bool-or-int|expiry-date|show-origin|show-scope|null|name-only"
    r"|includes|no-includes|fixed-value|all)(?:=.*)?|-[fz]"
)
_CONFIG_FILES = {"--global": "~/.gitconfig", "--system": "/etc/gitconfig"}


def _config_written(texts: Sequence[str]) -> str:
    """The file outside the repository that a ``git config`` writes, "" where it writes none. Raises Unclear."""
    first = 0
    while first < len(texts) and texts[first].startswith("-"):
        first += 2 if texts[first] in _CONFIG_VALUED else 1
    # Behind a name they are values: git config NAME VALUE --list sets NAME.
    options, said = texts[:first], texts[first:]
    if any(re.match(r"--get|--list|-l\Z", one) for one in options) or said[:1] in (
        ["get"],
        ["list"],
    ):
        return ""
    if said[:1] == ["edit"]:
        raise Unclear("git config starts an editor")
    if said[:1] in (["set"], ["unset"]):
        said = [text for text in said[1:] if not text.startswith("-")]
    elif len(said) <= 1 and all(
        _CONFIG_READS.fullmatch(one) for one in options if one.startswith("-")
    ):
        return ""
    if not said or not GIT_SAFE_SETTINGS.match(f"{said[0]}={said[1] if len(said) > 1 else ''}"):
        raise Unclear("git config may change which programs git runs")
    scopes = (name for option, name in _CONFIG_FILES.items() for one in texts
              if len(one) > 3 and option.startswith(one))  # fmt: skip
    return next(scopes, "")
