"""The config as a session has it: what the organisation's bundle brings stands, and the person's own is beside it.

1. A server that the bundle configures is the bundle's: the person may switch it off, and nothing else.
2. A setting of devagent's own extensions that the bundle makes is not the person's to make; tables (collections, sources) are joined,
   and a name in them is whoever's named it in the bundle.
3. Whether any of it may be used, policy says as ever.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from devagent.core.errors import ConfigError
from devagent.host.extension import is_server
from devagent.policy.plain import is_table
from devagent.session.enrolled import Enrolled
from devagent.settings.config import Config
from devagent.settings.style import style_of

if TYPE_CHECKING:
    from devagent.host.org_pins import OrgPins


def equipped(config: Config, governs: Enrolled | None) -> Config:
    """The config with what the bundle in force brings. Raises ConfigError for an entry that is not the person's to make."""
    brought = None if governs is None else governs.equipment
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


def pins_of(governs: Enrolled | None) -> "OrgPins | None":
    """What the bundle in force pins of MCP servers; None where it brings and pins none. Raises ConfigError."""
    brought = None if governs is None else governs.equipment
    if brought is None:
        return None
    servers = [name for name, table in brought.extensions.items() if is_server(table)]
    if not servers and not brought.tools_lock:
        return None
    from devagent.host.org_pins import org_pins  # noqa: PLC0415  (only where there are any)

    return org_pins(brought.tools_lock, f"{brought.keeper}'s tools.lock", brought.programs, servers)


def org_style(governs: Enrolled | None) -> str:
    """How the organisation wants answers to sound, for the model; "" where its bundle says nothing. Raises ConfigError."""
    brought = None if governs is None else governs.equipment
    if brought is None or not brought.style:
        return ""
    return style_of(brought.style, f"{brought.keeper}'s style.toml", "The organisation")


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
