"""Commands with words of their own kind: builtins that change the line, and programs that hold programs."""

import os
import re
from collections.abc import Sequence
from itertools import pairwise

from devagent_workspace.git_lines import look_at_git
from devagent_workspace.grammar import Unclear
from devagent_workspace.handed_on import is_option
from devagent_workspace.options import check_unknown, judge
from devagent_workspace.real_paths import real_path
from devagent_workspace.scripts import awk_is_plain, sed_is_plain
from devagent_workspace.sources import Source
from devagent_workspace.variables import Scope
from devagent_workspace.walk import Walk
from devagent_workspace.words import Field


def sed(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    walk.record(fields, scope)
    scripts: list[Field] = []
    files: list[Field] = []
    in_place = False
    at = 1
    while at < len(fields):
        word = fields[at].begins
        if word.startswith("-") and word != "-":
            if word in ("-e", "--expression"):
                scripts += fields[at + 1 : at + 2]
                at += 1
            elif word.startswith("--expression="):
                scripts.append(Field(word.partition("=")[2], ""))
            elif re.fullmatch(r"-[nErsuz]*i[^/*]*|--in-place(?:=[^/*]*)?", word):
                in_place = True  # a / or * in the ending puts the old file elsewhere
            elif re.fullmatch(r"-[nErsuz]*e", word):
                scripts += fields[at + 1 : at + 2]
                at += 1
            elif not re.fullmatch(
                r"-[nErsuz]+|--(?:quiet|silent|regexp-extended|separate|unbuffered|null-data|posix|debug)",
                word,
            ):
                raise Unclear(f"sed {word[:30]}")
        elif not scripts:
            scripts.append(fields[at])
        else:
            files.append(fields[at])
        at += 1
    if not all(script.text is not None and sed_is_plain(script.text) for script in scripts):
        raise Unclear("a sed script that may run commands or write files")
    if in_place:
        for field in files:
            if field.text is None and field.source != "files":
                raise Unclear("sed changes files that are not known")
            for place in walk.operands.places(
                field.text or os.path.dirname(field.start) or ".", scope
            ):
                walk.touch(place["id"], "write", place["tags"])
    walk.operands.judge(files, scope, "write" if in_place else "read")
    for field in files:
        if field.text is None and field.source not in ("files", "pipe"):
            raise Unclear("sed is given words that are not known")
    return "output"


def awk(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    walk.record(fields, scope)
    at = 1
    while at < len(fields) and fields[at].begins.startswith("-"):
        word = fields[at].text
        if word in ("-F", "-v"):
            at += 2
        elif word is not None and re.fullmatch(
            r"-F.+|-v\w+=.*|--field-separator=.+|--assign=.+", word, re.DOTALL
        ):
            at += 1
        elif word in ("--version", "-W", "-V"):
            return "output"
        elif word == "--":
            at += 1
            break
        else:
            raise Unclear("awk with an option that may run or load code")
    program = fields[at].text if at < len(fields) else None
    if program is None or not awk_is_plain(program):
        raise Unclear("an awk program that may run commands or write files")
    walk.operands.judge(fields[at + 1 :], scope, "read")
    check_unknown("cat", fields[at + 1 :], scope)
    return "output"


_SET = re.compile(r"[-+][euxvnC]+\Z")

_SHOPT = frozenset(
    [
        "nullglob",
        "globstar",
        "dotglob",
        "failglob",
        "nocaseglob",
        "inherit_errexit",
        "-s",
        "-u",
        "-q",
    ]
)


def change_folder(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    walk.record(fields, scope)
    name = fields[0].text
    words = [field for field in fields[1:] if field.text not in ("-P", "-L", "-e", "--")]
    if name == "popd" or len(words) > 1 or (name == "pushd" and not words):
        raise _lost()
    if words and (words[0].text is None or words[0].text == "-" or words[0].text.startswith("+")):
        raise _lost()
    target = words[0].text if words else scope.look_up("HOME")[0]
    if not target:
        raise _lost()
    walk.operands.judge([Field(target, target)], scope, "read", flat=True)
    folders = list[str]()
    for folder in scope.folders:
        joined = os.path.join(folder, target)
        folders += [os.path.normpath(joined), real_path(joined)]
        if not os.path.isdir(joined):
            folders.append(folder)  # it may fail, and the line may go on
    scope.folders = tuple(dict.fromkeys(folders))
    return "output"


def _lost() -> Unclear:
    return Unclear("the folder of what follows is not known")


def set_options(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    walk.record(fields, scope)
    words = [field.text or "?" for field in fields[1:]]
    while words:
        word = words.pop(0)
        if (
            re.fullmatch(r"[-+][euxvC]*o", word)
            and words
            and words[0] in ("errexit", "nounset", "pipefail", "xtrace", "noclobber")
        ):
            words.pop(0)
        elif not _SET.match(word):
            raise Unclear("set changes how the line is read")
    return "output"


def shopt(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    walk.record(fields, scope)
    if not all(field.text in _SHOPT for field in fields[1:]):
        raise Unclear("shopt changes how the line is read")
    return "output"


def read_builtin(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    walk.record(fields, scope)
    names: list[str] = []
    at = 1
    while at < len(fields):
        word = fields[at].text
        if word is None:
            raise Unclear("read with words that are not known")
        if re.fullmatch(r"-[rs]+", word):
            at += 1
        elif word in ("-d", "-n", "-N", "-p", "-t", "-u") or re.fullmatch(r"-r[dnNptu]", word):
            at += 2
        elif re.fullmatch(r"[A-Za-z_]\w*", word):
            names.append(word)
            at += 1
        else:
            raise Unclear(f"read {word[:30]}")
    kind: Source = "files" if scope.stdin == "files" and len(names) == 1 else "output"
    for name in names or ["REPLY"]:
        scope.assign(name, None, kind)
    return "output"


def tee(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    """``tee FILE``: a redirection by another name."""
    walk.record(fields, scope)
    for field in fields[1:]:
        if field.text is None:
            raise Unclear("tee writes files that are not known")
        if not field.text.startswith("-") and field.text not in (
            "/dev/null",
            "/dev/stderr",
            "/dev/stdout",
        ):
            for place in walk.operands.places(field.text, scope):
                walk.touch(place["id"], "write", place["tags"])
    return scope.stdin or "output"


def dd(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    walk.record(fields, scope)
    for field in fields[1:]:
        key, _, value = (field.text or "?").partition("=")
        if field.text is None:
            raise Unclear("dd is given words that are not known")
        if key in ("if", "of") and value not in ("/dev/null", "/dev/zero"):
            for place in walk.operands.places(value, scope):
                walk.touch(place["id"], "read" if key == "if" else "write", place["tags"])
    return "output"


def second_written(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    """``uniq IN OUT``, ``xxd IN OUT``: a second file is written."""
    walk.record(fields, scope)
    name = fields[0].text or ""
    plain = [f for f in fields[1:] if not f.begins.startswith("-") and not (f.text or "").isdigit()]
    if len(plain) > 1 or any(f.many for f in plain):
        if plain[-1].text is None:
            raise Unclear(f"{name} writes a file that is not known")
        for place in walk.operands.places(plain[-1].text, scope):
            walk.touch(place["id"], "write", place["tags"])
    judge(walk, name, fields, scope)
    return scope.stdin if scope.stdin == "files" and not plain else "output"


def download(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    """``curl -O``, ``wget``: a file is written under the name that the address ends with."""
    walk.record(fields, scope)
    name = fields[0].text or ""
    words = [field.begins for field in fields[1:]]
    if name == "curl":
        writes = any(is_option(word, "-O") or word.startswith("--remote-name") for word in words)
        named = any(is_option(word, "-J") or word == "--remote-header-name" for word in words)
    else:
        writes = not any(is_option(word, "-O") or word.startswith(("--output-document", "--spider")) for word in words)  # fmt: skip
        named = any(is_option(word, x) for word in words for x in ("-r", "-i", "-m", "-p", "--content-disposition", "--recursive", "--input-file", "--mirror"))  # fmt: skip
    if name == "curl" and any(
        re.search(r"#[\d\[]", value) and re.match(r"-[A-Za-z]*o|--out", before)
        for before, value in pairwise(words)
    ):
        raise Unclear("curl writes files whose names are not known")
    if writes:
        addresses = [f for f in fields[1:] if f.text is None or not f.text.startswith("-")]
        known = [f.text for f in addresses if f.text is not None]
        globs = name == "curl" and any(sign in address for address in known for sign in "[]{}")
        if named or globs or len(known) < len(addresses):
            raise Unclear(f"{name} writes files whose names are not known")
        for address in known:
            last = address.partition("?")[0].rpartition("/")[2] if "/" in address else address
            for place in walk.operands.places(last or "index.html", scope):
                walk.touch(place["id"], "write", place["tags"])
    judge(walk, name, fields, scope)
    return "output"


def git(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    return look_at_git(walk, fields, scope, check_unknown)


def test(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    walk.record(fields, scope)
    if any(any(sign in (field.text or "") for sign in ("$(", "`")) for field in fields):
        raise Unclear("a test that may evaluate a text")
    judge(walk, fields[0].text or "", fields, scope)
    return "output"
