"""What the toolbox needs of an extension, whoever wrote it and wherever its code runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from devagent.core.errors import ConfigError
from devagent.core.ports import MayRead, Meanwhile, Progress
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference, ToolResult, ToolSpec

Fault = Callable[[tuple[str | int, ...], str, str], ConfigError]
"""Path in the config, what is wrong, what to do → the error."""


def is_server(table: Mapping[str, Any]) -> bool:
    """Whether an extension's table of the config is about a third party's MCP server."""
    return not table.keys().isdisjoint(("type", "command", "url"))


class Extension(Protocol):
    """One extension of a session: ours in this process, a third party's as an MCP server."""

    @property
    def reference(self) -> ExtensionReference: ...

    @property
    def tools(self) -> Sequence[ToolSpec]:
        """The tools that may be offered; known without running any of its code."""
        ...

    async def resources(
        self, tool: str, args: Mapping[str, Any], may_read: MayRead | None = None
    ) -> tuple[Resource, ...]:
        """What the call would touch. Raises ToolFailure where it cannot be known."""
        ...

    async def preview(self, tool: str, args: Mapping[str, Any]) -> str:
        """See ``core.ports.Toolbox``."""
        ...

    async def run(
        self,
        tool: str,
        args: Mapping[str, Any],
        obligations: Mapping[str, Any],
        may_read: MayRead | None = None,
        progress: Progress | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> ToolResult:
        """Carry the call out; a failure is a result. ``may_read``, ``progress``, ``meanwhile``: see ``core.ports.Toolbox``."""
        ...

    def deny_paths(self, patterns: Sequence[str]) -> None:
        """Paths that policy may deny to the extension's commands: where to look for what has to be hidden."""
        ...

    async def aclose(self) -> None:
        """Take no more calls, and leave nothing running."""
        ...
