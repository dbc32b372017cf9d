"""The parts that resources are made of: typed arguments, and names with access and tags."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from devagent_git.contract import ResourceDict
from devagent_git.names import Address, bad, path_in, path_names, place_name
from devagent_git.plans import Remote
from devagent_git.repository import Repository
from devagent_git.text import shown

Access = Literal["read", "write"]
Facts = Callable[[bytes], list[str]]


class Arguments:
    """Arguments by name, with the type that the schema gives them."""

    def __init__(self, args: Mapping[str, Any]) -> None:
        self._args = args

    def text(self, name: str, default: str = "") -> str:
        value = self._args.get(name, default)
        if not isinstance(value, str):
            raise bad(f"{name} must be a string")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._args.get(name, default)
        if not isinstance(value, bool):
            raise bad(f"{name} must be true or false")
        return value

    def number(self, name: str, default: int) -> int:
        value = self._args.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise bad(f"{name} must be a whole number")
        return value

    def texts(self, name: str) -> list[str]:
        value: Any = self._args.get(name, [])
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):  # pyright: ignore[reportUnknownVariableType]
            raise bad(f"{name} must be a list of strings")
        return list[str](value)  # pyright: ignore[reportUnknownArgumentType]


def resource(id: str, access: Access, *tags: str) -> ResourceDict:
    return {"id": shown(id), "access": access, "tags": list(tags)}


def paths(
    repository: Repository,
    files: Iterable[bytes],
    access: Access,
    *tags: str,
    facts: Facts | None = None,
) -> list[ResourceDict]:
    """``path:`` of each file, with these tags and its own facts."""
    return [
        resource(f"path:{name}", access, *tags, *(facts(file) if facts else ()))
        for file in files
        for name in path_names(repository.folder, repository.top, file)
    ]


def path_of(repository: Repository, args: Arguments) -> bytes | None:
    """The argument ``path`` below the repository's top; None where it is empty."""
    path = args.text("path")
    return path_in(repository.folder, repository.top, path) if path else None


def addresses(
    repository: Repository, name: str, found: Iterable[Address], access: Access, *tags: str
) -> list[ResourceDict]:
    """``remote:`` and ``host:`` (or, on this machine, ``path:``) of each address."""
    made: list[ResourceDict] = []
    for one in found:
        made.append(resource(one.id(name), access, *tags))
        if one.folder is None:
            made.append(resource(f"host:{one.host}", access))
        else:
            made.append(resource(f"path:{place_name(repository.folder, one.folder)}", access))
    return made


def remote(repository: Repository, found: Remote, access: Access) -> list[ResourceDict]:
    return addresses(repository, found.name, found.addresses, access)


def secret_places(
    repository: Repository, names: Iterable[str], facts: Facts | None = None
) -> list[ResourceDict]:
    """``path:`` of every file whose likely secrets are to pass (``src/app.py:12``), tagged ``git.secret``."""
    found: list[ResourceDict] = []
    for name in names:
        place = name.partition("@")[0].rpartition(":")[0]
        if not place:
            if name != "*":
                raise bad("allow_secrets takes what the refusal named, like src/app.py:12, or '*'")
            continue
        if place != "message":
            # Named from the repository's top, as the refusal does.
            relative = path_in(repository.top, repository.top, place)
            found += paths(repository, [relative], "read", "git.secret", facts=facts)
    return found
