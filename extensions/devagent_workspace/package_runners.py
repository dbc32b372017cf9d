"""``uv run``, ``npm exec`` and their kin: what runs the programs that are installed for a project."""

import os
import re
from collections.abc import Sequence

from devagent_workspace.grammar import Unclear
from devagent_workspace.options import check_unknown, program_name
from devagent_workspace.programs.kinds import ELEVATING, PACKAGE_RUNNERS, SHELLS, WRAPPERS
from devagent_workspace.shown import names
from devagent_workspace.variables import Scope
from devagent_workspace.walk import Walk
from devagent_workspace.words import Field

_OF_THE_SYSTEM = names("""
xargs find rm rmdir mv cp ln dd chmod chown chgrp install touch mkdir tee truncate shred kill pkill killall cat
curl wget ssh scp sftp rsync git gh docker podman kubectl make nc tar zip unzip sed awk sudo mount systemctl
""")
"""What no project installs: to start it this way is to start it."""
_LOOKED_THROUGH = (SHELLS, WRAPPERS, ELEVATING, PACKAGE_RUNNERS, _OF_THE_SYSTEM)
_PLAIN = re.compile(
    r"--?(?:quiet|silent|verbose|no-progress|offline|recursive|yes|no|if-present|parallel|all|bare|no-ansi|no-interaction|frozen"
    r"|locked|no-sync|no-install|no-color|stream|aggregate-output|[qsvrAyn])|--(?:color|loglevel|reporter|filter|workspace)=[\w@./-]+"
)
_FOLDER = frozenset(["-C", "--directory", "--dir", "--prefix", "--cwd"])
_NAMED = frozenset(
    ["--filter", "-F", "--workspace", "-w", "--color", "--loglevel", "--package", "-e", "--env"]
)
_PROJECT = frozenset(["--project"])
_BEHIND = re.compile(
    r"--(?:no-sync|frozen|locked|quiet|no-install|yes|offline|no|all-extras|all-groups|all-packages|no-dev|dev|only-dev|no-default-groups"
    r"|no-progress|active|exact|verbose)?|-[qyv]"
)
_BEHIND_NAMED = frozenset(
    ["--extra", "--group", "--package", "--only-group", "--no-group", "--no-extra"]
)


def verb_at(name: str, fields: Sequence[Field]) -> int:
    """Where the verb stands by which the program starts another: 0 where it needs none, -1 where there is none."""
    verbs = PACKAGE_RUNNERS[name]
    if not verbs:
        return 0
    option = False
    for at in range(1, len(fields)):
        word = fields[at].text or ""
        if word in verbs:
            return at
        if word.startswith("-"):
            option = "=" not in word
        elif option or word in ("workspace", "workspaces", "foreach", "env"):
            option = word == "workspace"  # whose name follows
        else:
            return -1
    return -1


def package_runner(walk: Walk, name: str, fields: Sequence[Field], verb: int, scope: Scope) -> None:
    """``uv run pytest``: named as it stands; what it runs must be clear too."""
    inner_scope = scope.copy()
    _before(walk, name, fields[1:verb], inner_scope)
    at, module = verb + 1, False
    while at < len(fields) and (fields[at].text or "-").startswith("-"):
        word = fields[at].text
        if name == "uv" and word in ("-m", "--module"):
            module = True
            at += 1
            break
        if name == "uv" and word in _BEHIND_NAMED and at + 1 < len(fields):
            at += 2
            continue
        if word is None or not _BEHIND.fullmatch(word):
            raise Unclear(f"{name} with an option that may load other code")
        at += 1
    if at >= len(fields):
        raise Unclear(f"{name} runs a shell")
    if fields[at].text is None:
        raise Unclear("the name of a command is not known")
    given = fields[at:]
    if name == "hatch" and ":" in (given[0].text or ""):
        raise Unclear("a script of an environment that the line does not name")
    if module:
        given = [Field("python", "python"), Field("-m", "-m"), *given]
    walk.operands.judge(given[:1], inner_scope, "read")
    aside = walk.aside()
    aside.command(given, inner_scope)
    inner = program_name(given[0].text or "")
    through = any(inner in kind for kind in _LOOKED_THROUGH)
    for resource in aside.resources.values():
        if through or not resource["id"].startswith("command:"):
            walk.touch(resource["id"], resource["access"], resource["tags"])
    for doubt in aside.doubts:
        walk.doubt(doubt)


def _before(walk: Walk, name: str, words: Sequence[Field], scope: Scope) -> None:
    """The words before the verb: where it runs, and nothing else that matters. Raises Unclear."""
    check_unknown(name, words, scope)
    at = 0
    while at < len(words):
        word = words[at].text or ""
        value = words[at + 1].text if at + 1 < len(words) else None
        if word in _FOLDER and value:
            walk.operands.judge([words[at + 1]], scope, "read")
            scope.folders = tuple(os.path.normpath(os.path.join(f, value)) for f in scope.folders)
            at += 2
        elif word in _PROJECT and value:
            walk.operands.judge([words[at + 1]], scope, "read")
            at += 2
        elif (word in _NAMED or word == "workspace") and value and not value.startswith("-"):
            at += 2
        elif _PLAIN.fullmatch(word) or word in ("workspaces", "foreach", "env"):
            at += 1
        else:
            raise Unclear(f"{name} {word[:30]} before what it runs")
