"""These tests are about what is accepted, not about power cuts: nothing waits for the disk."""

import os

import pytest


def no_waiting(_: int) -> None:
    """In the place of ``fsync``."""


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", no_waiting)
    monkeypatch.setattr(os, "fdatasync", no_waiting)
