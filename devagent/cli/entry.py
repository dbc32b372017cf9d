"""One handler at the top: every way a command can end becomes an exit code and a clear line."""

import errno
import os
import sys
from itertools import pairwise

import click

from devagent.cli import cli
from devagent.core.errors import DevagentError

READER_GONE = 141
INTERRUPTED = 130
WIDEST_HELP, USUAL_COLUMNS = 100, 80
PROMPT_IN_QUOTES = dict.fromkeys(
    ("run", "chat"),
    "A prompt of several words goes in quotes; what is longer in a file (`devagent run -f FILE`).",
) | {"ask": "A question of several words goes in quotes."}
"""What to say behind an argument too many, by the command that takes one text."""
COMPLETION = "_DEVAGENT_COMPLETE"
"""Set by a shell that asks how the words so far may go on; the answer ends the process."""


def run_command_line(arguments: list[str]) -> int:
    """Run one command line; the exit code (design, section 8). Errors are told on stderr."""
    if COMPLETION in os.environ:
        cli.main(arguments, prog_name="devagent", complete_var=COMPLETION)
    try:
        # Not `main`: it takes a reader that has gone for an end of its own, with exit code 1.
        with cli.make_context("devagent", list(arguments), terminal_width=_help_width()) as context:
            code = cli.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        if isinstance(error, click.UsageError) and "unexpected extra argument" in error.message:
            name = error.ctx.info_name if error.ctx else None
            if said := PROMPT_IN_QUOTES.get(name or ""):
                click.echo(said, err=True)
        return error.exit_code
    except DevagentError as error:
        click.echo(f"devagent: {error}", err=True)
        return error.exit_code
    except (click.Abort, EOFError):
        return INTERRUPTED
    except KeyboardInterrupt:
        return interrupted(arguments)
    except OSError as error:
        return _os_error(error)
    except Exception as error:  # whatever else: the record is closed, the person is told
        from devagent.cli.fault import tell  # noqa: PLC0415  (imports traceback; never in the ordinary)

        return tell(error)
    return code if isinstance(code, int) else 0


def _help_width() -> int:
    """Columns of a help text: click itself takes no less than 50, which a narrow terminal breaks amid words.
    (As ``shutil`` has them, which would take 10 ms at each start.)"""
    told = os.environ.get("COLUMNS", "")
    columns = int(told) if told.isdecimal() else 0
    try:
        columns = columns or os.get_terminal_size(1).columns
    except (OSError, ValueError):
        columns = 0  # no terminal
    return max(min(columns or USUAL_COLUMNS, WIDEST_HELP) - 2, 24)


def interrupted(arguments: list[str]) -> int:
    """Interrupted before the command line was understood; the exit code. A run that is to say its result in JSON
    (so far as its words tell without reading them as click does) says one."""
    words = " ".join(arguments).replace("=", " ").split()
    formats = [after for word, after in pairwise(words) if word == "--output-format"]
    if arguments[:1] == ["run"] and formats and formats[-1] in ("json", "stream-json"):
        from devagent.cli.one_task import not_begun  # noqa: PLC0415  (only for such an end)

        try:
            return not_begun(formats[-1], KeyboardInterrupt())
        except OSError as error:
            return _os_error(error)
    return INTERRUPTED


def leave(code: int) -> None:
    """Flush and end at once: the interpreter's tear-down would only cost time (design, section 7)."""
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _os_error(error)
    try:
        sys.stderr.flush()
    except OSError:
        code = code or 1  # nobody can be told any more
    os._exit(code)


def _os_error(error: OSError) -> int:
    if error.errno == errno.EPIPE:
        _forget_output()  # the reader has left
        return READER_GONE
    what = error.filename or "reading or writing failed"  # a stream has no name
    click.echo(f"devagent: {what}: {error.strerror or error}", err=True)
    try:
        sys.stdout.flush()
    except OSError:
        _forget_output()
    return 1


def _forget_output() -> None:
    """What is buffered and cannot be written must not be tried, and told, again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
