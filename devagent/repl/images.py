"""Images as blocks of a message: from a file, or from the clipboard by the program that the system has for it."""

import base64
import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from devagent.core.errors import UsageError

MOST_BYTES = 5_000_000
"""What the service takes of one image."""
LIMIT_S = 10
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


def image_of(data: bytes, name: str) -> dict[str, Any]:
    """The block. Raises UsageError for what is no image, or too large a one."""
    kind = next((kind for begin, kind in _KINDS if data.startswith(begin)), "")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        kind = "image/webp"
    if not kind:
        raise UsageError(f"{name} is no PNG, JPEG, GIF or WebP image")
    if len(data) > MOST_BYTES:
        raise UsageError(
            f"{name} is larger than the {MOST_BYTES / 1e6:.0f} MB that an image may have"
        )
    source = {"type": "base64", "media_type": kind, "data": base64.b64encode(data).decode()}
    return {"type": "image", "source": source}


def image_file(path: str) -> dict[str, Any]:
    """The block of a file. Raises UsageError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    return image_of(data, os.path.basename(path))


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
