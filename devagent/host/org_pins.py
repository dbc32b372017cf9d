"""What an organisation pins of MCP servers: its own ``tools.lock``, which stands over each person's.

A server that it pins is let in without anybody's approval where it is that server: for one on the network by its whole
identity; for a program by the digest of the program, since where a program lies differs between machines. What it and its
tools are is decided there alone; a tool whose definition differs is withheld.
"""

from collections.abc import Collection, Mapping

from msgspec import Struct
from msgspec.structs import replace

from devagent.host.mcp.config import ServerSettings
from devagent.host.mcp.definitions import ToolDefinition
from devagent.host.mcp.lock import PinnedServer, Program, identity, servers_of

ANY = "any"
"""In the place of a program's digest: whatever program the command is, as an interpreter of the bundle's own file."""


class OrgPins(Struct, frozen=True):
    """``servers`` by name. ``programs``: further digests that a server's program may have. ``configured``: the servers
    whose settings are the organisation's own, so that its classes and resources hold."""

    servers: Mapping[str, PinnedServer] = {}
    programs: Mapping[str, Collection[str]] = {}
    configured: frozenset[str] = frozenset()

    def speaks_of(self, name: str) -> bool:
        """Whether the organisation, and not the person, lets this server in."""
        return name in self.servers or name in self.configured

    def as_here(
        self, settings: ServerSettings, program: Program | None, before: PinnedServer | None
    ) -> PinnedServer | None:
        """The pinned server as it is on this machine, with what was found of its tools ``before``; one of another identity where it
        is not the pinned one; None where it is not pinned at all."""
        pinned = self.servers.get(settings.name)
        if pinned is None:
            return None
        now = identity(settings, program)
        if program is None:
            fits = pinned.identity == now
        else:
            known = {pinned.program.sha256} if pinned.program else set[str]()
            allowed = known.union(self.programs.get(settings.name, ()))
            fits = bool(allowed & {program.sha256, ANY}) and self._as_asked(settings, pinned)
        if not fits:
            return replace(pinned, identity="")
        seen = before if before is not None and before.identity == now else None
        return replace(
            pinned,
            identity=now,
            program=program,
            how="approved",
            pending=_still_other(seen, pinned) if seen else {},
            legacy=seen.legacy if seen else pinned.legacy,
        )

    def definition(self, name: str) -> str:
        """The digest of a pinned server and its tools, the same on every machine; "" where it is not pinned."""
        return self.servers[name].definition if name in self.servers else ""

    def _as_asked(self, settings: ServerSettings, pinned: PinnedServer) -> bool:
        """Whether a person's own settings start it as it was pinned; the organisation's own do."""
        if settings.name in self.configured:
            return True
        return (settings.args, settings.variables, settings.cwd) == (
            pinned.command[1:],
            pinned.variables,
            pinned.cwd,
        )


def _still_other(seen: PinnedServer, pinned: PinnedServer) -> dict[str, ToolDefinition | None]:
    """What was found to differ, and is not what is pinned now."""
    digests = {tool.name: tool.digest for tool in pinned.tools}
    return {
        name: tool
        for name, tool in seen.pending.items()
        if tool is None or digests.get(name) != tool.digest
    }


def org_pins(
    data: bytes,
    path: str,
    programs: Mapping[str, Collection[str]],
    configured: Collection[str],
) -> OrgPins:
    """The pins of an organisation's lock; ``data`` may be empty. Raises ConfigError."""
    servers = servers_of(data, path) if data else {}
    return OrgPins(servers, dict(programs), frozenset(configured))
