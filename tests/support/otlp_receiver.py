"""An OTLP receiver on a loopback port: keeps what it is sent, and can refuse, be busy, or drop its answers."""

import gzip
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Receiver:
    """``answers`` are for the next requests, in order; after them everything is taken. A status, ``drop``: it is
    taken and no answer comes, or ``reject``: it is answered that some was not taken."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[int | str] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.taken: list[tuple[str, Any]] = []

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int | str:
        self.requests.append((path, headers, body))
        answer = self.answers.pop(0) if self.answers else 200
        if answer in (200, "drop", "reject"):
            kind = ExportTraceServiceRequest if path == "/v1/traces" else ExportLogsServiceRequest
            data = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
            self.taken.append((path, kind.FromString(data)))
        return answer

    def spans(self) -> list[tuple[Any, dict[str, Any]]]:
        """Every span that came, as often as it came, and its attributes."""
        return [
            (span, plain(span.attributes))
            for path, request in self.taken
            if path == "/v1/traces"
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def records(self) -> list[tuple[Any, dict[str, Any]]]:
        """Every log record that came, and its attributes."""
        return [
            (record, plain(record.attributes))
            for path, request in self.taken
            if path == "/v1/logs"
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]


def plain(attributes: Any) -> dict[str, Any]:
    """Attributes as a dictionary."""
    return {one.key: _value(one.value) for one in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)


@contextmanager
def receiving() -> Generator[Receiver]:
    """A receiver that serves until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = receiver.take(self.path, headers, body)
            if answer == "drop":
                self.close_connection = True
                self.connection.close()
                return
            data = b""
            if answer == "reject":
                told = (
                    ExportTraceServiceResponse()
                    if self.path == "/v1/traces"
                    else ExportLogsServiceResponse()
                )
                partial: Any = told.partial_success
                partial.error_message = "too old"
                if self.path == "/v1/traces":
                    partial.rejected_spans = 2
                else:
                    partial.rejected_log_records = 3
                data, answer = told.SerializeToString(), 200
            assert isinstance(answer, int)
            self.send_response(answer)
            if answer in (301, 307):
                self.send_header("Location", "http://127.0.0.1:9/v1/traces")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join(20)
        server.server_close()
