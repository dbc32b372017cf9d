"""``devagent session report`` and ``export``: what a reviewer is told, and that no record becomes markup."""

import hashlib
import html
import json
import re
import stat
import tracemalloc
from base64 import b64encode
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from devagent.audit.device import Device
from devagent.audit.layout import BODIES, EVENTS
from devagent.audit.reader import read
from devagent.audit.reveal import revealed
from devagent.audit.review import entries
from devagent.audit.reviewed_calls import is_diff
from devagent.audit.summary import Summary
from devagent.audit.writer import SessionLog
from devagent.cli.session import session
from devagent.core.codec import canonical, parse, sha256
from devagent.core.errors import UsageError
from devagent.core.events import Event
from devagent.core.events.calls import Approval, ApprovalAsked, ToolJudged
from devagent.core.events.model import ModelReplied
from devagent.core.events.session import ErrorRaised, SessionEnded
from devagent.core.events.turns import Prompt
from devagent.core.resources import Resource
from devagent.core.verdicts import RuleReference
from devagent.settings.places import places
from tests.support.log_events import ANA, call, started, story, turn, write_story
from tests.support.reviewed import DIFF, ask, emails, hostile


def run(*args: str) -> Result:
    return CliRunner().invoke(session, args)


@pytest.fixture
def folder() -> Path:
    """The e-mail session, signed."""
    device = Device(places().data)
    with SessionLog.create(places().sessions, device=device) as log:
        for event in emails():
            log.write(event)
    return Path(log.folder)


class Page(HTMLParser):
    """A page as a browser takes it apart: its tags with their attributes, its text, its blocks."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self._in: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._in.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        while self._in and self._in.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._in and self._in[-1] == "script":
            attrs, text = self.scripts[-1]
            self.scripts[-1] = (attrs, text + data)
        elif not (self._in and self._in[-1] == "style"):
            self.text += data

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._lines()]

    def _lines(self) -> Iterator[str]:
        for attrs, text in self.scripts:
            if "data-kinds" in attrs:
                lines = text.strip().split("\n")
                assert (
                    len(lines) == len(attrs["data-kinds"] or "") == len(attrs["data-flags"] or "")
                )
                yield from lines


def page(*args: str) -> Page:
    done = run("report", *args)
    assert done.exit_code == 0, done.exception
    return Page(done.stdout)


def test_a_reviewer_with_only_the_page_can_say_who_read_what_under_which_rule(
    folder: Path,
) -> None:
    text = page(folder.name).text
    assert "The log is whole and unchanged" in text
    assert f"verify: ok {folder.name}" in text
    assert "ana for customer-care" in text
    rows = [
        " ".join(html.unescape(row).split())
        for row in re.findall(r"<tr>.*?</tr>", run("report").stdout)
    ]
    (touched,) = [re.sub(r"<[^>]+>", " ", row).split() for row in rows if "<code>shop.main" in row]
    assert touched == [
        "shop.main.customers.email",
        "read",
        "pii.email",
        "1",
        "1",
        "org/acme#no-force",
        "bo",
        "5",
    ]
    asked = next(re.sub(r"<[^>]+>", " ", row) for row in rows if "approved" in row)
    assert "by bo" in asked
    assert "after 400 ms" in asked
    assert "org/acme#no-force (org.toml:14)" in asked
    assert "1 approval given in less than a second." in text
    assert "1 result with a diff." in text
    assert "$0.1235" in text


def test_each_call_is_one_entry_with_all_that_belongs_to_it(folder: Path) -> None:
    found = page(folder.name).entries
    denied, approved = (one["call"] for one in found if one["kind"] == "call")
    assert (denied["status"], denied["effect"], "outcome" in denied) == ("denied", "deny", False)
    assert denied["determining"][0]["file"] == "org.toml"
    assert approved["status"] == "approved"
    shown = "sql.query (read)\n  read column:shop.main.customers.email"
    assert approved["approval"] == {
        "digest": sha256(shown.encode()), "shown": shown, "answer": "yes", "by": "bo", "method": "terminal", "scope": "once", "latency_us": 400_000,
        "comment": "go on", "seq": 10,
    }  # fmt: skip
    assert (approved["judged"], approved["finished"], approved["outcome"]) == (8, 12, "ok")
    assert (approved["result"], approved["diff"]) == (DIFF, True)
    assert [one["kind"] for one in found] == [
        *("session", "prompt", "reply", "call", "call", "reply", "turn", "session")
    ]


def test_a_text_that_is_not_the_one_that_was_approved_is_told() -> None:
    answer = Approval("yes", "bo", "terminal", shown="00" * 32)
    write_story(places().sessions, [started(), *turn(ask(answer))])
    assert "not the text shown" in page().text
    assert page().entries[3]["call"]["approval"]["matches"] is False


def test_a_reply_whose_text_is_none_is_shown_without_it() -> None:
    odd: list[dict[str, Any]] = [
        {"type": "text", "text": ["x"]},
        {"type": "text"},
        {"type": "text", "text": "and so on"},
    ]
    reply = ModelReplied(turn=1, model="m", stop="end_turn", content=odd)
    write_story(places().sessions, [started(), *turn()[:-2], reply])
    (entry,) = [one for one in page().entries if one["kind"] == "reply"]
    assert entry["text"] == "and so on"
    assert run("search", "so", "on").stdout
    assert "and so on" in run("show").stdout


def test_the_page_loads_nothing_and_allows_only_its_own_style_and_script(folder: Path) -> None:
    text = run("report", folder.name).stdout
    found = Page(text)
    policy = next(
        a["content"] for _, a in found.tags if a.get("http-equiv") == "Content-Security-Policy"
    )
    (script,) = [text for attrs, text in found.scripts if "data-kinds" not in attrs]
    style = text.partition("<style>")[2].partition("</style>")[0]
    for name, own in (("script-src", script), ("style-src", style)):
        digest = b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in (policy or "")
    assert (policy or "").startswith("default-src 'none';")
    for tag, attributes in found.tags:
        assert tag not in ("img", "iframe", "object", "embed", "form", "link", "base", "svg")
        assert not {"src", "style", "action"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
        "http",
    ):
        assert word not in script


def test_the_page_can_be_used_with_the_keyboard_and_says_what_things_are(folder: Path) -> None:
    found = page(folder.name)
    labels = {a["for"] for tag, a in found.tags if tag == "label"}
    controls = [a.get("id") for tag, a in found.tags if tag in ("input", "select")]
    assert labels == set(controls) == {"query", "choice"}
    assert next(a for tag, a in found.tags if tag == "a") == {"class": "skip", "href": "#timeline"}
    assert ("html", {"lang": "en"}) in found.tags
    anchors = {a["id"] for _, a in found.tags if "id" in a}
    assert {"who", "held", "data", "rules", "cost", "timeline"} <= anchors
    assert all(a.get("scope") == "col" for tag, a in found.tags if tag == "th")
    assert any(a.get("aria-live") == "polite" for _, a in found.tags)


HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ufeff]")


@pytest.mark.parametrize("full", [(), ("--full",)])
def test_no_text_of_a_record_becomes_markup_or_a_control_character(full: tuple[str, ...]) -> None:
    write_story(places().sessions, hostile())
    plain = write_story(f"{places().sessions}2", [started(), *turn(call("ask", "c1"), call("deny", "c2")), ErrorRaised(err="e", reason="r"), SessionEnded(stop="done", exit_code=0)])  # fmt: skip
    text = run("report", *full).stdout
    found, harmless = Page(text), Page(run("report", plain).stdout)
    assert {tag for tag, _ in found.tags} <= {tag for tag, _ in harmless.tags}
    assert len(found.scripts) == 2
    assert not HIDDEN.search(text)
    assert "evil.example" in found.text
    assert "⟦U+202E⟧gnp.exe" in found.text
    prompt = next(one for one in found.entries if one["kind"] == "prompt")
    assert prompt["text"].startswith("</script><script>alert(1)</script><img")
    assert "⟦U+001B⟧]0;owned⟦U+0007⟧red ⟦U+200B⟧zero" in prompt["text"]
    assert prompt["hidden"] == 7


@pytest.mark.parametrize(
    "command", [("report",), ("report", "--format", "json"), ("export", "--format", "markdown")]
)
def test_a_question_that_nobody_answered_is_harmless_too(command: tuple[str, ...]) -> None:
    *asked, _, _, _ = ask(Approval("yes", "bo", "terminal"), "\x1b]0;owned\x07 push \u202egnp.exe")
    assert isinstance(asked[-1], ApprovalAsked)
    write_story(places().sessions, [started(), *turn(asked)[:-1]])
    text = run(*command).stdout
    assert not HIDDEN.search(text)
    assert "⟦U+202E⟧gnp.exe" in text


@pytest.mark.parametrize("command", [("report",), ("export",)])
def test_no_text_of_a_record_becomes_markdown(command: tuple[str, ...]) -> None:
    write_story(places().sessions, hostile())
    text = run(*command, "--format", "markdown").stdout
    assert not HIDDEN.search(text)
    fence = ""
    for line in text.splitlines():
        bars = re.fullmatch(r"(`{3,})(?:text|diff)?", line)
        if fence:
            fence = "" if line == fence else fence
        elif bars:
            fence = bars[1]
        else:
            outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", line)
            for sign in ("](", "<", "!["):
                assert sign not in outside, line
            assert not line.startswith("# head")
    assert fence == ""


def test_a_changed_log_is_reported_as_changed_and_still_shown(folder: Path) -> None:
    file = folder / EVENTS
    file.write_bytes(file.read_bytes().replace(b'"answer":"yes"', b'"answer":"no"', 1))
    found = page(str(folder))
    assert "The log was changed or damaged" in found.text
    assert "verify: FAILED events.jsonl:12" in found.text
    calls = [one["call"] for one in found.entries if one["kind"] == "call"]
    assert [one.get("status", "open") for one in calls] == ["denied", "declined", "open"]
    lines = file.read_bytes().split(b"\n")
    lines[6] = b"{nonsense"
    file.write_bytes(b"\n".join(lines))
    found = page(str(folder))
    assert "it cannot be read beyond event 5" in found.text
    assert [one["kind"] for one in found.entries] == ["session", "prompt", "reply", "call"]


def test_a_call_without_its_end_and_one_without_a_verdict_are_open() -> None:
    events = [started(), *turn(call("allow", "c1")[:3])[:-1], call("deny", "c2")[0]]
    write_story(places().sessions, events)
    found = [one["call"] for one in page().entries if one["kind"] == "call"]
    assert [
        (
            one["id"],
            one.get("status", "open"),
            one.get("started", False),
            "outcome" in one,
        )
        for one in found
    ] == [
        ("c1", "allowed", True, False),
        ("c2", "open", False, False),
    ]
    assert "1 call without a verdict" in page().text


def test_erased_content_leaves_the_decision_standing(folder: Path) -> None:
    file = folder / BODIES
    bodies = [parse(line) for line in file.read_bytes().splitlines()]
    file.write_bytes(
        b"".join(canonical({"by": 99, "erased": True, "seq": one["seq"]}) + b"\n" for one in bodies)
    )
    with_calls = [one for one in entries(read(str(folder))) if one.call]
    assert [one.call.status for one in with_calls if one.call] == ["denied", "approved"]
    assert {one.gone for one in with_calls} == {"erased"}
    assert [one.call.rules for one in with_calls if one.call] == [("org/acme#no-force",)] * 2


def test_json_and_markdown_say_the_same(folder: Path) -> None:
    found = json.loads(run("report", "--format", "json").stdout)
    assert found["integrity"]["ok"] is True
    assert found["integrity"]["key_is"] == "this computer's"
    assert found["integrity"]["signed"] == found["integrity"]["events"] == len(emails())
    touched = found["summary"]["touched"]["column:shop.main.customers.email"]
    assert (touched["ran"], touched["refused"], touched["approved_by"]) == (1, 1, ["bo"])
    assert found["summary"]["models"]["claude-x"]["usd_micros"] == 123_456
    assert [one["seq"] for one in found["timeline"]] == [0, 2, 4, 5, 7, 13, 14, 15]
    text = run("report", "--format", "markdown").stdout
    assert (
        "| `shop.main.customers.email` | read | `pii.email` | 1 | 1 | `org/acme#no-force` | `bo` | 5 |"
        in text
    )


def test_export_as_json_lines_is_the_log_with_its_content(folder: Path) -> None:
    lines = [json.loads(line) for line in run("export").stdout.splitlines()]
    assert [line["seq"] for line in lines] == list(range(len(emails())))
    assert lines[2]["content"] == {"text": "push it, “please”"}
    assert run("export").stdout == run("show", "--format", "json").stdout


def test_export_as_markdown_has_every_text_whole() -> None:
    text = "word " * 20_000
    write_story(places().sessions, [started(), *turn(number=1)[:1], Prompt(turn=1, text=text)])
    assert text in run("export", "--format", "markdown").stdout
    assert page().entries[1]["cut"] == 80_000
    assert page("--full").entries[1]["text"] == text


def test_a_file_is_private_whole_or_not_there_and_never_replaced_unasked(
    folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    assert run("report", "-o", str(file)).exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("mine")
    assert isinstance(run("report", "-o", str(file)).exception, UsageError)
    assert file.read_text() == "mine"
    assert run("report", "-o", str(file), "--force").exit_code == 0
    assert file.read_text().startswith("<!doctype html>")
    assert isinstance(run("export", "-o", str(tmp_path / "no/where")).exception, UsageError)
    assert isinstance(run("export", "nobody", "-o", str(tmp_path / "x")).exception, UsageError)
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]


def test_the_key_that_is_given_is_the_one_that_counts(folder: Path) -> None:
    vkey = Device(places().data).vkey
    assert "checked with given key" in page("--key", vkey).text
    other = Device(str(folder.parent / "other")).vkey
    assert "The log was changed or damaged" in page("--key", other).text
    assert isinstance(run("report", "--key", "nonsense").exception, UsageError)


def test_memory_does_not_grow_with_the_session(tmp_path: Path) -> None:
    def events(calls: int) -> Iterator[Event]:
        yield started()
        for number in range(calls):
            yield from turn(call("allow", f"c{number}", number), number=number)

    peaks: list[int] = []
    for calls in (300, 1_500):
        folder = write_story(str(tmp_path / str(calls)), list(events(calls)))
        out = tmp_path / f"{calls}.html"
        run("report", folder, "-o", str(out))
        tracemalloc.start()
        run("report", folder, "-o", str(out), "--force")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert out.stat().st_size > calls * 400
    assert peaks[1] < peaks[0] + 6_000_000  # the spool in memory, and no more


def test_lists_are_bounded_and_say_what_they_leave_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOST_RESOURCES", "MOST_CALLS", "MOST_RULES"):
        monkeypatch.setattr(f"devagent.audit.summary.{name}", 2)
    calls = [
        [
            replace(e, resources=(Resource(f"path:{n}", "read"),), decision=replace(e.decision, determining=(RuleReference(f"org/a#{n}", "deny", "org"),))) if isinstance(e, ToolJudged) else e
            for e in call("deny", f"c{n}")
        ]
        for n in range(5)
    ]  # fmt: skip
    folder = write_story(places().sessions, [started(), *turn(*calls)])
    summary = Summary()
    for entry in entries(read(folder)):
        summary.apply(entry)
    assert summary.left_out == {"held_up": 3, "touched": 3, "rules": 3}
    assert (len(summary.touched), len(summary.held_up), len(summary.rules)) == (2, 2, 2)
    assert "3 more calls are only in the timeline." in page().text


@pytest.mark.parametrize(
    ("text", "shown", "count"),
    [
        ("plain", "plain", 0),
        ("tab\tand\r\nline", "tab\tand\nline", 0),
        ("\x1b[1;31mred\x1b[0m", "red", 0),
        ("\x1b[2Jgone", "⟦U+001B⟧[2Jgone", 1),
        ("a\u202eb\u200bc\U000e0041", "a⟦U+202E⟧b⟦U+200B⟧c⟦U+E0041⟧", 3),
        ("नमस्ते 👩‍💻", "नमस्ते 👩‍💻", 0),
    ],
)
def test_hidden_characters_are_named_and_colours_dropped(text: str, shown: str, count: int) -> None:
    assert revealed(text) == (shown, count)


def test_a_diff_is_told_from_other_text() -> None:
    assert is_diff(DIFF)
    assert is_diff(f"text before\ndiff --git a b\n{DIFF}")
    for text in ("", "--- \n", "a\n--- b\n+++ c\n", "@@ -1 +1 @@", "+++ a\n@@ x"):
        assert not is_diff(text)


def test_the_story_is_told_whole() -> None:
    folder = write_story(places().sessions, story())
    summary = Summary()
    for record in read(folder):
        summary.see(record)
    for entry in entries(read(folder)):
        summary.apply(entry)
    assert summary.statuses == {"allowed": 1, "denied": 1, "approved": 1, "declined": 1}
    assert (summary.principals, summary.stop, summary.events) == ([str(ANA)], "done", len(story()))


def test_a_log_that_only_its_own_key_vouches_for_is_not_called_unchanged(
    folder: Path, tmp_path: Path
) -> None:
    vkey = Device(places().data).vkey
    for name in ("device.key", "device.vkey"):
        Path(places().data, name).unlink()
    weak = "The log is whole in itself; no key from elsewhere vouches for it"
    found = page(str(folder))
    assert weak in found.text
    assert "self-signed" in found.text
    assert "The log is whole and unchanged" in page(str(folder), "--key", vkey).text
    unsigned = write_story(str(tmp_path), story())
    assert weak in page(unsigned).text
    assert weak in run("report", unsigned, "--format", "markdown").stdout


def test_what_was_redacted_is_counted_and_does_not_make_an_approval_look_forged() -> None:
    def redact(
        header: dict[str, Any], body: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, int]]:
        if "s3cret" not in str(body):
            return header, body, {}
        return header, {**body, "shown": "push with [redacted]"}, {"aws-key": 2}

    shown = "push with s3cret"
    answer = Approval("yes", "bo", "terminal", shown=sha256(shown.encode()), latency_us=5_000_000)
    with SessionLog.create(places().sessions, redact=redact) as log:
        for event in [started(), *turn(ask(answer, shown))]:
            log.write(event)
    found = page()
    (one,) = [one for one in found.entries if one["kind"] == "call"]
    assert (one["redacted"], one["call"]["approval"]["redacted"]) == (2, True)
    assert "matches" not in one["call"]["approval"]
    assert "Redacted before it was recorded: aws-key 2." in found.text
    assert "not the text shown" not in found.text
