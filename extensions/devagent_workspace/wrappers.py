"""Programs that become or start another one: looked through to what is started."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import pairwise

from devagent_workspace.atoms import bent
from devagent_workspace.grammar import Unclear
from devagent_workspace.options import check_unknown, touch_written
from devagent_workspace.places import SECRET_NAME
from devagent_workspace.programs.kinds import WRAPPERS
from devagent_workspace.shown import names
from devagent_workspace.sources import Source
from devagent_workspace.variables import Scope, may_be_exported
from devagent_workspace.walk import Walk
from devagent_workspace.words import Field, hyphen_file


def elevated(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    """``sudo`` and its kin: named themselves, with what they run."""
    walk.record(fields, scope)
    at = after_options(fields, "u:g:nEHSkAbp:")
    while at < len(fields) and "=" in fields[at].begins:
        variable = fields[at].begins.partition("=")[0]
        if not may_be_exported(variable):
            walk.doubt(f"the line sets {variable}")
        at += 1
    return inner_command(walk, fields, at, scope)


def inner_command(walk: Walk, fields: Sequence[Field], at: int, scope: Scope) -> Source:
    """The command that begins at a word of another one."""
    if at >= len(fields):
        return "output"
    if fields[at].text is None:
        raise Unclear("the name of a command is not known")
    return walk.command(fields[at:], scope)


def after_options(fields: Sequence[Field], takes: str, *, longs: str = r"(?!)") -> int:
    """Where the words after a wrapper's options begin. Raises Unclear for options that are not listed."""
    at = 1
    while at < len(fields):
        word = fields[at].text
        if word is None:
            raise Unclear("a wrapper with words that are not known")
        if word == "--":
            return at + 1
        if not word.startswith("-") or word == "-":
            return at
        if word.startswith("--"):
            if not re.fullmatch(longs, word):
                raise Unclear(f"the option {word[:30]}")
            at += 1
            continue
        at += 1
        for index, letter in enumerate(word[1:], 1):
            position = takes.find(letter)
            if position < 0 or letter == ":":
                raise Unclear(f"the option {word[:30]}")
            if takes[position + 1 : position + 2] == ":":
                if index == len(word) - 1:
                    at += 1
                break
    return at


_LONG = {
    "timeout": r"--(?:signal|kill-after)=\S+|--preserve-status|--foreground|--verbose",
    "nice": r"--adjustment=-?\d+", "stdbuf": r"--(?:input|output|error)=\S+", "env": r"--ignore-environment|--null",
    "time": r"--(?:verbose|portability)", "setsid": r"--(?:wait|fork|ctty)", "nohup": r"--help|--version",
}  # fmt: skip


def wrapper(walk: Walk, name: str, fields: Sequence[Field], scope: Scope) -> Source:
    if name == "command" and any(f.text in ("-v", "-V") for f in fields[1:2]):
        walk.record(fields, scope)
        check_unknown("echo", fields[1:], scope)
        return "output"
    if name == "nice" and len(fields) > 1 and re.fullmatch(r"-\d+", fields[1].text or ""):
        at = 2
    else:
        at = after_options(fields, WRAPPERS[name], longs=_LONG.get(name, r"(?!)"))
    if name in ("timeout", "chrt"):
        at += 1
    if name == "env":
        if at < len(fields) and fields[at].text == "-":
            at += 1  # the same as -i
        if any(
            (f.text or "").startswith("-") and re.search("[SC]", f.text or "") for f in fields[1:at]
        ):
            raise Unclear("env splits a text into words, or changes the folder")
        for before, field in pairwise(fields[1:at]):
            if before.begins.endswith("u") and not may_be_exported(field.begins):
                raise Unclear(f"env takes {field.begins[:30]} away")
        while at < len(fields) and "=" in fields[at].begins:
            variable = fields[at].begins.partition("=")[0]
            if not may_be_exported(variable):
                walk.doubt(f"the line sets {variable}")
            at += 1
    if name == "time" and any((f.text or "").startswith("-o") for f in fields[1:at]):
        raise Unclear("time writes a file")
    if name == "time" and at < len(fields) and "=" in fields[at].begins:
        raise Unclear("a variable behind time")
    if at >= len(fields):
        walk.record(fields, scope)
        return "output"
    return inner_command(walk, fields, at, scope)


def shell(walk: Walk, name: str, fields: Sequence[Field], scope: Scope) -> None:
    try:
        at, code = _shell_options(fields)
    except Unclear:
        walk.record(fields, scope)
        raise
    if code:
        walk.shell(fields[at], scope, posix=name != "bash", arguments=at + 1 < len(fields))
        return
    walk.record(fields, scope, ("command.interpreter",))
    if at >= len(fields):
        return
    place = fields[at].text or ""
    if place.startswith(("/dev/", "/proc/")):
        raise Unclear("a shell that reads its commands from its input")
    walk.operands.judge(fields[at:], scope, "read")
    check_unknown(name, fields[at:], scope)


def _shell_options(fields: Sequence[Field]) -> tuple[int, bool]:
    """Where a shell's script or code stands, and whether it is code."""
    at, code = 1, False
    while at < len(fields):
        word = fields[at].text
        if word is None:
            raise Unclear("a shell is given words that are not known")
        if word in ("--norc", "--noprofile", "--posix"):
            at += 1
        elif re.fullmatch(r"[-+][euxvfhnpc]+", word):
            code = code or (word[0] == "-" and "c" in word)
            at += 1
        elif word in ("-o", "+o") and at + 1 < len(fields):
            if fields[at + 1].text not in (
                "errexit",
                "nounset",
                "pipefail",
                "xtrace",
                "noglob",
                "verbose",
            ):
                raise Unclear("an option of the shell")
            at += 2
        elif (
            re.fullmatch(r"-[euxvfhnp]*o", word)
            and fields[at + 1 : at + 2]
            and fields[at + 1].text == "pipefail"
        ):
            at += 2
        elif word.startswith(("-", "+")):
            raise Unclear(f"the option {word[:30]} of a shell")
        else:
            break
    if at >= len(fields):
        if not any(f.text in ("--version", "-n") for f in fields):
            raise Unclear("a shell that reads its commands from its input")
    elif code and fields[at].text is None:
        raise Unclear("a shell is given code that is not known")
    return at, code


def xargs(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    at, hole = 1, ""
    while at < len(fields):
        word = fields[at].text
        if word is None:
            raise Unclear("xargs with words that are not known")
        if re.fullmatch(
            r"-[0rtxP\d]+|--null|--no-run-if-empty|--verbose|--exit|--max-(?:args|procs|lines|chars)=\d+|--delimiter=.+|-[nPLsd].+",
            word,
        ):
            at += 1 + (word == "-P")
        elif word in ("-n", "-L", "-s", "-d", "--max-args", "--max-procs", "--delimiter"):
            at += 2
        elif word in ("-I", "--replace") or word.startswith("-I"):
            hole = (
                word[2:]
                if word.startswith("-I") and len(word) > 2
                else (fields[at + 1].text or "" if at + 1 < len(fields) else "")
            )
            at += 1 if word.startswith("-I") and len(word) > 2 else 2
        elif word.startswith("-"):
            raise Unclear(f"the option {word[:30]} of xargs")
        else:
            break
    kind: Source = scope.stdin if scope.stdin in ("files", "number", "word") else "output"
    given = fields[at:] or [Field("echo", "echo")]
    if hole:
        inner = [_filled(field, hole, kind) for field in given]
    else:
        inner = [*given, Field(None, "…", kind, "", many=True)]
    if inner[0].text is None:
        raise Unclear("xargs runs what it reads")
    nested = scope.copy()
    nested.stdin = None
    walk.command(inner, nested)
    return "output"


def _filled(field: Field, hole: str, kind: Source) -> Field:
    """A word in which something that is not known takes the place of ``hole``."""
    if field.text is None or hole not in field.text:
        return field
    before, _, after = field.text.partition(hole)
    return Field(None, field.name, "output" if bent(before, after) else kind, before)


_NAMES = names("-name -iname -path -ipath -wholename -iwholename")
_OF_SECRETS = (
    ".env", ".envrc", ".netrc", ".npmrc", ".pypirc", ".pgpass", ".git-credentials", "credentials", "credentials.json", "id_rsa",
    "id_ed25519", ".bash_history", "a.pem", "a.key",
)  # fmt: skip
"""Names that tell of secrets, one of each sort: a pattern that fits one of them, and not all files, looks for it."""


def _looks_for_secrets(option: str, pattern: str) -> bool:
    """Whether a test of ``find`` picks files whose names tell of secrets."""
    if option in ("-regex", "-iregex"):
        try:
            plain = re.compile(re.sub(r"\\([(){}|+?])", r"\1", pattern), re.IGNORECASE)
        except re.error:
            return True
        return not plain.fullmatch("./a.py") and any(
            plain.fullmatch(f"./{one}") for one in _OF_SECRETS
        )
    if option not in _NAMES:
        return False
    if SECRET_NAME.search(pattern):
        return True
    said = re.sub(r"[*?]|\[[^]]*\]", "", pattern)
    if len(said) < 3 or re.fullmatch(r"\*\.\w+", pattern):
        return False
    place = "./" if "path" in option or "whole" in option else ""
    return any(fnmatchcase(f"{place}{one}", pattern.casefold()) for one in _OF_SECRETS)


def find(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    at = 1
    while at < len(fields) and (fields[at].text or "") in ("-H", "-P", "-L"):
        at += 1
    starts: list[Field] = []
    while at < len(fields) and not fields[at].begins.startswith(("-", "(", "!", ",")):
        starts.append(fields[at])
        at += 1
    inside = not any(walk.operands.leads_out(f.begins, scope) for f in starts)
    inside = inside and all(f.text is not None or f.source == "files" for f in starts)
    if any(f.text is None and (f.source != "files" or hyphen_file(f, scope)) for f in starts):
        walk.doubt("find is given words that are not known")
    start = starts[0].text or "" if len(starts) == 1 else "./"
    kind: Source = (
        "files"
        if inside and not any(f.text in ("-L", "-follow", "-printf", "-print0x") for f in fields)
        else "output"
    )
    if any(_looks_for_secrets(name.text or "", f.begins) for name, f in pairwise(fields)):
        kind = "output"  # files of secrets are looked for
    plain: list[Field] = [fields[0], *starts]
    walk.record(fields, scope)
    walk.operands.judge(starts, scope, "read")
    follows: Source = kind
    while at < len(fields):
        word = fields[at].text
        if word is None:
            if fields[at].source != "files" or fields[at].may_be_option:
                raise Unclear("find is given words that are not known")
        elif word in ("-exec", "-execdir", "-ok", "-okdir"):
            end = next(
                (
                    i
                    for i in range(at + 1, len(fields))
                    if fields[i].text == ";"
                    or (fields[i].text == "+" and fields[i - 1].text == "{}")
                ),
                len(fields),
            )
            inner = [_filled(f, "{}", kind) for f in fields[at + 1 : end]]
            inner = [
                f if f.text is not None or f.start else f._replace(start=start or "./")
                for f in inner
            ]
            if not inner or inner[0].text is None:
                raise Unclear("find runs what it finds")
            nested = scope.copy()
            nested.stdin = None
            walk.command(inner, nested)
            at = end
            follows = "output"
        elif word in ("-delete",):
            for field in starts or [Field(".", ".")]:
                for place in walk.operands.places(field.begins or ".", scope):
                    walk.touch(place["id"], "write", place["tags"])
        elif word in ("-fprint", "-fprint0", "-fls", "-fprintf"):
            touch_written(walk, word, "--", fields[at + 1 : at + 2], scope)
            at += 1
        elif word.startswith(("-files0", "-D")):
            raise Unclear(f"find {word}")
        else:
            plain.append(fields[at])
        at += 1
    return follows
