"""The libraries of extras: loaded when the first thing is exported by them, and missed in a clear sentence."""

from importlib import import_module
from typing import Any

from devagent.core.errors import ConfigError


def load(name: str, extra: str, what: str) -> Any:
    """The module. Raises ConfigError where it is not installed, naming the extra."""
    try:
        return import_module(name)
    except ImportError as e:
        raise need(extra, what, e) from e


def need(extra: str, what: str, error: ImportError) -> ConfigError:
    """The error for a library that is not installed."""
    return ConfigError(
        f"{what} need the `{extra}` extra: {error.name or 'a part of it'} is not installed",
        hint=f"./install.sh --with {extra}, or pip install 'devagent[{extra}]'.",
    )
