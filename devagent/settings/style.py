"""How answers are to sound: ``style.toml`` of the organisation, then the person's own; both are told to the model.

    tone = "plain and short"
    language = "English"
    formats = "tables where things are compared"

    [team.data-eng]          # the organisation's alone: for whom is in that group, in place of the above
    language = "Estonian"

The organisation's word stands last: the machine's file, and after it that of an enrolled machine's bundle (``session.equipped``). What is there is text for the model; it can allow nothing.
"""

import os
from collections.abc import Collection, Mapping
from typing import Any

from devagent.core.errors import ConfigError
from devagent.policy.plain import is_table
from devagent.settings import places as _places
from devagent.settings.places import places
from devagent.settings.trusted_file import read_trusted

_KEYS = ("tone", "language", "formats")
_MOST = 2_000


def style_guidance(names: Collection[str] = ()) -> str:
    """What the model is told; "" where nobody set anything. ``names`` are the principal's (``group:data-eng``). Raises
    ConfigError for a file that is not right."""
    own = os.path.join(os.path.dirname(places().config), "style.toml")
    org = os.path.join(_places.ORG_FOLDER, "style.toml")
    parts = [_told(own, "The person", None), _told(org, "The organisation", names)]
    return "\n".join(part for part in parts if part)


def _told(path: str, who: str, names: Collection[str] | None) -> str:
    try:
        data = read_trusted(path, root_only=names is not None, error=ConfigError)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return style_of(data, path, who, names)


def style_of(data: bytes, path: str, who: str, names: Collection[str] | None = ()) -> str:
    """What a style file's bytes say, for the model; ``names`` are the principal's, None in a file that may not name
    teams. Raises ConfigError for a file that is not right."""
    from devagent.policy.document import decoded, toml_values  # noqa: PLC0415  (only where there is one)

    values = toml_values(decoded(data, path, ConfigError), path, ConfigError)
    teams: Any = values.pop("team", {}) if names is not None else {}
    if not is_table(teams):
        raise ConfigError("team must be tables: [team.NAME]", file=path)
    _check(values, path)
    for team, its in sorted(teams.items()):
        if not is_table(its):
            raise ConfigError(f"team.{team} must be a table", file=path)
        _check(its, path, f"team.{team}.")
        if f"group:{team}" in (names or ()):
            values |= its
    wishes = "; ".join(f"{name}: {values[name]}" for name in _KEYS if values.get(name))
    return f"{who} wants answers so: {wishes}." if wishes else ""


def _check(values: Mapping[str, Any], path: str, place: str = "") -> None:
    for name, value in values.items():
        if name not in _KEYS:
            raise ConfigError(f"unknown key {place + name!r}", file=path, hint=f"Known keys: {', '.join(_KEYS)}.")  # fmt: skip
        if not isinstance(value, str) or len(value) > _MOST:
            what = f"{place}{name} must be text of at most {_MOST:,} characters"
            raise ConfigError(what, file=path)
