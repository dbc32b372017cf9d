"""What held in a session when it was last left, and what is different now that it goes on."""

import mmap
import os
import stat
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from devagent.audit.layout import EVENTS
from devagent.audit.lines import open_to_read, size_of
from devagent.core.codec import parse
from devagent.core.errors import LogError
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolJudged
from devagent.core.events.ground import ExtensionLoaded, PolicyLoaded
from devagent.core.events.session import SessionResumed, SessionStarted
from devagent.core.events.turns import Prompt, TurnCut, TurnEnded, TurnStarted
from devagent.core.resources import Resource
from devagent.core.text import one_line
from devagent.core.tools import ExtensionReference

MOST_FILES = 500
"""Files that are looked at again: those that the session touched last."""

# Canonical JSON: a key stands there letter for letter, and no text can hold an unescaped quote.
_STARTED, _RESUMED = b'"type":"session.started"', b'"type":"session.resumed"'
_TOLD_FILES = 10
_TOLD_PROMPT = 120


class InForce(Struct):
    """A fold over a session's events: who, with which model, under which policy, with which extensions, and the
    files that its calls touched (path → when, microseconds since 1970, UTC). ``unfinished``: what the last turn
    was asked for and why it did not get there; empty where it did."""

    principal: str = ""
    model: str = ""
    policy: str = ""
    devagent: str = ""
    folder: str = ""
    layers: dict[str, str] = field(default_factory=dict)
    extensions: dict[str, ExtensionReference] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    unfinished: str = ""
    _asked: str = ""
    _calls: dict[str, tuple[Resource, ...]] = field(default_factory=dict)
    _layers_anew: bool = True
    _extensions_anew: bool = True

    def apply(self, event: Event, at: int = 0) -> None:
        """Take one event in."""
        match event:
            case SessionStarted() | SessionResumed():
                self.principal, self.model = str(event.principal), event.model
                self.policy, self.devagent = event.policy, event.versions.get("devagent", "")
                self._layers_anew = self._extensions_anew = True
                if isinstance(event, SessionStarted):
                    self.folder = event.folder
            case PolicyLoaded():
                if self._layers_anew:  # not at the start itself: a fork loads nothing
                    self.layers, self._layers_anew = {}, False
                self.layers[f"{event.layer}/{event.name}"] = event.digest
            case ExtensionLoaded():
                if self._extensions_anew:
                    self.extensions, self._extensions_anew = {}, False
                self.extensions[event.ext.name] = event.ext
            case TurnStarted():
                self._calls.clear()
            case Prompt():
                self._asked = event.text if not event.of_the_house else self._asked
                self.unfinished = ""
            case TurnCut():
                self._left(event.err)
            case TurnEnded(stop=stop) if stop not in ("done", "policy"):
                self._left(event.reason or stop)
            case ToolJudged():
                self._calls[event.call] = event.resources
            case ToolFinished():
                for resource in self._calls.pop(event.call, ()):
                    self._touch(resource, at)
            case _:
                pass

    def changed(self, now: Iterable[Event], folder: str) -> tuple[str, ...]:
        """What is different by the events that a process writes when it opens the session in ``folder``."""
        there = InForce(folder=folder)
        for event in now:
            there.apply(event)
        return tuple(self._differences(there))

    def _left(self, why: str) -> None:
        if self._asked:
            self.unfinished = f"“{one_line(self._asked, _TOLD_PROMPT)}” ({one_line(why)})"

    def _touch(self, resource: Resource, at: int) -> None:
        if resource.kind != "path":
            return
        path = resource.id.partition(":")[2]
        self.files.pop(path, None)
        self.files[path] = at
        if len(self.files) > MOST_FILES:
            del self.files[next(iter(self.files))]

    def _differences(self, now: "InForce") -> Iterator[str]:
        for what in ("principal", "model", "devagent", "folder"):
            before, after = getattr(self, what), getattr(now, what)
            if before != after:
                yield f"{what} {before or 'unknown'} → {after}"
        if self.policy != now.policy:
            yield from list(_compared("policy", self.layers, now.layers)) or ["policy"]
        yield from _compared(
            "extension",
            {name: f"{one.version} {one.digest}" for name, one in self.extensions.items()},
            {name: f"{one.version} {one.digest}" for name, one in now.extensions.items()},
        )
        if self.folder == now.folder:
            yield from self._files(now.folder)

    def _files(self, folder: str) -> Iterator[str]:
        told = list(_changed_files(folder, self.files))
        yield from told[:_TOLD_FILES]
        if len(told) > _TOLD_FILES:
            yield f"{len(told) - _TOLD_FILES} more files"


def last_model(folder: str) -> str:
    """The model that the session was last run with; empty where that cannot be read."""
    return _last_start(folder, "model")


def last_ticket(folder: str) -> str:
    """The ticket that the session last worked on; empty for none, and where that cannot be read."""
    return _last_start(folder, "ticket")


def _last_start(folder: str, name: str) -> str:
    """What the last line says that begins the session or takes it up again.

    Only that line is looked for, from the end: a long session takes no longer.
    """
    try:
        file = open_to_read(os.path.join(folder, EVENTS))
    except LogError:
        return ""
    if file is None:
        return ""
    with file:
        if not size_of(file):
            return ""
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as log:
            at = max(log.rfind(_STARTED), log.rfind(_RESUMED))
            line = log[log.rfind(b"\n", 0, max(at, 0)) + 1 : max(log.find(b"\n", max(at, 0)), 0)]
    try:
        header = parse(line)
    except (ValueError, RecursionError):
        return ""
    match header:
        case {"type": "session.started" | "session.resumed"}:
            value = header.get(name, "")
            return value if isinstance(value, str) else ""
        case _:
            return ""


def _compared(what: str, before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    for name in sorted({*before, *after}):
        if name not in after:
            yield f"{what} {name} is gone"
        elif name not in before:
            yield f"{what} {name} is new"
        elif before[name] != after[name]:
            yield f"{what} {name}"


def _changed_files(folder: str, files: dict[str, int]) -> Iterator[str]:
    for path, at in reversed(files.items()):
        try:
            found = os.stat(os.path.join(folder, path))
        except FileNotFoundError:
            yield f"file {path} is gone"
        except (OSError, ValueError):
            continue  # not to be known here, and nothing hangs on it
        else:
            if stat.S_ISREG(found.st_mode) and found.st_mtime_ns // 1000 > at:
                yield f"file {path}"
