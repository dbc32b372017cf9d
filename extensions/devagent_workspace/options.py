"""What every program is judged by: its options, the words that are not known, and what it prints."""

import os
import re
from collections.abc import Sequence

from devagent_workspace.contract import Access
from devagent_workspace.elsewhere import words_here
from devagent_workspace.grammar import Unclear
from devagent_workspace.handed_on import check_handed_on, gives, gives_code, is_option
from devagent_workspace.programs.kinds import (
    FLAT,
    INTERPRETERS,
    PATTERN_FIRST,
    PRINTERS,
    READ_ONLY,
    READERS,
)
from devagent_workspace.programs.known import PROGRAMS
from devagent_workspace.programs.program import Program
from devagent_workspace.sources import Source
from devagent_workspace.variables import Scope
from devagent_workspace.walk import Walk
from devagent_workspace.words import Field, hyphen_file

_VERSIONED = re.compile(
    r"(gcc|g\+\+|clang|clang\+\+|pip|tar|vim|pytest|bash|make)-?\d+(?:\.\d+)*\Z"
)

_FILTERS = frozenset(["head", "tail", "sort", "uniq", "tac", "grep", "egrep", "fgrep", "shuf"])

_LISTERS = frozenset(["wc", "rg", "grep", "egrep", "fgrep", "fd", "fdfind"])

_LISTS_TREE = re.compile(r"-[A-Za-z1]*R|--r|-[a-z]*r")

_COMPILERS = frozenset(["gcc", "g++", "cc", "c++", "clang", "clang++", "clang-tidy", "ld"])

_LABELLED = frozenset(["bazel", "bazelisk", "buck", "buck2"])

_VERBS_APART = frozenset(["cargo", "gh", "go"])
"""Programs with a verb whose options are told apart: go-env."""

_DELIMITED = frozenset(["cut", "sort", "paste", "column", "join"])

_DELIMITER = re.compile(r"(?:-[A-Za-z0-9]|--[a-z-]+=)?/")

_WORD_OPTION = re.compile(r"--?[A-Za-z][\w-]*=")


def program_name(written: str) -> str:
    """The name by which programs are known here: the last part of a path, without a version."""
    name = os.path.basename(written).removesuffix(".exe")
    plain = _VERSIONED.match(name)
    return plain[1] if plain is not None else name


def judge(walk: Walk, name: str, fields: Sequence[Field], scope: Scope) -> None:
    """What every program is judged by: options that start others, unknown words, files outside."""
    words = words_here(name, fields[1:])
    access: Access = "read" if name in READ_ONLY else "write"
    if name not in PRINTERS and name not in ("[", "test"):
        flat = name in FLAT and not any(_LISTS_TREE.match(field.begins) for field in words)
        walk.operands.judge(_files(name, words), scope, access, flat=flat)
    program = PROGRAMS.get(name)
    if program is not None:
        if program.stdin and scope.stdin is not None:
            raise Unclear(f"{name} takes commands from its input")
        _check_options(walk, name, program, words, scope)
    of_verb = PROGRAMS.get(f"{name}-{words[0].begins}") if name in _VERBS_APART and words else None
    if of_verb is not None:
        _check_options(walk, name, of_verb, words, scope)
    check_handed_on(walk, name, words)
    check_unknown(name, words, scope)


def _files(name: str, words: Sequence[Field]) -> Sequence[Field]:
    """The words that may name files: without the pattern that comes first in a search."""
    if name in _COMPILERS:
        return [_searched(field) for field in words]
    if name in _LABELLED:
        return [field for field in words if not field.begins.startswith(("//", "@"))]
    if name in _DELIMITED:
        return [field for field in words if not _DELIMITER.fullmatch(field.begins)]
    if name not in PATTERN_FIRST:
        return words
    options = [f.text or "" for f in words]
    if any(
        o in ("-e", "-f", "--files")
        or o.startswith(("--regexp", "--file=", "--expression"))
        or ("grep" in name and re.match(r"-[A-Za-z]*[ef]", o))
        for o in options
    ):
        return words
    at = next((i for i, f in enumerate(words) if not f.begins.startswith("-")), len(words))
    if at and words[at - 1].begins.startswith("--") and "=" not in words[at - 1].begins:
        return words  # it may be that option's value
    if at and name == "jq" and words[at - 1].begins in ("-L", "-f"):
        return words
    return [*words[:at], *words[at + 1 :]]


def _searched(field: Field) -> Field:
    """``-Isrc/x`` as the folder that it is, and no cluster of options."""
    text = field.text
    return Field(text[2:], field.name) if text and re.match(r"-[IL].", text) else field


def _check_options(
    walk: Walk, name: str, program: Program, words: Sequence[Field], scope: Scope
) -> None:
    check_verbs(name, program, words)
    for at, field in enumerate(words):
        word = field.begins
        if word == "--" and name not in ("npm", "make", "gmake"):
            break  # what follows are no options; to make, assignments they still are
        if at == 0 and name in ("tar", "bsdtar") and not word.startswith("-"):
            word = f"-{word}"  # the old way: tar xzf
        if program.words and re.fullmatch(program.words, word, re.DOTALL):
            raise Unclear(f"{name} {word[:40]} {program.why}")
        if not word.startswith("-") or word == "-":
            if name in ("make", "gmake") and word == "-":
                raise Unclear("make reads rules from its input")
            continue
        if gives_code(program, word, words[at + 1 : at + 2]):
            raise Unclear(f"{name} {word[:40]} {program.why}")
        for option in program.writes:
            if gives(program, word, option):
                touch_written(walk, word, option, words[at + 1 : at + 2], scope)
                break


def check_verbs(name: str, program: Program, words: Sequence[Field]) -> None:
    """Raise Unclear where the words that are no options are those by which the program starts others."""
    if not program.verbs:
        return
    plain = (field.begins.replace(" ", "_") for field in words)
    said = " ".join(word for word in plain if word and not word.startswith("-"))
    match = re.search(f"(?:^| )(?:{program.verbs})(?= |$)", said)
    if match is not None:
        raise Unclear(
            f"{name} {match[0][:40].strip()} {program.why}, or tells secrets that it keeps"
        )


def touch_written(
    walk: Walk, word: str, option: str, following: Sequence[Field], scope: Scope
) -> None:
    """The file that an option says is written."""
    if "=" in word and word.startswith("-"):
        target: str | None = word.partition("=")[2]
    elif not option.startswith("--") and len(option) == 2 and not word.endswith(option[1]):
        target = word[word.index(option[1]) + 1 :]
    else:
        target = following[0].text if following else None
    if target is None:
        raise Unclear("a file that is written is not known")
    if target in ("/dev/null", "-", "/dev/stdout"):
        return
    for place in walk.operands.places(target, scope):
        walk.touch(place["id"], "write", place["tags"])


def check_unknown(name: str, words: Sequence[Field], scope: Scope) -> None:
    """Words that are not known may stand only where they can neither be options nor lead anywhere."""
    ended = False
    for at, field in enumerate(words):
        if field.text is not None:
            ended = ended or field.text == "--"
            continue
        if field.source in ("number", "word"):
            continue
        if name in PRINTERS:
            if name == "printf" and at == 0:
                raise Unclear("printf with a format that is not known")
            continue
        if name in ("[", "test"):
            if field.many:
                raise Unclear("a test of words that are not known")
            continue
        if field.start and _WORD_OPTION.match(field.start) and not field.many:
            continue
        if name in READERS and field.source in ("files", "pipe"):
            continue
        if (
            field.source == "files"
            and (not field.may_be_option or ended)
            and name not in INTERPRETERS
        ):
            continue
        if field.source == "files" and not hyphen_file(field, scope):
            continue
        raise Unclear(f"{name} is given words that are not known")


def prints(name: str, fields: Sequence[Field], scope: Scope, walk: Walk) -> Source:
    """What kind of thing a command prints: names of files below here, a number, or anything."""
    if name == "nproc":
        return "number"
    if name not in _LISTERS and not (name in _FILTERS and scope.stdin == "files"):
        return "output"
    words = [field.begins for field in fields[1:]]
    options = {word for word in words if word.startswith("-")}
    outside = any(
        walk.operands.leads_out(word, scope) for word in words if word and not word.startswith("-")
    )
    if outside:
        return "output"
    if name == "wc" and len(options) == 1 and options <= {"-l", "-w", "-c", "-m"}:
        return "number" if scope.stdin is not None and len(words) == 1 else "output"
    if name in _FILTERS and scope.stdin == "files":
        plain = [word for word in words if not word.startswith("-") and not word.isdigit()]
        allowed = 1 if "grep" in name else 0
        if len(plain) <= allowed and not any(
            is_option(o, x) for o in options for x in ("-n", "-c", "-o", "-H") if "grep" in name
        ):
            return "files"
    if name == "rg" and options & {"-l", "--files", "--files-with-matches"}:
        return "files"
    if name in ("grep", "egrep", "fgrep") and any(
        re.fullmatch("-[A-Za-z]*l[A-Za-z]*", o) for o in options
    ):
        return "files"
    if name in ("fd", "fdfind") and not any(
        o.startswith(("-a", "--absolute", "--base", "-L", "--format")) for o in options
    ):
        return "files"
    return "output"
