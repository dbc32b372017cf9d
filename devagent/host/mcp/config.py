"""``[extensions.NAME]`` of a third party's MCP server, read strictly.

    [extensions.files]
    type = "stdio"
    command = "mcp-server-files"            # a name on PATH, or an absolute path
    args = ["--root", "/srv/docs"]
    env = { LOG_LEVEL = "warning" }         # never a secret: name that in pass_env
    pass_env = ["FILES_TOKEN"]              # handed on from devagent's own environment
    cwd = "/srv"                            # without it, the session's folder
    start_s = 30                            # until it has answered and named its tools
    call_s = 120                            # one call
    idle_s = 1800                           # without a call for so long it is ended; 0: never
    classes = { read_file = "read" }        # a tool that is not here is exec
    resources = { read_file = ["path:{args.path}"] }
    sampling = true                         # it may ask for the model, where policy lets it
    roots = ["/srv/docs"]                   # the folders that it is told it may work in

    [extensions.tracker]
    type = "http"
    url = "https://mcp.example.com/mcp"     # plain http to this machine alone
    headers = { Authorization = "Bearer env:TRACKER_TOKEN" }    # a handle, never a value
    oauth = { client_id = "devagent" }      # without an Authorization header: how to sign in

One bad entry refuses the file with file, line, column and the nearest valid name.
"""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct

from devagent.core.errors import ConfigError
from devagent.core.tools import ToolClass
from devagent.host.extension import Fault
from devagent.host.manifest import FIRST_PARTY
from devagent.host.mcp.handles import Handle, handle
from devagent.host.mcp.http_config import SignIn, header_name, server_url, sign_in
from devagent.host.mcp.names import skeleton
from devagent.host.mcp.resources import Template, template

CLASSES: dict[str, ToolClass] = {
    "read": "read",
    "write": "write",
    "exec": "exec",
    "net": "net",
    "secret": "secret",
}
RESERVED = frozenset(
    {*FIRST_PARTY, "workspace", "docs", "tickets", "agent", "devagent", "service", "mcp", "floor"}
)
"""Names of devagent's own parts: no third party may carry one, or look like it."""
MAX_START_S, MAX_CALL_S, MAX_IDLE_S = 600.0, 3600.0, 86_400.0
IDLE_S = 1800.0

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SECRET = re.compile(r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|KEY)$", re.I)


class ServerSettings(Struct, frozen=True, kw_only=True):
    """One server as the person configured it. Without ``cwd`` it runs in the session's folder."""

    name: str
    kind: Literal["stdio", "http"] = "stdio"
    command: str = ""
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    pass_env: tuple[str, ...] = ()
    cwd: str = ""
    url: str = ""
    headers: dict[str, Handle] = {}
    oauth: SignIn = SignIn()
    start_s: float = 30.0
    call_s: float = 120.0
    idle_s: float = IDLE_S
    classes: dict[str, ToolClass] = {}
    resources: dict[str, tuple[Template, ...]] = {}
    sampling: bool = False
    roots: tuple[str, ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of all variables it gets beside the usual ones, sorted."""
        return tuple(sorted({*self.env, *self.pass_env}))


_Kinds = dict[str, tuple[str, type | tuple[type, ...]]]
_BOTH: _Kinds = {
    "type": ("text", str),
    "start_s": ("a number", (int, float)),
    "call_s": ("a number", (int, float)),
    "idle_s": ("a number", (int, float)),
    "classes": ("a table", dict),
    "resources": ("a table", dict),
    "sampling": ("true or false", bool),
    "roots": ("a list of texts", list),
}
_KEYS: dict[str, _Kinds] = {
    "stdio": {
        "command": ("text", str),
        "args": ("a list of texts", list),
        "env": ("a table", dict),
        "pass_env": ("a list of texts", list),
        "cwd": ("text", str),
        **_BOTH,
    },
    "http": {
        "url": ("text", str),
        "headers": ("a table", dict),
        "oauth": ("a table", dict),
        **_BOTH,
    },
}


def check_names(names: Iterable[str], fault: Fault) -> None:
    """Raise the ConfigError for a server's name that is no name, is devagent's own, or looks like another."""
    seen = {skeleton(name): name for name in RESERVED}
    for name in names:
        path = ("extensions", name)
        if not _NAME.fullmatch(name) or len(name) > 32:
            hint = "Small letters and digits, joined by single - or _, at most 32."
            raise fault(path, f"{name!r} is no name for an extension", hint)
        other = seen.setdefault(skeleton(name), name)
        if other != name or name in RESERVED:
            what = f"the name {name!r} is, or looks like, {other!r}, another extension's"
            raise fault(path, what, "Give the server another name.")


def parse_server(name: str, table: Mapping[str, Any], fault: Fault) -> ServerSettings:
    """The settings of one server. Raises the ConfigError that ``fault`` makes for what does not fit."""
    return _Table(name, table, fault).settings()


class _Table:
    """One ``[extensions.NAME]`` while it is read."""

    def __init__(self, name: str, table: Mapping[str, Any], fault: Fault) -> None:
        self._name = name
        self._table = table
        self._fault = fault

    def settings(self) -> ServerSettings:
        kind = self._table.get("type")
        if kind not in ("stdio", "http"):
            what = f'type must be "stdio" or "http", not {kind or ""!r}'
            raise self._wrong(what, "type")
        known = _KEYS[kind]
        for key, value in self._table.items():
            if key == "enabled":
                continue
            if key not in known:
                near = difflib.get_close_matches(key, known, 1)
                names = ", ".join([*known, "enabled"])
                hint = f"Did you mean {near[0]!r}?" if near else f"Known: {names}."
                raise self._wrong(f"unknown key {key!r}", key, hint=hint)
            kind_of = known[key][1]
            if not isinstance(value, kind_of) or (isinstance(value, bool) and kind_of is not bool):
                raise self._wrong(f"{key} must be {known[key][0]}", key)
        start_s = self._seconds("start_s", 30.0, MAX_START_S)
        call_s = self._seconds("call_s", 120.0, MAX_CALL_S)
        idle_s = self._idle_s()
        classes, resources = self._classes(), self._resources()
        sampling, roots = bool(self._table.get("sampling", False)), self._roots()
        if kind == "http":
            headers = self._headers()
            return ServerSettings(
                name=self._name,
                kind="http",
                url=self._url(),
                headers=headers,
                oauth=self._oauth(headers),
                start_s=start_s,
                call_s=call_s,
                idle_s=idle_s,
                classes=classes,
                resources=resources,
                sampling=sampling,
                roots=roots,
            )
        return ServerSettings(
            name=self._name,
            command=self._command(),
            args=self._texts("args"),
            env=self._env(),
            pass_env=self._pass_env(),
            cwd=self._cwd(),
            start_s=start_s,
            call_s=call_s,
            idle_s=idle_s,
            classes=classes,
            resources=resources,
            sampling=sampling,
            roots=roots,
        )

    def _roots(self) -> tuple[str, ...]:
        roots = tuple(os.path.expanduser(one) for one in self._texts("roots"))
        for at, one in enumerate(roots):
            if not os.path.isabs(one):
                raise self._wrong("roots must hold absolute paths", "roots", at)
        return roots

    def _wrong(self, what: str, *path: str | int, hint: str = "") -> ConfigError:
        here = ("extensions", self._name, *path)
        return self._fault(here, f"extensions.{self._name}: {what}", hint)

    def _command(self) -> str:
        command = str(self._table.get("command", ""))
        if not command or "\0" in command:
            raise self._wrong("command is missing", "command")
        if os.sep in command and not os.path.isabs(command):
            # A program of the workspace would run because somebody opened that workspace.
            hint = "A relative path would name another program in each folder."
            what = "command must be a name on PATH or an absolute path"
            raise self._wrong(what, "command", hint=hint)
        return command

    def _url(self) -> str:
        try:
            return server_url(str(self._table.get("url", "")))
        except ValueError as e:
            raise self._wrong(f"url {e}", "url") from e

    def _headers(self) -> dict[str, Handle]:
        given: dict[str, Any] = self._table.get("headers", {})
        found: dict[str, Handle] = {}
        for name, value in given.items():
            try:
                header_name(name)
                found[name] = handle(value)
            except ValueError as e:
                hint = f'For example {name} = "env:VARIABLE", or "Bearer env:VARIABLE".'
                raise self._wrong(f"headers.{name} {e}", "headers", name, hint=hint) from e
        if len({name.lower() for name in found}) < len(found):
            raise self._wrong("headers has one name twice", "headers")
        return found

    def _oauth(self, headers: Mapping[str, Handle]) -> SignIn:
        if "oauth" not in self._table:
            return SignIn()
        if any(name.lower() == "authorization" for name in headers):
            what = "an Authorization header and oauth exclude each other"
            raise self._wrong(what, "oauth")
        try:
            return sign_in(self._table["oauth"])
        except ValueError as e:
            raise self._wrong(f"oauth {e}", "oauth") from e

    def _cwd(self) -> str:
        cwd = os.path.expanduser(str(self._table.get("cwd", "")))
        if cwd and (not os.path.isabs(cwd) or "\0" in cwd):
            raise self._wrong("cwd must be an absolute path", "cwd")
        return cwd

    def _texts(self, key: str, value: Any = None, *path: str | int) -> tuple[str, ...]:
        given: list[Any] = self._table.get(key, []) if value is None else value
        for at, one in enumerate(given):
            if not isinstance(one, str) or "\0" in one:
                place = path or (key,)
                raise self._wrong(f"{'.'.join(map(str, place))} must hold texts only", *place, at)
        return tuple(given)

    def _env(self) -> dict[str, str]:
        env: dict[str, Any] = self._table.get("env", {})
        for name, value in env.items():
            if not _VARIABLE.fullmatch(name):
                raise self._wrong(f"{name!r} is no name of a variable", "env", name)
            if not isinstance(value, str) or "\0" in value:
                raise self._wrong(f"env.{name} must be text", "env", name)
            if value and SECRET.search(name):
                what = f"env.{name} looks like a secret, which does not belong into a config file"
                hint = f'Set {name} in your environment, and here pass_env = ["{name}"].'
                raise self._wrong(what, "env", name, hint=hint)
        return dict(env)

    def _pass_env(self) -> tuple[str, ...]:
        names = self._texts("pass_env")
        for at, name in enumerate(names):
            if not _VARIABLE.fullmatch(name):
                raise self._wrong(f"{name!r} is no name of a variable", "pass_env", at)
        return names

    def _seconds(self, key: str, default: float, most: float) -> float:
        value = float(self._table.get(key, default))
        if not 0 < value <= most:  # nan is not, either
            raise self._wrong(f"{key} must be above 0 and at most {most:g}", key)
        return value

    def _idle_s(self) -> float:
        return self._seconds("idle_s", IDLE_S, MAX_IDLE_S) if self._table.get("idle_s") != 0 else 0

    def _classes(self) -> dict[str, ToolClass]:
        found: dict[str, ToolClass] = {}
        given: dict[str, Any] = self._table.get("classes", {})
        for tool, value in given.items():
            known = CLASSES.get(value) if isinstance(value, str) else None
            if known is None:
                hint = f"A class is one of: {', '.join(CLASSES)}."
                raise self._wrong(f"classes.{tool} is no class", "classes", tool, hint=hint)
            found[tool] = known
        return found

    def _resources(self) -> dict[str, tuple[Template, ...]]:
        found: dict[str, tuple[Template, ...]] = {}
        given: dict[str, Any] = self._table.get("resources", {})
        for tool, value in given.items():
            if not isinstance(value, list) or not value:
                what = f"resources.{tool} must be a list of texts, with at least one"
                raise self._wrong(what, "resources", tool)
            templates: list[Template] = []
            for at, text in enumerate(self._texts("", value, "resources", tool)):
                try:
                    templates.append(template(text, self._name))
                except ValueError as e:
                    place = ("resources", tool, at)
                    raise self._wrong(f"resources.{tool}: {text!r} {e}", *place) from e
            found[tool] = tuple(templates)
        return found
