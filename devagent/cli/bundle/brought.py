"""What a bundle brings beside policy, looked at as a machine's session will look at it, before anybody signs it."""

from collections.abc import Mapping
from typing import Any

from devagent.cli.chat.slash import ALIASES, TABLE
from devagent.core.errors import ConfigError
from devagent.host.configured import check_settings
from devagent.host.extension import Fault, is_server
from devagent.host.inprocess import load
from devagent.host.manifest import FIRST_PARTY, package_folder, read_manifest
from devagent.host.mcp.config import ServerSettings, check_names, parse_server
from devagent.host.mcp.lock import PinnedServer, identity, servers_of
from devagent.models import prices
from devagent.org import equipment
from devagent.org.building import Built
from devagent.settings.style import style_of


def check_brought(built: Built) -> None:
    """Raises ConfigError, Refused for the first thing that no session could use."""
    files = built.files
    brought = equipment.read(
        {n: d for n, d in files.items() if n in equipment.FILES or n.startswith(equipment.RECIPES)},
        "/bundle",
        built.manifest.org,
    )
    servers = {name: one for name, one in brought.extensions.items() if is_server(one)}
    lock = servers_of(brought.tools_lock, equipment.TOOLS) if brought.tools_lock else {}
    check_names(servers, fault)
    for name, table in servers.items():
        _check_server(parse_server(name, table, fault), lock.get(name), brought.programs)
    for name in brought.programs:
        if name not in servers:
            raise fault(("programs", name), f"programs.{name}: there is no server of that name", "")
    for name, table in brought.extensions.items():
        if name not in servers:
            _check_own(name, table)
    for name in brought.recipes:
        if name in TABLE or name in ALIASES:
            raise ConfigError(
                f"/{name} is a command of the chat, so that nobody there could ask for this recipe",
                file=f"{equipment.RECIPES}{name}.md",
                hint="Give it another name.",
            )
    if brought.style:
        style_of(brought.style, equipment.STYLE, "The organisation")
    if equipment.PRICES in files:
        prices.parse(files[equipment.PRICES], equipment.PRICES)


def fault(path: tuple[str | int, ...], what: str, hint: str) -> ConfigError:
    """An entry of ``extensions.toml`` that does not fit."""
    del path
    return ConfigError(what, file=equipment.EXTENSIONS, hint=hint)


def _check_server(
    settings: ServerSettings, pinned: PinnedServer | None, programs: Mapping[str, tuple[str, ...]]
) -> None:
    name = settings.name
    if pinned is None:
        raise fault(("extensions", name), f"the tools of the server {name!r} are not pinned in {equipment.TOOLS}", f"`devagent bundle pin {name}` shows them and pins them.")  # fmt: skip
    if settings.kind == "http" and pinned.identity != identity(settings, None):
        raise fault(("extensions", name), f"{name!r} is pinned with another URL, headers or way to sign in", f"`devagent bundle pin {name}` pins it anew.")  # fmt: skip
    if settings.kind == "stdio" and not pinned.program and name not in programs:
        raise fault(("programs", name), f"nothing says which program the command of {name!r} may be", f'`devagent bundle pin {name}` pins it; [programs] {name} = ["sha256 …"] takes further ones.')  # fmt: skip


def _check_own(name: str, table: Mapping[str, Any]) -> None:
    if name not in FIRST_PARTY:
        raise fault(("extensions", name), f"extensions.{name} is none of devagent's own ({', '.join(FIRST_PARTY)}), and has no command or URL", "")  # fmt: skip
    check_settings(name, read_manifest(package_folder(FIRST_PARTY[name])).settings, table, fault)
    if name == "docs":
        _check_collections(table, fault)


def _check_collections(table: Mapping[str, Any], fault: Fault) -> None:
    read: Any = load(FIRST_PARTY["docs"], "settings")
    try:
        read.read_collections(table)
    except Exception as error:  # the extension's own exception class is not to be imported here
        raise fault(("extensions", "docs"), str(error), "") from error
