"""A real browser without a window: Chromium over its debugging pipe, so that no port is open and no driver is needed.

    with browser() as chromium:
        page = chromium.open(path)
        page.evaluate("document.title")

Every wait has a limit; the process group and its profile end with the ``with``.
"""

import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

LIMIT_S = 60.0
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PROGRAM = next((found for name in NAMES if (found := shutil.which(name))), None)
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # in containers and as root it has none; the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
)

needs_chromium = pytest.mark.skipif(
    PROGRAM is None, reason="Chromium is not installed, so no page can be looked at"
)


class Page:
    """One tab. ``requests`` are the addresses that it wanted, ``stopped`` those that its policy did not let it have,
    ``complaints`` what the console said, ``dialogs`` what a script would have had the person read."""

    def __init__(self, chromium: "Chromium", session: str) -> None:
        self._chromium, self._session = chromium, session
        self.requests: dict[str, str] = {}
        self.stopped: list[str] = []
        self.complaints: list[str] = []
        self.dialogs: list[str] = []

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._chromium.send(method, self._session, **parameters)

    def see(self, event: dict[str, Any]) -> None:
        """Take in something that happened."""
        parameters = event.get("params", {})
        match event["method"]:
            case "Network.requestWillBeSent":
                self.requests[parameters["requestId"]] = parameters["request"]["url"]
            case "Network.loadingFailed" if parameters.get("blockedReason") == "csp":
                self.stopped.append(self.requests.pop(parameters["requestId"], ""))
            case "Log.entryAdded":
                self.complaints.append(parameters["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(parameters["exceptionDetails"]))
            case "Page.javascriptDialogOpening":
                self.dialogs.append(parameters["message"])
            case _:
                pass

    def evaluate(self, expression: str) -> Any:
        """The expression's value, as JSON has it."""
        done = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def waits_for(self, expression: str) -> Any:
        """The expression's value once it is true."""
        until = time.monotonic() + LIMIT_S
        while not (value := self.evaluate(expression)):
            assert time.monotonic() < until, f"not so within {LIMIT_S} s: {expression}"
        return value

    def waits(self, so: Callable[[], bool]) -> None:
        """Take in what happens until it is so."""
        until = time.monotonic() + LIMIT_S
        while not so():
            assert time.monotonic() < until, f"not so within {LIMIT_S} s"
            self.evaluate("0")

    def go(self, url: str) -> None:
        self.send("Page.navigate", url=url)
        self.waits_for(f"location.href === {json.dumps(url)} && document.readyState === 'complete'")

    def press(self, key: str, code: str = "", number: int = 0, text: str = "") -> None:
        """Press and let go of one key."""
        common = {"key": key, "code": code or key, "windowsVirtualKeyCode": number}
        self.send(
            "Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common
        )
        self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    def types(self, text: str) -> None:
        self.send("Input.insertText", text=text)

    def colours(self, scheme: str) -> None:
        """What the system's colours are: ``light`` or ``dark``."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.send("Emulation.setEmulatedMedia", features=[feature])

    def is_wide(self, width: int) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip


class Chromium:
    """The browser's end of the pipe."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._number = 0
        self._buffer = b""
        self._pages: dict[str, Page] = {}

    def open(self, file: Path, fragment: str = "") -> Page:
        """A new tab with the file in it."""
        target = self.send("Target.createTarget", "", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", "", targetId=target, flatten=True)
        page = self._pages[attached["sessionId"]] = Page(self, attached["sessionId"])
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.send(f"{domain}.enable")
        page.go(file.as_uri() + fragment)
        return page

    def send(self, method: str, session: str, **parameters: Any) -> dict[str, Any]:
        """A command's result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + LIMIT_S
        while True:
            answer = self._next(until)
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            if "method" in answer and answer.get("sessionId") in self._pages:
                self._pages[answer["sessionId"]].see(answer)

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._back], [], [], max(0, until - time.monotonic()))
            assert ready, f"Chromium said nothing for {LIMIT_S} s"
            more = os.read(self._back, 1 << 20)
            assert more, "Chromium has gone"
            self._buffer += more
        message, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


@contextmanager
def browser() -> Generator[Chromium]:
    """A browser of its own, with an empty profile."""
    assert PROGRAM is not None
    theirs_in, to = _pipe()
    back, theirs_out = _pipe()
    with tempfile.TemporaryDirectory(prefix="devagent-chromium-") as home:
        env = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}
        process = os.posix_spawn(
            PROGRAM,
            [PROGRAM, *FLAGS, f"--user-data-dir={home}/profile", "about:blank"],
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, theirs_in, 3),
                (os.POSIX_SPAWN_DUP2, theirs_out, 4),
            ],
            setpgroup=0,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield Chromium(to, back)
        finally:
            _end(process)
            os.close(to)
            os.close(back)


def _end(process: int) -> None:
    """End the browser with all its helpers, and wait until they are gone."""
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    until = time.monotonic() + LIMIT_S
    with suppress(ProcessLookupError):
        while True:
            os.killpg(process, 0)  # the helpers end when they notice
            assert time.monotonic() < until, f"Chromium's helpers are still there after {LIMIT_S} s"
            time.sleep(0.01)


def _pipe() -> tuple[int, int]:
    """A pipe whose numbers are not those that the browser gets it by."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
