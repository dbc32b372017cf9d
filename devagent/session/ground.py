"""What a session stands on: who runs it, under which policy, with which extensions.

Policy is settled before a byte of the workspace is read, the org's before all else.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from devagent.agent.asking import Asking, Terms
from devagent.agent.evidence import Circumstances
from devagent.agent.finding import Findable
from devagent.agent.floor import Floor
from devagent.agent.gate import Gate
from devagent.agent.own_files import OwnFiles
from devagent.agent.safeguards import Safeguards
from devagent.agent.tasks import TASK
from devagent.agent.todo import TODO
from devagent.audit.device import Device
from devagent.audit.ledger import Ledger, scopes_of
from devagent.audit.redaction.redactor import Redactor
from devagent.audit.sealing import Sealing
from devagent.core.errors import ConfigError
from devagent.core.limits import Limits
from devagent.core.ports import Approver, Elicitor, RootsGiver, Sampler, Toolbox
from devagent.core.principal import Principal
from devagent.core.tools import ExtensionReference
from devagent.host.configured import configured
from devagent.host.extension import is_server
from devagent.host.manifest import FIRST_PARTY
from devagent.host.toolbox import Extensions
from devagent.policy.beside import Beside
from devagent.policy.bounds import (
    approval_bounds,
    approval_keys,
    budgets,
    forbids_extension,
    org_data,
    revoked_approvals,
    shared_budgets,
)
from devagent.policy.denied_paths import denied_paths
from devagent.session.enrolled import Enrolled, enrolled, policy_under
from devagent.session.equipped import brought_by, equipped, org_style, pins_of
from devagent.session.keeping import sealed_for, withheld, witnessing_of
from devagent.settings.approvals import ApprovalsOnFile, Together
from devagent.settings.config import Config, load_config
from devagent.settings.credentials import stored_secret
from devagent.settings.data_sources import with_org_sources
from devagent.settings.day import today
from devagent.settings.identity import principal
from devagent.settings.places import Places, places
from devagent.settings.policies import EffectivePolicy, is_enrolled
from devagent.settings.style import style_guidance
from devagent.settings.trusted_file import read_trusted
from devagent.undo.guard import SnapshotGuard

if TYPE_CHECKING:
    from devagent.audit.approval_file import SignedFile
    from devagent.audit.witness import Witnessing
    from devagent.host.mcp.extension import McpExtension
    from devagent.host.mcp.house import House
    from devagent.host.org_pins import OrgPins
    from devagent.session.watching import Watch


class Options(Struct, frozen=True, kw_only=True):
    """What one session is opened with.

    ``elicitor`` is whoever fills in what servers ask of the person (None: nobody is there). ``sampler`` and ``roots``:
    an MCP client that is served may answer for its own model and folders.
    ``policies`` are further, narrowing policy files. ``extensions`` limits the session to these (empty =
    all that are configured). ``approvals`` are signed files of approvals; with ``dry_run`` every call is judged
    and none carried out. ``org_policy`` and ``local_policy`` put other files in those places: for
    the demo's sample company, never from a flag or the environment. ``guidance`` is what the model is told besides:
    the folder's instructions, once they are trusted.
    """

    folder: str
    mode: str
    approver: Approver
    elicitor: Elicitor | None = None
    sampler: Sampler | None = None
    roots: RootsGiver | None = None
    model: str = ""
    interactive: bool = False
    agent: str = "main"
    principal: Principal | None = None
    """Who acts, where an access token of the organisation's issuer has proved it; else whoever runs this."""
    policies: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    limits: Limits = Limits()
    resume: str = ""
    approvals: tuple[str, ...] = ()
    dry_run: bool = False
    ticket: str = ""
    org_policy: str = ""
    local_policy: str = ""
    config: Config | None = None
    guidance: str = ""
    passphrase: Callable[[], str] | None = None
    """Asks the person for the passphrase of the key's file, where somebody can be asked."""


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


FIRST_TOLD = (
    "workspace.read", "workspace.edit", "workspace.grep", "workspace.shell", "git.diff", "sql.query",
    "workspace.write", "workspace.glob", "git.status", "git.commit", "docs.search", "git.log", "sql.describe",
    "workspace.list",
)  # fmt: skip
"""Which of devagent's own tools a model is told of before it looks for any: what most work begins with. Where policy
hides one, or its extension is not set up, the next takes its place."""


def findable_of(toolbox: Toolbox, ticket: str = "", *, mode: str = "") -> Findable:
    """The same toolbox, for a model that is told of some tools and finds the others. Where the session works on a
    ``ticket``, reading it is among the first, and so is the list of what is to be done where a person follows it."""
    own = {*FIRST_PARTY, TASK.extension}
    first = FIRST_TOLD if mode != "chat" else (*FIRST_TOLD[:5], TODO.qualified, *FIRST_TOLD[5:])
    if ticket:
        first = ("tickets.get", *first)
    return Findable(toolbox, lambda tool: tool.extension in own, first)


def _watch(governs: Enrolled | None, names: frozenset[str]) -> "Watch | None":
    """What makes revocations reach a running session of an enrolled machine."""
    if governs is None or governs.client is None or governs.in_force is None:
        return None
    from devagent.session.watching import Watch  # noqa: PLC0415  (only on an enrolled machine)

    return Watch(governs.client, governs.in_force, names)


async def gate_of(
    ground: Ground, toolbox: Extensions, options: Options, findable: Findable | None = None
) -> Gate:
    """The extensions that may be, behind policy; ``findable`` is the same toolbox for a model that is told of some."""
    policy = ground.policy
    _leave_out(toolbox, policy, options, ground.watch)
    refused = await toolbox.admit(
        # Even to learn its tools a server would have to be started.
        first_use=not ground.governed and not policy.locked and not options.dry_run,
        today=today(),
        fault=ground.config.fault,
    )
    if refused and options.mode != "chat":
        raise refused[0].error
    toolbox.deny_paths(partial(denied_paths, policy.compiled.files))
    circumstances = Circumstances(
        principal=ground.principal,
        mode=options.mode,
        interactive=options.interactive,
        today=today,
    )
    floor = Floor(ground.folder, ground.here.own())
    terms = Terms(ground.folder, today, approval_bounds(policy.compiled.files))
    on_file = Together(
        ApprovalsOnFile.load(ground.here.approvals),
        [one for file in ground.signed for one in file.content.approvals],
        revoked_approvals(policy.compiled.files),
    )
    asking = Asking(options.approver, on_file, terms)
    candidate = (
        ground.enrolled.candidate(ground.here, options.policies, toolbox.specs)
        if ground.enrolled
        else None
    )
    gate = Gate(
        Beside(policy.compiled, candidate) if candidate else policy.compiled,
        findable or toolbox,
        asking,
        circumstances,
        floor,
        _redacted,
        withhold=partial(withheld, ground.witnessing) if ground.witnessing else None,
        withdrawn=ground.watch.refuses if ground.watch else None,
        dry_run=options.dry_run,
    )
    if findable is not None:
        findable.offer(gate.offered)
    return gate


def safeguards_of(ground: Ground, options: Options) -> tuple[Safeguards, SnapshotGuard]:
    """What stands around the granted calls of a session; the guard wants to know its id once there is one."""
    given = [path for path in (options.org_policy, options.local_policy) if path]
    guard = SnapshotGuard(ground.here.data, ground.folder, ground.config.undo)
    return Safeguards(OwnFiles([*ground.here.governing(), *given]), guard), guard


def limits_of(ground: Ground, options: Options) -> Limits:
    """The limits asked for, with policy's budgets."""
    files, names = ground.policy.compiled.files, ground.policy.compiled.names
    turn, session = budgets(files)
    shared = shared_budgets(files, names(ground.principal))
    return replace(options.limits, turn=turn, session=session, shared=shared)


def shared_spending(ground: Ground, limits: Limits) -> Ledger | None:
    """The day's sums of all sessions, where a budget needs them."""
    if not limits.shared:
        return None
    scopes = scopes_of(ground.principal, ground.policy.compiled.names, tuple(limits.shared))
    return Ledger(ground.here.sessions, scopes)


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


def _leave_out(
    toolbox: Extensions, policy: EffectivePolicy, options: Options, watch: "Watch | None"
) -> None:
    """Policy's word on which extensions may run. Raises ConfigError for one that was asked for by name."""
    keepers: dict[str, str] = {}

    def forbidden(reference: ExtensionReference) -> bool:
        keeper = forbids_extension(policy.compiled.files, reference.name, reference.digest)
        if not keeper and watch is not None and watch.refuses(reference):
            keeper = "the organisation's revocations"
        keepers[reference.name] = keeper
        return bool(keeper)

    for name in toolbox.leave_out(forbidden):
        if name in options.extensions:
            raise ConfigError(
                f"policy {keepers[name]} does not let the extension {name!r} run, or not with this digest ([extensions])",
                hint=f"Ask whoever keeps {keepers[name]}.",
            )


def _redacted(kinds: Sequence[str], text: str) -> str:
    """What a rule with ``redact`` lets the model and the person see of a result."""
    return Redactor(kinds).text(text)[0]
