"""The policy in force here, for commands outside a session: an enrolled machine's bundle, or the files."""

import os
from typing import TYPE_CHECKING

from devagent.settings.config import Config, load_config
from devagent.settings.identity import principal
from devagent.settings.places import enrolments, places
from devagent.settings.policies import EffectivePolicy, Tools, effective_policy

if TYPE_CHECKING:
    from devagent.session.enrolled import Enrolled


def policy_here(tools: Tools | None = None) -> EffectivePolicy:
    """As a session has it. Raises PolicyError."""
    found = enrolled_here()
    signed = None if found is None else found.policy()
    return effective_policy(places(), tools=tools, signed=signed)


def config_here() -> Config:
    """The person's config with what their organisation's bundle brings. Raises ConfigError."""
    config, found = load_config(places().config), enrolled_here()
    if found is None:
        return config
    from devagent.session.equipped import equipped  # noqa: PLC0415  (only on an enrolled machine)

    return equipped(config, found)


def enrolled_here() -> "Enrolled | None":
    """This machine's enrolment; None where nobody enrolled it."""
    if not any(map(os.path.lexists, enrolments())):
        return None
    from devagent.session.enrolled import enrolled  # noqa: PLC0415  (brings all of a session with it)

    return enrolled(places(), principal())
