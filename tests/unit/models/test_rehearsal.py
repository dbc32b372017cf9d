"""Rehearsals: a script plays the model's part, says so, and never pretends."""

from pathlib import Path
from typing import Any

import pytest

from devagent.core.errors import ConfigError
from devagent.core.events.model import ModelReplied, TextDelta
from devagent.core.ports import ModelRequest
from devagent.core.usage import Usage
from devagent.models.rehearsal import Rehearsal
from devagent.models.script import parse_script
from tests.support.model_client import ask, events, replied, tool

TOUR = """
name = "tour"

[[reply]]
text = "You said: {{prompt}}"
[[reply.call]]
name = "history"
tool = "git.log"
args = { limit = 3, note = "for {{prompt}}" }

[[reply]]
when = { history = "denied" }
text = "I was refused: {{result:history:line 1}}"

[[reply]]
when = { history = "ok" }
text = "The newest is {{result:history:after commit}} by {{result:history:line -1}}."
[[reply.call]]
tool = "git.show"
args = { commit = "{{result:history:line 1}}" }

[[reply]]
text = "Done."
"""
OFFERED = (tool("git.log"), tool("git.show"))


def rehearsal(text: str = TOUR) -> Rehearsal:
    return Rehearsal(parse_script(text, "tour.toml"))


class Conversation:
    """What the loop would do: keep the messages, hand results back."""

    def __init__(self, text: str = TOUR) -> None:
        self.model = rehearsal(text)
        self.messages: list[dict[str, Any]] = []

    def request(self) -> ModelRequest:
        return ask(messages=self.messages, tools=OFFERED)

    async def say(self, content: Any) -> ModelReplied:
        self.messages.append({"role": "user", "content": content})
        reply = replied(await events(self.model, self.request()))
        self.messages.append({"role": "assistant", "content": reply.content})
        return reply

    async def answer(self, text: Any, *, failed: bool = False) -> ModelReplied:
        calls = [b for b in self.messages[-1]["content"] if b["type"] == "tool_use"]
        return await self.say(
            [
                {"type": "tool_result", "tool_use_id": c["id"], "content": text, "is_error": failed}
                for c in calls
            ]
        )


async def test_the_first_reply_says_that_a_script_speaks() -> None:
    reply = await Conversation().say("hi")
    assert reply.text.startswith("[Rehearsal “tour”: a script speaks here, not a model.")
    assert reply.text.endswith("You said: hi")
    assert (reply.model, reply.usage, reply.cost) == ("rehearsal:tour", Usage(), None)


async def test_text_comes_in_a_few_deltas_that_make_the_reply() -> None:
    seen = await events(rehearsal(), ask("hello there"))
    deltas = [event.text for event in seen if isinstance(event, TextDelta)]
    assert 1 < len(deltas) <= 8
    assert "".join(deltas) == replied(seen).text


async def test_calls_take_values_from_the_prompt_and_from_results() -> None:
    talk = Conversation()
    first = await talk.say("the log")
    assert first.stop == "tool_use"
    assert [(c.name, c.args) for c in first.calls] == [
        ("git__log", {"limit": 3, "note": "for the log"})
    ]
    second = await talk.answer("commit a1b2\nAna")
    assert second.text == "The newest is a1b2 by Ana."
    assert second.calls[0].args == {"commit": "commit a1b2"}
    last = await talk.answer([{"type": "text", "text": "diff"}])
    assert (last.text, last.stop) == ("Done.", "end_turn")


async def test_a_denial_takes_the_other_way() -> None:
    talk = Conversation()
    await talk.say("x")
    reply = await talk.answer("Not allowed: no history for you", failed=True)
    assert reply.text == "I was refused: Not allowed: no history for you"
    assert (await talk.say("next")).text == "Done."


async def test_a_failure_is_neither_ok_nor_denied() -> None:
    talk = Conversation()
    await talk.say("x")
    assert (await talk.answer("no such branch", failed=True)).text == "Done."


async def test_a_script_that_has_run_out_says_so_each_time() -> None:
    talk = Conversation('name = "a"\n[[reply]]\ntext = "b"')
    await talk.say("1")
    for prompt in ("2", "3"):
        reply = await talk.say(prompt)
        assert "no further reply" in reply.text
        assert reply.stop == "end_turn"


async def test_a_tool_that_is_not_offered_is_not_called() -> None:
    script = 'name = "a"\n[[reply]]\n[[reply.call]]\ntool = "sql.query"\n'
    reply = await Conversation(script).say("x")
    assert "sql.query, which is not offered" in reply.text
    assert reply.calls == ()
    forced = await Conversation(script + "unlisted = true").say("x")
    assert [call.name for call in forced.calls] == ["sql__query"]


async def test_where_it_stands_is_read_from_the_conversation_alone() -> None:
    talk = Conversation()
    await talk.say("x")
    await talk.answer("commit a\nAna")
    again = rehearsal()
    talk.messages.append({"role": "user", "content": "go on"})
    assert replied(await events(again, talk.request())).text == "Done."


JSON = """
name = "json"
[[reply]]
[[reply.call]]
name = "q"
tool = "git.log"
[[reply]]
text = "{{result:q:json rows.0.name}} {{result:q:json rows.0}}"
[[reply.call]]
tool = "git.show"
args = { n = "{{result:q:json rows.0.n}}", all = ["{{result:q:json rows}}"], s = "n={{result:q:json rows.0.n}}" }
"""


async def test_json_values_keep_their_type_where_they_stand_alone() -> None:
    talk = Conversation(JSON)
    await talk.say("x")
    reply = await talk.answer('{"rows": [{"name": "Bo", "n": 7}]}')
    assert reply.text == 'Bo {"n":7,"name":"Bo"}'
    assert reply.calls[0].args == {"n": 7, "all": [[{"name": "Bo", "n": 7}]], "s": "n=7"}


@pytest.mark.parametrize(
    "result", ["no json", "{}", '{"rows": []}', '{"rows": {"0": 1}}', "[" * 99]
)
async def test_a_value_that_is_not_there_ends_the_script_clearly(result: str) -> None:
    talk = Conversation(JSON)
    await talk.say("x")
    reply = await talk.answer(result)
    assert reply.text.startswith("The rehearsal “json” stops here: the result of 'q' has no")
    assert reply.calls == ()


async def test_what_a_result_holds_is_never_read_as_a_placeholder() -> None:
    talk = Conversation()
    await talk.say("x")
    reply = await talk.answer("commit {{prompt}}\n{{result:history}}")
    assert reply.text == "The newest is {{prompt}} by {{result:history}}."


async def test_a_long_result_is_cut_in_a_text() -> None:
    script = TOUR.replace("{{result:history:after commit}}", "{{result:history}}")
    talk = Conversation(script)
    await talk.say("x")
    assert len((await talk.answer("y" * 100_000)).text) < 5_000 + 4_000


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("name = ", 1, "Invalid value"),
        ('name = "a"\n[[reply]\n', 2, ""),
        ('name = "a"\n[[reply]]\ntext = "unclosed\n', 3, ""),
        ('name = "a"', 1, "reply"),
        ('name = "a"\nreply = []', 1, "at least one"),
        ('name = "a"\n[[reply]]\n[[reply]]\ntxt = "b"', 3, "txt"),
        ('name = "a"\n[[reply]]\n\n[[reply.call]]\ntool = "b"\n[[reply.call]]\nx = 1', 6, "x"),
        ('name = "a"\n[[reply]]\nwhen = { z = "ok" }', 2, "no earlier call: 'z'"),
        ('name = "a"\n[[reply]]\nwhen = { z = "maybe" }', 2, "maybe"),
        ('name = "a"\n[[reply]]\ntext = "{{result:z}}"', 2, "no earlier call is named 'z'"),
        ('name = "a"\n[[reply]]\ntext = "{{env:HOME}}"', 2, "begins no placeholder"),
        (TOUR.replace("line -1", "line 0"), 15, "other than 0"),
        (TOUR.replace("line -1", "regex .*"), 15, "selector"),
        (TOUR.replace("line -1", "line"), 15, "selector"),
    ],
)
def test_a_fault_in_a_script_is_told_with_file_and_line(text: str, line: int, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_script(text, "tour.toml")
    assert str(caught.value).startswith(f"tour.toml:{line}:")
    assert what in caught.value.what


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('name = "a"\nreplies = []', "Did you mean 'reply'?"),
        ('name = "a"\n[[reply]]\ncalls = []', "Did you mean 'call'?"),
        ('name = "a"\n[[reply]]\n[[reply.call]]\ntool = "b"\nfoo = 1', "Known keys: tool, name, args, unlisted."),
    ],
)  # fmt: skip
def test_an_unknown_key_of_a_script_is_told_with_those_that_are_known(text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match="unknown key") as caught:
        parse_script(text, "tour.toml")
    assert caught.value.hint == hint


def test_a_script_that_cannot_be_read_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        Rehearsal.load(str(tmp_path / "none.toml"))
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe4"')
    with pytest.raises(ConfigError, match="cannot be read"):
        Rehearsal.load(str(tmp_path / "latin.toml"))
