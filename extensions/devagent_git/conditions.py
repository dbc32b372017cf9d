"""What a repository's configuration includes on a condition, whether the condition holds now or not.

Settings are listed before a call and neutralised by name. A file that is included only on a branch, or only in a
work tree's folder, is not in that listing, and may be in force a moment later: after a switch, in the process that
fills a new work tree. So every such file is read too.
"""

import os
from collections.abc import Callable, Iterable

from devagent_git.contract import GitError
from devagent_git.hardening import Setting, settings_of
from devagent_git.real_paths import real_path

_MOST = 64
"""Files that are followed; git itself gives up at includes ten deep."""


def conditional_settings(
    settings: Iterable[Setting], files: Iterable[str], listed: Callable[[str], bytes]
) -> list[Setting]:
    """The settings of all files that the repository's own ``files`` of configuration include on a condition.

    ``settings`` are those in force; ``listed`` gives what ``git config --file … --no-includes --list -z`` prints of one.
    Raises GitError ``unsafe_config`` where there are too many of them.
    """
    if not any(_is_condition(s) for s in settings if s.own):
        return []
    places = list(files)
    seen: set[str] = set()
    found: list[Setting] = []
    first = len(places)
    while places:
        place = real_path(places.pop(0))
        first -= 1
        if place in seen or not os.path.isfile(place):
            continue
        seen.add(place)
        if len(seen) > _MOST:
            raise GitError("the repository's config includes too many files", error="unsafe_config")
        words = listed(place).split(b"\0")[:-1]
        within = settings_of(b"".join(b"local\0" + word + b"\0" for word in words))
        found += within if first < 0 else []
        for setting in within:
            if _is_condition(setting) or setting.key == "include.path":
                included = os.path.expanduser(setting.value)
                places.append(os.path.join(os.path.dirname(place), included))
    return found


def _is_condition(setting: Setting) -> bool:
    section, _, name = setting.parts
    return section == "includeif" and name == "path"
