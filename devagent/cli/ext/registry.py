"""A registry's ``server.json`` (schema 2025-12-11) as one server: its streamable HTTP remote, else its package by version."""

import re
from collections.abc import Mapping
from typing import Any

from devagent.policy.plain import is_list, is_table

_RUNNERS = {"npm": ("npx", "-y", "{0}@{1}"), "pypi": ("uvx", "{0}=={1}")}
_TEMPLATE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*)\}")
_PACKAGE = re.compile(r"@?[A-Za-z0-9][A-Za-z0-9._/-]*")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.+-]*")
_IMAGE = re.compile(
    r"[a-z0-9][a-z0-9._/-]*(?::[0-9]+/[a-z0-9._/-]+)?(?::[A-Za-z0-9._-]+)?(?:@sha256:[0-9a-f]{64})?"
)


def of_registry(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The server as other programs' files have one, with ``notes`` on what a person must still fill in. Raises ValueError
    where it can be neither started nor reached from here."""
    for remote in _tables(raw.get("remotes")):
        if remote.get("type") == "streamable-http":
            return _remote(remote)
    for package in _tables(raw.get("packages")):
        if package.get("registryType") in (*_RUNNERS, "oci"):
            return _package(package)
    raise ValueError(
        "it has neither a streamable HTTP remote nor a package of npm, PyPI or an image"
    )


def _remote(remote: Mapping[str, Any]) -> dict[str, Any]:
    url = str(remote.get("url"))
    if places := _TEMPLATE.findall(url):
        known = remote.get("variables")
        for place in places:
            entry = known.get(place) if is_table(known) else None
            if not is_table(entry) or not isinstance(entry.get("default"), str):
                raise ValueError(
                    f"its URL has a place to fill in, {{{place}}}: add it by hand, with `devagent ext add NAME URL`"
                )
            url = url.replace(f"{{{place}}}", entry["default"])
    headers: dict[str, str] = {}
    for one in _tables(remote.get("headers")):
        name, value = str(one.get("name")), str(one.get("value") or "")
        word = (
            value.partition(" ")[0]
            if re.fullmatch(r"[A-Za-z][A-Za-z0-9-]* \{[^}]*\}", value)
            else ""
        )
        headers[name] = f"{word} ${{{_variable(name)}}}".strip()
    return {"url": url, "headers": headers}


def _package(package: Mapping[str, Any]) -> dict[str, Any]:
    identifier, version = str(package.get("identifier")), str(package.get("version") or "")
    notes: list[str] = []
    env: dict[str, str] = {}
    for one in _tables(package.get("environmentVariables")):
        name, value = str(one.get("name")), one.get("value") or one.get("default")
        plain = isinstance(value, str) and not one.get("isSecret") and not _TEMPLATE.search(value)
        env[name] = str(value) if plain else f"${{{name}}}"
    own = [word for one in _tables(package.get("packageArguments")) for word in _words(one, notes)]
    if package.get("runtimeArguments"):
        notes.append("runtimeArguments were not taken over")
    kind = str(package["registryType"])
    if kind == "oci":
        if not _IMAGE.fullmatch(identifier):
            raise ValueError("its image has no plain name")
        handed = [word for name in env for word in ("-e", name)]
        command = ["docker", "run", "-i", "--rm", *handed, identifier]
    elif not _PACKAGE.fullmatch(identifier) or not _VERSION.fullmatch(version):
        raise ValueError("its package has no plain name with one version")
    else:
        command = [word.format(identifier, version) for word in _RUNNERS[kind]]
    return {"command": command[0], "args": [*command[1:], *own], "env": env, "notes": notes}


def _words(argument: Mapping[str, Any], notes: list[str]) -> list[str]:
    """An argument of the package; one that only a person can fill in is noted, and left out."""
    name = str(argument.get("name") or "")
    value = argument.get("value") or argument.get("default")
    about = name or str(argument.get("valueHint") or argument.get("description") or "an argument")
    if isinstance(value, str) and _TEMPLATE.search(value):
        value = None
    elif not isinstance(value, str) and name and "description" not in argument:
        return [name]  # a switch
    if not isinstance(value, str):
        if argument.get("isRequired"):
            notes.append(f"it needs {about} among its args: add it")
        return []
    return [name, value] if name else [value]


def _variable(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", name).upper()


def _tables(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if is_table(one)] if is_list(value) else []
