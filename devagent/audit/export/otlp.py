"""OpenTelemetry, as OTLP over HTTP: a trace for each turn, a log record for each event.

OTLP cannot be asked what has arrived. A batch whose answer was lost goes out once more with the same trace, span and
record ids (``log.record.uid``), by which a store keeps each once.
"""

from collections.abc import Sequence

from devagent.audit.export.http import Server
from devagent.audit.export.spans import spans
from devagent.audit.export.target import Batch
from devagent.audit.export.telemetry import Telemetry

_PROTOBUF = "application/x-protobuf"


class Otlp:
    """An OTLP endpoint, without ``/v1/traces`` (a ``Target``)."""

    most_items = 500
    keeps_ids = True

    def __init__(self, server: Server, telemetry: Telemetry) -> None:
        self._server = server
        self._telemetry = telemetry
        self.identity = f"otlp:{server.address}"

    def is_there(self) -> bool:
        return True  # it cannot be asked

    def write(self, batch: Batch, *, again: bool) -> Sequence[str]:
        del again  # the ids are the same
        notes: list[str] = []
        found = [span for item in batch.items for span in spans(item)]
        for path, data in (
            ("/v1/traces", self._telemetry.spans(found)),
            ("/v1/logs", self._telemetry.logs(batch.items)),
        ):
            if not data:
                continue
            answer = self._server.post(path, data, _PROTOBUF, compressed=True)
            if answer.status != 200:
                raise self._server.refused(answer, path)
            if rejected := self._telemetry.rejected(path, answer.body):
                notes.append(f"{self._server.address}{path} {self._server.told(rejected)}")
        return notes
