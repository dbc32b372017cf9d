"""What a call touches: ``kind:name``, and the small grammar of each kind.

    path:      real path below the workspace with ``/``, or absolute when outside it
    command:   argv joined by single spaces, each word shell-quoted where needed
    host:      host name, lower case, no port        repo: folder of the repository, as path:
    branch:    remote/name, or name for a local one  remote: name/host/path
    table:     source.schema.table                   column: source.schema.table.column
    source:    name of a data source                 doc: collection/path
    ticket:    PROJECT/KEY                            model: provider/id
    mcp:       server/tool (a tool whose extension names no resources)

``*`` in a pattern is any run without the kind's separator, ``**`` any run at all.
"""

from typing import Literal

from msgspec import Struct

Access = Literal["read", "write"]

SEPARATORS: dict[str, str] = {
    "path": "/",
    "repo": "/",
    "branch": "/",
    "remote": "/",
    "doc": "/",
    "ticket": "/",
    "model": "/",
    "mcp": "/",
    "table": ".",
    "column": ".",
    "source": ".",
    "host": ".",
    "tag": ".",
    "command": " ",
}
"""Kind → the separator that ``*`` does not cross. ``tag`` stands in patterns only, never in an id."""


class Resource(Struct, frozen=True, omit_defaults=True):
    """One thing that a call would read or write, in its canonical name."""

    id: str
    access: Access
    tags: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return self.id.partition(":")[0]
