"""Links within a git directory: git writes through them, so what it writes may be any file of the person.

``.git/COMMIT_EDITMSG`` that leads to ``~/.profile`` would make each commit's message a start-up file, ``.git/logs/HEAD``
adds a line with a message in it, and ``refs`` or ``logs`` make files in a folder elsewhere. Git itself makes none of
these links, but for ``HEAD`` and names below ``refs`` that lead to another one there.
"""

import os
from collections.abc import Iterator

from devagent_git.contract import GitError
from devagent_git.real_paths import real_path

_NOT_WRITTEN = frozenset(["hooks", "lfs", "annex"])
"""Names in a git directory that no git process writes to here."""
_FOLDERS = ("logs", "refs", "info", "sequencer", "rebase-merge", "rebase-apply")
_MOST = 200_000


def led_astray(git_dir: str, common_dir: str, *, written: bool) -> list[str]:
    """Real paths of what links in a git directory lead to. ``written``: below its folders too, else at its top.

    Raises GitError ``unsafe_config`` where that cannot be told.
    """
    found: dict[str, None] = {}
    references = os.path.join(common_dir, "refs", "")
    for link in _links(dict.fromkeys([git_dir, common_dir]), written=written):
        place = real_path(link)
        is_reference = os.path.basename(link) == "HEAD" or link.startswith(references)
        if not (is_reference and place.startswith(references)):
            found[place] = None
    return list(found)


def _links(folders: dict[str, None], *, written: bool) -> Iterator[str]:
    waiting = list(folders)
    tops = set(folders)
    seen = 0
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as scanned:
                entries = list(scanned)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as e:
            raise _untold(os.strerror(e.errno or 0)) from e
        seen += len(entries)
        if seen > _MOST:
            raise _untold(f"it has more than {_MOST} files")
        for entry in entries:
            if folder in tops and entry.name in _NOT_WRITTEN:
                continue
            if entry.is_symlink():
                yield entry.path
            elif (
                written
                and (folder not in tops or entry.name in _FOLDERS)
                and entry.is_dir(follow_symlinks=False)
            ):
                waiting.append(entry.path)


def _untold(why: str) -> GitError:
    return GitError(
        f"where links in the git directory lead cannot be told: {why}", error="unsafe_config"
    )
