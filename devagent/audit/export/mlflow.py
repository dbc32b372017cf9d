"""MLflow, over its own REST interface and the OTLP endpoint of its server (3.6 or newer, with a database behind it).

A session is an MLflow session, a turn a trace; replies, calls and decisions are its spans, with tokens and cost. What
people and devagent say of a session are assessments: what its user says of an answer, reviewers' marks, and whether
the log verifies. Spans are put under their own ids, so that one that is sent twice is there once; an assessment bears
the id of its event, which is looked for before it is made.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from devagent.audit.export import conventions as names
from devagent.audit.export.http import Answer, Server
from devagent.audit.export.items import AnyItem, Happened, Standing
from devagent.audit.export.spans import Span, spans, trace_id
from devagent.audit.export.target import Batch, ExportError
from devagent.audit.export.telemetry import Telemetry
from devagent.audit.layout import is_ulid
from devagent.core.codec import canonical, parse

_JSON, _PROTOBUF = "application/json", "application/x-protobuf"
_SPAN_TYPES = {"agent": "AGENT", "model": "CHAT_MODEL", "tool": "TOOL", "policy": "GUARDRAIL"}
_SESSION = "mlflow.trace.session"


class _Assessment(Struct, frozen=True):
    """``trace`` is empty where it is of a session that this one only names."""

    event: str
    session: str
    trace: str
    name: str
    value: str | bool
    source: str
    kind: str
    at: int
    rationale: str = ""
    more: dict[str, str] = {}


class Mlflow:
    """An experiment of an MLflow server (a ``Target``)."""

    most_items = 500
    keeps_ids = True

    def __init__(self, server: Server, telemetry: Telemetry, experiment: str) -> None:
        self._server = server
        self._telemetry = telemetry
        self._name = experiment
        self._id = ""
        self.identity = f"mlflow:{server.address}#{experiment}"

    def is_there(self) -> bool:
        return bool(self._found())

    def write(self, batch: Batch, *, again: bool) -> Sequence[str]:
        del again  # the ids are the same
        experiment = self._experiment()
        found = [_for_mlflow(span) for item in batch.items for span in spans(item)]
        if data := self._telemetry.spans(found):
            answer = self._server.post(
                "/v1/traces",
                data,
                _PROTOBUF,
                headers={"x-mlflow-experiment-id": experiment},
                compressed=True,
            )
            if answer.status != 200:
                raise self._server.refused(answer, "the traces")
        notes: list[str] = []
        for one in (a for item in batch.items for a in _assessments(item)):
            notes += self._assess(one)
        return notes

    def _experiment(self) -> str:
        if not self._id:
            self._id = self._found()
        if not self._id:
            answer = self._post("/api/2.0/mlflow/experiments/create", {"name": self._name})
            # Another export may have made it in that moment.
            self._id = self._found() if answer.status == 400 else ""
            if not self._id:
                self._id = str(self._plain(answer, "the experiment").get("experiment_id", ""))
        return self._id

    def _found(self) -> str:
        """The id of the experiment; empty where it is not there. Raises ExportError."""
        name = quote(self._name, safe="")
        answer = self._server.get(f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}")
        if answer.status == 404:
            return ""
        match self._plain(answer, "a question for its experiment"):
            case {"experiment": {"experiment_id": str(found), **rest}}:
                if rest.get("lifecycle_stage") == "deleted":
                    raise ExportError(
                        f"The experiment {self._name} of {self._server.address} is deleted.",
                        hint="Restore it, or name another with --experiment.",
                    )
                return found
            case _:
                raise ExportError(f"{self._server.address} is no MLflow server.")

    def _assess(self, one: _Assessment) -> Sequence[str]:
        trace = one.trace or self._first_trace(one.session)
        path = f"/api/3.0/mlflow/traces/{quote(trace, safe='')}"
        known = self._server.get(path) if trace else Answer(404, b"")
        if known.status == 404:
            return [
                f"{one.event}: {one.name} is of session {one.session}, which the experiment does not have"
            ]
        match self._plain(known, "a question for a trace"):
            case {"trace": {"trace_info": {"assessments": list(assessments)}}}:  # pyright: ignore[reportUnknownVariableType]
                if any(_is_of(each, one.event) for each in assessments):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
                    return ()
            case _:
                pass
        at = datetime.fromtimestamp(one.at / 1e6, UTC).isoformat().replace("+00:00", "Z")
        answer = self._post(
            f"{path}/assessments",
            {
                "assessment": {
                    "assessment_name": one.name,
                    "trace_id": trace,
                    "source": {"source_type": one.kind, "source_id": one.source},
                    "create_time": at,
                    "last_update_time": at,
                    "feedback": {"value": one.value},
                    "rationale": one.rationale,
                    "metadata": {names.EVENT: one.event, _SESSION: one.session, **one.more},
                }
            },
        )
        if answer.status != 200:
            raise self._server.refused(answer, "an assessment")
        return ()

    def _first_trace(self, session: str) -> str:
        answer = self._post(
            "/api/3.0/mlflow/traces/search",
            {
                "locations": [
                    {
                        "type": "MLFLOW_EXPERIMENT",
                        "mlflow_experiment": {"experiment_id": self._experiment()},
                    }
                ],
                "filter": f"metadata.`{_SESSION}` = '{session}'",
                "order_by": ["timestamp_ms ASC"],
                "max_results": 1,
            },
        )
        match self._plain(answer, "a question for a session"):
            case {"traces": [{"trace_id": str(found)}, *_]}:
                return found
            case _:
                return ""

    def _post(self, path: str, plain: dict[str, Any]) -> Answer:
        return self._server.post(path, canonical(plain), _JSON)

    def _plain(self, answer: Answer, what: str) -> dict[str, Any]:
        if answer.status != 200:
            raise self._server.refused(answer, what)
        try:
            plain = parse(answer.body)
        except ValueError as e:
            raise ExportError(f"{self._server.address} is no MLflow server: {e}.") from e
        return plain if isinstance(plain, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _for_mlflow(span: Span) -> Span:
    """With the attributes by which MLflow's own pages find type, cost and tags."""
    more = span.attributes
    more["mlflow.spanType"] = _SPAN_TYPES[span.kind]
    if span.kind == "model" and isinstance(usd_micros := more.get(names.COST), int):
        more["mlflow.llm.cost"] = canonical({"total_cost": usd_micros / 1e6}).decode()
    if span.kind == "agent":
        for name in (names.TEAM, names.PRINCIPAL, names.ON_BEHALF_OF, names.MODE, names.EVENT):
            if value := more.get(name):
                more[f"mlflow.traceTag.{name}"] = str(value)
    return span


def _assessments(item: AnyItem) -> Iterator[_Assessment]:
    match item:
        case Standing(about=about, verdict=verdict) if item.first_trace >= 0:
            yield _Assessment(
                item.id,
                about.sid,
                f"tr-{trace_id(about.sid, item.first_trace).hex()}",
                names.VERIFIED,
                verdict.ok,
                "devagent session verify",
                "CODE",
                item.ended,
                verdict.problem,
                {
                    names.VERIFIED_EVENTS: str(verdict.events),
                    names.SIGNED_EVENTS: str(verdict.signed),
                    names.TREE_ROOT: verdict.root,
                },
            )
        case Happened(type="review.marked", fields={"reviewed": str(sid), "mark": str(mark)}) if (
            is_ulid(sid)
        ):
            flags: list[object] = item.fields.get("flags") or []
            yield _Assessment(
                item.id,
                sid,
                "",
                "devagent.review",
                mark,
                str(item.about.who),
                "HUMAN",
                item.ended,
                str(item.body.get("note", "")),
                {"devagent.review.flags": ", ".join(map(str, flags))} if flags else {},
            )
        case Happened(type="feedback.given", fields={"rating": str(rating)}) if item.trace >= 0:
            yield _Assessment(
                item.id,
                item.about.sid,
                f"tr-{trace_id(item.about.sid, item.trace).hex()}",
                "devagent.feedback",
                rating,
                str(item.about.who),
                "HUMAN",
                item.ended,
                str(item.body.get("note", "")),
            )
        case _:
            pass


def _is_of(assessment: Any, event: str) -> bool:
    match assessment:
        case {"metadata": {names.EVENT: found}}:
            return bool(found == event)
        case _:
            return False
