"""Exports over OTLP: what arrives, by whom it was, and what happens when the receiver does not answer."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from devagent.audit.device import Device
from devagent.audit.export import conventions as names
from devagent.audit.export.http import Answer, Server
from devagent.audit.export.items import MOST
from devagent.audit.export.otlp import Otlp
from devagent.audit.export.target import ExportError
from devagent.audit.export.telemetry import Telemetry
from devagent.audit.reader import read
from devagent.core.errors import UsageError
from tests.support.exported import (
    SECRET,
    a_turn,
    ended_session,
    export,
    fleet,
    who,
    with_numbers_beyond_all_bounds,
)
from tests.support.otlp_receiver import Receiver, receiving
from tests.unit.audit.test_export_run import damaged_at

AT = 1_800_000_000_000_000


@pytest.fixture
def receiver() -> Generator[Receiver]:
    with receiving() as one:
        yield one


def target(receiver: Receiver, waited: list[float] | None = None, **more: str) -> Otlp:
    server = Server(receiver.url, wait=(waited if waited is not None else []).append, headers=more)
    return Otlp(server, Telemetry("1.2.3"))


def test_a_turn_is_a_trace_of_the_agent_its_replies_its_calls_and_their_decisions(
    receiver: Receiver, tmp_path: Path
) -> None:
    folder = ended_session(tmp_path / "sessions", [who("ana", "eng"), *a_turn()], at_us=AT)
    assert export(target(receiver), tmp_path, tmp_path / "sessions").ok
    spans = receiver.spans()
    assert len({span.trace_id for span, _ in spans}) == 1
    by_name = {span.name: (span, found) for span, found in spans}
    root, about = by_name["invoke_agent devagent"]
    assert not root.parent_span_id
    assert {s.name for s, _ in spans if s.parent_span_id == root.span_id} == {"chat claude-x", "execute_tool git.push"}  # fmt: skip
    assert about[names.CONVERSATION] == os.path.basename(folder)
    chat = by_name["chat claude-x"][1]
    assert (chat[names.OPERATION], chat[names.PROVIDER]) == ("chat", "anthropic")
    assert (chat[names.INPUT_TOKENS], chat[names.OUTPUT_TOKENS], chat[names.COST]) == (137, 20, 1_500)  # fmt: skip
    tools = {span.span_id for span, _ in spans if span.name == "execute_tool git.push"}
    decided = [(s, found) for s, found in spans if s.name == "devagent.policy git.push"]
    assert len(decided) == len(tools) == 4
    assert {span.parent_span_id for span, _ in decided} == tools
    assert [found[names.POLICY_EFFECT] for _, found in decided] == ["allow", "deny", "ask", "ask"]
    assert decided[2][1][names.APPROVAL_BY] == "ana"
    assert all(found[names.POLICY_RULES] == ["org/acme#no-force"] for _, found in decided)
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span, _ in spans)
    errors = [found.get(names.ERROR_TYPE, "") for s, found in spans if s.span_id in tools]
    assert errors == ["", "denied", "", "declined"]


def test_principal_and_team_stand_on_every_span_and_every_record(
    receiver: Receiver, tmp_path: Path
) -> None:
    fleet(tmp_path / "sessions", 1)
    export(target(receiver), tmp_path, tmp_path / "sessions")
    for _, found in [*receiver.spans(), *receiver.records()]:
        whose = (found[names.PRINCIPAL], found[names.TEAM], found[names.USER])
        assert whose in {("ana", "data-eng", "ana"), ("bo for care", "platform/ops", "bo")}
    (request,) = [one for path, one in receiver.taken if path == "/v1/traces"]
    (resource,) = request.resource_spans
    assert resource.schema_url == "https://opentelemetry.io/schemas/1.41.0"
    assert resource.scope_spans[0].scope.name == "devagent"


def test_every_event_is_a_log_record_with_its_id_and_the_verdict_goes_along(
    receiver: Receiver, tmp_path: Path
) -> None:
    sessions = tmp_path / "sessions"
    events = [who("ana"), *a_turn()]
    folder = ended_session(sessions, events, at_us=AT, device=Device(str(tmp_path)))
    damaged = ended_session(sessions, events, at_us=AT + 60_000_000)
    damaged_at(damaged, 0)
    export(target(receiver), tmp_path, sessions)
    records = receiver.records()
    uids = [found[names.LOG_RECORD] for _, found in records]
    assert len(set(uids)) == len(uids)
    sid = os.path.basename(folder)
    assert [uid for uid in uids if uid.startswith(sid)][:-1] == [f"{sid}/{one.seq}" for one in read(folder)]  # fmt: skip
    standing = [found for record, found in records if record.event_name == names.STANDING]
    assert [(found[names.VERIFIED], found.get(names.PROBLEM, "")[:13]) for found in standing] == [
        (True, ""), (False, "events.jsonl:"),
    ]  # fmt: skip
    assert standing[0][names.SIGNED_EVENTS] == len(uids) // 2 - 1
    judged = [found for record, found in records if record.event_name == "devagent.tool.judged"]
    assert [found[names.POLICY_EFFECT] for found in judged[:4]] == ["allow", "deny", "ask", "ask"]
    severities = {record.event_name: record.severity_text for record, _ in records}
    assert severities["devagent.prompt"] == "INFO"
    in_turn = [record for record, _ in records if record.event_name == "devagent.prompt"]
    assert {record.trace_id for record in in_turn} == {span.trace_id for span, _ in receiver.spans()}  # fmt: skip


def test_no_name_of_an_attribute_is_the_beginning_of_another(
    receiver: Receiver, tmp_path: Path
) -> None:
    fleet(tmp_path / "sessions", 1)
    export(target(receiver), tmp_path, tmp_path / "sessions", content=True)
    for _, found in [*receiver.spans(), *receiver.records()]:
        for name in found:  # stores that keep attributes as objects lose one of the two
            assert not [other for other in found if other.startswith(f"{name}.")]


def test_content_is_sent_only_where_it_is_asked_for(receiver: Receiver, tmp_path: Path) -> None:
    ended_session(tmp_path / "sessions", [who("ana"), *a_turn()], at_us=AT)
    export(target(receiver), tmp_path / "a", tmp_path / "sessions")
    assert SECRET not in str(receiver.taken)
    receiver.taken.clear()
    export(target(receiver), tmp_path / "b", tmp_path / "sessions", content=True)
    (answer,) = [found[names.OUTPUT_MESSAGES] for span, found in receiver.spans() if span.name.startswith("chat")]  # fmt: skip
    assert answer == f'[{{"parts":[{{"content":"{SECRET} answered","type":"text"}}],"role":"assistant"}}]'  # fmt: skip
    results = [found.get(names.TOOL_RESULT) for _, found in receiver.spans()]
    assert results.count(f"{SECRET} result") == 2


@pytest.mark.parametrize("answers", [["drop"] * 4, [200, *["drop"] * 4], [400], [200, 500]])
def test_a_receiver_that_took_it_and_did_not_say_so_gets_the_same_ids_again(
    receiver: Receiver, tmp_path: Path, answers: list[int | str]
) -> None:
    fleet(tmp_path / "sessions", 1)
    receiver.answers = list(answers)
    with pytest.raises(ExportError, match=r"did not take|does not answer"):
        export(target(receiver), tmp_path, tmp_path / "sessions")
    tally = export(target(receiver), tmp_path, tmp_path / "sessions")
    assert tally.ok
    assert tally.resent == 1
    spans = {(span.trace_id, span.span_id): found for span, found in receiver.spans()}
    # 3 turns, 3 replies, 12 calls, 12 decisions: kept by their ids, each is there once.
    assert len(spans) == 30
    uids = {found[names.LOG_RECORD] for _, found in receiver.records()}
    assert len(uids) == tally.events + 2


def test_a_busy_receiver_is_asked_again_a_few_times(receiver: Receiver, tmp_path: Path) -> None:
    fleet(tmp_path / "sessions", 1)
    receiver.answers = [503, 429, 200]
    waited: list[float] = []
    assert export(target(receiver, waited), tmp_path, tmp_path / "sessions").ok
    assert waited == [1.0, 2.0]


def test_what_a_receiver_rejects_is_told(receiver: Receiver, tmp_path: Path) -> None:
    fleet(tmp_path / "sessions", 1)
    receiver.answers = ["reject", "reject"]
    tally = export(target(receiver), tmp_path, tmp_path / "sessions")
    assert not tally.ok
    assert [note.split(" ", 1)[1] for note in tally.notes] == [
        "rejected 2 spans: too old", "rejected 3 log records: too old",
    ]  # fmt: skip


def test_a_redirect_is_not_followed(receiver: Receiver, tmp_path: Path) -> None:
    fleet(tmp_path / "sessions", 1)
    receiver.answers = [307]
    with pytest.raises(ExportError, match="307"):
        export(target(receiver), tmp_path, tmp_path / "sessions")
    assert len(receiver.requests) == 1


def test_a_header_with_a_secret_is_sent_and_told_nowhere(
    receiver: Receiver, tmp_path: Path
) -> None:
    fleet(tmp_path / "sessions", 1)
    receiver.answers = [401]
    with pytest.raises(ExportError) as caught:
        export(target(receiver, Authorization="Bearer s3cret"), tmp_path, tmp_path / "sessions")
    assert receiver.requests[0][1]["authorization"] == "Bearer s3cret"
    assert "s3cret" not in str(caught.value)
    assert "credentials" in str(caught.value)


def test_a_server_that_says_headers_back_does_not_put_them_on_the_screen() -> None:
    server = Server("https://example.com", headers={"Authorization": "Bearer s3cret-of-ours"})
    said = (
        b"bad request: "
        + b"x" * 250
        + b" authorization: Bearer s3cret-of-ours, token s3cret-of-ours"
    )
    assert "s3cr" not in str(server.refused(Answer(400, said), "the traces"))
    assert "bad request" in str(server.refused(Answer(400, said), "the traces"))


def test_what_is_for_this_machine_goes_past_no_proxy(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        fleet(tmp_path / "sessions", 1)
        assert export(
            target(receiver, Authorization="Bearer s3cret"), tmp_path, tmp_path / "sessions"
        ).ok
        assert receiver.requests
        assert not proxy.requests


def test_a_proxy_that_is_none_is_an_error_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "http:/ana:pw4proxy@proxy")
    with pytest.raises(ExportError, match="HTTPS_PROXY") as caught:
        Server("https://example.com").post("/v1/traces", b"x", "text/plain")
    assert "pw4proxy" not in str(caught.value)


def test_numbers_that_otlp_cannot_hold_come_as_the_largest_and_stop_nothing(
    receiver: Receiver, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with_numbers_beyond_all_bounds(tmp_path / "sessions")
    assert len(export(target(receiver), tmp_path, tmp_path / "sessions").unverified) == 1
    assert not caplog.records
    assert {found[names.USER] for _, found in receiver.spans()} == {"ana", "bo"}
    assert MOST in [found.get(names.COST) for _, found in receiver.spans()]


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("http://example.com:4318", {"Authorization": "x"}),
        ("https://ana:pw@example.com", {}),
        ("ftp://example.com", {}),
        ("example.com:4318", {}),
        ("https://example.com/?x=1", {}),
        ("https://[::1", {}),
        ("https://example.com/\r\nHost:", {}),
        ("ht\ntps://example.com", {}),
        ("https://example.com:port", {}),
    ],
)
def test_addresses_that_would_give_secrets_away_are_refused(
    address: str, headers: dict[str, str]
) -> None:
    with pytest.raises(UsageError):
        Server(address, headers=headers)
