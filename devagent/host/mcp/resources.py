"""Which resources a call of a third party's tool touches: templates over its arguments.

``path:{args.path}`` gives one resource for the argument, one for each element where it is a list.
Nothing is guessed: an argument that is absent or has another form means that the resource is not known,
and what cannot be known cannot be allowed.
"""

import itertools
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from devagent.core.ports import ToolFailure
from devagent.core.resources import SEPARATORS, Access, Resource
from devagent.core.text import visible
from devagent.policy.plain import is_list, is_table

KINDS = ("path", "repo", "host", "doc", "ticket", "source", "table", "column", "model", "mcp")
"""What an argument can be mapped to. A command's, a branch's or a remote's true meaning needs code."""
MAX_RESOURCES = 256
_PLACE = re.compile(r"\{args((?:\.[A-Za-z0-9_-]+)+)\}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)

_QUAD = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")


class Template(Struct, frozen=True):
    """``kind:`` and then texts and argument paths in turn, a text first."""

    kind: str
    texts: tuple[str, ...]
    arguments: tuple[tuple[str, ...], ...]


def template(text: str, server: str) -> Template:
    """Read one template. Raises ValueError saying what is wrong with it."""
    kind, colon, rest = text.partition(":")
    if not colon or kind not in KINDS:
        raise ValueError(f"must begin with one of {', '.join(f'{k}:' for k in KINDS)}")
    if kind == "mcp" and not rest.startswith(f"{server}/"):
        raise ValueError(f"must name a resource of its own server, mcp:{server}/…")
    texts: list[str] = []
    arguments: list[tuple[str, ...]] = []
    at = 0
    for found in _PLACE.finditer(rest):
        texts.append(rest[at : found.start()])
        arguments.append(tuple(found[1][1:].split(".")))
        at = found.end()
    texts.append(rest[at:])
    if any(brace in text for text in texts for brace in "{}"):
        raise ValueError("has a brace that is no {args.NAME}")
    if not rest:
        raise ValueError("names nothing")
    return Template(kind, tuple(texts), tuple(arguments))


def mapped(
    templates: tuple[Template, ...],
    args: Mapping[str, Any],
    *,
    access: Access,
    workspace: str,
    cwd: str,
) -> tuple[Resource, ...]:
    """The resources of a call. ``cwd`` is where the server takes relative paths from.

    Raises ToolFailure (unknown_resource) where an argument does not say which.
    """
    ids: dict[str, None] = {}
    for one in templates:
        values = [list(_values(args, path)) for path in one.arguments]
        for filling in itertools.product(*values):
            rest = one.texts[0] + "".join(
                value + text for value, text in zip(filling, one.texts[1:], strict=True)
            )
            ids[f"{one.kind}:{_canonical(one.kind, rest, workspace, cwd)}"] = None
            if len(ids) > MAX_RESOURCES:
                raise _unknown(f"it would touch more than {MAX_RESOURCES} things at once")
    return tuple(Resource(id=one, access=access) for one in ids)


def _values(args: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    name = ".".join(path)
    value: Any = dict(args)
    for part in path:
        if not is_table(value) or part not in value:
            raise _unknown(f"the argument {name} must be given")
        value = value[part]
    values = value if is_list(value) else [value]
    if not values or len(values) > MAX_RESOURCES:
        raise _unknown(f"the argument {name} must name 1 to {MAX_RESOURCES} things")
    for one in values:
        if isinstance(one, int) and not isinstance(one, bool):
            yield str(one)
        elif isinstance(one, str) and one:
            yield one
        else:
            raise _unknown(f"the argument {name} must be text that is not empty")


def _canonical(kind: str, value: str, workspace: str, cwd: str) -> str:
    if visible(value) != value or "\n" in value or "\t" in value:
        raise _unknown("it has control or invisible characters in it")
    return _FORMS.get(kind, _plain)(kind, value, workspace, cwd)


def _path(kind: str, value: str, workspace: str, cwd: str) -> str:
    del kind
    if value.startswith("~") or _URL.match(value):
        raise _unknown(f"{value!r} can be read as more than a plain path")
    real = os.path.realpath(os.path.join(cwd, value))
    if real == workspace:
        return "."
    inside = workspace.rstrip("/") + "/"
    return real.removeprefix(inside)


def _host(kind: str, value: str, workspace: str, cwd: str) -> str:
    """The host of a URL, or a bare host; no user, no port."""
    del kind, workspace, cwd
    host = value
    if "://" in value:
        from urllib.parse import urlsplit  # noqa: PLC0415  (only where a URL is mapped)

        try:
            # Servers differ in what they take for the host of an odd URL; none such is let through.
            odd = any(c in value for c in "\\ @") or not value.isascii()
            host = "" if odd else urlsplit(value).hostname or ""
        except ValueError:
            host = ""
    host = host.lower().rstrip(".")
    # A number can be an address in disguise (2130706433, 0x7f.1); only the usual form is one.
    numeric = host.rpartition(".")[2][:1].isdigit() and not _QUAD.fullmatch(host)
    if numeric or not _HOST.fullmatch(host) or len(host) > 253:
        raise _unknown(f"{value!r} names no plain host")
    return host


def _plain(kind: str, value: str, workspace: str, cwd: str) -> str:
    del workspace, cwd
    separator = SEPARATORS[kind]
    if any(part in ("", ".", "..") for part in value.split(separator)) or value != value.strip():
        raise _unknown(f"{value!r} is not the plain name of a {kind}")
    return value


_FORMS: dict[str, Callable[[str, str, str, str], str]] = {
    "path": _path,
    "repo": _path,
    "host": _host,
}


def _unknown(why: str) -> ToolFailure:
    text = f"What the call would touch is not known: {why}"
    return ToolFailure(text, error="unknown_resource")
