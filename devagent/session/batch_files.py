"""The files of a batch: the prompts, what was done with them (``OUTPUT.state``), and a lock beside."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import msgspec
from msgspec import Struct

from devagent.core.errors import UsageError
from devagent.disk import replace_file
from devagent.models.batches import MAX_REQUESTS

Step = Literal["sending", "created", "results", "done"]
MAX_INPUT = 200_000_000
"""Bytes of a file of prompts."""


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the input."""

    custom_id: str
    prompt: str
    system: str = ""


class State(Struct, frozen=True):
    """What was done: see ``batching``. ``sent_at``: Unix time; ``digest``: of what is asked."""

    step: Step
    digest: str
    model: str
    sent_at: float = 0.0
    batch: str = ""
    session: str = ""


def read_prompts(data: bytes) -> list[Line]:
    """The lines of the input. Raises UsageError with the line that is not right."""
    found: list[Line] = []
    seen: set[str] = set()
    if len(data) > MAX_INPUT:
        raise UsageError(f"the file has {len(data):,} bytes; {MAX_INPUT:,} are the most")
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            one = msgspec.json.decode(line, type=Line)
        except ValueError as error:
            raise UsageError(
                f"line {number}: {error}",
                hint='A line is {"custom_id": "a", "prompt": "…"}, and may have "system".',
            ) from None
        if not one.prompt.strip() or not one.custom_id.strip():
            raise UsageError(f"line {number}: custom_id and prompt must not be blank")
        if one.custom_id in seen:
            raise UsageError(f"line {number}: the custom_id {one.custom_id[:80]!r} is there twice")
        seen.add(one.custom_id)
        found.append(one)
    if not found:
        raise UsageError("there is no prompt in the file")
    if len(found) > MAX_REQUESTS:
        raise UsageError(f"there are {len(found):,} prompts; {MAX_REQUESTS:,} are the most")
    return found


def read_state(output: str) -> State | None:
    """What was done for this output; None where nothing was. Raises UsageError where that is not known."""
    try:
        with open(f"{output}.state", "rb") as file:
            return msgspec.json.decode(file.read(), type=State)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UsageError(
            f"{output}.state is damaged, so what was done is not known",
            hint="Look at the batches in the service's console before you remove it.",
        ) from error


def is_there(output: str) -> bool:
    return os.path.lexists(output)


def keep_state(output: str, state: State) -> None:
    """On disk before anything rests on it."""
    replace_file(f"{output}.state", msgspec.json.encode(state))


def forget_state(output: str) -> None:
    os.unlink(f"{output}.state")


@contextmanager
def alone(output: str) -> Generator[None]:
    """Nobody else goes on with it meanwhile. Raises UsageError where somebody does."""
    with open(f"{output}.lock", "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError("another devagent is at work on this batch") from None
        yield
