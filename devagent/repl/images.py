"""The image in the clipboard, by the program that the system has for it."""

import shutil
import subprocess
from collections.abc import Mapping

from devagent.core.errors import UsageError

LIMIT_S = 10


def clipboard_image(environment: Mapping[str, str]) -> bytes:
    """The image in the clipboard; empty where there is none. Raises UsageError where nothing can look."""
    commands = [one for one in _commands(environment) if shutil.which(one[0])]
    if not commands:
        raise UsageError(
            "no program reads the clipboard here",
            hint="Install wl-clipboard, xclip or pngpaste; or mention the file: @shot.png",
        )
    for command in commands:
        try:
            done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)  # noqa: S603 - fixed commands
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0 and done.stdout:
            return done.stdout
    return b""


def _commands(environment: Mapping[str, str]) -> list[list[str]]:
    if environment.get("WAYLAND_DISPLAY"):
        return [["wl-paste", "--no-newline", "--type", "image/png"]]
    if environment.get("DISPLAY"):
        return [["xclip", "-selection", "clipboard", "-t", "image/png", "-o"]]
    return [["pngpaste", "-"]]
