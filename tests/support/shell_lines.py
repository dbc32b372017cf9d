"""Shell lines, hostile and everyday, and the one allow-list that both are judged under.

Each hostile line names its source: an advisory, a GTFOBins page (gtfobins.github.io), a section of the
bash manual, or a technique known by name.
"""

from collections.abc import Sequence

from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.verdicts import Decision, Request
from devagent.policy import CompiledPolicy, compile_policy, parse
from devagent_workspace.environment import environment
from devagent_workspace.judging import touched_by

ANY_WORDS = [
    "ls",
    "cat",
    "head",
    "tail",
    "wc",
    "rg",
    "grep",
    "find",
    "fd",
    "sort",
    "uniq",
    "cut",
    "tr",
    "diff",
    "file",
    "stat",
    "du",
    "tree",
    "jq",
    "sed",
    "awk",
    "echo",
    "printf",
    "cd",
    "pwd",
    "test",
    "[",
    "true",
    "mkdir",
    "touch",
    "which",
    "date",
    "env",
    "xargs",
    "basename",
    "dirname",
    "realpath",
    "readlink",
    "sleep",
    "tar",
    "zip",
    "unzip",
    "less",
    "man",
    "tee",
    "nl",
    "column",
    "comm",
    "pytest",
    "ruff",
    "mypy",
    "black",
    "make",
    "npm",
    "npx",
    "node",
    "cargo",
    "go",
    "tsc",
    "eslint",
    "prettier",
    "docker",
    "kubectl",
    "python",
    "python3",
    "pip",
    "uv",
    "poetry",
    "git",
    "timeout",
    "nice",
    "vim",
    "perl",
    "ruby",
    "curl",
    "ssh",
    "rsync",
    "dd",
    "openssl",
    "gcc",
    "sqlite3",
    "psql",
    "export",
    "read",
    "set",
    "seq",
    "cmp",
    "sha256sum",
    "xxd",
    "strings",
    "gzip",
    "gunzip",
    "kill",
    "ps",
    "uname",
    "whoami",
    "id",
    "command",
    "type",
    "java",
    "mvn",
    "gradle",
    "bundle",
    "rake",
    "php",
    "ffmpeg",
    "pandoc",
    "shuf",
    "split",
    "base64",
    "exit",
    "wait",
    "for",
    "paste",
    "yarn",
    "pnpm",
    "bun",
    "cmake",
    "tac",
    "cp",
    "mv",
]
"""Programs that the list allows with any words: as wide as an allow-list of programs can be."""

POLICY = f"""
version = 1
name = "allow-list"
layer = "org"
default = "ask"

[[rule]]
id = "programs"
effect = "allow"
tools = ["workspace.shell"]
resources = [
    {", ".join(f'"command:{name}", "command:{name} **"' for name in ANY_WORDS)},
    "command:rm -rf build", "command:rm -rf dist **", "command:rm -f **.pyc", "command:./gradlew **", "command:./scripts/*.sh", "command:./scripts/*.sh *",
    "command:bash scripts/**",
    "path:src/**", "path:tests/**", "path:out/**", "path:build/**", "path:*.txt", "path:*.md", "path:*.log", "path:*.json", "path:*.py", "path:.", "path:docs/**",
]
why = "Programs of every day, inside the workspace"
"""


def allow_list(more: Sequence[str] = ()) -> CompiledPolicy:
    """``POLICY``, and ``more`` programs allowed with any words."""
    names = ", ".join(f'"command:{name}", "command:{name} **"' for name in more)
    text = POLICY.replace("resources = [", f"resources = [\n    {names},", 1) if more else POLICY
    return compile_policy([parse(text, "allow-list.toml", org=True)])


def judged(policy: CompiledPolicy, line: str, folder: str) -> tuple[Decision, list[str]]:
    """The answer to one line, and the resources that it was given for."""
    found = touched_by(line, folder=folder, cwd=folder, variables=environment({}))
    resources = tuple(
        Resource(id=one["id"], access=one["access"], tags=tuple(one["tags"]))
        for one in found.resources
    )
    request = Request(
        principal=Principal(user="ana"),
        extension="workspace",
        tool="shell",
        tool_class="exec",
        args={"command": line},
        resources=resources,
        context={"mode": "chat", "today": "2026-11-20"},
    )
    return policy.decide(request), [one.id for one in resources]
