"""Whatever events come, the files read back to them, and every line is as the format says."""

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from devagent.audit.fold import told
from devagent.audit.layout import BODIES, EVENTS
from devagent.audit.reader import read_events
from devagent.core.events import Event, Unlogged
from tests.support.log_events import any_event, write_story


@settings(max_examples=30)
@given(st.lists(any_event(), max_size=5))
def test_a_log_reads_back_to_the_events_that_were_written(events: list[Event]) -> None:
    logged = [event for event in events if not isinstance(event, Unlogged)]
    with tempfile.TemporaryDirectory() as folder:
        session = write_story(folder, logged)
        assert list(read_events(session)) == logged
        assert [(seq, event) for seq, _, event in told(session)] == list(enumerate(logged))
        for name in (EVENTS, BODIES):
            for line in (Path(session) / name).read_bytes().splitlines():
                again = json.dumps(
                    json.loads(line), sort_keys=True, separators=(",", ":"), ensure_ascii=False
                )
                assert again.encode() == line
