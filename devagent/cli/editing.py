"""A file of the person's, in their editor, and put in force only when it is right.

What is edited is a copy beside it; what cannot be used never takes its place, and is never lost.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence

import click

from devagent.core.errors import ConfigError, DevagentError, UsageError

EDITORS = ("sensible-editor", "nano", "vim", "vi")
"""Looked for where neither VISUAL nor EDITOR names one."""

Check = Callable[[bytes], Sequence[str]]
"""Of a draft's content: remarks that do not keep it from being used. Raises ConfigError where it cannot be."""


def at_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def edit(file: str, starter: str, check: Check) -> int:
    """Let the person edit the file, or the starter where there is none; the exit code.

    Raises UsageError without a terminal or an editor, ConfigError where the person leaves off with a draft that cannot
    be used, DevagentError where the file was changed meanwhile. A changed draft is kept, and its place told.
    """
    if not at_a_terminal():
        raise UsageError("editing needs a terminal", hint=f"The file is {file}.")
    editor = _editor()
    before = _content(file)
    began_with = starter.encode() if before is None else before
    os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
    draft = _draft(file, began_with)
    try:
        remarks = _until_right(editor, draft, began_with, check)
        if remarks is None:
            missing = " is still not there" if before is None else ""
            click.echo(f"Nothing was changed: {file}{missing}.")
            return 0
        if _content(file) != before:
            raise DevagentError(f"{file} was changed by somebody else meanwhile")
        os.chmod(draft, 0o600)  # a file that the editor made anew is as the umask says
        os.replace(draft, file)
    finally:
        left = _content(draft)
        if left == began_with:
            os.unlink(draft)
        elif left is not None:
            click.echo(f"{file} is as it was; your draft is {draft}", err=True)
    for remark in remarks:
        click.echo(remark, err=True)
    click.echo(f"In force from the next session on: {file}")
    return 0


def _until_right(
    editor: Sequence[str], draft: str, began_with: bytes, check: Check
) -> Sequence[str] | None:
    """Edit and check until the draft can be used; the remarks, or None where it is what it began with."""
    while True:
        _run(editor, draft)
        content = _content(draft)
        if content is None or content == began_with:
            return None
        try:
            return check(content)
        except ConfigError as error:
            click.echo(f"{error}\n", err=True)
            if not click.confirm("It is not in force. Edit it again?", default=True, err=True):
                raise ConfigError("what was edited cannot be used") from error


def _editor() -> list[str]:
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    words = shlex.split(named) or [name for name in EDITORS if shutil.which(name)][:1]
    if not words or not shutil.which(words[0]):
        raise UsageError(
            f"there is no editor{f' {words[0]}' if words else ''} on PATH",
            hint="Name yours in VISUAL or EDITOR.",
        )
    return words


def _run(editor: Sequence[str], draft: str) -> None:
    ended = subprocess.run([*editor, draft], check=False)  # noqa: S603  (the person's own editor)
    if ended.returncode:
        raise DevagentError(
            f"{editor[0]} ended with {ended.returncode}",
            hint="VISUAL or EDITOR names another editor.",
        )


def _draft(file: str, content: bytes) -> str:
    name, ending = os.path.splitext(os.path.basename(file))
    descriptor, path = tempfile.mkstemp(ending, f".{name}.", os.path.dirname(file))
    with os.fdopen(descriptor, "wb") as draft:
        draft.write(content)
    return path


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
