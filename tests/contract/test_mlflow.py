"""Exports to a real MLflow server: sessions, traces, spans, tokens, cost and assessments, each there once."""

import json
import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from devagent.audit.device import Device
from devagent.audit.export import conventions as names
from devagent.audit.export.http import Answer, Server
from devagent.audit.export.mlflow import Mlflow
from devagent.audit.export.target import Batch, ExportError
from devagent.audit.export.telemetry import Telemetry
from devagent.audit.marks import Marking, Reviewer
from devagent.core.events.people import FeedbackGiven, ReviewMarked
from devagent.core.principal import Principal
from tests.support.exported import SECRET, Killed, a_turn, ended_session, export, fleet, who
from tests.support.mlflow_server import mlflow_server
from tests.support.otlp_receiver import receiving
from tests.unit.audit.test_export_run import damaged_at

AT = 1_800_000_000_000_000


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


def target(url: str, experiment: str) -> Mlflow:
    return Mlflow(Server(url), Telemetry("1.2.3"), experiment)


class Experiment:
    """What the server says of an experiment, asked over its own interface."""

    def __init__(self, url: str, name: str) -> None:
        self._server = Server(url)
        found = self._ask(self._server.get(f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}"))  # fmt: skip
        self._id = found["experiment"]["experiment_id"]

    def traces(self, where: str = "") -> list[dict[str, Any]]:
        location = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": self._id}}
        question: dict[str, Any] = {
            "locations": [location],
            "max_results": 500,
            "order_by": ["timestamp_ms ASC"],
        }
        if where:
            question["filter"] = where
        answer = self._server.post("/api/3.0/mlflow/traces/search", json.dumps(question).encode(), "application/json")  # fmt: skip
        return self._ask(answer).get("traces", [])

    def spans(self, trace: str) -> list[dict[str, Any]]:
        found = self._ask(self._server.get(f"/api/3.0/mlflow/traces/get?trace_id={trace}"))
        return found["trace"]["spans"]

    def _ask(self, answer: Answer) -> dict[str, Any]:
        assert answer.status == 200, answer.body
        return json.loads(answer.body)


def attributes(span: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


def test_a_session_is_an_mlflow_session_and_its_turns_are_traces(url: str, tmp_path: Path) -> None:
    folder = ended_session(
        tmp_path / "sessions",
        [who("ana", "eng"), *a_turn(1), *a_turn(2)],
        at_us=AT,
        device=Device(str(tmp_path)),
    )
    sid = os.path.basename(folder)
    assert export(target(url, "turns"), tmp_path, tmp_path / "sessions").ok
    there = Experiment(url, "turns")
    traces = there.traces(f"metadata.`mlflow.trace.session` = '{sid}'")
    assert len(traces) == 2
    for trace in traces:
        about = trace["trace_metadata"]
        assert about["mlflow.trace.user"] == "ana"
        assert trace["state"] == "OK"
        assert trace["tags"]["devagent.team"] == "eng"
        usage = json.loads(about["mlflow.trace.tokenUsage"])
        assert (usage["input_tokens"], usage["output_tokens"], usage["cache_read_input_tokens"]) == (137, 20, 30)  # fmt: skip
        assert json.loads(about["mlflow.trace.cost"])["total_cost"] == pytest.approx(0.0015)
    spans = there.spans(traces[0]["trace_id"])
    kinds = sorted(attributes(span)["mlflow.spanType"].strip('"') for span in spans)
    assert kinds == ["AGENT", "CHAT_MODEL", *["GUARDRAIL"] * 4, *["TOOL"] * 4]
    assert SECRET not in json.dumps(spans)
    decided = [attributes(span) for span in spans if span["name"].startswith("devagent.policy")]
    assert [one[names.POLICY_EFFECT].strip('"') for one in decided] == ["allow", "deny", "ask", "ask"]  # fmt: skip
    (assessment,) = traces[0]["assessments"]
    assert (assessment["assessment_name"], assessment["feedback"]["value"]) == (names.VERIFIED, True)  # fmt: skip
    assert assessment["metadata"]["mlflow.trace.session"] == sid
    assert assessment["source"]["source_type"] == "CODE"


def test_reviewers_marks_and_a_log_that_does_not_verify_are_assessments(
    url: str, tmp_path: Path
) -> None:
    sessions = tmp_path / "sessions"
    folder = ended_session(sessions, [who("ana"), *a_turn()], at_us=AT)
    sid = os.path.basename(folder)
    damaged_at(folder, 0)
    reviewer = Reviewer(str(sessions), Principal(user="mira"), {}, Device(str(tmp_path)))
    with Marking(reviewer) as marking:
        for reviewed in (sid, "01MCC5RM000000000000000009"):
            marking.mark(
                ReviewMarked(reviewed=reviewed, size=3, root="x", mark="escalated", verified="failed", flags=("denied",), note="why?")
            )  # fmt: skip
    tally = export(target(url, "marks"), tmp_path, sessions)
    assert [one.sid for one in tally.unverified] == [sid]
    assert len(tally.notes) == 1  # the other session is not in the experiment
    assert "which the experiment does not have" in tally.notes[0]
    (trace,) = Experiment(url, "marks").traces()
    found = {one["assessment_name"]: one for one in trace["assessments"]}
    assert found[names.VERIFIED]["feedback"]["value"] is False
    assert "prev is not the hash" in found[names.VERIFIED]["rationale"]
    mark = found["devagent.review"]
    assert (mark["feedback"]["value"], mark["source"]) == ("escalated", {"source_type": "HUMAN", "source_id": "mira"})  # fmt: skip
    assert "rationale" not in mark  # the note is content


@pytest.mark.parametrize("content", [False, True])
def test_what_a_person_said_of_an_answer_stands_on_its_turn(
    url: str, tmp_path: Path, content: bool
) -> None:
    sessions, experiment = tmp_path / "sessions", f"said-{content}"
    bad = FeedbackGiven(
        turn=1, principal=Principal(user="ana"), agent="x", rating="bad", note="Too long"
    )
    ended_session(sessions, [who("ana"), *a_turn(1), *a_turn(2), bad], at_us=AT)
    export(target(url, experiment), tmp_path, sessions, content=content)
    first, second = Experiment(url, experiment).traces()
    found = {one["assessment_name"]: one for one in first["assessments"]}
    said = found["devagent.feedback"]
    assert said["feedback"]["value"] == "bad"
    assert said["source"] == {"source_type": "HUMAN", "source_id": "ana"}
    assert said.get("rationale") == ("Too long" if content else None)
    assert "assessments" not in second


def test_content_goes_to_mlflow_only_where_it_is_asked_for(url: str, tmp_path: Path) -> None:
    ended_session(tmp_path / "sessions", [who("ana"), *a_turn()], at_us=AT)
    export(target(url, "content"), tmp_path, tmp_path / "sessions", content=True)
    there = Experiment(url, "content")
    (trace,) = there.traces()
    assert "push it" in trace["request_preview"]
    assert f"{SECRET} answered" in trace["response_preview"]
    assert f"{SECRET} result" in json.dumps(there.spans(trace["trace_id"]))


class Dropped(Mlflow):
    """The server takes a batch, and no answer comes back."""

    def write(self, batch: Batch, *, again: bool) -> Sequence[str]:
        super().write(batch, again=again)
        raise ExportError("The connection was lost.")


def test_what_the_server_took_without_our_knowing_is_there_once(url: str, tmp_path: Path) -> None:
    fleet(tmp_path / "sessions", 1)
    dropped = Dropped(Server(url), Telemetry("1"), "dropped")
    dropped.most_items = 9
    with pytest.raises(ExportError):
        export(dropped, tmp_path, tmp_path / "sessions")
    with pytest.raises(ExportError):
        export(dropped, tmp_path, tmp_path / "sessions")
    tally = export(target(url, "dropped"), tmp_path, tmp_path / "sessions")
    assert (tally.ok, tally.resent) == (True, 1)
    there = Experiment(url, "dropped")
    traces = there.traces()
    assert len(traces) == 3
    assert sorted(len(there.spans(one["trace_id"])) for one in traces) == [10, 10, 10]
    assert sum(len(one.get("assessments", [])) for one in traces) == 2
    usage = [json.loads(one["trace_metadata"]["mlflow.trace.tokenUsage"]) for one in traces]
    assert [one["input_tokens"] for one in usage] == [137] * 3


def test_an_assessment_is_made_once_wherever_it_is_cut_off(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(tmp_path / "sessions", 1)
    real = Server.post

    def mortal(self: Server, path: str, *args: Any, **named: Any) -> Answer:
        answer = real(self, path, *args, **named)
        if path.endswith("/assessments"):
            raise Killed
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(Server, "post", mortal)
        with pytest.raises(Killed):
            export(target(url, "cut"), tmp_path, tmp_path / "sessions")
    assert export(target(url, "cut"), tmp_path, tmp_path / "sessions").resent == 1
    traces = Experiment(url, "cut").traces()
    assert sum(len(one.get("assessments", [])) for one in traces) == 2
    assert target(url, "cut").is_there()
    assert not target(url, "never made").is_there()


def test_a_server_that_is_none_of_mlflow_is_told_so(tmp_path: Path) -> None:
    fleet(tmp_path / "sessions", 1)
    with receiving() as other, pytest.raises(ExportError):
        export(target(other.url, "x"), tmp_path, tmp_path / "sessions")
