"""A session's events for a fold over all of them, read with as little work as that takes.

Going on with a session reads it whole, right after it was verified. So here header and content are decoded
straight into the event, in one go, and nothing is checked again. What is out of the ordinary (sealed, erased or torn
content, an event of a later version) is left to ``read``, from that event on.
"""

import os
from collections.abc import Generator
from contextlib import ExitStack
from functools import cache

import msgspec
from msgspec import Struct

from devagent.audit.layout import BODIES, EVENTS
from devagent.audit.lines import lines, open_to_read, size_of
from devagent.audit.reader import known_event, read
from devagent.audit.record import Unknown, join
from devagent.core.codec import parse
from devagent.core.events import Event


class _Head(Struct):
    seq: int
    ts: int
    body: str = ""


class _Body(Struct):
    seq: int
    content: str = ""


class _OutOfTheOrdinary(Exception):
    """What is not decoded here."""


_head = msgspec.json.Decoder(_Head)
_body = msgspec.json.Decoder(_Body)
# Canonical JSON: a key stands there letter for letter, and no text can hold an unescaped quote.
_SPLIT = b'"decision":{'


def told(folder: str) -> Generator[tuple[int, int, Event]]:
    """Number, time (microseconds since 1970, UTC) and event, in order, up to a torn end. Types of a later version
    are passed over. Raises LogError where the log cannot be read, or an event's content is gone."""
    after = -1
    try:
        for seq, ts, event in _straight(folder):
            after = seq
            yield seq, ts, event
    except _OutOfTheOrdinary:
        records = read(folder)
        try:
            for record in records:
                if record.seq > after and (event := known_event(record)) is not None:
                    yield record.seq, record.ts, event
        finally:
            records.close()


@cache
def _event_decoder() -> "msgspec.json.Decoder[Event]":
    # Made when a log is first read: over the whole union it costs what a new session need not pay at its start.
    return msgspec.json.Decoder(Event)


def _straight(folder: str) -> Generator[tuple[int, int, Event]]:
    decode = _event_decoder().decode
    with ExitStack() as stack:
        paths = (os.path.join(folder, name) for name in (EVENTS, BODIES))
        files = [open_to_read(path) for path in paths]
        for file in files:
            if file:
                stack.enter_context(file)
        headers, contents = files
        if headers is None or contents is None:
            raise _OutOfTheOrdinary
        bodies = lines(contents, BODIES)
        for line in lines(headers, EVENTS, size_of(headers)):
            try:
                data = line.data
                head = _head.decode(data)
                content = b""
                if head.body:
                    beside = next(bodies)
                    body = _body.decode(beside.data)
                    if not beside.whole or body.seq != head.seq or not body.content:
                        raise _OutOfTheOrdinary
                    content = body.content.encode()
                if not line.whole:
                    raise _OutOfTheOrdinary
                if _SPLIT in data:
                    event = join(parse(data), parse(content) if content else {}, "open")
                    if isinstance(event, Unknown):
                        raise _OutOfTheOrdinary
                elif len(content) > len(b"{}"):
                    event = decode(b"%b,%b" % (data[:-1], content[1:]))
                else:
                    event = decode(data)
            except (ValueError, RecursionError, StopIteration) as e:
                raise _OutOfTheOrdinary from e
            yield head.seq, head.ts, event
