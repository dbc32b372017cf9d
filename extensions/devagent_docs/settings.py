"""The extension's settings: which collections there are, and where the index lies.

[extensions.docs]
grounded = true                       # "not found" is an answer; say what was not found
index = "/var/tmp/docs-index"         # default: docs/ in devagent's data folder
embeddings = "~/models/static"        # a folder with a static embedding model; default none

[extensions.docs.collections.handbook]
path = "~/handbook"                   # a folder, a file, or a .zip; relative to the workspace
include = ["**.md"]                   # globs below it; default all that can be read
exclude = ["drafts/**"]
version = "2026.3"                    # default: found out (git, objects.inv, the newest file)
language = "german"                   # of its stemmer; default english
description = "How we work here"
tags = { "hr/**" = ["confidential"] } # labels that policy can name

[extensions.docs.collections.httpx]
package = "httpx"                     # docstrings, at the installed version
site = ".venv/lib/python3.12/site-packages"    # default: the workspace's .venv, else this Python's
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from devagent_docs.contract import DocsError, ResourceDict
from devagent_docs.globs import compile_glob

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LABEL = re.compile(r"[A-Za-z0-9][\w.\-]*")
LANGUAGES = (
    "arabic", "danish", "dutch", "english", "finnish", "french", "german", "greek", "hungarian", "italian",
    "norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "tamil", "turkish", "none",
)  # fmt: skip
_KEYS = {
    "path": str, "package": str, "site": str, "include": list, "exclude": list, "version": str,
    "language": str, "description": str, "tags": dict, "format": str,
}  # fmt: skip


class Collection(NamedTuple):
    """One collection as the settings name it."""

    name: str
    path: str = ""
    package: str = ""
    site: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    version: str = ""
    language: str = "english"
    description: str = ""
    format: str = ""
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def id(self) -> str:
        """The collection as a resource: what a search in it touches."""
        return f"doc:{self.name}/"

    def resource(self, path: str = "", tags: Sequence[str] = ()) -> ResourceDict:
        """A document as a resource, or the collection itself; ``tags`` are those that the document brings."""
        labels = {*tags, *self.tags_of(path)} if path else set(tags)
        return {"id": f"doc:{self.name}/{path}", "access": "read", "tags": sorted(labels)}

    def tags_of(self, path: str) -> set[str]:
        """The labels that the settings' patterns give to a document."""
        return {tag for glob, tags in self.tags if compile_glob(glob)(path) for tag in tags}


def read_collections(settings: Mapping[str, Any]) -> dict[str, Collection]:
    """The collections by name. Raises DocsError ``bad_settings``."""
    tables: object = settings.get("collections", {})
    if not isinstance(tables, Mapping):
        raise _bad("collections must be a table of tables")
    return {str(name): _collection(str(name), table) for name, table in tables.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def is_grounded(settings: Mapping[str, Any]) -> bool:
    """Whether answers must rest on what was found."""
    return settings.get("grounded") is True


def model_folder(settings: Mapping[str, Any]) -> str:
    """The folder of the embedding model; empty where none is configured."""
    return str(settings.get("embeddings", "") or "")


def index_folder(settings: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> str:
    """Where the indexes lie: as set, else in devagent's data folder, which no tool of an agent may touch."""
    env = os.environ if environment is None else environment
    if chosen := settings.get("index", ""):
        return os.path.abspath(os.path.expanduser(str(chosen)))
    if home := env.get("DEVAGENT_HOME", ""):
        return os.path.join(os.path.abspath(os.path.expanduser(home)), "data", "docs")
    data = env.get("XDG_DATA_HOME", "")
    root = data if os.path.isabs(data) else os.path.expanduser("~/.local/share")
    return os.path.join(root, "devagent", "docs")


def source_of(collection: Collection, folder: str) -> str:
    """The absolute real path of a collection's folder or file.

    Raises DocsError outside_workspace where a relative path leaves the workspace.
    """
    path = os.path.expanduser(collection.path)
    if os.path.isabs(path):
        return os.path.realpath(path)
    real, root = os.path.realpath(os.path.join(folder, path)), os.path.realpath(folder)
    if real != root and not real.startswith(root.rstrip(os.sep) + os.sep):
        raise DocsError(
            f"The path of collection {collection.name!r} leads out of the workspace.",
            error="outside_workspace",
        )
    return real


def _collection(name: str, table: object) -> Collection:
    where = f"collections.{name}"
    if not NAME.fullmatch(name):
        raise _bad(f"{where}: a name has letters, digits, - and _, at most 64")
    if not isinstance(table, Mapping):
        raise _bad(f"{where} must be a table")
    values: dict[str, Any] = {str(key): value for key, value in table.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    for key, value in values.items():
        kind = _KEYS.get(key)
        if kind is None:
            raise _bad(f"{where} has no setting {key!r}; known: {', '.join(_KEYS)}")
        if not isinstance(value, kind):
            raise _bad(f"{where}.{key} must be a {_WORDS[kind]}")
    if bool(values.get("path")) == bool(values.get("package")):
        raise _bad(f"{where} needs a path or a package, and not both")
    if (language := values.get("language", "english")) not in LANGUAGES:
        raise _bad(f"{where}.language {language!r} is none of {', '.join(LANGUAGES)}")
    from devagent_docs.formats import READERS  # noqa: PLC0415 - only where settings are read

    if values.get("format") and values["format"] not in READERS:
        raise _bad(f"{where}.format is none of {', '.join(READERS)}")
    for key in ("include", "exclude"):
        values[key] = _texts(values.get(key, []), f"{where}.{key}")
    values["tags"] = tuple(
        (str(glob), _labels(tags, f"{where}.tags")) for glob, tags in values.get("tags", {}).items()
    )
    return Collection(name, **values)


_WORDS: dict[type, str] = {str: "text", list: "list of texts", dict: "table"}


def _texts(values: Sequence[object], where: str) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise _bad(f"{where} must be a list of texts")
    return tuple(str(value) for value in values)


def _labels(values: object, where: str) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise _bad(f"{where}: each pattern has a list of labels")
    labels = _texts(values, where)  # pyright: ignore[reportUnknownArgumentType]
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad(f"{where}: a label has letters, digits, . and -")
    return labels


def _bad(text: str) -> DocsError:
    return DocsError(f"[extensions.docs] {text}.", error="bad_settings")
