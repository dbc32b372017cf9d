"""The trackers behind a network, each in a module of its own that is loaded when it is spoken to."""

import importlib
from collections.abc import Callable

from devagent_tickets.contract import Surroundings, TicketsError
from devagent_tickets.model import Backend
from devagent_tickets.settings import Tracker

MODULES = {
    "github": "github",
    "gitlab": "gitlab",
    "jira": "jira",
    "jira-dc": "jira",
    "linear": "linear",
    "azure": "azure",
}


def connect(
    here: Surroundings, tracker: Tracker, until: float, learn: Callable[[str], None]
) -> Backend:
    """The backend of a tracker, for one call that ends at ``until`` (monotonic); ``learn`` is told its secret.

    Raises TicketsError no_secret, bad_settings.
    """
    if tracker.type not in MODULES:
        raise TicketsError(
            f"Trackers of type {tracker.type} cannot be spoken to.", error="bad_settings"
        )
    secret = here.secret(tracker.secret) if tracker.secret else None
    if not secret:
        handle = tracker.secret or "(none is named)"
        raise TicketsError(
            f"The secret {handle!r} of the tracker {tracker.name!r} is neither in the environment nor in the keyring.",
            error="no_secret",
        )
    learn(secret)
    if not (secret.isascii() and secret.isprintable()):
        raise TicketsError(
            f"The secret {tracker.secret!r} of the tracker {tracker.name!r} holds signs that no token has (the end of a "
            "line?): store it anew.",
            error="no_secret",
        )
    module = importlib.import_module(f"devagent_tickets.backends.{MODULES[tracker.type]}")
    return module.connect(tracker, secret, until)
