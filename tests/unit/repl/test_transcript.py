"""A session on the screen: one line a call, one calm line a denial, and all of it on demand."""

from msgspec.structs import replace

from devagent.cli.chat.following import follow
from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolProgress
from devagent.core.events.model import ModelFailed, ModelReplied, TextDelta
from devagent.core.events.turns import Prompt, TurnCut
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference
from devagent.core.verdicts import Decision
from devagent.repl.capabilities import Capabilities
from devagent.repl.region import Doing
from devagent.repl.render import render
from devagent.repl.replay import rows_of
from devagent.repl.style import text_of
from devagent.repl.transcript import Transcript
from tests.support.log_events import call, judged, turn


def drawn(*events: Event, columns: int = 200) -> list[str]:
    screen = Transcript(Capabilities(), lambda: columns)
    return list(rows_of(out for event in events for out in screen.show(event)))


WITH = "  with limit_rows=500 max_cost_usd=0.5 by org/acme#no-force (org.toml:14)"


def test_a_call_is_one_line_once_it_is_over() -> None:
    assert drawn(*call()) == ["● git.push branch:origin/main · done", WITH]


def test_a_denial_is_one_calm_line_with_the_rule_and_how_to_get_it() -> None:
    assert drawn(*call("deny"), columns=80) == [
        "✗ git.push branch:origin/main · denied by org/acme#no-force → Ask #platform"
    ]


def test_a_denial_takes_two_rows_at_most_however_long_its_words_are() -> None:
    denied = judged("deny")
    long = replace(
        denied,
        resources=(Resource("path:" + "deep/" * 40 + "a.py", "write"),),
        decision=replace(
            denied.decision,
            grant="Ask for it in the channel of the platform's people; " + "x " * 90,
        ),
    )
    rows = drawn(long, columns=80)
    assert len(rows) == 2
    assert "… · denied by org/acme#no-force" in rows[0]
    assert rows[1].endswith("→ Ask for it in the channel of the platform's people")
    assert all(len(one) < 80 for one in rows)


def test_a_call_that_was_approved_says_so_and_one_that_was_not_too() -> None:
    assert drawn(*call("ask"))[0].endswith("· done · you said yes")
    assert drawn(*call("ask", answer="no")) == ["✗ git.push branch:origin/main · you said no"]


def test_a_failure_says_why_and_an_edit_how_much() -> None:
    failed = ToolFinished(turn=1, call="c1", outcome="failed", err="conflict", text="no remote\nx")
    assert drawn(judged("allow"), failed)[0].endswith("· failed: no remote x")
    edited = ToolFinished(
        turn=1, call="c1", outcome="ok", text="edited", structured={"added": 3, "removed": 1}
    )
    assert drawn(judged("allow"), edited)[0].endswith("· +3 -1")


def test_what_a_server_asks_the_person_is_told_without_its_schema() -> None:
    house = ExtensionReference("mcp", "1", "ab" * 32)
    args = {"server": "suite", "message": "Your name?", "schema": {"type": "object"}}
    asked = replace(judged("allow"), ext=house, tool="elicit", resources=(), args=args)
    done = ToolFinished(turn=1, call="c1", outcome="ok", text="accept by user:ana")
    assert drawn(asked, done)[0] == "● mcp.elicit suite: Your name? · accept by user:ana"
    assert "schema" not in render(asked)
    assert "schema" in render(asked, full=True)


def test_the_list_of_what_is_to_be_done_is_told_by_how_far_it_is() -> None:
    house = ExtensionReference("agent", "1", "ab" * 32)
    args = {"items": [{"text": "a", "state": "doing"}]}
    wrote = replace(judged("allow"), ext=house, tool="todo", resources=(), args=args)
    done = ToolFinished(turn=1, call="c1", outcome="ok", text="1. [>] a", view="0/1 done, now: a")
    assert drawn(wrote, done)[0] == "● agent.todo · 0/1 done, now: a"


def test_a_server_says_in_the_line_of_what_is_under_way_how_far_it_is() -> None:
    doing = Doing(what="suite.index")
    follow(doing, ToolProgress(turn=1, call="c1", done=3, total=10, text="files\x1b[2J\nread"))
    assert doing.how_far == "3 of 10 files read"
    follow(doing, ToolProgress(turn=1, call="c1", text="a line of its output"))
    assert doing.how_far == "3 of 10 files read"
    follow(doing, ToolProgress(turn=1, call="c1", done=4.5))
    assert doing.how_far == "4.5"
    follow(doing, ToolFinished(turn=1, call="c1", outcome="ok"))
    assert doing.how_far == ""


def test_a_reply_that_streamed_is_not_drawn_again_and_one_that_did_not_is() -> None:
    reply = ModelReplied(
        turn=1, model="m", stop="end_turn", content=[{"type": "text", "text": "Hi *you*"}]
    )
    assert drawn(TextDelta(turn=1, text="Hi *y"), TextDelta(turn=1, text="ou*"), reply) == [
        "Hi you"
    ]
    assert drawn(reply) == ["Hi you"]


def test_blocks_stand_apart_and_calls_together() -> None:
    rows = drawn(*turn(call(), call(name="c2")))
    assert rows == [
        "› push it, “please”",
        "",
        "Pushing.",
        "",
        "● git.push branch:origin/main · done",
        WITH,
        "● git.push branch:origin/main · done",
        WITH,
        "",
        "done · 10 in, 2 out",
    ]


def test_a_long_prompt_is_shown_in_part_and_says_so() -> None:
    rows = drawn(Prompt(turn=1, text="\n".join(map(str, range(5_000)))))
    assert len(rows) == 31
    assert rows[-1].strip() == "… 4,970 more lines"


def test_a_call_unfolds_to_all_that_is_known_of_it() -> None:
    screen = Transcript(Capabilities(), lambda: 80)
    for event in call("ask"):
        list(screen.show(event))
    text = "\n".join(map(text_of, screen.unfolded()))
    for part in ('{"branch":"main"}', "Force pushes", "answered yes by ana", "done"):
        assert part in text
    assert screen.unfolded(2) == []


def test_nothing_that_a_tool_says_moves_the_terminal() -> None:
    nasty = "\x1b[2Jgone\r\nand \x9b31m more\u202e"
    done = ToolFinished(turn=1, call="c1", outcome="ok", text=nasty, view=nasty)
    decision = Decision("deny", nasty, grant=nasty)
    rows = [*drawn(judged("allow"), done), *drawn(replace(judged("deny"), decision=decision))]
    assert all(row.isprintable() for row in rows)


def test_a_turn_that_was_stopped_says_that_its_work_stays() -> None:
    assert drawn(TurnCut(turn=1, err="cancelled")) == ["stopped; what was done so far stays"]


def test_a_service_that_fails_again_and_again_is_told_once_and_then_by_its_attempts() -> None:
    def failed(attempt: int, err: str = "overloaded", again: int | None = 500) -> ModelFailed:
        return ModelFailed(
            turn=1, model="m", err=err, attempt=attempt, reason="too much", retry_in_ms=again
        )

    rows = drawn(failed(1), failed(2), failed(3), failed(4, "connection"), failed(5, again=None))
    assert rows == [
        "! the model service failed (overloaded): too much; attempt 2 in 0.5 s",
        "  attempt 3 in 0.5 s",
        "  attempt 4 in 0.5 s",
        "! the model service failed (connection): too much; attempt 5 in 0.5 s",
        "! the model service failed (overloaded): too much",
    ]


def test_a_reply_goes_on_at_the_width_that_the_window_has_by_now() -> None:
    window = [80]
    screen = Transcript(Capabilities(), lambda: window[0])
    rows = [*screen.show(TextDelta(turn=1, text="word " * 12 + "\n"))]
    window[0] = 40
    rows += screen.show(TextDelta(turn=1, text="word " * 12 + "\n"))
    assert [len(row) for row in rows_of(rows)] == [59, 39, 19]
