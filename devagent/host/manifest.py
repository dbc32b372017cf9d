"""Manifests: what an extension says of itself before any of its code is loaded.

``extension.toml`` names the tools with their class and obligations; ``tools.json`` holds their recorded
descriptions and schemas. Both are data: reading them runs nothing.
"""

import os
import sys
from typing import Any, Literal

from msgspec import Struct

from devagent.core.codec import from_plain, parse, sha256
from devagent.core.errors import ConfigError
from devagent.core.tools import ExtensionReference, ToolSpec

FIRST_PARTY = {
    "workspace": "devagent_workspace",
    "git": "devagent_git",
    "sql": "devagent_sql",
    "docs": "devagent_docs",
    "tickets": "devagent_tickets",
}
"""Name → package of the extensions that ship with devagent."""


class Manifest(Struct, frozen=True):
    """One extension. ``settings`` are those that it knows, by their kind; without those that it ``needs``
    it has nothing to offer."""

    reference: ExtensionReference
    module: str
    tools: tuple[ToolSpec, ...]
    needs: tuple[str, ...] = ()
    settings: dict[str, Literal["table", "text", "truth", "number", "list"]] = {}
    secrets: tuple[str, ...] = ()


def package_folder(module: str) -> str:
    """Where a first-party package lies, without importing it.

    Raises ConfigError where it is not installed.
    """
    for root in sys.path:
        folder = os.path.join(root or os.getcwd(), module)
        if os.path.isfile(os.path.join(folder, "extension.toml")):
            return folder
    raise ConfigError(
        f"the extension package {module} is not installed",
        hint="Install devagent again: `./install.sh`.",
    )


def read_manifest(folder: str) -> Manifest:
    """The manifest in an extension's folder.

    Raises ConfigError with the file where it is missing, broken, or disagrees with ``tools.json``.
    """
    import tomllib  # noqa: PLC0415  (13 ms; a session whose manifests are cached does without)

    toml_path, json_path = (
        os.path.join(folder, "extension.toml"),
        os.path.join(folder, "tools.json"),
    )
    toml_bytes, json_bytes = _read(toml_path), _read(json_path)
    try:
        declared = tomllib.loads(toml_bytes.decode())
    except ValueError as e:
        raise ConfigError(str(e), file=toml_path) from e
    try:
        recorded = parse(json_bytes)
    except ValueError as e:
        raise ConfigError(str(e), file=json_path) from e
    try:
        return _manifest(declared, recorded, sha256(toml_bytes + b"\0" + json_bytes))
    except ConfigError as e:
        raise ConfigError(e.what, file=toml_path) from e
    except (KeyError, TypeError, AttributeError, ValueError) as e:
        raise ConfigError(f"the manifest lacks or mistypes {e}", file=toml_path) from e


def _manifest(declared: dict[str, Any], recorded: dict[str, Any], digest: str) -> Manifest:
    if set(declared["tools"]) != set(recorded):
        odd = ", ".join(sorted(set(declared["tools"]) ^ set(recorded)))
        raise ConfigError(f"extension.toml and tools.json disagree about: {odd}")
    tools = [
        {
            "extension": declared["name"],
            "name": name,
            "tool_class": entry["class"],
            "description": recorded[name]["description"],
            "input_schema": recorded[name]["input_schema"],
            "can": entry.get("obligations", []),
        }
        for name, entry in declared["tools"].items()
    ]
    reference = {"name": declared["name"], "version": declared["version"], "digest": digest}
    plain = {
        "reference": reference,
        "module": declared["module"],
        "tools": tools,
        "needs": declared.get("needs", []),
        "settings": declared.get("settings", {}),
        "secrets": declared.get("secrets", []),
    }
    return from_plain(plain, Manifest)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as e:
        raise ConfigError(f"cannot be read ({e.strerror})", file=path) from e
