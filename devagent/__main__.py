"""``devagent`` and ``python -m devagent``: the way in, and the one way out."""

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):  # answered before anything is imported
        from devagent import __version__  # noqa: PLC0415

        sys.stdout.write(f"devagent {__version__}\n")
        return
    from devagent.cli.entry import leave, run_command_line  # noqa: PLC0415

    leave(run_command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()
