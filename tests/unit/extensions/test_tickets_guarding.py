"""Secrets and personal data: found however they are written, on the way in and on the way out."""

import random
from pathlib import Path
from typing import Any

import pytest

from devagent_tickets.contract import TicketsError
from devagent_tickets.guarding import Guard
from devagent_tickets.model import Attachment, Comment, Link, Ticket
from devagent_tickets.rendered import rendered
from devagent_tickets.rich import adf, hypertext, markdown, wiki
from tests.support.synthetic_secrets import ALNUM, of
from tests.support.tickets import local_place

REST = of(random.Random(5), ALNUM, 36)
TOKEN = f"ghp_{REST}"


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    return Guard(local_place(tmp_path))


WRITTEN = [
    TOKEN,
    f"`{TOKEN}`",
    f"```\nexport T={TOKEN}\n```",
    f"[x](https://h.example/?t={TOKEN})",
    f"ghp\\_{REST}",
    f"gh**p_{REST}**",
    f"ghp\\_*{REST}*",
    f"ghp&#95;{REST}",
    f"ghp%5F{REST}",
    f"gh<b>p_{REST}</b>",
    f"ghp_\u200b{REST}",
    f"ghp_\u200d{REST}",
    f"ghp_\u00ad{REST}",
    f"ghp_\ufe0f{REST}",
    f"ghp_\u3164{REST}",
    f"\uff47\uff48\uff50\uff3f{REST}",
    "mail ana.lee%40acme.example",
    "mail ana\\.lee@acme.example",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_it_is_taken_out_of_what_is_read_and_not_let_out(guard: Guard, text: str) -> None:
    shown = guard.text(f"before {text} after")
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert "⟦redacted " in shown
    assert not any(part in shown for part in (REST, "ana", "lee"))
    with pytest.raises(TicketsError) as raised:
        guard.check("body", text)
    assert raised.value.error in ("secret", "personal_data")
    assert REST not in str(raised.value)


def test_text_that_hides_nothing_stays_as_it_is(guard: Guard) -> None:
    for text in (
        "a **bold** `word`, [a link](https://h.example/a%20b), 5 \\* 3 &amp; so",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 and \u0915\u094d\u200d\u0937 and \u2764\ufe0f",
    ):
        assert guard.text(text) == text
        guard.check("body", text)


def test_a_form_of_a_tracker_hides_nothing(guard: Guard) -> None:
    strong: list[dict[str, Any]] = [{"type": "strong"}]
    paragraph = {"type": "paragraph", "content": [
        {"type": "text", "text": "ghp_"}, {"type": "text", "text": REST, "marks": strong},
        {"type": "inlineCard", "attrs": {"url": f"https://h.example/?t={TOKEN}"}},
    ]}  # fmt: skip
    media = {"type": "media", "attrs": {"id": "a", "type": "file", "alt": TOKEN}}
    for blocks in (
        adf.read({"type": "doc", "version": 1, "content": [paragraph, {"type": "mediaSingle", "content": [media]}]}),
        wiki.read(f"ghp_{{color:red}}{REST}{{color}} and [x|https://h.example/?t={TOKEN}] !{TOKEN}.png!"),
        hypertext.read(f"<p>ghp_<i>{REST}</i> gh<!-- x -->p_{REST} <img alt='{TOKEN}'></p>"),
    ):  # fmt: skip
        text = guard.text(markdown.write(blocks))
        assert "⟦redacted " in text
        assert REST not in text


def test_every_field_of_a_ticket_and_a_comment_is_looked_at(guard: Guard) -> None:
    ticket = Ticket(
        project="P", key="P-1", title=f"t {TOKEN}", status=TOKEN, body=TOKEN, assignee=TOKEN, author=TOKEN,
        milestone=TOKEN, labels=(TOKEN,), type=TOKEN, priority=TOKEN, links=(Link("url", TOKEN, TOKEN),),
        attachments=(Attachment(TOKEN, f"https://h.example/{TOKEN}"),), custom={TOKEN: [{"a": TOKEN}]},
    )  # fmt: skip
    assert REST not in repr(guard.ticket(ticket))
    assert REST not in repr(guard.comment(Comment("1", TOKEN, "", TOKEN)))


def test_what_is_seen_knows_where_it_is_written() -> None:
    text = "a\\_b **c** &amp; [d](e)"
    seen = rendered(text)
    assert seen is not None
    assert seen.text == "a_b c & d"
    assert [text[s:e] for s, e in zip(seen.starts, seen.ends, strict=True)] == [
        "a", "\\_", "b", " ", "c", " ", "&amp;", " ", "d",
    ]  # fmt: skip
    assert rendered("plain words") is None
