"""The config as a session has it: what the organisation brings stands, and the person's own is beside it.

1. A server that the organisation configures is the organisation's: the person may switch it off, and nothing else.
2. A setting of devagent's own extensions that it makes is not the person's to make; tables (collections, sources) are joined,
   and a name in them is whoever's named it there.
3. Whether any of it may be used, policy says as ever.
4. On an enrolled machine the bundle brings it; where a file in the organisation's folder governs, two files beside that do.
"""

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from devagent.core.errors import ConfigError
from devagent.host.extension import is_server
from devagent.policy.plain import is_table
from devagent.session.enrolled import Enrolled
from devagent.settings import places as _places
from devagent.settings.config import Config
from devagent.settings.style import style_of
from devagent.settings.trusted_file import read_trusted

if TYPE_CHECKING:
    from devagent.host.org_pins import OrgPins
    from devagent.org.equipment import Equipment


def brought_by(governs: Enrolled | None) -> "Equipment | None":
    """What the organisation brings beside policy: the bundle in force, or without an enrolment its folder on this machine.

    Raises ConfigError where a file of that folder is not root's alone, or not usable: nothing of it is left out in silence.
    """
    if governs is not None:
        return governs.equipment
    if not os.path.lexists(_places.ORG_FOLDER):
        return None
    from devagent.org import equipment  # noqa: PLC0415  (only where an organisation governs)
    from devagent.org.refusals import Refused  # noqa: PLC0415

    files: dict[str, bytes] = {}
    for name in (equipment.EXTENSIONS, equipment.TOOLS):
        try:
            path = os.path.join(_places.ORG_FOLDER, name)
            files[name] = read_trusted(path, root_only=True, error=ConfigError)
        except (FileNotFoundError, NotADirectoryError):
            continue
    if not files:
        return None
    try:
        return equipment.of_folder(files, "your organisation")
    except Refused as refused:
        hint = "Ask whoever runs devagent in your organisation."
        raise ConfigError(refused.what, file=_places.ORG_FOLDER, hint=hint) from refused


def equipped(config: Config, brought: "Equipment | None") -> Config:
    """The config with what the organisation brings. Raises ConfigError for an entry that is not the person's to make."""
    if brought is None or not brought.extensions:
        return config
    tables = dict(config.extensions)
    for name, table in brought.extensions.items():
        mine = tables.get(name, {})
        if is_server(table):
            tables[name] = _server(config, brought.keeper, name, table, mine)
        else:
            tables[name] = _joined(config, brought.keeper, ("extensions", name), table, mine)
    return replace(config, extensions=tables)


def pins_of(brought: "Equipment | None") -> "OrgPins | None":
    """What the organisation pins of MCP servers; None where it brings and pins none. Raises ConfigError."""
    if brought is None:
        return None
    servers = [name for name, table in brought.extensions.items() if is_server(table)]
    if not servers and not brought.tools_lock:
        return None
    from devagent.host.org_pins import org_pins  # noqa: PLC0415  (only where there are any)

    return org_pins(brought.tools_lock, f"{brought.keeper}'s tools.lock", brought.programs, servers)


def org_style(brought: "Equipment | None", names: Collection[str]) -> str:
    """How the organisation wants answers to sound for whom has these names (``group:data-eng``), for the model; ""
    where it says nothing. Raises ConfigError."""
    if brought is None or not brought.style:
        return ""
    return style_of(brought.style, f"{brought.keeper}'s style.toml", "The organisation", names)


def _server(
    config: Config, keeper: str, name: str, table: Mapping[str, Any], mine: Mapping[str, Any]
) -> dict[str, Any]:
    for key in mine:
        if key != "enabled":
            raise config.fault(
                ("extensions", name, key),
                f"{keeper} brings the server {name!r}; {key} is not yours to set",
                "You may set `enabled = false`. A server of your own needs another name.",
            )
    return {**table, **mine}


def _joined(
    config: Config,
    keeper: str,
    place: tuple[str, ...],
    theirs: Mapping[str, Any],
    mine: Mapping[str, Any],
) -> dict[str, Any]:
    found: dict[str, Any] = dict(theirs)
    for key, value in mine.items():
        if (key == "enabled" and value is False) or key not in theirs:
            found[key] = value
        elif len(place) == 2 and is_table(value) and is_table(theirs[key]):
            found[key] = _joined(config, keeper, (*place, key), theirs[key], value)
        else:
            raise _taken(config, keeper, (*place, key))
    return found


def _taken(config: Config, keeper: str, place: tuple[str, ...]) -> ConfigError:
    what = f"{keeper} sets {'.'.join(place)}; it is not yours to set"
    return config.fault(place, what, "Leave it out, or give yours another name.")
