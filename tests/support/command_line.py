"""The whole program as a process: ``python -m devagent`` of this checkout, in the test's own home.

    async with MessagesServer([Step(text="Hello.")]) as server:
        done = await devagent("run", "Hi", server=server)
    assert (done.code, done.stdout) == (0, "Hello.\n")

Every wait has a limit, and no process outlives its test.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from devagent.audit.layout import newest_first
from devagent.audit.reader import read_events
from devagent.core.events import Event
from tests.support.messages_server import MessagesServer

ROOT = Path(__file__).parents[2]
LIMIT_S = 60.0
"""For one command: generous, because a busy machine is no failure."""
KEY = "sk-ant-test-4f1d0c"


class Finished(Struct, frozen=True):
    """A process that has ended. A negative ``code`` is the signal that ended it."""

    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """stdout as JSON lines."""
        return [msgspec.json.decode(line) for line in self.stdout.splitlines()]

    @property
    def result(self) -> dict[str, Any]:
        """The run's result: the last line, and no other is a terminal one."""
        *before, last = self.lines
        assert last["type"] == "result", self
        assert "result" not in [line["type"] for line in before], self
        assert last["exit_code"] == self.code, self
        return last


class Running:
    """A process under way. ``lines_until`` follows its standard output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._seen = b""

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def lines_until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first line that is wanted. Fails where the output ends before it."""
        assert self._process.stdout is not None
        async with asyncio.timeout(LIMIT_S):
            while line := await self._process.stdout.readline():
                self._seen += line
                value: dict[str, Any] = msgspec.json.decode(line)
                if wanted(value):
                    return value
        raise AssertionError(f"no such line, but at the end {self._seen[-2000:]!r}")

    async def error_line(self) -> str:
        """The next line of its standard error."""
        assert self._process.stderr is not None
        async with asyncio.timeout(LIMIT_S):
            return (await self._process.stderr.readline()).decode()

    def write(self, data: bytes) -> None:
        """Put something on its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(data)

    async def feed(self, data: bytes) -> None:
        """Give it these bytes on standard input, more than a pipe holds, until it has begun to read them."""
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        async with asyncio.timeout(LIMIT_S):
            await self._process.stdin.drain()

    async def leave_stdout(self) -> None:
        """Close the reading end of the process's standard output."""
        transport: Any = getattr(self._process, "_transport")  # noqa: B009  (asyncio has no public way)
        transport.get_pipe_transport(1).close()
        await asyncio.sleep(0)

    async def finished(self, stdin: bytes | None = None) -> Finished:
        """Its end, however it comes. Where standard input is a pipe, it gets these bytes and its end."""
        async with asyncio.timeout(LIMIT_S):
            stdout, stderr = await self._process.communicate(stdin)
        assert self._process.returncode is not None
        return Finished(
            self._process.returncode,
            (self._seen + (stdout or b"")).decode(),
            (stderr or b"").decode(),
        )


def environment(
    server: MessagesServer | None = None, more: Mapping[str, str] = {}
) -> dict[str, str]:
    """The test's environment, in which this checkout can be imported; with a server also a key for it."""
    paths = [ROOT, ROOT / "extensions", ROOT / "policies"]
    found = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        # A deprecation or an unclosed file of the whole program is a failure here as in its parts.
        "PYTHONWARNINGS": "error",
    }
    if server is not None:
        found |= {"ANTHROPIC_BASE_URL": server.base_url, "ANTHROPIC_API_KEY": KEY}
    return {**found, **more}


@asynccontextmanager
async def running(
    *arguments: str | bytes,
    server: MessagesServer | None = None,
    cwd: str | bytes | Path | None = None,
    stdin: int = asyncio.subprocess.DEVNULL,
    stdout: int = asyncio.subprocess.PIPE,
    env: Mapping[str, str] = {},
    program: tuple[str, ...] = ("-m", "devagent"),
) -> AsyncGenerator[Running, None]:
    """A process of its own group; killed with that group where the test leaves it before its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *program, *arguments,
        cwd=cwd, env=environment(server, env), stdin=stdin, stdout=stdout,
        stderr=asyncio.subprocess.PIPE, limit=1 << 24, start_new_session=True,
    )  # fmt: skip
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            async with asyncio.timeout(LIMIT_S):
                await process.communicate()


async def devagent(
    *arguments: str | bytes,
    server: MessagesServer | None = None,
    cwd: str | bytes | Path | None = None,
    stdin: bytes | None = None,
    env: Mapping[str, str] = {},
    program: tuple[str, ...] = ("-m", "devagent"),
) -> Finished:
    """Run one command to its end; standard input is empty, or these bytes and its end."""
    given = asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE
    async with running(
        *arguments, server=server, cwd=cwd, stdin=given, env=env, program=program
    ) as process:
        return await process.finished(stdin)


LIMITED = (
    "import ctypes, os, resource, sys\n"
    "bytes_, powers = int(sys.argv[1]), sys.argv[2]\n"
    "if bytes_: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_))\n"
    # As root, permissions hold only without CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH (Linux).
    "if powers == 'no' and os.geteuid() == 0:\n"
    "    for power in (1, 2):\n"
    "        if ctypes.CDLL(None).prctl(24, power, 0, 0, 0): sys.exit('no prctl')\n"
    "os.execv(sys.executable, [sys.executable, '-m', 'devagent', *sys.argv[3:]])\n"
)


def limited(*, file_bytes: int = 0, powers: bool = True) -> tuple[str, ...]:
    """A ``program`` whose files may not grow beyond ``file_bytes``, or that is not above permissions."""
    return ("-c", LIMITED, str(file_bytes), "yes" if powers else "no")


def own_file(name: str, text: str | bytes) -> Path:
    """Write ``policy.toml`` or ``config.toml`` into the person's folder, as only they can write it."""
    folder = Path(os.environ["DEVAGENT_HOME"])
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    file.chmod(0o600)
    return file


def sessions() -> Path:
    return Path(os.environ["DEVAGENT_HOME"], "sessions")


def logs() -> list[str]:
    """The folders of all sessions, newest first."""
    return list(newest_first(str(sessions())))


def logged(folder: str) -> list[Event]:
    return list(read_events(folder))
