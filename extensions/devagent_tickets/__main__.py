"""``python -m devagent_tickets`` and ``devagent-tickets``: serve trackers over MCP; take tickets in and out."""

import argparse
import os
import sys
import tomllib
from typing import Any

from devagent_serving import Standalone
from devagent_tickets import __version__
from devagent_tickets.contract import TicketsError


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0 done, 1 failed, 2 wrong usage, 78 settings that cannot be used."""
    parser = argparse.ArgumentParser(
        prog="devagent-tickets", description="The team's tickets, or local ones, as an MCP server"
    )
    parser.add_argument("--version", action="version", version=f"devagent-tickets {__version__}")
    parser.add_argument(
        "--config", metavar="FILE", help="TOML: [trackers.NAME], personal_data, data"
    )
    parser.add_argument(
        "--local", metavar="PROJECT", action="append", default=[],
        help="a project of a local tracker; may be repeated",
    )  # fmt: skip
    parser.add_argument("--data", metavar="FOLDER", help="where local tickets and copies lie")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("serve", help="serve over standard input and output (the default)")
    for name, about in (("import", "JSON lines, a Markdown file, or a folder"), ("export", "a new file; a folder with --markdown")):  # fmt: skip
        action = actions.add_parser(name, help=f"a local project: {about}")
        action.add_argument("project")
        action.add_argument("path")
        if name == "export":
            action.add_argument("--markdown", action="store_true")
    given = parser.parse_args(arguments)
    if not given.local and given.config is None:
        parser.error("name a --config or a --local project")
    try:
        settings = _settings(given.config, given.local, given.data)
    except (TicketsError, OSError, ValueError) as error:
        sys.stderr.write(f"devagent-tickets: {error}\n")
        return 78
    here = Standalone(os.getcwd(), settings)
    if given.action in ("import", "export"):
        return _moved(here, given)
    from devagent_serving.server import serve  # noqa: PLC0415 - mcp takes a second
    from devagent_tickets.server import make_server  # noqa: PLC0415 - mcp takes a second

    serve(make_server(here))
    return 0


def _settings(config: str | None, local: list[str], data: str | None) -> dict[str, Any]:
    from devagent_tickets.settings import (  # noqa: PLC0415 - not for --version
        keeps_personal_data,
        read_trackers,
    )

    settings: dict[str, Any] = {}
    if config is not None:
        with open(config, "rb") as file:
            settings = tomllib.load(file)
    unknown = sorted(settings.keys() - {"trackers", "personal_data", "data"})
    if unknown:
        raise TicketsError(f"{config} has no setting {unknown[0]!r}.", error="bad_settings")
    read_trackers(settings)
    if local:
        trackers = dict(settings.get("trackers", {}))
        trackers["local"] = {"type": "local", "projects": local}
        settings["trackers"] = trackers
    if data:
        settings["data"] = data
    read_trackers(settings)
    keeps_personal_data(settings)
    return settings


def _moved(here: Any, given: argparse.Namespace) -> int:
    from devagent_tickets import commands  # noqa: PLC0415 - not for --version

    try:
        if given.action == "import":
            name, new, replaced = commands.take_in(here, given.project, given.path)
            sys.stdout.write(f"{name}: {new} new, {replaced} replaced\n")
        else:
            count = commands.give_out(here, given.project, given.path, markdown=given.markdown)
            sys.stdout.write(f"{count} tickets\n")
    except TicketsError as error:
        sys.stderr.write(f"devagent-tickets: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
