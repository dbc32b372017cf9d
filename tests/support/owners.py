"""Files of other people, for tests that run as root and for those that do not."""

import os
from pathlib import Path
from typing import Any

import pytest

ME = os.geteuid()


def owned_by(uid: int, monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    """Give the files to somebody: in truth where this process may, else as ``stat`` tells it."""
    if ME == 0:
        for path in paths:
            os.chown(path, uid, -1)
        return
    theirs = {(path.stat().st_dev, path.stat().st_ino) for path in paths}
    stat, fstat = os.stat, os.fstat

    def told(status: os.stat_result) -> os.stat_result:
        if (status.st_dev, status.st_ino) not in theirs:
            return status
        return os.stat_result((*status[:4], uid, *status[5:]))

    def told_by_path(path: Any, **named: Any) -> os.stat_result:
        return told(stat(path, **named))

    def told_by_descriptor(descriptor: int) -> os.stat_result:
        return told(fstat(descriptor))

    monkeypatch.setattr(os, "stat", told_by_path)
    monkeypatch.setattr(os, "fstat", told_by_descriptor)
