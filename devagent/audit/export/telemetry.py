"""Spans and log records as OpenTelemetry's own, encoded for OTLP over HTTP. The ``otel`` extra is loaded here.

The SDK's records are made by hand: they are of the past, with ids that are known, and nothing samples or drops them.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from devagent.audit.export import conventions as names
from devagent.audit.export.items import AnyItem, Happened, Standing, bounded
from devagent.audit.export.libraries import need
from devagent.audit.export.spans import Attributes, Span, common, span_id, trace_id
from devagent.core.codec import canonical
from devagent.core.text import one_line

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

_SEVERE = frozenset({"error", "policy.locked", "snapshot.failed"})
_WARNING = frozenset({"model.failed", "budget.stopped", "turn.cut", "extension.refused", "extension.changed", "log.recovered"})  # fmt: skip


class Telemetry:
    """Makes OTLP requests. ``version`` is devagent's. Raises ConfigError where the SDK is not installed."""

    def __init__(self, version: str) -> None:
        try:
            import opentelemetry.exporter.otlp.proto.common._log_encoder as logs  # noqa: PLC0415
            import opentelemetry.exporter.otlp.proto.common.trace_encoder as traces  # noqa: PLC0415
            from opentelemetry import _logs, trace  # noqa: PLC0415  (0.4 s, and only for this)
            from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415
                ExportLogsServiceResponse,
            )
            from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415
                ExportTraceServiceResponse,
            )
            from opentelemetry.sdk import _logs as sdk_logs  # noqa: PLC0415
            from opentelemetry.sdk import resources  # noqa: PLC0415
            from opentelemetry.sdk import trace as sdk_trace  # noqa: PLC0415
            from opentelemetry.sdk.util.instrumentation import (  # noqa: PLC0415
                InstrumentationScope,
            )
        except ImportError as e:
            raise need("otel", "Traces and logs", e) from e
        self._trace_answer, self._log_answer = ExportTraceServiceResponse, ExportLogsServiceResponse
        self._traces, self._logs_encoder = traces, logs
        self._trace, self._logs = trace, _logs
        self._sdk_trace, self._sdk_logs = sdk_trace, sdk_logs
        self._scope = InstrumentationScope(names.SCOPE, version, names.SCHEMA_URL)
        # Not Resource.create: what stands in this process's environment is not what the sessions were run in.
        self._resource: Resource = resources.Resource(
            {names.SERVICE_NAME: "devagent", names.SERVICE_VERSION: version}, names.SCHEMA_URL
        )

    def spans(self, found: Iterable[Span]) -> bytes:
        """A request of OTLP's trace service; empty where there are none."""
        made = [self._span(one) for one in found]
        return self._traces.encode_spans(made).SerializeToString() if made else b""

    def logs(self, items: Iterable[AnyItem]) -> bytes:
        """A request of OTLP's logs service with a record for each event; empty where there are none."""
        made = [self._record(one) for one in items if isinstance(one, Happened | Standing)]
        return self._logs_encoder.encode_logs(made).SerializeToString() if made else b""

    def rejected(self, path: str, body: bytes) -> str:
        """What the answer of that service says it did not take, in a sentence; empty where it took all."""
        try:
            if path == "/v1/traces":
                found = self._trace_answer.FromString(body).partial_success
                number, what = found.rejected_spans, "spans"
            else:
                found = self._log_answer.FromString(body).partial_success
                number, what = found.rejected_log_records, "log records"
        except Exception:  # protobuf's own, whose place has moved between versions
            return ""  # a server that answers 200 with something else has taken it
        return f"rejected {number} {what}: {one_line(found.error_message)}" if number else ""

    def _span(self, one: Span) -> "ReadableSpan":
        trace = self._trace
        context = self._context(one.trace, one.id)
        kind = trace.SpanKind.CLIENT if one.kind == "model" else trace.SpanKind.INTERNAL
        code = trace.StatusCode.ERROR if one.error else trace.StatusCode.UNSET
        return self._sdk_trace.ReadableSpan(
            name=one.name,
            context=context,
            parent=self._context(one.trace, one.parent) if one.parent else None,
            resource=self._resource,
            attributes=_held(one.attributes),
            kind=kind,
            status=trace.Status(code, one.error or None),
            start_time=one.began * 1000,
            end_time=one.ended * 1000,
            instrumentation_scope=self._scope,
        )

    def _context(self, trace_id: bytes, span_id: bytes) -> Any:
        return self._trace.SpanContext(
            int.from_bytes(trace_id),
            int.from_bytes(span_id),
            is_remote=False,
            trace_flags=self._trace.TraceFlags(self._trace.TraceFlags.SAMPLED),
        )

    def _record(self, item: Happened | Standing) -> Any:
        name, attributes, body = (
            _event(item) if isinstance(item, Happened) else (names.STANDING, _stands(item), None)
        )
        number, text = self._severity(item)
        record = self._logs.LogRecord(
            timestamp=item.ended * 1000,
            observed_timestamp=item.ended * 1000,
            trace_id=int.from_bytes(trace_id(item.about.sid, item.trace)) if item.trace >= 0 else 0,
            span_id=int.from_bytes(span_id(item.about.sid, item.trace)) if item.trace >= 0 else 0,
            trace_flags=self._trace.TraceFlags(1 if item.trace >= 0 else 0),
            severity_number=number,
            severity_text=text,
            body=body,
            event_name=name,
            attributes=_held(
                {
                    **common(item.about),
                    names.LOG_RECORD: item.id,
                    names.EVENT: item.id,
                    names.SEQ: item.seq,
                    **attributes,
                }
            ),
        )
        return self._sdk_logs.ReadableLogRecord(record, self._resource, self._scope)

    def _severity(self, item: Happened | Standing) -> tuple[Any, str]:
        levels = self._logs.SeverityNumber
        if isinstance(item, Standing):
            return (levels.INFO, "INFO") if item.verdict.ok else (levels.ERROR, "ERROR")
        if item.type in _SEVERE:
            return levels.ERROR, "ERROR"
        if item.type in _WARNING or _is_denial(item):
            return levels.WARN, "WARN"
        return levels.INFO, "INFO"


def _held(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes with numbers that OTLP can hold; the SDK leaves others out, with a traceback for each."""
    return {
        name: bounded(value) if type(value) is int else value for name, value in attributes.items()
    }


def _is_denial(item: Happened) -> bool:
    match item.fields:
        case (
            {"decision": {"effect": "deny"}}
            | {"approval": {"answer": "no"}}
            | {"outcome": "denied"}
        ):
            return True
        case _:
            return False


def _event(item: Happened) -> tuple[str, dict[str, Any], Any]:
    attributes: dict[str, Any] = {}
    _flatten(names.FIELDS, item.fields, attributes)
    if item.turn:
        attributes[names.TURN] = item.turn
    if item.content != "none":
        attributes[names.CONTENT] = item.content
    match item.fields:
        case {"decision": {"effect": str(effect), "rules": list(rules), "policy": str(digest)}}:  # pyright: ignore[reportUnknownVariableType]
            attributes |= {
                names.POLICY_EFFECT: effect,
                names.POLICY_RULES: rules,
                names.POLICY_DIGEST: digest,
            }
        case _:
            pass
    return f"devagent.{item.type}", attributes, canonical(item.body).decode() if item.body else None


def _flatten(prefix: str, value: Mapping[str, Any], found: dict[str, Any]) -> None:
    for name, one in value.items():
        key = f"{prefix}.{name}"
        if isinstance(one, dict):
            _flatten(key, one, found)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(one, list):
            plain = [each if isinstance(each, str) else canonical(each).decode() for each in one]  # pyright: ignore[reportUnknownVariableType]
            if plain:
                found[key] = plain
        elif one not in ("", None):
            found[key] = one


def _stands(item: Standing) -> Attributes:
    verdict = item.verdict
    found: Attributes = {
        names.STATE: item.state,
        names.STOP: item.stop,
        names.EVENTS: item.events,
        names.COST: item.usd_micros,
        names.VERIFIED: verdict.ok,
        names.VERIFIED_EVENTS: verdict.events,
        names.SIGNED_EVENTS: verdict.signed,
        names.TREE_ROOT: verdict.root,
        names.PROBLEM: verdict.problem,
    }
    return {name: value for name, value in found.items() if value != ""}
