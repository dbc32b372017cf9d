"""Ready-made policies, as files (docs/policies.md says which is for whom, and how they go together).

``baseline`` (nobody is enrolled) and ``locked`` (a required policy is unusable) are used by devagent itself;
the others are chosen. A file's own ``layer`` says which place it is made for; its examples are its tests.
"""

import os

NAMES = (
    "baseline",
    "locked",
    "read-only",
    "git-safe",
    "workspace-safe",
    "sql-governed",
    "pii",
    "budgets",
    "ci-oneshot",
    "trifecta",
    "break-glass",
    "regulated",
    "org-template/org",
    "org-template/team-data",
    "org-template/local-developer",
)
"""The policy files, by name; a name with a slash is a file of a folder."""

FOLDERS = ("org-template",)
"""Several files that belong together, with a README."""


def path_of(name: str) -> str:
    """The path of a shipped policy, or of a folder of them.

    Raises KeyError for a name that is not in ``NAMES`` or ``FOLDERS``.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    if name in FOLDERS:
        return os.path.join(here, name)
    if name not in NAMES:
        raise KeyError(name)
    return os.path.join(here, *f"{name}.toml".split("/"))


def text_of(name: str) -> str:
    """The text of a shipped policy. Raises KeyError for a name that is not in ``NAMES``."""
    if name not in NAMES:
        raise KeyError(name)
    with open(path_of(name), encoding="utf-8") as file:
        return file.read()
