"""Files that arguments name: those that lead out of the workspace, or to secrets, are resources too.

A rule on ``command:`` grants a program with its words. Which files inside the workspace it then opens is
its own affair; an argument that leads out of it, or to a file whose name tells of secrets, is judged as a
``path:`` as well, so that ``cat ~/.ssh/id_rsa`` is no mere ``cat``.
"""

import glob
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from devagent_workspace.contract import Access, ResourceDict
from devagent_workspace.grammar import Unclear
from devagent_workspace.places import SECRET_NAME, is_inside, located, tells_of_secrets
from devagent_workspace.real_paths import real_path
from devagent_workspace.variables import Scope
from devagent_workspace.words import Field

Touch = Callable[[str, Access, Iterable[str]], None]
_DEVICES = frozenset(["/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/zero"])


MOST_MET = 2000


class Operands:
    """Finds paths in the arguments of commands, seen from the folders that a command may run in.

    What writes into a ``.git`` names it too: a hook that is put there is run by the next ``git commit``.
    """

    def __init__(self, folder: str, touch: Touch) -> None:
        self._folder = folder
        self._touch = touch

    def judge(
        self, fields: Sequence[Field], scope: Scope, access: Access, *, flat: bool = False
    ) -> None:
        """Name what these words touch outside the workspace, or of secrets. Of a folder all that it holds
        may be touched, unless the program is ``flat``: content with the folder itself."""
        for field in fields:
            for path in self._paths(field, scope):
                for folder in scope.folders:
                    if self._matters(folder, path):
                        place = located(self._folder, os.path.join(folder, path))
                        kept = access == "write" and "path.git" in place.tags
                        if place.outside or kept or "path.secret" in place.tags:
                            resource = (place if flat else place.as_tree()).resource(access)
                            self._touch(resource["id"], access, resource["tags"])

    def _paths(self, field: Field, scope: Scope) -> Iterable[str]:
        """What a word may name: a glob names what it meets now, and the folder it looks in."""
        if field.text is not None:
            return _candidates(field.text)
        found = [os.path.dirname(path) or "." for path in _candidates(field.start)]
        if field.pattern:
            for folder in scope.folders:
                met = glob.iglob(field.pattern, root_dir=folder)
                found += itertools.islice(met, MOST_MET)
                if next(met, None) is not None:
                    raise Unclear(f"a glob that meets more than {MOST_MET} files")
        return found

    def places(self, path: str, scope: Scope) -> Iterator[ResourceDict]:
        """The places that one path may be."""
        for folder in scope.folders:
            yield located(self._folder, os.path.join(folder, path)).resource("read")

    def leads_out(self, path: str, scope: Scope) -> bool:
        """Whether a path may lie outside the workspace."""
        return any(
            not is_inside(real_path(os.path.join(folder, path)), self._folder)
            for folder in scope.folders
        )

    def _matters(self, folder: str, path: str) -> bool:
        """A quick look: most words are no paths, and most paths are plain ones inside."""
        if path.startswith("/"):
            if path in _DEVICES:
                return False
            first = "/" + path.lstrip("/").split("/", 1)[0]
            return os.path.lexists(first) or os.access("/", os.W_OK)  # root can make it
        if SECRET_NAME.search(path) or ".git" in os.path.join(folder, path).casefold().split("/"):
            return True
        if "/" not in path and path != "..":
            joined = os.path.join(folder, path)
            return os.path.islink(joined) or (
                not is_inside(folder, self._folder) and os.path.lexists(joined)
            )
        return not is_inside(real_path(os.path.join(folder, path)), self._folder)


def _candidates(word: str) -> Iterator[str]:
    """The parts of a word that may be a path: itself, an option's value, what follows ``@``."""
    if not word or len(word) > 4096 or "\0" in word or "\n" in word:
        return
    if not word.startswith("-"):
        yield word
        if word.startswith("@") and len(word) > 1:
            yield word[1:]
        yield from _address(word)
        if "@/" in word or "@~" in word:
            yield word.rpartition("@")[2]
    elif len(word) > 2 and word[1] != "-":
        yield from _attached(word)
    if "=" in word:
        value = word.partition("=")[2]
        if value:
            yield value.lstrip("@<")
            yield from _address(value)
            if "=" in value:
                yield value.rpartition("=")[2].removeprefix("@")
                if "," in value:  # type=bind,source=x,target=y
                    for part in value.split(","):
                        yield part.partition("=")[2].removeprefix("@")
    if ":" in word and "://" not in word:
        for part in word.split(":"):
            if part.startswith(("/", "../")) or SECRET_NAME.search(part):
                yield part


_ADDRESS = re.compile(r"fileb?:(//)?(.*)", re.IGNORECASE | re.DOTALL)
_SECRET_PART = re.compile(r"id_|credentials|history|\.\w+\Z", re.IGNORECASE)
_CLUSTER = re.compile(r"-[A-Za-z0-9]+?@?(?=[/.~])")


def _address(word: str) -> Iterator[str]:
    """The places that ``file:`` may mean: absolute, or for some programs one from here."""
    match = _ADDRESS.match(word)
    if match is None:
        return
    place = match[2].removeprefix("localhost") if match[1] else match[2]
    if place.startswith("/") or not match[1]:
        yield "/" + place.lstrip("/")
        return
    yield place
    if "/" in place:
        yield "/" + place.partition("/")[2]  # others take the first part for a host


def _attached(word: str) -> Iterator[str]:
    """The value that an option of one letter has in the same word: ``-f/x``, also behind others: ``-rf/x``."""
    cluster = _CLUSTER.match(word)
    if cluster is not None:
        yield word[cluster.end() :]
    if ("/" in word and cluster is None) or "/.." in word:
        yield word[2:]
    if tells_of_secrets(word[2:]):
        yield word[2:]
    elif _SECRET_PART.search(word):
        for at in range(3, min(len(word), 8)):
            if tells_of_secrets(word[at:]):
                yield word[at:]
                return
