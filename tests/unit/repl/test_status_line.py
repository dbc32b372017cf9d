"""The line that shows what a call prints: one line, written over, gone when the call is over."""

import io

from devagent.core.events.calls import ToolProgress
from devagent.core.events.turns import TurnStarted
from devagent.repl.status_line import StatusLine


def test_a_flood_takes_one_line_which_goes_away() -> None:
    stream = io.StringIO()
    line = StatusLine(stream)
    for number in range(3):
        text = f"first {number}\n\x1b[31mlast {number} {'x' * 200}\n"
        assert line.event(ToolProgress(turn=1, call="c1", text=text))
    assert not line.event(TurnStarted(turn=1))
    line.wipe()
    pieces = stream.getvalue().split("\r\x1b[2K")
    assert pieces[0] == pieces[-1] == ""
    assert [piece[:10] for piece in pieces[1:-1]] == [f"    last {n}" for n in range(3)]
    assert "\n" not in stream.getvalue()
    assert all(len(piece) <= 79 for piece in pieces)


def test_wide_characters_stay_on_one_line() -> None:
    stream = io.StringIO()
    StatusLine(stream).event(ToolProgress(turn=1, call="c1", text="漢" * 100))
    assert len(stream.getvalue().rpartition("K")[2].strip()) <= 37
