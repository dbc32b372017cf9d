"""Facts that rules like to know of a file which git takes in or writes: whether it makes git do something later.

Tags of ``path:`` resources: ``git.hooks`` (lies where hooks are kept), ``git.submodules`` (``.gitmodules``: where
submodules come from), ``git.attributes`` (``.gitattributes``: which filters and drivers apply), ``git.config`` (a file
that a git configuration includes, or ``.lfsconfig``).

Tags of a branch that is rewritten: ``git.rewrite``, and ``git.published`` where a remote has what is rewritten.
"""

import os
from collections.abc import Callable

from devagent_git.hardening import hooks_in, value_of
from devagent_git.plans import hooks_folder
from devagent_git.real_paths import real_path
from devagent_git.repository import Repository

_HOOK_FOLDERS = (".husky", ".githooks", ".git-hooks", ".hooks")
"""Where tools that install hooks keep them; and wherever ``core.hooksPath`` says."""
_BY_NAME = {
    b".gitmodules": "git.submodules",
    b".gitattributes": "git.attributes",
    b".gitconfig": "git.config",
    b".lfsconfig": "git.config",
}
PUSH_HOOKS = ("pre-push",)
COMMIT_HOOKS = (
    "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-merge-commit",
)  # fmt: skip


def path_facts(repository: Repository) -> Callable[[bytes], list[str]]:
    """What to ask for the facts of a path below the repository's top."""
    folders = [os.fsencode(name) for name in _HOOK_FOLDERS]
    configured = value_of(repository.settings, "core.hookspath")
    if configured:
        place = real_path(os.path.join(repository.top, os.path.expanduser(configured)))
        if place.startswith(os.path.join(repository.top, "")):
            folders.append(os.fsencode(os.path.relpath(place, repository.top)))
    included: set[bytes] = set()
    for setting in repository.possible:
        section, _, name = setting.parts
        if section in ("include", "includeif") and name == "path":
            # A relative one starts from the file that includes it; from the git directory nearly always.
            value = os.path.expanduser(setting.value)
            place = real_path(os.path.join(repository.common_dir, value))
            if place.startswith(os.path.join(repository.top, "")):
                included.add(os.fsencode(os.path.relpath(place, repository.top)))

    def facts(path: bytes) -> list[str]:
        found = [tag] if (tag := _BY_NAME.get(os.path.basename(path).lower())) else []
        if any(path.lower().startswith(folder.lower() + b"/") for folder in folders):
            found.append("git.hooks")
        if path in included:
            found.append("git.config")
        return found

    return facts


def skipped_hooks(repository: Repository, names: tuple[str, ...]) -> list[str]:
    """``git.no-verify`` where hooks exist that plain git would run here and this extension does not."""
    return ["git.no-verify"] if hooks_in(hooks_folder(repository), names) else []


def rewriting(repository: Repository, oids: list[str], kept: list[str]) -> list[str]:
    """The tags of a branch from which the commits of ``oids`` go that ``kept`` does not hold."""
    if not oids:
        return ["git.rewrite"]
    left = ("rev-list", "--count", *oids, "--not", *kept)
    there = int(repository.line(*left))
    unpublished = int(repository.line(*left, "--remotes"))
    return ["git.rewrite", *(["git.published"] if unpublished < there else [])]
