"""The policy in force here, for commands outside a session: an enrolled machine's bundle, or the files."""

import os
from typing import TYPE_CHECKING

from devagent.settings.config import Config, load_config
from devagent.settings.identity import principal
from devagent.settings.places import enrolments, places
from devagent.settings.policies import EffectivePolicy, Tools, effective_policy, is_enrolled

if TYPE_CHECKING:
    from devagent.session.enrolled import Enrolled


def policy_here(tools: Tools | None = None) -> EffectivePolicy:
    """As a session has it. Raises PolicyError."""
    found = enrolled_here()
    signed = None if found is None else found.policy()
    return effective_policy(places(), tools=tools, signed=signed)


def config_here() -> Config:
    """The person's config with what their organisation brings. Raises ConfigError."""
    config = load_config(places().config)
    if not is_enrolled():
        return config
    from devagent.session.equipped import brought_by, equipped  # noqa: PLC0415  (only where an organisation governs)

    return equipped(config, brought_by(enrolled_here()))


def enrolled_here() -> "Enrolled | None":
    """This machine's enrolment; None where nobody enrolled it."""
    if not any(map(os.path.lexists, enrolments())):
        return None
    from devagent.session.enrolled import enrolled  # noqa: PLC0415  (brings all of a session with it)

    return enrolled(places(), principal())
