"""``devagent`` and ``python -m devagent``: the way in, and the one way out."""

import os
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _stand_in_for_closed_streams()
    if sys.argv[1:] in (["--version"], ["-V"]):  # answered before anything is imported
        from devagent import __version__  # noqa: PLC0415

        sys.stdout.write(f"devagent {__version__}\n")
        return
    if sys.argv[1:2] == ["run"]:
        _run()
    from devagent.cli.entry import leave, run_command_line  # noqa: PLC0415

    leave(run_command_line(sys.argv[1:]))


def _run() -> None:
    """A one-shot run: a signal that comes while devagent is still being loaded ends it in good order, too."""
    import signal  # noqa: PLC0415  (a run needs it anyway)

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    try:
        signal.signal(signal.SIGTERM, interrupt)
        from devagent.cli.entry import leave, run_command_line  # noqa: PLC0415

        code = run_command_line(sys.argv[1:])
    except KeyboardInterrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        from devagent.cli.entry import interrupted, leave  # noqa: PLC0415

        code = interrupted(sys.argv[1:])
    leave(code)


def _stand_in_for_closed_streams() -> None:
    """Take the descriptors 0 to 2 that are closed, or the next file opened, a log perhaps, would be one of them.

    Without a standard output nothing is done: ends with 1.
    """
    without_output = sys.stdout is None
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  (as long as the process)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if without_output:
        sys.stderr.write("devagent: standard output is closed, so nothing was done\n")
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
