"""Which files a project does not count as its own: ``.gitignore``, as git reads it.

Only ``.gitignore`` files speak, inside and above the folder up to the repository's top; a repository
within is a world of its own. The person's global excludes and ``.git/info/exclude`` are left out, so
that the answer is the same on every machine.
"""

import os
import re
from typing import NamedTuple

from devagent_workspace.globs import translated

_MOST_BYTES = 200_000


class Rule(NamedTuple):
    pattern: re.Pattern[str]
    ignores: bool
    folders_only: bool


class Ignored:
    """What is ignored in one folder, from the ``.gitignore`` files that hold there, nearest last."""

    def __init__(self, layers: tuple[tuple[int, tuple[Rule, ...]], ...]) -> None:
        self._layers = layers

    def below(self, folder: str) -> "Ignored":
        """What is ignored in a folder within."""
        layers = () if os.path.lexists(os.path.join(folder, ".git")) else self._layers
        rules = rules_of(folder)
        return Ignored((*layers, (len(folder.rstrip("/")) + 1, rules)) if rules else layers)

    def ignores(self, path: str, *, is_folder: bool) -> bool:
        """Whether the absolute ``path``, whose folders are not ignored, is."""
        for start, rules in reversed(self._layers):
            relative = path[start:]
            for rule in reversed(rules):
                if rule.pattern.match(relative) and (is_folder or not rule.folders_only):
                    return rule.ignores
        return False


def ignored_in(folder: str) -> Ignored:
    """What is ignored in ``folder``, with what the folders above it say."""
    above = [folder]
    while not os.path.lexists(os.path.join(above[-1], ".git")):
        parent = os.path.dirname(above[-1])
        if parent == above[-1]:
            break
        above.append(parent)
    found = Ignored(())
    for one in reversed(above):
        found = found.below(one)
    return found


def rules_of(folder: str) -> tuple[Rule, ...]:
    """The rules of the ``.gitignore`` in a folder; none where there is none that can be read."""
    try:
        descriptor = os.open(
            os.path.join(folder, ".gitignore"),
            os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
        )
        with open(descriptor, "rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8", "surrogateescape")
    except OSError:
        return ()
    rules = (_rule(line) for line in text.removeprefix("\ufeff").splitlines())
    return tuple(rule for rule in rules if rule is not None)


def _rule(line: str) -> Rule | None:
    if line.startswith("#"):
        return None
    stripped = line.rstrip(" ")
    if stripped.endswith("\\") and stripped != line:
        stripped += " "
    ignores = not stripped.startswith("!")
    pattern = stripped if ignores else stripped[1:]
    folders_only = pattern.endswith("/") and not pattern.endswith("\\/")
    pattern = pattern.rstrip("/") if folders_only else pattern
    if not pattern:
        return None
    pattern = pattern.removeprefix("/") if "/" in pattern else f"**/{pattern}"
    try:
        return Rule(
            re.compile(translated(pattern, braces=False) + r"\Z", re.DOTALL), ignores, folders_only
        )
    except re.error:
        return None
