"""How answers are to sound: ``style.toml`` of the organisation, then the person's own; both are told to the model.

    tone = "plain and short"
    language = "English"
    formats = "tables where things are compared"

The organisation's word stands last: the machine's file, and after it that of an enrolled machine's bundle (``session.equipped``). What is there is text for the model; it can allow nothing.
"""

import os

from devagent.core.errors import ConfigError
from devagent.settings import places as _places
from devagent.settings.places import places
from devagent.settings.trusted_file import read_trusted

_KEYS = ("tone", "language", "formats")
_MOST = 2_000


def style_guidance() -> str:
    """What the model is told; "" where nobody set anything. Raises ConfigError for a file that is not right."""
    own = os.path.join(os.path.dirname(places().config), "style.toml")
    org = os.path.join(_places.ORG_FOLDER, "style.toml")
    parts = [_told(own, "The person", root_only=False), _told(org, "The organisation", root_only=True)]  # fmt: skip
    return "\n".join(part for part in parts if part)


def _told(path: str, who: str, *, root_only: bool) -> str:
    try:
        data = read_trusted(path, root_only=root_only, error=ConfigError)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return style_of(data, path, who)


def style_of(data: bytes, path: str, who: str) -> str:
    """What a style file's bytes say, for the model. Raises ConfigError for a file that is not right."""
    from devagent.policy.document import decoded, toml_values  # noqa: PLC0415  (only where there is one)

    values = toml_values(decoded(data, path, ConfigError), path, ConfigError)
    for name, value in values.items():
        if name not in _KEYS:
            raise ConfigError(f"unknown key {name!r}", file=path, hint=f"Known keys: {', '.join(_KEYS)}.")  # fmt: skip
        if not isinstance(value, str) or len(value) > _MOST:
            raise ConfigError(f"{name} must be text of at most {_MOST:,} characters", file=path)
    wishes = "; ".join(f"{name}: {values[name]}" for name in _KEYS if values.get(name))
    return f"{who} wants answers so: {wishes}." if wishes else ""
