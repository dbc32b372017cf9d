"""What a bundle brings beside policy: servers and settings of extensions, documentation, style, recipes, prices.

    extensions.toml     [extensions.NAME] as in a person's config; [programs] NAME = [sha256, …] of what a command may be
    tools.lock          what each MCP server's tools are: whatever differs is withheld
    docs.toml           [collections.NAME] of the docs extension; a relative path is in the bundle, below docs/
    style.toml          how answers are to sound; the organisation's word stands last
    recipes/NAME.md     a prompt with a name: /NAME in the chat, `devagent run --recipe NAME`
    prices.json         what models cost

An organisation without bundles may have the first two in its folder on a machine (``of_folder``).

``{bundle}/servers/FILE`` in a server's ``args`` is a file of the bundle. What is named here is verified, file by file, before
it is used. None of it loosens anything: policy judges every call of what is brought.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from posixpath import normpath
from typing import TYPE_CHECKING, Any

from msgspec import Struct, ValidationError, convert

from devagent.core.codec import parse
from devagent.org.refusals import Refused
from devagent.policy.plain import is_table

if TYPE_CHECKING:
    from devagent.org.in_force import InForce

EXTENSIONS, TOOLS, DOCS, STYLE, PRICES = "extensions.toml", "tools.lock", "docs.toml", "style.toml", "prices.json"  # fmt: skip
FILES = (EXTENSIONS, TOOLS, DOCS, STYLE, PRICES)
RECIPES, DOCUMENTS, SERVERS = "recipes/", "docs/", "servers/"
BUNDLE = "{bundle}/"
_RECIPE = re.compile(r"recipes/([a-z0-9][a-z0-9_-]{0,39})\.md")
_MOST_RECIPE = 64_000


class Extensions(Struct, frozen=True, forbid_unknown_fields=True):
    """``extensions.toml``. ``programs``: by server, the digests that its program may have; "any" takes each."""

    extensions: dict[str, dict[str, Any]] = {}
    programs: dict[str, tuple[str, ...]] = {}


class _Docs(Struct, frozen=True, forbid_unknown_fields=True):
    collections: dict[str, dict[str, Any]] = {}
    grounded: bool = False


class Equipment(Struct, frozen=True):
    """What one bundle brings, verified. ``extensions``: tables by name, those of the docs extension among them; ``keeper``
    names the organisation, for people."""

    keeper: str = ""
    extensions: dict[str, dict[str, Any]] = {}
    programs: dict[str, tuple[str, ...]] = {}
    tools_lock: bytes = b""
    style: bytes = b""
    recipes: dict[str, str] = {}


def of(found: "InForce") -> Equipment:
    """What the bundle in force brings. Raises Refused where a file is not as it was signed, or not usable."""
    names = found.manifest.files
    files = {name: found.read(name) for name in names if name in FILES or name.startswith(RECIPES)}
    made = read(files, found.folder, found.pin.org)
    # Others read these, by their paths: they must be what was signed when a session begins.
    for name in names:
        if (name.startswith(DOCUMENTS) and DOCS in names) or name.startswith(SERVERS):
            found.read(name)
    return made


def read(files: Mapping[str, bytes], folder: str, keeper: str) -> Equipment:
    """The same from the files of a bundle that lie in ``folder``. Raises Refused."""
    own = _toml(files, EXTENSIONS, Extensions)
    extensions = {name: _placed(table, folder) for name, table in own.extensions.items()}
    docs = _toml(files, DOCS, _Docs)
    if docs.collections:
        if "docs" in extensions:
            raise Refused("equipment", f"the docs extension is in {EXTENSIONS} and in {DOCS}")
        collections = {name: _collection(name, one, folder) for name, one in docs.collections.items()}  # fmt: skip
        extensions["docs"] = {"collections": collections} | ({"grounded": True} if docs.grounded else {})  # fmt: skip
    return Equipment(
        keeper=keeper,
        extensions=extensions,
        programs=own.programs,
        tools_lock=files.get(TOOLS, b""),
        style=files.get(STYLE, b""),
        recipes=dict(_recipes(files)),
    )


def of_folder(files: Mapping[str, bytes], keeper: str) -> Equipment:
    """The same from ``extensions.toml`` and ``tools.lock`` in an organisation's folder, which hold for everybody on the machine.
    Raises Refused: also for a file of a bundle, of which there is none."""
    found = read(files, "/", keeper)
    for name, table in _toml(files, EXTENSIONS, Extensions).extensions.items():
        if any(one.startswith(BUNDLE) for one in _arguments(table)):
            raise Refused("equipment", f"{EXTENSIONS}: {name} names a file of a bundle, and there is none: write its path")  # fmt: skip
    return found


def check(files: Mapping[str, bytes]) -> None:
    """That all of it is of the form that machines read, and in the bundle. Raises Refused."""
    found = read({n: d for n, d in files.items() if n in FILES or n.startswith(RECIPES)}, "", "")
    for name, table in found.extensions.items():
        for argument in _arguments(table):
            if argument.startswith("/" + SERVERS) and argument[1:] not in files:
                raise Refused("equipment", f"{EXTENSIONS}: {name} names {argument[1:]}, which is not in the bundle")  # fmt: skip
    for name, one in found.extensions.get("docs", {}).get("collections", {}).items():
        place = str(one.get("path", "")).lstrip("/")
        if place.startswith(DOCUMENTS) and not any(f == place or f.startswith(f"{place}/") for f in files):  # fmt: skip
            raise Refused("equipment", f"{DOCS}: {name} names {place}, which is not in the bundle")
    for name in (TOOLS, PRICES):
        if name in files:
            _json(files[name], name)
    if STYLE in files:
        _table(files[STYLE], STYLE)


def price_table(found: "InForce", named: str) -> tuple[bytes, str] | None:
    """The bundle's price table and its path: the one that the policy names (relative to it), else ``prices.json`` where there is one.
    Raises Refused where the named one is not in the bundle, or not as it was signed."""
    name = normpath(f"policy/{named}") if named else PRICES
    if name not in found.manifest.files:
        if not named:
            return None
        raise Refused("equipment", f"the policy goes by the price table {named}, which is not in the bundle")  # fmt: skip
    return found.read(name), found.path(name)


def _placed(table: dict[str, Any], folder: str) -> dict[str, Any]:
    """A server's table with the bundle's own files where they lie."""
    if not any(one.startswith(BUNDLE) for one in _arguments(table)):
        return table
    args: list[Any] = []
    for one in _arguments(table):
        if one.startswith(BUNDLE):
            name = normpath(one.removeprefix(BUNDLE))
            if not name.startswith(SERVERS):
                raise Refused("equipment", f"{EXTENSIONS}: {one} is not below {BUNDLE}{SERVERS}")
            one = os.path.join(folder, *name.split("/")) if folder else f"/{name}"
        args.append(one)
    return table | {"args": args}


def _arguments(table: Mapping[str, Any]) -> list[str]:
    args: Any = table.get("args", [])
    return [one for one in args if isinstance(one, str)] if isinstance(args, list) else []  # pyright: ignore[reportUnknownVariableType]


def _collection(name: str, table: dict[str, Any], folder: str) -> dict[str, Any]:
    path = table.get("path")
    if not isinstance(path, str) or os.path.isabs(path):
        return table
    inside = normpath(path)
    if not f"{inside}/".startswith(DOCUMENTS):
        raise Refused("equipment", f"{DOCS}: {name}: {path} is not below {DOCUMENTS}")
    return table | {"path": os.path.join(folder, *inside.split("/")) if folder else f"/{inside}"}


def _recipes(files: Mapping[str, bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, data in sorted(files.items()):
        if not name.startswith(RECIPES):
            continue
        match = _RECIPE.fullmatch(name)
        try:
            text = data.decode()
        except UnicodeDecodeError as e:
            raise Refused("equipment", f"{name} is not UTF-8") from e
        if match is None or not text.strip() or len(data) > _MOST_RECIPE:
            raise Refused("equipment", f"{name} is no recipe: a text of at most {_MOST_RECIPE:,} bytes, named in small letters, digits, - and _, with .md")  # fmt: skip
        found[match[1]] = text
    return found


def _table(data: bytes, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as e:
        raise Refused("equipment", f"{name}: {e}") from e


def _toml(files: Mapping[str, bytes], name: str, kind: Any) -> Any:
    if name not in files:
        return kind()
    try:
        return convert(_table(files[name], name), kind)
    except ValidationError as e:
        raise Refused("equipment", f"{name}: {e}") from e


def _json(data: bytes, name: str) -> None:
    try:
        value: Any = parse(data)
    except ValueError as e:
        raise Refused("equipment", f"{name} is no JSON") from e
    if not is_table(value):
        raise Refused("equipment", f"{name} is no table")
