"""``devagent-git``: serve the git tools over MCP on standard input and output."""

import argparse
import os
import sys

from devagent_git import __version__


def main() -> int:
    """Parse the arguments and serve. Exit status 2: the folder does not exist."""
    parser = argparse.ArgumentParser(prog="devagent-git", description=__doc__)
    parser.add_argument("--folder", default=".", help="the workspace (default: the current folder)")
    parser.add_argument("--version", action="version", version=f"devagent-git {__version__}")
    folder: str = parser.parse_args().folder
    if not os.path.isdir(folder):
        parser.error(f"no such folder: {folder}")
    from devagent_git.server import make_server  # noqa: PLC0415 - mcp takes a second to import
    from devagent_serving.server import serve  # noqa: PLC0415 - mcp takes a second to import

    serve(make_server(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
