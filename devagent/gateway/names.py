"""The names under which a client knows what several servers have: tools, prompts, resources.

A tool or prompt is ``server__name``; a resource's URI gets its server before the scheme (``files+file:///a``), with ``_`` of
a server's name as ``.``, so that it stays a URI. ``plain`` names, of one server alone, are the server's own.
"""

from typing import Protocol

from devagent.core.tools import ToolSpec


class Names(Protocol):
    """Names as the client has them, and back."""

    def tool(self, spec: ToolSpec) -> str: ...

    def tool_of(self, name: str) -> str:
        """The name that the toolbox knows."""
        ...

    def prompt(self, server: str, name: str) -> str: ...

    def prompt_of(self, name: str) -> tuple[str, str]:
        """(server, name); ("", "") for none."""
        ...

    def uri(self, server: str, uri: str) -> str: ...

    def uri_of(self, uri: str) -> tuple[str, str]:
        """(server, uri); ("", "") for none."""
        ...


class Prefixed:
    """Of any number of servers."""

    def tool(self, spec: ToolSpec) -> str:
        return spec.api_name

    def tool_of(self, name: str) -> str:
        return name

    def prompt(self, server: str, name: str) -> str:
        return f"{server}__{name}"

    def prompt_of(self, name: str) -> tuple[str, str]:
        server, there, own = name.partition("__")
        return (server, own) if there else ("", "")

    def uri(self, server: str, uri: str) -> str:
        return f"{server.replace('_', '.')}+{uri}"

    def uri_of(self, uri: str) -> tuple[str, str]:
        scheme, colon, _ = uri.partition(":")
        server, plus, _ = scheme.partition("+")
        if not colon or not plus:
            return "", ""
        return server.replace(".", "_"), uri[len(server) + 1 :]


class Plain:
    """Of one server alone."""

    def __init__(self, server: str) -> None:
        self._server = server

    def tool(self, spec: ToolSpec) -> str:
        return spec.name

    def tool_of(self, name: str) -> str:
        return f"{self._server}__{name}"

    def prompt(self, server: str, name: str) -> str:
        del server
        return name

    def prompt_of(self, name: str) -> tuple[str, str]:
        return self._server, name

    def uri(self, server: str, uri: str) -> str:
        del server
        return uri

    def uri_of(self, uri: str) -> tuple[str, str]:
        return self._server, uri
