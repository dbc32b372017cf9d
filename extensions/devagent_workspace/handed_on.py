"""Words that a program hands on: to the tool that a project's script names, to a test runner, to commands as a variable.

``npm test`` runs what package.json says, which whoever wrote the rule has decided. Words behind it go to a tool that
is not named in the line: those by which any of the usual ones loads code or starts a program are unclear.
"""

import re
from collections.abc import Sequence

from devagent_workspace.grammar import Unclear
from devagent_workspace.programs.known import PROGRAMS
from devagent_workspace.programs.program import Program
from devagent_workspace.shown import names
from devagent_workspace.walk import Walk
from devagent_workspace.words import Field

_NPM_SCRIPTS = names("test t tst run run-script rum urn start stop restart")
_NO_SCRIPTS = names("""
add install i ci remove rm uninstall un update up upgrade outdated list ls why audit publish pack link unlink store
licenses dedupe prune import fetch info view login logout init create cache config global version help bin root owner
""")
_SCRIPT_TOOLS = ("jest", "vitest", "mocha", "eslint", "prettier", "(script)")
_TEST_TOOLS = ("pytest", "coverage", "mypy")
_BEHIND_DASHES: dict[str, tuple[str, ...]] = {
    "npm": _SCRIPT_TOOLS, "tox": _TEST_TOOLS, "nox": _TEST_TOOLS, "hatch": _TEST_TOOLS, "pdm": _TEST_TOOLS, "rye": _TEST_TOOLS,
    "composer": ("phpunit",), "cmake": ("make",), "meson": ("make",), "deno": _SCRIPT_TOOLS, "gh": ("git-clone",),
}  # fmt: skip
_BEHIND_SCRIPTS = frozenset(["yarn", "yarnpkg", "pnpm", "bun"])
_HARMLESS_VARIABLES = names("""
PREFIX DESTDIR prefix exec_prefix TEST TESTS FILE FILES DIR DIRS OUT OUTDIR BUILD BUILDDIR BUILD_DIR VERSION NAME TAG
""")
_BY_NAME = names(
    "reporter reporters environment env testenvironment preset pool coverage.provider ui standard report"
)
"""Options, without hyphens and capitals, whose value is what a tool brings or has installed, where it is a plain name."""
_VARIABLE = re.compile(r"(\w+)[:?+]*=(.*)", re.DOTALL)


def check_handed_on(walk: Walk, name: str, words: Sequence[Field]) -> None:
    """Raise Unclear where a word that is handed on may load code or start a program."""
    if name in ("make", "gmake"):
        check_make_variables(walk, words)
        return
    texts = [field.begins for field in words]
    if name in _BEHIND_SCRIPTS:
        script = next((at for at, word in enumerate(texts) if not word.startswith("-")), len(texts))
        if script == len(texts) or texts[script] in _NO_SCRIPTS:
            return
        handed, tools = words[script + 1 :], _SCRIPT_TOOLS
    elif name in _BEHIND_DASHES and "--" in texts:
        at = texts.index("--")
        if name == "npm" and _NPM_SCRIPTS.isdisjoint(texts[:at]):
            return
        handed, tools = words[at + 1 :], _BEHIND_DASHES[name]
    else:
        return
    if "make" in tools:
        check_make_variables(walk, handed)
    for at, field in enumerate(handed):
        word, following = field.begins, handed[at + 1 : at + 2]
        plugin = "pytest" in tools and word.startswith("-p")
        value = word[2:] or "".join(one.begins for one in following)
        if (plugin and not value.startswith("no:")) or any(
            _runs(tool, word, following) for tool in tools
        ):
            raise Unclear(f"{name} hands {word[:40]} on to a tool that may load code by it")


def check_make_variables(walk: Walk, words: Sequence[Field]) -> None:
    """A variable of make may stand where a rule has its compiler or its interpreter: no value may name a program or give options."""
    for field in words:
        match = _VARIABLE.fullmatch(field.begins)
        if match is None or match[1] in _HARMLESS_VARIABLES:
            continue
        value = match[2]
        if "/" in value or value.startswith("-") or (value and walk.find(value) is not None):
            raise Unclear(f"make is told {match[1]}, which a rule may run")


def _runs(tool: str, word: str, following: Sequence[Field]) -> bool:
    program = PROGRAMS[tool]
    if program.words and re.fullmatch(program.words, word, re.DOTALL):
        return True
    return word.startswith("-") and gives_code(program, word, following)


def gives_code(program: Program, word: str, following: Sequence[Field]) -> bool:
    """Whether a word is an option by which the program loads code or starts another; its value may follow."""
    option, has_value, value = word.partition("=")
    if _bare(option) in _BY_NAME or option == "-R":
        value = value if has_value else "".join(field.begins for field in following)
        if re.fullmatch(r"[A-Za-z][\w-]*", value):
            return False
    return option not in ("--watch", "--coverage") and any(
        gives(program, word, one) for one in program.runs
    )


def gives(program: Program, word: str, option: str) -> bool:
    """Whether a word gives an option of this program."""
    if word.partition("=")[0] in program.plain:
        return False
    if program.whole and not option.startswith("--"):
        return word.startswith((option, f"-{option}"))
    return is_option(word, option)


def is_option(word: str, option: str) -> bool:
    """Whether a word gives an option: abbreviated when long, in a cluster when short.

    Long ones are taken as the most lenient tools take them: whatever the case and the hyphens within.
    """
    if option.startswith("--"):
        given = _bare(word.partition("=")[0])
        return word.startswith("--") and len(given) > 1 and _bare(option).startswith(given)
    if len(option) > 2:
        return word.startswith((option, f"-{option}"))
    return (
        not word.startswith("--")
        and re.match(rf"-[A-Za-z0-9]*?{re.escape(option[1])}", word) is not None
    )


def _bare(option: str) -> str:
    return option.replace("-", "").casefold()
