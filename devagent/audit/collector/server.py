"""The collector over HTTP: small requests, small limits, one thread each.

At most ``MOST_AT_ONCE`` clients are served at a time, each for ``WHOLE_S`` at most; who comes beyond that is hung up
on, and a device asks again later by itself.

    POST /add-checkpoint      C2SP tlog-witness: 200 with the cosignature, or 400, 403, 404, 409 (with its size), 422
    POST /devices             a device's verifier key, where the collector takes devices in by themselves
    GET  /                    the collector's verifier key
    GET  /devices/<id>        the largest checkpoint of each session of the device;  /devices/<id>/<sid> of one

It speaks plain HTTP and asks nobody who they are: checkpoints are signed, and hold nothing but sizes and hashes. Put
it behind a proxy that ends TLS.
"""

import re
import socket
import sys
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from devagent.audit.checkpoints import Note, parse_notes
from devagent.audit.collector.store import Collector, Refused
from devagent.audit.lines import Damage
from devagent.audit.record import from_base64
from devagent.core.errors import LogError
from devagent.core.text import one_line

MOST_BYTES = 16 * 1024
TIMEOUT_S = 10
"""Of one read; ``WHOLE_S`` is for the whole request and its answer."""
WHOLE_S = 30.0
MOST_AT_ONCE = 200
LONGEST_PROOF = 63
Connection = socket.socket | tuple[bytes, socket.socket]
_DEVICE = re.compile(r"/devices/([0-9a-f]{8})(?:/([0-9A-HJKMNP-TV-Z]{26}))?")


def read_request(body: bytes) -> tuple[int, list[bytes], Note, bytes]:
    """``old <size>``, the proof's lines, an empty line, the checkpoint. Raises Refused."""
    head, separator, note = body.partition(b"\n\n")
    try:
        first, *rest = head.decode("ascii").split("\n")
        size = re.fullmatch(r"old (0|[1-9][0-9]{0,18})", first)
        proof = [from_base64(line) for line in rest]
        if not size or not separator or len(proof) > LONGEST_PROOF:
            raise ValueError("no old size, or too long a proof")
        if any(len(one) != 32 for one in proof):
            raise ValueError("a hash of the proof has not 32 bytes")
        notes, torn = parse_notes(note + b"\n")
        if len(notes) != 1 or torn:
            raise ValueError("it is not one checkpoint")
    except (ValueError, Damage) as e:
        raise Refused(400, f"the request cannot be read: {e}") from e
    return int(size[1]), proof, notes[0], note + b"\n"


class Server(ThreadingHTTPServer):
    """Serves one collector; ``shutdown`` from another thread ends ``serve_forever``."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, address: tuple[str, int], collector: Collector, *, quiet: bool = False
    ) -> None:
        self.collector = collector
        self.quiet = quiet
        self._served: dict[socket.socket, float] = {}
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, Handler)

    def process_request(self, request: Connection, client_address: Any) -> None:
        if isinstance(request, socket.socket) and len(self._served) < MOST_AT_ONCE:
            self._served[request] = time.monotonic()
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def shutdown_request(self, request: Connection) -> None:
        if isinstance(request, socket.socket):
            self._served.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Hang up on those who take too long: called between any two requests, and while none comes."""
        begun = time.monotonic() - WHOLE_S
        for request, since in tuple(self._served.items()):
            if since < begun:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Connection, client_address: Any) -> None:
        """One line: a client that went away, or what went wrong here."""
        if not self.quiet:
            error = sys.exception()
            sys.stderr.write(
                one_line(f"{client_address[0]} {type(error).__name__}: {error}") + "\n"
            )


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]  (the only one that makes it)
    timeout = TIMEOUT_S
    server_version = "devagent-collector"
    sys_version = ""

    def do_GET(self) -> None:
        collector = self.server.collector
        found = _DEVICE.fullmatch(self.path)
        try:
            if self.path == "/":
                self._answer(200, f"{collector.vkey}\n".encode())
            elif found and (notes := collector.notes(found[1], found[2] or "")):
                self._answer(200, b"".join(notes))
            else:
                self._answer(404, b"there is nothing here\n")
        except LogError as e:
            self._unavailable(e)

    def do_POST(self) -> None:
        try:
            body = self._body()
            match self.path:
                case "/add-checkpoint":
                    old, proof, note, data = read_request(body)
                    self._answer(200, self.server.collector.add(old, proof, note, data).encode())
                case "/devices":
                    self.server.collector.introduce(body.decode("utf-8", "replace"))
                    self._answer(200, b"")
                case _:
                    raise Refused(404, "there is nothing here")
        except Refused as e:
            kind = "text/x.tlog.size" if e.status == 409 else "text/plain; charset=utf-8"
            self._answer(e.status, f"{e.text}\n".encode(), kind)
        except LogError as e:
            self._unavailable(e)

    def log_message(self, format: str, *args: object) -> None:
        if not self.server.quiet:
            text = one_line(format % args)  # what a client wrote must not steer a terminal
            sys.stderr.write(
                f"{self.client_address[0]} {text.encode('ascii', 'replace').decode()}\n"
            )

    def _unavailable(self, error: LogError) -> None:
        self.log_error("%s", error.what)
        self._answer(503, b"the collector cannot keep anything now; ask again later\n")

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,9}", length) or int(length) > MOST_BYTES:
            self.close_connection = True
            raise Refused(413, f"a request has a length, of at most {MOST_BYTES} bytes")
        return self.rfile.read(int(length))

    def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
