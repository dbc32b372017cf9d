"""Which resources a call would touch. Nothing is changed, no hook, filter or transport runs.

Reads of content name every file whose content would be shown, so that a rule on ``path:`` holds for
history as for the work tree; ``stat`` shows names only and touches the repository alone. Writes name
the branch that would truly be written. A repository that takes objects from another one reads that one
too. ``tags`` mark what rules like to know:

``git.force``       a reference is overwritten, or goes though what it holds is nowhere else
``git.delete``      a reference, a stash, a remote or a work tree goes
``git.rewrite``     commits of a branch are replaced by others; ``git.amend`` where it is by amending
``git.published``   and a remote has some of them
``git.discard``     uncommitted changes go (they are kept, see ``kept``)
``git.no-verify``   hooks that plain git would run are there, and do not run
``git.secret``      what looks like a secret is to pass
``git.config``      git's configuration changes, or a file that it includes
``git.hooks``, ``git.submodules``, ``git.attributes``   such a file is taken in or written (``facts``)
``git.elsewhere``   a repository that the workspace's own leads to, or a file or folder to which a link in its git directory does
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from devagent_git.contract import ResourceDict, Surroundings
from devagent_git.links import led_astray
from devagent_git.names import bad, place_name
from devagent_git.object_stores import borrowed_stores
from devagent_git.repository import Repository
from devagent_git.resources_reading import READING
from devagent_git.touching import Access, Arguments, resource

_ELSEWHERE = "git.elsewhere"
_CONFIG = "git.config"
_WORK_TREE = frozenset(
    ["status", "add", "commit", "switch", "pull", "restore", "stash", "integrate", "conflicts"]
)


def resources(tool: str, args: Mapping[str, Any], here: Surroundings) -> list[ResourceDict]:
    """The canonical resources of a call, its repository first.

    Missing arguments count with their defaults. Raises GitError where something cannot be resolved, as
    the call itself would; then nothing may be run.
    """
    touched = READING.get(tool) or _changing(tool)
    if touched is None:
        raise bad(f"git has no tool {tool!r}")
    repository = Repository(here, "read", work_tree=tool in _WORK_TREE)
    access: Access = "read" if tool in READING else "write"
    found = [resource(f"repo:{place_name(repository.folder, repository.top)}", access)]
    if not repository.linked:
        place = place_name(repository.folder, repository.common_dir)
        found.append(resource(f"repo:{place}", access, _ELSEWHERE))
    for store in borrowed_stores(repository.common_dir):
        place = os.path.dirname(store) if os.path.basename(store) == "objects" else store
        found.append(resource(f"repo:{place_name(repository.folder, place)}", "read", _ELSEWHERE))
    for place in led_astray(repository.git_dir, repository.common_dir, written=access == "write"):
        own = (place + os.sep).startswith((repository.git_dir + os.sep, repository.common_dir + os.sep))  # fmt: skip
        tags = [_ELSEWHERE, *([_CONFIG] if own else [])]
        found.append(resource(f"path:{place_name(repository.folder, place)}", access, *tags))
    found += touched(repository, Arguments(args))
    unique: dict[tuple[str, str], ResourceDict] = {}
    for one in found:
        known = unique.setdefault((one["id"], one["access"]), one)
        known["tags"] = list(dict.fromkeys([*known["tags"], *one["tags"]]))
    return list(unique.values())


def _changing(tool: str) -> Callable[[Repository, Arguments], list[ResourceDict]] | None:
    from devagent_git.resources_remote import REMOTE  # noqa: PLC0415 - all that git can change, for the first call that does
    from devagent_git.resources_writing import WRITING  # noqa: PLC0415 - as above

    return WRITING.get(tool) or REMOTE.get(tool)
