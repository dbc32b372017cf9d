"""The sandboxes that this machine has, for tests that run commands in each of them."""

import pytest

from devagent_workspace import sandbox
from devagent_workspace.sandbox import Sandbox, bubblewrap, landlock

KINDS = ("bubblewrap", "landlock")
_PROBES = {"bubblewrap": bubblewrap.probe, "landlock": landlock.probe}


def use(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Let commands have this sandbox, or ``none``; skips where the machine does not offer it."""
    why = _PROBES[kind]() if kind in _PROBES else "none in this test"
    if kind in _PROBES and why:
        pytest.skip(f"{kind}: {why}")
    found = Sandbox(kind, "" if kind in _PROBES else why)  # pyright: ignore[reportArgumentType]
    monkeypatch.setattr(sandbox, "available", lambda: found)
