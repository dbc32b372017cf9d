"""First-party extensions, run in this process: loaded at their first call, each call in a thread.

The extension sees a ``Surroundings`` (the shape is declared on its side as a Protocol, so that
neither imports the other) and gives plain data back. What it raises on purpose carries an ``error``
class and a text that is safe to show; anything else is reported by its type alone, because engine
messages leak values.
"""

import asyncio
import importlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import ModuleType
from typing import Any

from msgspec import Struct

from devagent.core.codec import canonical, from_plain, well_formed, well_formed_value
from devagent.core.ports import MayRead, Meanwhile, Progress, ToolFailure
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference, ToolResult, ToolSpec
from devagent.host.manifest import Manifest

DEFAULT_TIME_LIMIT_S = 120.0
_BAD_RESOURCES = "the extension named its resources wrongly"
GRACE_S = 5.0
"""How long a call whose time is up may take to notice, before it is given up."""
NOTICE_S = 2.0
"""How long a call that nobody wants any more may take to end, before it is left to itself."""


def load(package: str, module: str) -> ModuleType:
    """A module of a first-party extension: the house imports none by name (they do not know each other)."""
    return importlib.import_module(f"{package}.{module}")


class Surroundings(Struct, frozen=True):
    """What a tool function is given. ``cancelled`` is set when nobody waits for the answer any more;
    ``own`` are devagent's own files and folders, which nothing that a tool starts may touch."""

    folder: str
    settings: Mapping[str, Any]
    obligations: Mapping[str, Any]
    time_limit_s: float
    secret: Callable[[str], str | None]
    cancelled: threading.Event
    may_read: Callable[[Sequence[Any]], Sequence[bool]]
    """Which of these resources (plain data) the call may read; all where nobody judges (``policy check``)."""
    own: tuple[str, ...] = ()
    progress: Progress | None = None
    """Where a tool that runs long may say what it prints; None where nobody watches."""
    denied_paths: tuple[str, ...] = ()
    """Patterns of paths that policy may deny to commands; ``may_read`` says which of them it does."""
    ticket: str = ""
    """The ticket that the session works on; empty for none."""
    owner: object = None
    """One for all calls of a session, and no other's: what an extension keeps for a session it keeps by this."""


class InProcess:
    """One first-party extension."""

    def __init__(
        self,
        manifest: Manifest,
        *,
        folder: str,
        settings: Mapping[str, Any],
        secret: Callable[[str], str | None],
        own: Sequence[str] = (),
    ) -> None:
        self.manifest = manifest
        self._own = tuple(own)
        self._folder = folder
        self._settings = settings
        self._secret = secret
        self._tools: ModuleType | None = None
        self._denied_paths: tuple[str, ...] = ()
        self._ticket = ""
        self._owner = object()
        self._threads = ThreadPoolExecutor(
            max_workers=4, thread_name_prefix=manifest.reference.name
        )

    @property
    def reference(self) -> ExtensionReference:
        return self.manifest.reference

    @property
    def tools(self) -> Sequence[ToolSpec]:
        return self.manifest.tools

    def deny_paths(self, patterns: Sequence[str]) -> None:
        self._denied_paths = tuple(patterns)

    def work_on(self, ticket: str) -> None:
        """From now on calls are told that the session works on this ticket."""
        self._ticket = ticket

    async def aclose(self) -> None:
        """As ``close``."""
        self.close()

    def close(self) -> None:
        """Take no more calls; one that still runs is not waited for. What the extension left running
        (its module may have a ``close(folder)``) ends with the session."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        close: Callable[[str], None] | None = getattr(self._tools, "close", None)
        if close is not None:
            close(self._folder)

    async def resources(
        self, tool: str, args: Mapping[str, Any], may_read: MayRead | None = None
    ) -> tuple[Resource, ...]:
        """What the call would touch. Raises ToolFailure where the extension cannot say."""
        named = await self._call(
            lambda here: self._module().resources(tool, args, here), {}, may_read
        )
        try:
            resources = from_plain(well_formed_value(list(named)), list[Resource])
        except (TypeError, ValueError) as e:
            raise ToolFailure(_BAD_RESOURCES, error="extension_bug") from e
        if not all(one.kind and one.kind != one.id for one in resources):
            raise ToolFailure(_BAD_RESOURCES, error="extension_bug")
        return tuple(resources)

    async def preview(self, tool: str, args: Mapping[str, Any]) -> str:
        """What the extension's module says of it, where that has a ``preview(tool, args, here)``."""

        def said(here: Surroundings) -> str:
            preview: Callable[[str, Mapping[str, Any], Surroundings], str] | None = getattr(
                self._module(), "preview", None
            )
            return "" if preview is None else preview(tool, args, here)

        return well_formed(str(await self._call(said, {}, None)))

    async def run(
        self,
        tool: str,
        args: Mapping[str, Any],
        obligations: Mapping[str, Any],
        may_read: MayRead | None = None,
        progress: Progress | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> ToolResult:
        """Carry the call out; a failure is a result."""
        del meanwhile  # it has nobody to ask
        try:
            raw = await self._call(
                lambda here: getattr(self._module(), tool)(here, **args),
                obligations,
                may_read,
                progress,
            )
            result = from_plain(well_formed_value(raw), ToolResult)
            canonical(result.structured)  # what JSON cannot say would stop the log
            return result
        except ToolFailure as failure:
            return ToolResult(text=failure.text, failed=True, error=failure.error)
        except (TypeError, ValueError, OverflowError, RecursionError) as e:
            text = f"the extension gave a result of the wrong shape ({type(e).__name__})"
            return ToolResult(text=text, failed=True, error="extension_bug")

    def _surroundings(
        self,
        obligations: Mapping[str, Any],
        limit: float,
        may_read: MayRead | None = None,
        progress: Progress | None = None,
    ) -> Surroundings:
        return Surroundings(
            folder=self._folder,
            settings=self._settings,
            obligations=obligations,
            time_limit_s=limit,
            secret=self._secret,
            cancelled=threading.Event(),
            own=self._own,
            may_read=_plainly(may_read),
            progress=progress,
            denied_paths=self._denied_paths,
            ticket=self._ticket,
            owner=self._owner,
        )

    async def _call(
        self,
        function: Callable[[Surroundings], Any],
        obligations: Mapping[str, Any],
        may_read: MayRead | None,
        progress: Progress | None = None,
    ) -> Any:
        limit = float(obligations.get("timeout_s", DEFAULT_TIME_LIMIT_S))
        here = self._surroundings(obligations, limit, may_read, progress)
        job = self._threads.submit(_guarded, function, here)
        try:
            # The tool keeps its own time; this outer limit is for one that does not.
            return await asyncio.wait_for(asyncio.wrap_future(job), limit + GRACE_S)
        except TimeoutError:
            raise ToolFailure(f"no answer within {limit:g} s", error="timeout") from None
        except asyncio.CancelledError:
            # What still goes on after the record has said that the call was cut would be done unseen.
            here.cancelled.set()
            await _ended(job)
            raise
        finally:
            here.cancelled.set()

    def checks(self) -> Sequence[tuple[str, str, str]]:
        """What the extension says of its surroundings on this machine: name, state, and what to do where
        something is amiss ("" = nothing). Its module may have a ``checks(here)``."""
        checks: Callable[[Surroundings], Sequence[tuple[str, str, str]]] | None = getattr(
            self._module(), "checks", None
        )
        return () if checks is None else checks(self._surroundings({}, DEFAULT_TIME_LIMIT_S))

    def _module(self) -> ModuleType:
        if self._tools is None:
            self._tools = load(self.manifest.module, "tools")
        return self._tools


def _plainly(may_read: MayRead | None) -> Callable[[Sequence[Any]], Sequence[bool]]:
    """The same question in plain data, as extensions ask it."""

    def ask(resources: Sequence[Any]) -> Sequence[bool]:
        if may_read is None:
            return [True] * len(resources)
        return may_read(from_plain(well_formed_value(list(resources)), list[Resource]))

    return ask


async def _ended(job: Future[Any]) -> None:
    """Wait for the end of a call, however it ends, within ``NOTICE_S``."""
    future = asyncio.wrap_future(job)
    future.add_done_callback(lambda one: one.cancelled() or one.exception())
    await asyncio.wait([future], timeout=NOTICE_S)


def _guarded(function: Callable[[Surroundings], Any], here: Surroundings) -> Any:
    try:
        return function(here)
    except BaseException as e:
        # An extension may raise anything, also SystemExit; nothing of it may pass as the house's own.
        error = getattr(e, "error", None)
        if isinstance(error, str):
            raise ToolFailure(well_formed(str(e)), error=error) from e
        raise ToolFailure(f"the tool failed ({type(e).__name__})", error="extension_bug") from e
