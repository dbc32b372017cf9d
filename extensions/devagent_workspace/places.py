"""Where a path leads, what rules call it, and opening exactly that.

A name is resolved once (symbolic links, ``..``, ``/proc/self``), judged, and then opened without
following any link; what the opened descriptor truly is must be the judged place, or the call is a
conflict. So a link that is swapped between judgement and use leads nowhere.
"""

import os
import re
import stat
import sys
from collections.abc import Sequence
from typing import NamedTuple

from devagent_workspace.contract import Access, ResourceDict, WorkspaceError, bad
from devagent_workspace.real_paths import real_path
from devagent_workspace.shown import one_line, shown
from devagent_workspace.state import state_of

SECRET_NAME = re.compile(
    r"(?:^|/)(?:\.env(?:rc|\.(?:local|development|production|staging|test))?|\.netrc|\.pgpass|\.npmrc"
    r"|\.pypirc|\.git-credentials|credentials(?:\.(?:json|toml|ya?ml))?|id_(?:rsa|dsa|ecdsa|ed25519)[^/]*"
    r"|\.(?:ssh|gnupg|aws|azure|kube)/.*|\.config/gcloud/.*|\.docker/config\.json"
    r"|\.(?:\w+_)?history"
    r"|[^/]*\.(?:pem|key|p12|pfx|jks|keystore|kdbx))$",
    re.IGNORECASE,
)
"""Names that usually hold keys, tokens or passwords."""
_SECRET_ENDS = (
    ".env", ".envrc", ".local", ".development", ".production", ".staging", ".test", ".netrc", ".pgpass", ".npmrc", ".pypirc",
    ".git-credentials", "credentials", "credentials.json", "credentials.toml", "credentials.yaml", "credentials.yml",
    ".docker/config.json", "history", ".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx",
)  # fmt: skip
_SECRET_PARTS = ("id_", ".ssh/", ".gnupg/", ".aws/", ".azure/", ".kube/", ".config/gcloud/")
_KERNEL = ("/proc", "/sys", "/dev")
_ENTRIES = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def tells_of_secrets(name: str) -> bool:
    """Whether a path fits ``SECRET_NAME``; searches ask this of thousands."""
    plain = name.casefold()
    if not plain.endswith(_SECRET_ENDS) and not any(part in plain for part in _SECRET_PARTS):
        return False
    return SECRET_NAME.search(name) is not None


class Place(NamedTuple):
    """A path as it was resolved. ``name`` is what rules match: relative inside the workspace."""

    real: str
    name: str
    outside: bool
    tags: tuple[str, ...]

    def as_tree(self) -> "Place":
        """The same with the tag of what is walked, where it is a folder."""
        return self._replace(tags=(*self.tags, "path.tree")) if os.path.isdir(self.real) else self

    def resource(self, access: Access) -> ResourceDict:
        return {"id": f"path:{shown(self.name)}", "access": access, "tags": list(self.tags)}


def resolve(folder: str, path: str) -> Place:
    """Where ``path`` leads, seen from the workspace. The last parts of it need not exist.

    Raises WorkspaceError bad_arguments for a name that no file can have.
    """
    return located(folder, os.path.join(folder, _plain(path)))


def located(folder: str, path: str, mounts: Sequence[str] | None = None) -> Place:
    """The place of an absolute path; ``mounts`` are those inside the folder, where many places are asked for."""
    real = real_path(path)
    found: os.stat_result | None = None
    tags: list[str] = []
    try:
        found = os.lstat(real)
    except OSError:
        found = None
    if found is not None and sys.platform == "darwin":
        real = _true_case(real)
    outside = not is_inside(real, folder)
    if real != os.path.normpath(path):
        tags.append("path.symlink")
    if outside:
        tags.append("path.outside")
    if found is not None and stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        tags.append("path.hardlink")
    kernel = any(is_inside(real, top) for top in _KERNEL)
    if kernel or (
        found is not None and not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode))
    ):
        tags.append("path.special")
    if not outside and (
        _mount(real) != _mount(folder)
        if mounts is None
        else any(is_inside(real, one) for one in mounts)
    ):
        tags.append("path.mount")
    name = real if outside else os.path.relpath(real, folder)
    if SECRET_NAME.search(name):
        tags.append("path.secret")
    if ".git" in name.casefold().split("/"):
        tags.append("path.git")
    return Place(real, name, outside, tuple(tags))


def mounts_inside(folder: str) -> Sequence[str] | None:
    """Where file systems are mounted inside the folder; None where that cannot be told."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            points = [line.split(b" ", 5)[4] for line in file]
    except (OSError, IndexError):
        return None
    names = (re.sub(rb"\\(\d{3})", lambda m: bytes([int(m[1], 8)]), one) for one in points)
    return [one for one in map(os.fsdecode, names) if one != folder and is_inside(one, folder)]


def judged_place(folder: str, tool: str, path: str) -> Place:
    """Where ``path`` leads now, which must be where it led when the call was judged.

    Raises WorkspaceError conflict where it leads elsewhere.
    """
    place = resolve(folder, path)
    expected = state_of(folder).judged.get((tool, path))
    if expected is not None and expected != place.real:
        raise moved(path)
    return place


def remember_judged(folder: str, tool: str, path: str) -> Place:
    """Resolve for judging, and keep what was judged for ``judged_place``."""
    place = resolve(folder, path)
    state_of(folder).judged[(tool, path)] = place.real
    return place


def moved(path: str) -> WorkspaceError:
    return WorkspaceError(
        f"{one_line(path)} leads elsewhere than when this call was judged; nothing was done",
        error="conflict",
    )


def open_place(place: Place, flags: int = 0) -> int:
    """A descriptor of exactly this place, for reading; the caller closes it.

    Raises WorkspaceError not_found, denied, special, conflict.
    """
    if any(is_inside(place.real, top) for top in _KERNEL):
        raise WorkspaceError(
            f"{one_line(place.name)} is no file but a view of the kernel or a device",
            error="special",
        )
    try:
        descriptor = os.open(place.real, _ENTRIES | flags)
    except OSError as e:
        raise failure(e, place.name) from e
    try:
        if not _is_at(descriptor, place.real):
            raise moved(place.name)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def failure(e: OSError, name: str) -> WorkspaceError:
    """What the operating system refused, in words and with a class of ours."""
    if isinstance(e, FileNotFoundError):
        return WorkspaceError(f"{one_line(name)} does not exist", error="not_found")
    if isinstance(e, NotADirectoryError):
        return WorkspaceError(f"{one_line(name)}: a part of it is no folder", error="not_a_folder")
    if isinstance(e, IsADirectoryError):
        return WorkspaceError(f"{one_line(name)} is a folder", error="not_a_file")
    if isinstance(e, PermissionError):
        return WorkspaceError(f"{one_line(name)}: no permission", error="denied")
    error = "no_space" if e.strerror and "space" in e.strerror else "failed"
    return WorkspaceError(f"{one_line(name)}: {e.strerror or 'failed'}", error=error)


def is_inside(path: str, folder: str) -> bool:
    """Whether a real path is the folder or lies below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _plain(path: str) -> str:
    if "\0" in path:
        raise bad("a path cannot hold a NUL")
    if len(path) > 4096:
        raise bad("the path is longer than 4096 characters")
    try:
        path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise bad("the path is not valid Unicode") from None
    return os.path.expanduser("~") + path[1:] if path == "~" or path.startswith("~/") else path


def _is_at(descriptor: int, real: str) -> bool:
    if sys.platform == "linux":
        return os.readlink(f"/proc/self/fd/{descriptor}") == real
    opened, named = os.fstat(descriptor), os.lstat(real)
    same = (opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino)
    return same and real_path(real) == real


def _true_case(real: str) -> str:
    """The spelling that the file system keeps (macOS takes two spellings for one file)."""
    import fcntl  # noqa: PLC0415 - not on every system

    try:
        descriptor = os.open(real, _ENTRIES)
    except OSError:
        return real
    try:
        told = fcntl.fcntl(descriptor, 50, b"\0" * 1024)  # F_GETPATH
        return os.fsdecode(told.rstrip(b"\0")) or real
    except OSError:
        return real
    finally:
        os.close(descriptor)


def _mount(real: str) -> str:
    """The number of the mount that a path, or its nearest existing folder, lies on ("" if unknown)."""
    if sys.platform != "linux":
        return ""
    while True:
        try:
            descriptor = os.open(real, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
            break
        except FileNotFoundError:
            if real == "/":
                return ""
            real = os.path.dirname(real)
        except OSError:
            return ""
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", "rb") as file:
            for line in file:
                if line.startswith(b"mnt_id:"):
                    return line[7:].strip().decode("ascii")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    return ""
