"""What the calls of a session pass: the gate, the safeguards around it, the limits."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from devagent.agent.asking import Asking, Terms
from devagent.agent.evidence import Circumstances
from devagent.agent.finding import Findable
from devagent.agent.floor import Floor
from devagent.agent.gate import Gate
from devagent.agent.own_files import OwnFiles
from devagent.agent.safeguards import Safeguards
from devagent.audit.ledger import Ledger, scopes_of
from devagent.audit.redaction.redactor import Redactor
from devagent.core.errors import ConfigError
from devagent.core.limits import Limits
from devagent.core.tools import ExtensionReference
from devagent.host.toolbox import Extensions
from devagent.policy.beside import Beside
from devagent.policy.bounds import (
    approval_bounds,
    budgets,
    forbids_extension,
    revoked_approvals,
    shared_budgets,
)
from devagent.policy.denied_paths import denied_paths
from devagent.session.ground import Ground
from devagent.session.keeping import withheld
from devagent.session.options import Options
from devagent.settings.approvals import ApprovalsOnFile, Together
from devagent.settings.day import today
from devagent.settings.policies import EffectivePolicy
from devagent.undo.guard import SnapshotGuard

if TYPE_CHECKING:
    from devagent.session.watching import Watch


async def gate_of(
    ground: Ground,
    toolbox: Extensions,
    options: Options,
    safeguards: Safeguards,
    findable: Findable | None = None,
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
        ApprovalsOnFile.load(ground.here.approvals, safeguards.own_files.own_write),
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
