"""``python -m devagent_docs`` and ``devagent-docs``: index collections, and serve them over MCP."""

import argparse
import os
import sys
import tomllib
from typing import Any

from devagent_docs import __version__
from devagent_docs.contract import DocsError
from devagent_serving import Standalone

TIME_LIMIT_S = 30.0


def _pair(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not name or not equals or not path:
        raise argparse.ArgumentTypeError("must be NAME=PATH")
    return name, path


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0 done, 1 failed, 2 wrong usage, 78 settings that cannot be used."""
    parser = argparse.ArgumentParser(
        prog="devagent-docs", description="Offline documentation search as an MCP server"
    )
    parser.add_argument("--version", action="version", version=f"devagent-docs {__version__}")
    parser.add_argument(
        "--collection", metavar="NAME=PATH", action="append", type=_pair, default=[],
        help="a folder, a file or a .zip; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--config", metavar="FILE", help="TOML: [collections.NAME], grounded, index, embeddings"
    )
    parser.add_argument("--index", metavar="FOLDER", help="where the index lies")
    parser.add_argument(
        "action", nargs="?", choices=["serve", "index"], default="serve",
        help="serve (the default), or bring the index up to date and leave",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    if not given.collection and given.config is None:
        parser.error("name at least one --collection or a --config")
    try:
        settings = _settings(dict(given.collection), given.config, given.index)
    except (DocsError, OSError, ValueError) as error:
        sys.stderr.write(f"devagent-docs: {error}\n")
        return 78
    here = Standalone(os.getcwd(), settings, time_limit_s=TIME_LIMIT_S)
    if given.action == "index":
        return _index(here)
    from devagent_docs.server import make_server  # noqa: PLC0415 - mcp takes a second
    from devagent_serving.server import serve  # noqa: PLC0415 - mcp takes a second

    serve(make_server(here))
    return 0


def _settings(pairs: dict[str, str], config: str | None, index: str | None) -> dict[str, Any]:
    from devagent_docs.settings import read_collections  # noqa: PLC0415 - not for --version

    settings: dict[str, Any] = {}
    if config is not None:
        with open(config, "rb") as file:
            settings = tomllib.load(file)
    unknown = sorted(settings.keys() - {"collections", "grounded", "index", "embeddings"})
    if unknown:
        raise DocsError(f"{config} has no setting {unknown[0]!r}.", error="bad_settings")
    read_collections(settings)
    named = {name: {"path": os.path.abspath(path)} for name, path in pairs.items()}
    settings["collections"] = {**settings.get("collections", {}), **named}
    if index:
        settings["index"] = index
    read_collections(settings)
    return settings


def _index(here: Any) -> int:
    from devagent_docs import commands  # noqa: PLC0415 - not for --version

    code = 0
    for collection in commands.chosen(here, ()):
        try:
            report = commands.index(here, collection)
        except DocsError as error:
            sys.stderr.write(f"devagent-docs: {collection.name}: {error}\n")
            code = 1
            continue
        sys.stdout.write(
            f"{collection.name}@{report.version}: {report.documents} documents, {report.chunks} chunks\n"
        )
    return code


if __name__ == "__main__":
    sys.exit(main())
