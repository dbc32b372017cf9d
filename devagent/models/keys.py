"""Short-lived keys from a command (satisfies ``Keys``).

A command is a list of arguments: no shell reads it. Its standard output is the key, or a JSON object with
``token`` and, where it is known, ``expires_in`` in seconds. It is run before the first request, again
shortly before the key expires, and once where the service refuses a key that had worked before.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from devagent.core import codec
from devagent.models.credential import Credential, Kind
from devagent.models.failures import Failure
from devagent.models.plain import is_object

COMMAND_S = 30.0
"""How long a command may take."""
LIFE_S = 300.0
"""How long a key is used where the command does not say when it expires."""
MARGIN_S = 30.0
_LONGEST = 64 * 1024


class KeyCommand:
    """Keys from a command."""

    def __init__(
        self,
        command: Sequence[str],
        kind: Kind = "auth_token",
        *,
        clock: Callable[[], float] = time.monotonic,
        limit_s: float = COMMAND_S,
    ) -> None:
        self._command = tuple(command)
        self._kind: Kind = kind
        self._clock, self._limit_s = clock, limit_s
        self._key: Credential | None = None
        self._until = 0.0
        self._proven = False
        self._fetching = asyncio.Lock()

    async def current(self) -> Credential:
        async with self._fetching:
            if self._key is None or self._clock() >= self._until:
                self._key, life_s = self._parsed(await self._run())
                self._until = self._clock() + max(life_s - MARGIN_S, life_s / 2)
                self._proven = False
            return self._key

    def worked(self) -> None:
        self._proven = True

    def refused(self) -> bool:
        """A key that never worked is not asked for again: the next would be refused too."""
        self._key = None
        return self._proven

    async def _run(self) -> bytes:
        name = self._command[0]
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise _no_key(f"{name!r} cannot be run: {error.strerror or error}") from None
        try:
            async with asyncio.timeout(self._limit_s):
                said = await _said(process)
        except TimeoutError:
            raise _no_key(f"{name!r} gave none within {self._limit_s:g} s") from None
        finally:
            if process.returncode is None:
                _stop(process)
                await process.wait()
        if len(said) > _LONGEST:
            raise _no_key(f"{name!r} said more than a key")
        if process.returncode:
            raise _no_key(f"{name!r} ended with exit code {process.returncode}")
        return said

    def _parsed(self, said: bytes) -> tuple[Credential, float]:
        name, text = self._command[0], said.decode("utf-8", "replace").strip()
        life_s, secret = LIFE_S, text
        if text.startswith("{"):
            try:
                found: Any = codec.parse(text)
            except ValueError:
                found = None
            token = found.get("token") if is_object(found) else None
            if not isinstance(token, str):
                raise _no_key(f"{name!r} gave a JSON text without a `token`")
            secret, expires = token, found.get("expires_in") if is_object(found) else None
            if isinstance(expires, int | float) and 0 < expires < float("inf"):
                life_s = float(expires)
        key = Credential(self._kind, secret)
        try:
            key.header()
        except Exception:
            raise _no_key(f"{name!r} gave something that is no key") from None
        return key, life_s


async def _said(process: asyncio.subprocess.Process) -> bytes:
    """What it prints until it ends; one that prints more than any key has is not waited for."""
    said = b""
    while process.stdout is not None and (piece := await process.stdout.read(_LONGEST)):
        said += piece
        if len(said) > _LONGEST:
            return said
    await process.wait()
    return said


def _stop(process: asyncio.subprocess.Process) -> None:
    import os  # noqa: PLC0415 - only where a command hangs
    import signal  # noqa: PLC0415 - as above

    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _no_key(why: str) -> Failure:
    return Failure(
        f"There is no key for the model service: the command {why}",
        kind="authentication",
        again=False,
        hint="Run the `key_command` of the config by hand to see what it says.",
    )
