"""Which keys to sealed content are at hand for the commands that read."""

import os
from functools import partial

from devagent.audit.opening import look_for_keys
from devagent.settings.places import places
from devagent.settings.reading_key import identities


def use_keys_at_hand() -> None:
    """Open sealed content in this process with the person's own key, and with those that the environment names."""
    look_for_keys(partial(identities, places().data, os.environ))
