"""The sandbox of shell commands: the workspace may be written, the rest read, secrets neither, no network.

Which one there is, is tried once: bubblewrap, because its namespaces hide more (processes, files that come
later); else Landlock, which needs no program and works in plain containers; seatbelt on macOS. The setting
``sandbox`` says what follows: ``auto`` (used where there is one), ``required`` (no command without one) or ``off``.
"""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

from devagent_workspace.contract import WorkspaceError, bad
from devagent_workspace.sandbox import bubblewrap, landlock, seatbelt
from devagent_workspace.sandbox.bounds import Bounds, bounds_of
from devagent_workspace.sandbox.launch import Launch
from devagent_workspace.sandbox.network import Network

Kind = Literal["bubblewrap", "landlock", "seatbelt", "none"]
_WHAT_TO_DO = (
    "Install bubblewrap (the program bwrap), or use a Linux kernel from 6.2 on with Landlock."
)
MODES = ("auto", "required", "off")


class Sandbox(NamedTuple):
    """What holds commands. ``why``: why there is none, and which others were not to be had."""

    kind: Kind
    why: str

    @property
    def tag(self) -> str:
        """What rules call it."""
        return f"sandbox.{self.kind}"


def sandbox_by(settings: Mapping[str, Any]) -> Sandbox:
    """The sandbox that commands get with these settings.

    Raises WorkspaceError no_sandbox where one is required and there is none, bad_arguments for an
    unknown setting.
    """
    mode = settings.get("sandbox", "auto")
    if mode not in MODES:
        raise bad(f"the setting sandbox must be one of {', '.join(MODES)}, not {mode!r}")
    if mode == "off":
        return Sandbox("none", "switched off by the setting sandbox")
    found = available()
    if found.kind == "none" and mode == "required":
        raise WorkspaceError(
            f"a sandbox is required for commands and there is none: {found.why}", error="no_sandbox"
        )
    return found


class Enclosure(NamedTuple):
    """A sandbox, and the bounds that it is to keep one command in. ``refused`` takes the hosts that it asks
    for in vain while it runs."""

    sandbox: Sandbox
    bounds: Bounds
    refused: list[str]

    def start(self, launch: Launch, *, dies: bool) -> "subprocess.Popen[bytes]":
        """Start a program in it. ``dies``: rather with the thread that starts it than to be left behind.

        Raises OSError, and WorkspaceError no_sandbox where the bounds cannot be set up: then nothing was
        started.
        """
        match self.sandbox.kind:
            case "none":
                return launch.start()
            case "bubblewrap":
                return bubblewrap.start(launch, self.bounds, self.refused, dies=dies)
            case "landlock":
                return landlock.start(launch, self.bounds)
            case "seatbelt":
                return seatbelt.start(launch, self.bounds)


def enclosure(
    folder: str,
    *,
    own: Sequence[str],
    settings: Mapping[str, Any],
    written: Sequence[str] = (),
    network: Network = Network(whole=False),  # noqa: B008 - frozen
    concealed: Callable[[], Sequence[str]] = tuple,
) -> Enclosure:
    """What holds one command of a workspace; see ``bounds_of`` and ``sandbox_by``. ``concealed`` is asked only where there
    is a sandbox that can hide something."""
    sandbox = sandbox_by(settings)
    if sandbox.kind == "none":
        return Enclosure(sandbox, Bounds((), (), network=True), [])
    bounds = bounds_of(
        folder,
        own=own,
        settings=settings,
        written=written,
        network=network,
        concealed=concealed(),
    )
    return Enclosure(sandbox, bounds, [])


def check(settings: Mapping[str, Any]) -> tuple[str, str, str]:
    """Name, state, and what to do ("" = nothing) about the sandbox of commands."""
    try:
        sandbox = sandbox_by(settings)
    except WorkspaceError as e:
        return "sandbox", str(e), _WHAT_TO_DO
    if sandbox.kind == "none":
        hint = "" if settings.get("sandbox") == "off" else f". {_WHAT_TO_DO}"
        return "sandbox", f"none, so unknown commands are asked about: {sandbox.why}{hint}", ""
    instead = f", because {sandbox.why}" if sandbox.why else ""
    return "sandbox", f"{sandbox.kind}{instead}", ""


@cache
def available() -> Sandbox:
    """The sandbox that this machine offers; tried once."""
    if sys.platform == "darwin":
        why = seatbelt.probe()
        return Sandbox("none" if why else "seatbelt", why)
    if sys.platform != "linux":
        return Sandbox("none", f"there is none for {sys.platform}")
    no_bubblewrap = bubblewrap.probe()
    if not no_bubblewrap:
        return Sandbox("bubblewrap", "")
    no_landlock = landlock.probe()
    if not no_landlock:
        return Sandbox("landlock", no_bubblewrap)
    return Sandbox("none", f"{no_bubblewrap}; {no_landlock}")
