"""What commands put on record or hand on outside a conversation, without what must not be kept."""

import os
from collections.abc import Iterable

from devagent.audit.redaction.redactor import Redactor
from devagent.cli.policy.shared import policy_in_force
from devagent.core.errors import ConfigError
from devagent.policy.bounds import redaction
from devagent.policy.syntax import PolicyFile
from devagent_secrets.known import secrets_of


def redactor_for(files: Iterable[PolicyFile]) -> Redactor:
    """What replaces secrets, those of this process's environment among them, and what these policy files name besides."""
    return Redactor(redaction(files), known=secrets_of(os.environ))


def redacted(text: str) -> str:
    """The text as the policy in force lets it be kept; where that cannot be read, without personal data too."""
    try:
        redactor = redactor_for(policy_in_force().compiled.files)
    except ConfigError:
        redactor = Redactor(("pii",), known=secrets_of(os.environ))
    return redactor.text(text)[0]
