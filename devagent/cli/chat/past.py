"""The end of a session that goes on, drawn from its record as it stood on the screen."""

import os
from collections.abc import Sequence

from devagent.audit.ending import last_events
from devagent.core.events import Event
from devagent.core.events.calls import ApprovalAnswered, ToolFinished, ToolJudged
from devagent.core.events.model import ModelReplied, ModelRequested
from devagent.core.events.turns import Prompt, TurnCut, TurnEnded, TurnStarted
from devagent.repl.markdown.flow import ROW, Out, Row
from devagent.repl.style import Segment
from devagent.repl.transcript import Transcript

TURNS = 3
"""In which the model was asked; commands of the person's own between them and after them are shown too."""
ROWS = 60
_SHOWN = (
    Prompt, ModelReplied, ToolJudged, ApprovalAnswered, ToolFinished, TurnCut, TurnEnded, TurnStarted,
)  # fmt: skip


def end_of(transcript: Transcript, folder: str) -> Sequence[Out]:
    """The rows of the last few turns, the newest of them; the transcript knows their calls from then on."""
    outs = [out for event in _turns(last_events(folder)) for out in transcript.show(event)]
    places = [n for n, out in enumerate(outs) if isinstance(out, Row)]
    if not places:
        return ()
    if len(places) > ROWS:
        outs = outs[places[-ROWS - 1] + 1 :]
    said = f"  all of it: devagent session replay {os.path.basename(folder)}"
    gap = [] if isinstance(outs[0], Row) else [ROW]
    return [Segment(said, "quiet"), ROW, *gap, *outs]


def _turns(events: Sequence[Event]) -> list[Event]:
    """What was there, from the last few things that the model was asked on; where it was asked nothing, from the last
    few commands on."""
    begun: list[int] = []
    asked: list[int] = []
    for n, one in enumerate(events):
        if isinstance(one, TurnStarted):
            begun.append(n)
        elif isinstance(one, ModelRequested) and not one.purpose and begun:
            asked += begun[-1:] if asked[-1:] != begun[-1:] else []
    first = (asked or begun)[-TURNS:][:1]
    return [one for n in first for one in events[n:] if isinstance(one, _SHOWN)]
