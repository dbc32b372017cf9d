"""Devagent run by an agent: what governs it is reached by its commands as well as by its files.

``devagent policy approvals``, ``devagent ext approve``, ``devagent config`` and their kin act with the
person's rights, and a ``devagent run`` or a server of an extension would be an agent beside the gate. So only
what reads and judges files of policy may be run, whatever allows more.
"""

import os
from collections.abc import Sequence

_READING = frozenset([
    ("policy", "check"), ("policy", "explain"), ("policy", "lint"), ("policy", "test"), ("policy", "schema"),
    ("policy", "matrix"), ("policy", "export"), ("doctor",), ("demo",),
])  # fmt: skip
_TELLING = frozenset(["--help", "-h", "--version", "-V"])
_RUNNERS = frozenset([
    "uv", "uvx", "pipx", "poetry", "pipenv", "pdm", "hatch", "rye", "conda", "mamba", "micromamba", "mise", "asdf",
    "nix", "npx", "pixi", "tox", "nox", "direnv",
])  # fmt: skip
"""Programs that run another one that stands somewhere among their words."""


def is_own_command(words: Sequence[str]) -> bool:
    """Whether this argv runs devagent, or a server of its extensions, to do more than read."""
    behind = _behind_devagent(words)
    if behind is None:
        return False
    name, rest = behind
    if rest and rest[-1] in _TELLING and len(rest) <= 3 and all(map(str.isalpha, rest[:-1])):
        return False
    if name != "devagent":
        return True  # a server: its calls pass no gate
    return tuple(rest[:1]) not in _READING and tuple(rest[:2]) not in _READING


def _behind_devagent(words: Sequence[str]) -> tuple[str, list[str]] | None:
    """The program of ours that is run, and its words; None where there is none."""
    if not words:
        return None
    if (name := _own(words[0])) is not None:
        return name, list(words[1:])
    program = os.path.basename(words[0])
    if program.startswith(("python", "pypy")):
        for at, word in enumerate(words[1:-1], 1):
            if word == "-m" or (word.startswith("-") and not word.startswith("--") and word.endswith("m")):  # fmt: skip
                name = words[at + 1].partition(".")[0].replace("_", "-")
                return (name, list(words[at + 2 :])) if _own(name) else None
            if not word.startswith("-"):
                break
        script = next((word for word in words[1:] if not word.startswith("-")), "")
        if (name := _own(script)) is not None:
            return name, list(words[words.index(script) + 1 :])
        return None
    if program in _RUNNERS:
        for at, word in enumerate(words[1:], 1):
            if (name := _own(word)) is not None:
                return name, list(words[at + 1 :])
            if word == "-m" and at + 1 < len(words):
                name = words[at + 1].partition(".")[0].replace("_", "-")
                if _own(name):
                    return name, list(words[at + 2 :])
    return None


def _own(word: str) -> str | None:
    """Which program of ours a word names, by its last part."""
    name = os.path.basename(word.rstrip("/")).removesuffix(".exe").casefold()
    if name == "__main__.py":
        name = os.path.basename(os.path.dirname(word)).replace("_", "-").casefold()
    return name if name == "devagent" or name.startswith("devagent-") else None
