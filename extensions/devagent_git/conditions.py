"""What a repository's configuration includes on a condition, whether the condition holds now or not.

Settings are listed before a call and neutralised by name. A file that is included only on a branch, or only in a
work tree's folder, is not in that listing, and may be in force a moment later: after a switch, in the process that
fills a new work tree. So every such file is read too.
"""

import os
from typing import TYPE_CHECKING

from devagent_git.contract import GitError
from devagent_git.hardening import Setting, settings_of

if TYPE_CHECKING:
    from devagent_git.repository import Repository

_MOST = 64
"""Files that are followed; git itself gives up at includes ten deep."""


def conditional_settings(repository: "Repository") -> list[Setting]:
    """The settings of all files that the repository's own configuration includes on a condition.

    Raises GitError ``unsafe_config`` where there are too many of them.
    """
    if not any(_is_condition(s) for s in repository.settings if s.own):
        return []
    places = [os.path.join(repository.common_dir, "config")]
    places.append(os.path.join(repository.git_dir, "config.worktree"))
    seen: set[str] = set()
    found: list[Setting] = []
    first = len(places)
    while places:
        place = os.path.realpath(places.pop(0))
        first -= 1
        if place in seen or not os.path.isfile(place):
            continue
        seen.add(place)
        if len(seen) > _MOST:
            raise GitError("the repository's config includes too many files", error="unsafe_config")
        listed = repository.git("config", "--file", place, "--no-includes", "--list", "-z").out
        words = listed.split(b"\0")[:-1]
        settings = settings_of(b"".join(b"local\0" + word + b"\0" for word in words))
        found += settings if first < 0 else []
        for setting in settings:
            if _is_condition(setting) or setting.key == "include.path":
                included = os.path.expanduser(setting.value)
                places.append(os.path.join(os.path.dirname(place), included))
    return found


def _is_condition(setting: Setting) -> bool:
    section, _, name = setting.parts
    return section == "includeif" and name == "path"
