"""``python -m devagent_sql`` and ``devagent-sql``: the MCP server."""

import argparse
import os
import sys

from devagent_sql import __version__
from devagent_sql.errors import SqlError


def _pair(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not name or not equals or not path:
        raise argparse.ArgumentTypeError("must be NAME=PATH")
    return name, path


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0 served, 2 wrong usage, 78 configuration that cannot be used."""
    parser = argparse.ArgumentParser(
        prog="devagent-sql",
        description="Governed SQL as an MCP server on standard input and output",
    )
    parser.add_argument("--version", action="version", version=f"devagent-sql {__version__}")
    parser.add_argument(
        "--source",
        metavar="NAME=PATH",
        action="append",
        type=_pair,
        default=[],
        help="a SQLite file",
    )
    parser.add_argument("--config", metavar="FILE", help="TOML: [sources.NAME] and [obligations]")
    parser.add_argument(
        "--write", action="store_true", help="offer the tools that change rows and write files"
    )
    given = parser.parse_args(arguments)
    if not given.source and given.config is None:
        parser.error("name at least one --source or a --config")

    from devagent_sql.server import serve, surroundings  # noqa: PLC0415 — loads mcp: not for --version

    try:
        here = surroundings(dict(given.source), given.config, os.getcwd())
    except (SqlError, OSError, ValueError) as error:
        sys.stderr.write(f"devagent-sql: {error}\n")
        return 78
    serve(here, writing=given.write)
    return 0


if __name__ == "__main__":
    sys.exit(main())
