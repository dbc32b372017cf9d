"""A session as a reviewer reads it: one entry for each thing that happened, all that belongs to a call in one.

Entries come in the order that they ended, in memory that does not grow with the log. All text in them has been
made harmless to show (``reveal``) and is cut at a length; the log holds the rest, under the entry's numbers.
"""

from collections.abc import Iterable, Iterator

from devagent.audit.contentless import without_content
from devagent.audit.entry import Entry
from devagent.audit.record import Record
from devagent.audit.reviewed_calls import CallEvent, call_entry
from devagent.audit.reviewed_events import event_entry
from devagent.audit.reviewed_text import Texts
from devagent.core.events.calls import ToolCalled
from devagent.core.events.turns import TurnCut, TurnEnded

MOST_TEXT = 20_000
"""Characters of one text in an entry, unless the reader asks for all."""

_MOST_OPEN = 1_000


def entries(records: Iterable[Record], *, most_text: int = MOST_TEXT) -> Iterator[Entry]:
    """The session's entries. ``most_text`` 0 cuts nothing."""
    calls: dict[str, Entry] = {}
    for record in records:
        event = without_content(record.event)
        gone = "" if record.content in ("none", "open") else record.content
        texts = Texts(most_text)
        if isinstance(event, ToolCalled) and event.call in calls:
            yield calls.pop(event.call)  # begun anew
        entry = call_entry(calls, record, event, texts)
        if entry is None:
            entry = event_entry(record, event, texts)
            if isinstance(event, TurnEnded | TurnCut):
                yield from calls.values()
                calls.clear()
        if entry is None:
            continue
        entry.hidden += texts.hidden
        entry.cut += texts.cut
        entry.redacted += sum(record.redactions.values())
        entry.gone = entry.gone or gone
        if entry.call is None:
            yield entry
        elif isinstance(event, CallEvent) and not entry.call.is_over:
            calls[event.call] = entry
            if len(calls) > _MOST_OPEN:  # no session has so many: a forged log
                yield calls.pop(next(iter(calls)))
        else:
            if isinstance(event, CallEvent):
                calls.pop(event.call, None)
            yield entry
    yield from calls.values()
