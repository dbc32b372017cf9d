"""Ready-made policies, as files: ``baseline`` (nobody is enrolled) and ``locked`` (a required policy is unusable)."""

import os

NAMES = ("baseline", "locked")


def path_of(name: str) -> str:
    """The path of a shipped policy. Raises KeyError for a name that is not in ``NAMES``."""
    if name not in NAMES:
        raise KeyError(name)
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.toml")


def text_of(name: str) -> str:
    """The text of a shipped policy. Raises KeyError for a name that is not in ``NAMES``."""
    with open(path_of(name), encoding="utf-8") as file:
        return file.read()
