"""What a folder says to the agent, and whether its owner trusts that: inert until they do, and after every change.

``AGENTS.md`` and ``DEVAGENT.md`` are told to the model, ``.devagent/commands/*.md`` are commands of the chat. Trust
is of the content, by its digest: the record of it lies among the person's own data, out of every tool's reach.
"""

import os
import stat

from msgspec import Struct

from devagent.core.codec import canonical, parse, sha256
from devagent.core.errors import ConfigError
from devagent.disk import locked, replace_file
from devagent.settings.trusted_file import read_trusted

INSTRUCTIONS = ("DEVAGENT.md", "AGENTS.md")
COMMANDS = ".devagent/commands"
MOST_BYTES = 64_000
"""Of one file; what is longer is cut and says so."""
MOST_COMMANDS = 100


class FolderSays(Struct, frozen=True):
    """``instructions``: file name → text. ``commands``: name → text. ``digest`` is of all of it; "" = nothing."""

    instructions: dict[str, str]
    commands: dict[str, str]
    digest: str

    @property
    def files(self) -> list[str]:
        """What there is, by name."""
        return [*self.instructions, *(f"{COMMANDS}/{name}.md" for name in self.commands)]


def folder_says(folder: str) -> FolderSays:
    """What lies in the folder. Links are not followed; what cannot be read is not there."""
    instructions = {
        name: text for name in INSTRUCTIONS if (text := _text(os.path.join(folder, name)))
    }
    place = os.path.join(folder, COMMANDS)
    commands: dict[str, str] = {}
    if os.path.isdir(place) and not os.path.islink(place):
        names = sorted(one for one in os.listdir(place) if one.endswith(".md"))[:MOST_COMMANDS]
        for name in names:
            word = name.removesuffix(".md").lower()
            if not (word and all(c.isalnum() or c in "-_" for c in word)):
                continue
            if text := _text(os.path.join(place, name)):
                commands[word] = text
    if not (instructions or commands):
        return FolderSays({}, {}, "")
    return FolderSays(instructions, commands, sha256(canonical([instructions, commands])))


def _text(path: str) -> str:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        data = file.read(MOST_BYTES + 1)
    text = data[:MOST_BYTES].decode(errors="replace")
    return f"{text}\n[cut here: the file is longer]" if len(data) > MOST_BYTES else text


class TrustedFolders:
    """Folder → digest of what was trusted in it. ``path`` is the file."""

    def __init__(self, path: str) -> None:
        self._path = path

    def trusts(self, folder: str, says: FolderSays) -> bool:
        """Whether exactly this content of the folder was trusted."""
        return bool(says.digest) and self._read().get(folder) == says.digest

    def known(self, folder: str) -> bool:
        """Whether anything in it was trusted, be it another content."""
        return folder in self._read()

    def trust(self, folder: str, says: FolderSays) -> None:
        """From now on. Raises ConfigError where that cannot be kept."""
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            with locked(f"{self._path}.lock", error=ConfigError):
                folders = {**self._read(), folder: says.digest}
                replace_file(self._path, canonical(folders) + b"\n")
        except OSError as error:
            raise ConfigError(
                f"the trust in {folder} cannot be kept: {error.strerror}", file=self._path
            ) from error

    def _read(self) -> dict[str, str]:
        """What was trusted; nothing where the file is not there or is not the person's own."""
        try:
            values = parse(read_trusted(self._path, error=ConfigError))
        except (OSError, ValueError, ConfigError):
            return {}
        if not isinstance(values, dict):
            return {}
        return {str(name): str(value) for name, value in values.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def command_prompt(command: str, text: str) -> str:
    """The prompt that a folder's command is, as the person typed it (``/NAME`` and what follows), with its ``text``.

    That text is marked as input: the person trusts it to tell the agent what to do, and typed none of it, so it vouches
    for no value where a rule asks whether they did.
    """
    rest = command.partition(" ")[2].strip()
    said = text.replace("$ARGUMENTS", rest).strip()
    return f"{command}\n\nThe command of this folder that is meant:\n<input>\n{said}\n</input>"


def guidance(says: FolderSays) -> str:
    """The folder's instructions as the model is told them."""
    parts = [
        f"What {name} in this folder says (the person trusts it; policy still judges every call):\n{text}"
        for name, text in says.instructions.items()
    ]
    return "\n\n".join(parts)
