"""What a session stands on: who runs it, under which policy, with which extensions.

Policy is settled before a byte of the workspace is read, the org's before all else.
"""

import os
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from devagent.audit.device import Device
from devagent.audit.sealing import Sealing
from devagent.core.errors import ConfigError
from devagent.core.principal import Principal
from devagent.host.configured import configured
from devagent.host.extension import is_server
from devagent.host.toolbox import Extensions
from devagent.policy.bounds import (
    approval_keys,
    org_data,
)
from devagent.session.enrolled import Enrolled, enrolled, policy_under
from devagent.session.equipped import brought_by, equipped, org_style, pins_of
from devagent.session.keeping import sealed_for, witnessing_of
from devagent.session.options import Options
from devagent.settings.config import Config, load_config
from devagent.settings.credentials import stored_secret
from devagent.settings.data_sources import with_org_sources
from devagent.settings.day import today
from devagent.settings.identity import principal
from devagent.settings.places import Places, places
from devagent.settings.policies import EffectivePolicy, is_enrolled
from devagent.settings.style import style_guidance
from devagent.settings.trusted_file import read_trusted

if TYPE_CHECKING:
    from devagent.audit.approval_file import SignedFile
    from devagent.audit.witness import Witnessing
    from devagent.host.mcp.extension import McpExtension
    from devagent.host.mcp.house import House
    from devagent.host.org_pins import OrgPins
    from devagent.session.watching import Watch


class Ground(Struct, frozen=True, kw_only=True):
    """What a session stands on before anything of it is open."""

    environment: Mapping[str, str]
    here: Places
    principal: Principal
    config: Config
    folder: str
    governed: bool
    policy: EffectivePolicy
    enrolled: Enrolled | None
    watch: "Watch | None"
    signed: "tuple[SignedFile, ...]"
    extensions: Callable[[], Extensions]
    guidance: str
    """What the model is told besides; the organisation's style stands last."""
    sealing: Sealing | None
    witnessing: "Witnessing | None"


def stand(options: Options, environment: Mapping[str, str] | None) -> Ground:
    """Who runs this, and then policy, before a byte of the workspace is read."""
    env = os.environ if environment is None else environment
    here = places(env)
    who = principal(options.agent)
    own_config = options.config or load_config(here.config)
    folder = os.path.realpath(options.folder)
    governed = is_enrolled() or bool(options.org_policy)

    # The organisation's word first: also on which extensions there are.
    governs = (
        None if options.org_policy else enrolled(here, who, online=True, proved=options.principal)
    )
    brought = None if options.org_policy else brought_by(governs)
    config, pins = equipped(own_config, brought), pins_of(brought)

    def made(tables: Mapping[str, Mapping[str, Any]]) -> Extensions:
        own = configured(
            tables,
            folder=folder,
            only=options.extensions,
            file=config.file,
            fault=config.fault,
            own=here.own(),
            secret=partial(stored_secret, env),
        )
        servers = _servers(config, folder, options, here, pins, governed=governed)
        return Extensions(own, servers, _house(servers, governed=governed))

    @cache
    def before_policy() -> Extensions:
        # Only where a rule is about arguments, and so about the tools' schemas.
        return made(config.extensions)

    policy = policy_under(
        governs,
        here,
        given={"org": options.org_policy, "local": options.local_policy},
        narrowing=options.policies,
        tools=lambda: before_policy().specs(),
    )
    if options.principal is not None and (governs is None or governs.in_force is None):
        raise ConfigError("who calls is known by an organisation's issuer, and none is in force")
    if governs is not None and governs.in_force is not None:
        who = governs.who
    if policy.locked and options.mode != "chat":
        raise ConfigError(policy.locked, hint="Ask whoever runs devagent in your organisation.")
    names = policy.compiled.names(who)
    data, keeper = org_data(policy.compiled.files)

    @cache
    def extensions() -> Extensions:
        if data:
            return made(with_org_sources(config, data, keeper))
        return before_policy()

    return Ground(
        environment=env,
        here=here,
        principal=who,
        config=config,
        folder=folder,
        governed=governed,
        policy=policy,
        enrolled=governs,
        watch=_watch(governs, names),
        signed=_signed(options, here, who, policy),
        extensions=extensions,
        guidance="\n".join(
            filter(None, [options.guidance, style_guidance(names), org_style(brought, names)])
        ),
        sealing=sealed_for(policy, here, env),
        witnessing=witnessing_of(policy, here),
    )


def _watch(governs: Enrolled | None, names: frozenset[str]) -> "Watch | None":
    """What makes revocations reach a running session of an enrolled machine."""
    if governs is None or governs.client is None or governs.in_force is None:
        return None
    from devagent.session.watching import Watch  # noqa: PLC0415  (only on an enrolled machine)

    return Watch(governs.client, governs.in_force, names)


def _signed(
    options: Options, here: Places, who: Principal, policy: EffectivePolicy
) -> "tuple[SignedFile, ...]":
    """The signed files of approvals. Raises ConfigError for one that may not be relied on."""
    if not options.approvals:
        return ()
    from devagent.audit.approval_file import read  # noqa: PLC0415  (only where one is given)

    device, keys = Device(here.data), approval_keys(policy.compiled.files)
    return tuple(
        read(path, device=device, user=who.user, keys=keys, today=today())
        for path in options.approvals
    )


def _servers(
    config: Config,
    folder: str,
    options: Options,
    here: Places,
    pins: "OrgPins | None",
    *,
    governed: bool,
) -> "list[McpExtension]":
    """The third parties' servers that the config names, as they are on record."""
    if not any(is_server(table) for table in config.extensions.values()):
        return []
    from devagent.host.mcp.lock import ToolsLock  # noqa: PLC0415  (only where the config names one)
    from devagent.host.third_party import third_party  # noqa: PLC0415
    from devagent.settings.keyring_secrets import KeyringSecrets  # noqa: PLC0415

    return third_party(
        config.extensions,
        folder=folder,
        only=options.extensions,
        lock=ToolsLock(here.data, partial(read_trusted, error=ConfigError)),
        fault=config.fault,
        governed=governed,
        secrets=KeyringSecrets(),
        org=pins,
    )


def _house(servers: "list[McpExtension]", *, governed: bool) -> "House | None":
    """What those servers have beside tools."""
    if not servers:
        return None
    from devagent.host.mcp.house import House  # noqa: PLC0415  (only where there are servers)

    return House(servers, governed=governed)
