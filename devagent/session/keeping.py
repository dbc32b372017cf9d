"""How a session's record is kept, as policy says: sealed for whom, and with which witness of it."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from devagent.agent.floor import unanchored
from devagent.audit.opening import look_for_keys
from devagent.audit.sealing import Sealing, new_identity
from devagent.core.tools import ToolSpec
from devagent.core.verdicts import Decision
from devagent.policy.bounds import keeping, witness
from devagent.settings.places import Places
from devagent.settings.policies import EffectivePolicy
from devagent.settings.reading_key import identities, own_recipient

if TYPE_CHECKING:
    from devagent.audit.witness import Witnessing

LAST_CHANCE_S = 2.0
"""How long a call waits for the witness before it is denied for want of it."""


def sealed_for(
    policy: EffectivePolicy, here: Places, environment: Mapping[str, str]
) -> Sealing | None:
    """For whom policy has content sealed (the person's own key among them), or None where it is to be open.

    From here on this process opens what is sealed with the keys that are at hand. Raises ConfigError where a
    key cannot be kept, or the library is not installed.
    """
    look_for_keys(partial(identities, here.data, environment))
    terms = keeping(policy.compiled.files)
    if not terms.seal:
        return None
    return Sealing((*terms.reviewers, own_recipient(here.data, new_identity)))


def witnessing_of(policy: EffectivePolicy, here: Places) -> "Witnessing | None":
    """The way of one session's checkpoints to the witness that policy names. Raises LogError."""
    named = witness(policy.compiled.files)
    if named is None:
        return None
    from devagent.audit.witness import Witnessing  # noqa: PLC0415  (only where policy names one)

    return Witnessing(named, here.sessions, here.data)


async def withheld(witnessing: "Witnessing", _: ToolSpec) -> Decision | None:
    """A deny where the record has waited too long; the witness gets a last chance before."""
    limit = witnessing.witness.deny_writes_after_s
    if limit is None or witnessing.waiting_s() <= limit:
        return None
    await asyncio.to_thread(witnessing.settle, LAST_CHANCE_S)
    waits = witnessing.waiting_s()
    if waits <= limit:
        return None
    return unanchored(waits, limit, witnessing.witness.policy, witnessing.why)


def waiting(witnessing: "Witnessing | None") -> str:
    """That the record waits for its witness for a minute or more, and why; else empty."""
    waits = witnessing.waiting_s() if witnessing else 0.0
    if witnessing is None or waits < 60:
        return ""
    return f"unanchored for {waits / 60:.0f} min" + (
        f": {witnessing.why}" if witnessing.why else ""
    )
