"""``tools.lock``: which servers of third parties a person has let in, and what their tools were then.

A server is its identity: the digest of its command, the bytes of the program that the command resolves to, its
arguments, the names of its variables and its folder; or of its URL, the names of its headers and how it is signed in to. A tool is the digest of its definition. The model
is told what is recorded here, so that a session starts no server before a tool of it is called; what a
server later says differently is kept beside, withheld, until somebody approves it.

One JSON file among the person's data, where no tool can write; replaced whole.
"""

import os
import shutil
import stat
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from devagent.core.codec import canonical, digest, from_plain, parse, sha256
from devagent.core.errors import ConfigError, DevagentError
from devagent.disk import locked, replace_file
from devagent.host.mcp.config import ServerSettings
from devagent.host.mcp.definitions import LeftOut, PromptDefinition, ToolDefinition

VERSION = 1
FILE = "tools.lock"
MAX_PROGRAM_BYTES = 1 << 30


class Program(Struct, frozen=True):
    """The file that a command resolves to. While ``state`` is the same its bytes are: nobody but the
    system sets a file's change time."""

    path: str
    sha256: str
    state: tuple[int, ...]


class PinnedServer(Struct, frozen=True, kw_only=True):
    """One server as it was let in. ``calls_itself`` is its own claim. ``legacy``: it is spoken to with
    ``initialize`` at once. ``pending`` are definitions that differ since, by tool; None: it is gone."""

    identity: str
    command: tuple[str, ...] = ()
    program: Program | None = None
    url: str = ""
    headers: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    cwd: str = ""
    calls_itself: str = ""
    legacy: bool = False
    how: Literal["first use", "approved"] = "approved"
    on: str = ""
    tools: tuple[ToolDefinition, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    pending: dict[str, ToolDefinition | None] = {}
    capabilities: tuple[str, ...] = ()
    prompts: tuple[PromptDefinition, ...] = ()

    @property
    def definition(self) -> str:
        """The digest of the server and of all its tools."""
        tools = {tool.name: tool.digest for tool in self.tools}
        prompts = {prompt.name: prompt.digest for prompt in self.prompts}
        return digest([self.identity, tools, prompts] if prompts else [self.identity, tools])


class _File(Struct, frozen=True):
    version: int
    servers: dict[str, PinnedServer]


Read = Callable[[str], bytes]
"""Reads a file that only the person can have written; FileNotFoundError where there is none."""


def servers_of(data: bytes, path: str) -> dict[str, PinnedServer]:
    """The servers of a lock's bytes. Raises ConfigError for one that is not usable."""
    try:
        file = from_plain(parse(data), _File)
    except (ValueError, RecursionError) as e:
        raise ConfigError(
            f"is no lock of tools ({e})",
            file=path,
            hint="Remove it; each server is then to be approved again.",
        ) from e
    if file.version != VERSION:
        raise ConfigError(f"has version {file.version}, not {VERSION}", file=path)
    return file.servers


def lock_of(servers: Mapping[str, PinnedServer]) -> bytes:
    """The bytes of a lock with these servers."""
    return canonical(_File(version=VERSION, servers=dict(servers)))


class ToolsLock:
    """The lock in the folder of the person's data."""

    def __init__(self, folder: str, read: Read) -> None:
        self.path = os.path.join(folder, FILE)
        self._read = read

    def servers(self) -> Mapping[str, PinnedServer]:
        """All servers by name. Raises ConfigError for a file that is not usable."""
        try:
            data = self._read(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return servers_of(data, self.path)

    def put(self, name: str, server: PinnedServer) -> None:
        """Record a server, in place of what was recorded of that name."""
        with self._changing() as servers:
            servers[name] = server

    def remove(self, name: str) -> bool:
        """Forget a server; whether there was one."""
        with self._changing() as servers:
            return servers.pop(name, None) is not None

    def mark(
        self,
        name: str,
        identity: str,
        pending: Mapping[str, ToolDefinition | None],
        *,
        legacy: bool,
        capabilities: tuple[str, ...],
    ) -> None:
        """Keep what differs, how the server is spoken to and what it has, where it is still that server."""
        with self._changing() as servers:
            known = servers.get(name)
            if known is not None and known.identity == identity:
                servers[name] = replace(
                    known, pending=dict(pending), legacy=legacy, capabilities=capabilities
                )

    @contextmanager
    def _changing(self) -> Generator[dict[str, PinnedServer]]:
        """Read again, change, replace: two sessions at once lose nothing of each other's."""
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            with locked(f"{self.path}.lock"):
                before = self.servers()
                servers = dict(before)
                yield servers
                if servers != before:
                    replace_file(self.path, lock_of(servers))
        except OSError as e:
            raise DevagentError(f"{self.path} cannot be written: {e.strerror}") from e


def program(settings: ServerSettings, known: Program | None = None) -> Program | None:
    """The file that the command is now; ``known`` again where that file has not been touched since. None for
    a server that is not started here.

    Raises ConfigError where there is no such program.
    """
    if settings.kind == "http":
        return None
    path = _resolved(settings.command)
    if not path:
        raise ConfigError(
            f"extensions.{settings.name}: the command {settings.command!r} is not there",
            hint="Install the server, or name its program with an absolute path.",
        )
    try:
        status = os.stat(path)
        state = (
            status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns,
        )  # fmt: skip
        if known is not None and (known.path, known.state) == (path, state):
            return known
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_PROGRAM_BYTES:
            raise ConfigError(
                f"extensions.{settings.name}: {path} is no program that can be pinned"
            )
        with open(path, "rb") as file:
            return Program(path, sha256(file.read()), state)
    except OSError as e:
        raise ConfigError(
            f"extensions.{settings.name}: {path} cannot be read ({e.strerror})"
        ) from e


def identity(settings: ServerSettings, program: Program | None) -> str:
    """What makes this the same server: change any of it, and it is another one."""
    if program is None:
        # Not where the secrets are kept: moving one from a variable to the keyring changes no server.
        return digest(
            _may(settings)
            | {
                "kind": settings.kind,
                "url": settings.url,
                "headers": sorted(name.lower() for name in settings.headers),
                "client_id": settings.oauth.client_id,
                "client_metadata_url": settings.oauth.client_metadata_url,
                "grant": settings.oauth.grant,
                "issuer": settings.oauth.issuer,
            }
        )
    return digest(
        _may(settings)
        | {
            "kind": settings.kind,
            "command": settings.command,
            "program": program.path,
            "sha256": program.sha256,
            "args": settings.args,
            "variables": settings.variables,
            "cwd": settings.cwd,
        }
    )


def _may(settings: ServerSettings) -> dict[str, object]:
    """What it is let do beside: nothing for most, whose identity is then what it always was."""
    found: dict[str, object] = {}
    if settings.sampling:
        found["sampling"] = True
    if settings.roots:
        found["roots"] = list(settings.roots)
    return found


def sign_in_key(name: str, identity: str) -> str:
    """Under which the keyring has the tokens of a server."""
    return f"sign-in/{name}/{identity}"


def _resolved(command: str) -> str:
    """The absolute path; PATH's relative folders do not count, as they differ from place to place."""
    folders = [f for f in os.environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(f)]
    return shutil.which(command, path=os.pathsep.join(folders)) or ""
