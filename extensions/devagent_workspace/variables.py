"""What a line knows of its variables and of the folder it is in.

A variable's value is known where the made environment fixes it, or where the line assigns it exactly
once, on a way that is always taken, before its use. Everything else may be anything.
"""

import re
from collections.abc import Mapping
from typing import Any

from devagent_workspace.grammar import Unclear
from devagent_workspace.shown import names
from devagent_workspace.sources import Source

HARMLESS = names("""
CI DEBUG VERBOSE LANG LANGUAGE TZ COLUMNS LINES NO_COLOR FORCE_COLOR CLICOLOR CLICOLOR_FORCE TERM NODE_ENV
RAILS_ENV RACK_ENV APP_ENV ENVIRONMENT FLASK_ENV FLASK_DEBUG RUST_BACKTRACE RUST_LOG RUST_TEST_THREADS
CARGO_TERM_COLOR CARGO_INCREMENTAL PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED PYTHONHASHSEED PYTHONUTF8
PYTHONFAULTHANDLER PYTHONASYNCIODEBUG PYTHONTRACEMALLOC PIP_NO_INPUT PIP_DISABLE_PIP_VERSION_CHECK PORT HOST
CGO_ENABLED GOOS GOARCH GOMAXPROCS GO111MODULE SOURCE_DATE_EPOCH DEBIAN_FRONTEND HUSKY SKIP TOX_ENV
GIT_PAGER_IN_USE JOBS LOG_LEVEL LOGLEVEL PY_COLORS PYTEST_DISABLE_PLUGIN_AUTOLOAD UV_OFFLINE GIT_AUTHOR_DATE
DOCKER_BUILDKIT BUILDKIT_PROGRESS COMPOSE_PROJECT_NAME AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION AWS_DEFAULT_OUTPUT
TF_LOG TF_INPUT TF_IN_AUTOMATION MIX_ENV BABEL_ENV NEXT_TELEMETRY_DISABLED GOGC GOTRACEBACK
HYPOTHESIS_PROFILE CTEST_OUTPUT_ON_FAILURE CTEST_PARALLEL_LEVEL CMAKE_BUILD_PARALLEL_LEVEL OMP_NUM_THREADS
CUDA_VISIBLE_DEVICES TOKENIZERS_PARALLELISM TF_CPP_MIN_LOG_LEVEL ASPNETCORE_ENVIRONMENT DOTNET_CLI_TELEMETRY_OPTOUT
GIT_COMMITTER_DATE GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL
""")
"""Variables that may be set for a command: no program known runs, loads or connects to what they say."""
_HARMLESS_PREFIX = ("LC_",)
_OF_THE_SHELL = re.compile(
    r"(?:BASH\w*|IFS|PATH|ENV|PS\d|PROMPT_\w+|CDPATH|GLOB\w+|SHELLOPTS|POSIXLY_CORRECT|OPT\w+|HOME|PWD|OLDPWD"
    r"|SHELL|TMPDIR|FCEDIT|FIGNORE|HIST\w+|MAIL\w*|TIMEFORMAT|TMOUT|EXECIGNORE|LD_\w+|DYLD_\w+|COMP_?\w+|DIRSTACK"
    r"|FUNCN\w+|GROUPS|HOST\w*|INPUTRC|MACHTYPE|MAPFILE|OSTYPE|PIPESTATUS|READLINE_\w+|REPLY|SRANDOM|EPOCH\w*"
    r"|auto_resume|histchars|EDITOR|VISUAL|PAGER|BROWSER|\w+_PAGER|\w+_EDITOR|GIT_\w+|PYTHON\w+|PERL\w+|RUBY\w+|NODE_\w+)\Z"
)
_NUMBERS = frozenset(
    [
        "RANDOM",
        "SECONDS",
        "LINENO",
        "BASHPID",
        "UID",
        "EUID",
        "PPID",
        "SHLVL",
        "EPOCHSECONDS",
        "SRANDOM",
    ]
)
_MADE_BY_BASH = re.compile(
    r"(?:BASH\w*|OLDPWD|IFS|OPT\w+|HOST\w+|OSTYPE|MACHTYPE|_|PS4|PIPESTATUS|GROUPS|FUNCNAME|REPLY|COLUMNS|LINES|DIRSTACK|COMP_\w+|EPOCHREALTIME|SHELLOPTS|TIMEFORMAT|MAPFILE|COPROC\w*)\Z"
)
_ARITHMETIC = re.compile(r"(?:[\s\d+*/%()<>=!&|^~?:,-]|\$?[A-Za-z_]\w*|\$\{[A-Za-z_]\w*\}|\$#)*\Z")
_ASSIGNS = re.compile(r"(?<![=!<>])=(?!=)|<<=|>>=|\+\+|--")
_NUMBER = re.compile(r"-?\d+\Z")
_FOR_NAMES = re.compile(r"[A-Za-z_]\w*")


def may_be_exported(name: str) -> bool:
    """Whether a command may be given this variable without becoming another command."""
    return name in HARMLESS or name.startswith(_HARMLESS_PREFIX)


class Scope:
    """The state of one shell at one point of the line. A subshell works on a copy."""

    def __init__(
        self,
        environment: Mapping[str, str],
        folders: tuple[str, ...],
        assigned: Mapping[str, list[str]],
        *,
        no_arguments: bool = True,
    ) -> None:
        self.environment = environment
        self.folders = folders
        self.assigned = assigned
        self.values: dict[str, Any] = {}
        self.patterns: dict[str, str] = {}
        """Of the variable of a loop over the files that one glob meets: that glob."""
        self.straight = True
        self.stdin: Source | None = None
        self.no_arguments = no_arguments

    def copy(self) -> "Scope":
        other = Scope(self.environment, self.folders, self.assigned, no_arguments=self.no_arguments)
        other.values, other.straight, other.stdin = dict(self.values), self.straight, self.stdin
        other.patterns = dict(self.patterns)
        return other

    def look_up(self, name: str) -> tuple[str | None, Source]:
        """A variable's value and, where there is none to be known, what kind of thing it is."""
        if name in self.values:
            return self.values[name]
        if name in self.assigned:
            numeric = all(_NUMBER.match(text) or text == "((" for text in self.assigned[name])
            return None, "number" if numeric else "output"
        if name == "PWD":
            return (self.folders[0], "known") if len(self.folders) == 1 else (None, "output")
        if name in _NUMBERS:
            return None, "number"
        if _MADE_BY_BASH.match(name):
            return None, "output"
        return self.environment.get(name, ""), "known"

    def assign(
        self, name: str, value: str | None, source: Source, *, exported: bool = False
    ) -> None:
        """A variable gets a value. Raises Unclear where that changes what later commands are."""
        shared = exported or name in self.environment or _OF_THE_SHELL.match(name)
        if shared and not may_be_exported(name):
            raise Unclear(f"the line sets {name}")
        if self.straight and len(self.assigned.get(name, ())) == 1:
            self.values[name] = (value, source)
        elif value is None and source != "output" and len(self.assigned.get(name, ())) == 1:
            self.values[name] = (None, source)

    def check_arithmetic(self, written: str) -> None:
        """Raises Unclear where an arithmetic expression could run something: bash evaluates variables."""
        if not _ARITHMETIC.match(written.removeprefix("$")):
            raise Unclear("an arithmetic expression")
        assigns = _ASSIGNS.search(written) is not None
        for name in _FOR_NAMES.findall(written):
            shared = name in self.environment or _OF_THE_SHELL.match(name)
            if assigns and shared and not may_be_exported(name):
                raise Unclear(f"the line sets {name}")
            value, source = self.look_up(name)
            if not (
                source == "number" or value == "" or (value is not None and _NUMBER.match(value))
            ):
                raise Unclear(f"arithmetic with {name}, whose value is not known")
