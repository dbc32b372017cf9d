"""The MCP servers of third parties that a session has: which the config names, and which are let in.

A server that the lock knows as it is now is let in without being started. One that was never seen is let in
on first use where the person alone decides: the config file is theirs, nobody else can have written it,
and what the server is and says then is pinned from that moment. Where an organisation's policy is in force,
or the server is another one than was let in, only ``devagent ext approve`` does.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from devagent.core.errors import ConfigError
from devagent.core.events.ground import ExtensionRefused
from devagent.core.ports import ToolFailure
from devagent.host.extension import Fault, is_server
from devagent.host.mcp.config import check_names, parse_server
from devagent.host.mcp.extension import McpExtension
from devagent.host.mcp.handles import Secrets
from devagent.host.mcp.lock import ToolsLock
from devagent.host.org_pins import OrgPins

_WHAT_CHANGED = {
    "stdio": "its command, program, arguments, variables or folder",
    "http": "its URL, the names of its headers or the way to sign in",
}


class Refusal(Struct, frozen=True):
    """A server that is not let in: the event for the record, and what to do about it."""

    event: ExtensionRefused
    error: ConfigError


def third_party(
    settings: Mapping[str, Mapping[str, Any]],
    *,
    folder: str,
    only: Sequence[str],
    lock: ToolsLock,
    fault: Fault,
    governed: bool,
    secrets: Secrets | None = None,
    org: OrgPins | None = None,
) -> list[McpExtension]:
    """The servers among the config's extensions, as they are on record; nothing is started.

    ``only`` limits them to these (empty = all). Raises ConfigError for settings that cannot be used.
    """
    tables = {name: table for name, table in settings.items() if is_server(table)}
    check_names(tables, fault)
    found: list[McpExtension] = []
    for name, table in tables.items():
        if (only and name not in only) or not table.get("enabled", True):
            continue
        own = parse_server(name, table, fault)
        try:
            extension = McpExtension(
                own, lock, folder=folder, governed=governed, secrets=secrets, org=org
            )
        except ConfigError as e:
            raise fault(("extensions", name, "command"), e.what, e.hint) from e
        _check_tools(extension, fault)
        found.append(extension)
    return found


def _check_tools(extension: McpExtension, fault: Fault) -> None:
    """A class or a mapping for a tool that the server is known not to have is a slip of the keyboard."""
    pinned = extension.pinned
    if pinned is None or extension.state != "pinned":
        return
    known = {*(t.name for t in pinned.tools), *pinned.pending, *(t.name for t in pinned.left_out)}
    name = extension.settings.name
    for key, named in (
        ("classes", extension.settings.classes),
        ("resources", extension.settings.resources),
    ):
        for tool in named:
            if tool not in known:
                what = f"extensions.{name}: {key} names {tool!r}, and the server has no such tool"
                hint = f"Its tools are: {', '.join(sorted(known))}."
                raise fault(("extensions", name, key, tool), what, hint)


async def admit(
    extensions: Sequence[McpExtension], *, first_use: bool, today: str, fault: Fault
) -> list[Refusal]:
    """Pin the servers that are new and may be pinned on ``first_use``, a few at a time; the others are refused."""
    slots = asyncio.Semaphore(os.cpu_count() or 1)

    async def one(extension: McpExtension) -> Refusal | None:
        if extension.state == "pinned":
            return None
        if extension.state == "other" or extension.pinned_by_org or not first_use:
            return _not_approved(extension, fault)
        async with slots:
            try:
                seen = await extension.look()
            except ToolFailure as failure:
                return _not_started(extension, failure, fault)
        extension.pin(seen, how="first use", on=today)
        return None

    answers = await asyncio.gather(*map(one, extensions))
    return [answer for answer in answers if answer is not None]


def _not_approved(extension: McpExtension, fault: Fault) -> Refusal:
    name = extension.settings.name
    if extension.pinned_by_org:
        return _not_pinned(extension, fault)
    if extension.state == "other":
        what = f"the MCP server {name!r} is not the one that was approved: {_WHAT_CHANGED[extension.settings.kind]} changed"
        err = "changed"
    else:
        what, err = f"the MCP server {name!r} was never approved on this machine", "not_approved"
    hint = f"Run `devagent ext approve {name}` to see what it is and let it in, or set `enabled = false`."
    return Refusal(
        ExtensionRefused(ext=extension.reference, err=err),
        fault(("extensions", name), what, hint),
    )


def _not_pinned(extension: McpExtension, fault: Fault) -> Refusal:
    name = extension.settings.name
    if extension.pinned is None:
        what, err = f"the organisation brings the MCP server {name!r} and does not pin its tools", "not_approved"  # fmt: skip
    else:
        what, err = f"the MCP server {name!r} is not the one that the organisation pins: {_WHAT_CHANGED[extension.settings.kind]} differ", "changed"  # fmt: skip
    hint = f"Tell whoever keeps your organisation's policy, or set `enabled = false` in [extensions.{name}]."
    return Refusal(
        ExtensionRefused(ext=extension.reference, err=err), fault(("extensions", name), what, hint)
    )


def _not_started(extension: McpExtension, failure: ToolFailure, fault: Fault) -> Refusal:
    name = extension.settings.name
    tail: Sequence[str] = getattr(failure, "tail", ())
    said = "\n  ".join(["Its last words:", *tail[-10:]]) if tail else "It said nothing."
    hint = f"{said}\n  To go on without it: `enabled = false` in [extensions.{name}]."
    return Refusal(
        ExtensionRefused(ext=extension.reference, err=failure.error),
        fault(("extensions", name), failure.text, hint),
    )
