"""One simple command: what it is, what it starts, and whether all of that is known.

Wrappers (``env``, ``timeout``, ``xargs``, ``find -exec``, ``bash -c`` …) are looked through to the command
that they become. A program that is told to start another, or given code, is unclear; so is an argument
that is not known where it could change what is done.
"""

import re
from collections.abc import Callable, Sequence

from devagent_workspace import special, wrappers
from devagent_workspace.grammar import Unclear
from devagent_workspace.interpreters import check_interpreter, pytest
from devagent_workspace.options import judge, prints, program_name
from devagent_workspace.package_runners import package_runner, verb_at
from devagent_workspace.programs.kinds import (
    ELEVATING,
    INTERPRETERS,
    OPAQUE,
    PACKAGE_RUNNERS,
    SHELLS,
    WRAPPERS,
)
from devagent_workspace.sources import Source
from devagent_workspace.variables import Scope
from devagent_workspace.walk import Walk
from devagent_workspace.words import Field
from devagent_workspace.wrappers import (
    elevated,
    shell,
    wrapper,
)

_VERSION = re.compile(r"[\d.]+\Z")


def look(walk: Walk, fields: Sequence[Field], scope: Scope) -> Source:
    """Note what a simple command would run and touch; what its output is. Raises Unclear."""
    name = program_name(fields[0].text or "")
    special = _SPECIAL.get(name)
    if special is not None:
        return special(walk, fields, scope)
    if name in WRAPPERS:
        return wrapper(walk, name, fields, scope)
    if name in ELEVATING:
        return elevated(walk, fields, scope)
    if name in SHELLS:
        shell(walk, name, fields, scope)
        return "output"
    interpreter = _VERSION.sub("", name).rstrip("-")
    walk.record(fields, scope, ("command.interpreter",) if interpreter in INTERPRETERS else ())
    if name in OPAQUE or name.startswith("ld-linux"):
        raise Unclear(f"{name} runs or changes what is not followed")
    if interpreter in INTERPRETERS:
        check_interpreter(interpreter, fields)
    elif name in PACKAGE_RUNNERS and (verb := verb_at(name, fields)) >= 0:
        package_runner(walk, name, fields, verb, scope)
        return "output"
    judge(walk, name, fields, scope)
    return prints(name, fields, scope, walk)


_SPECIAL: dict[str, Callable[[Walk, Sequence[Field], Scope], Source]] = {
    "xargs": wrappers.xargs, "gxargs": wrappers.xargs, "find": wrappers.find, "gfind": wrappers.find, "sed": special.sed, "gsed": special.sed, "awk": special.awk, "gawk": special.awk,
    "mawk": special.awk, "nawk": special.awk, "cd": special.change_folder, "pushd": special.change_folder, "popd": special.change_folder, "chdir": special.change_folder, "set": special.set_options, "shopt": special.shopt, "read": special.read_builtin,
    "tee": special.tee, "curl": special.download, "wget": special.download, "dd": special.dd, "uniq": special.second_written, "xxd": special.second_written, "git": special.git, "pytest": pytest,
    "py.test": pytest, "test": special.test, "[": special.test,
}  # fmt: skip
