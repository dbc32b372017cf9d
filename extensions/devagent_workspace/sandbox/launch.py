"""How a command is started, whatever holds it: a session of its own, no input, output and errors as one."""

import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Launch(NamedTuple):
    """A program with its words, folder and environment. ``kept``: descriptors that it inherits."""

    argv: Sequence[str]
    cwd: str
    variables: Mapping[str, str]
    kept: tuple[int, ...] = ()

    def start(self) -> "subprocess.Popen[bytes]":
        """Start it. Raises OSError, ValueError."""
        return subprocess.Popen(  # noqa: S603 - what was asked for, and what was judged
            self.argv,
            cwd=self.cwd,
            env=dict(self.variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=self.kept,
        )
