"""Single hosts for a command in the sandbox: those that it names are reached, no others, and no way around."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from devagent_workspace import tools
from devagent_workspace.contract import Result, WorkspaceError
from devagent_workspace.jobs import stop_all
from devagent_workspace.sandbox import network, proxy
from devagent_workspace.sandbox.network import network_of
from devagent_workspace.sandbox.proxy import Proxy
from tests.support import sandboxes
from tests.support.workspaces import Place

NEAR, OTHER = "127.0.0.2", "127.0.0.3"
"""Two hosts of this machine that are not what ``localhost`` says: as good as two others."""
GET = f"{sys.executable} get.py"
_GET = """
import sys, urllib.request, urllib.error
for url in sys.argv[1:]:
    try:
        print(urllib.request.urlopen(url, timeout=20).read().decode())
    except urllib.error.HTTPError as e:
        print(e.code, e.read().decode().strip())
    except OSError as e:
        print(type(e).__name__)
"""


class Server:
    """A web server at an address of this machine; what it was asked."""

    def __init__(self, address: str) -> None:
        self.asked: list[tuple[str, str]] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append((self.path, self.headers.get("Host", "")))
                body = b"there"
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_CONNECT(self) -> None:
                asked.append((self.path, self.headers.get("Proxy-Authorization", "")))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{address}:{self._server.server_port}"
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def near() -> Iterator[Server]:
    server = Server(NEAR)
    yield server
    server.close()


@pytest.fixture
def other() -> Iterator[Server]:
    server = Server(OTHER)
    yield server
    server.close()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    sandboxes.use(monkeypatch, "bubblewrap")
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    (tmp_path / "get.py").write_text(_GET)
    yield Place(str(tmp_path))
    stop_all(str(tmp_path))


def run(here: Place, command: str, hosts: str) -> Result:
    return tools.shell(here, command=command, timeout_s=20, hosts=hosts)


def test_the_hosts_that_a_command_names_are_reached_and_no_others(
    here: Place, near: Server, other: Server
) -> None:
    result = run(here, f"{GET} {near.url}/a {other.url}/b", NEAR)
    assert "there\n403 devagent: 127.0.0.3 is not among the hosts of this call" in result["text"]
    assert "policy must then grant host:127.0.0.3" in result["text"]
    assert "not reached, because hosts does not name them: 127.0.0.3" in result["text"]
    assert near.asked == [("/a", f"{NEAR}:{near.port}")]
    assert other.asked == []
    assert run(here, f"{GET} {other.url}/b", f"{NEAR} {OTHER}")["text"] == "there"


def test_there_is_no_way_around_the_proxy_and_no_dns(here: Place, near: Server) -> None:
    code = f"import socket; socket.create_connection(('{NEAR}', {near.port}), 5)"
    Path(here.folder, "around.py").write_text(code)
    result = run(
        here,
        f"{sys.executable} around.py; env -i {GET} {near.url}/x; getent hosts localhost.example || echo no name",
        NEAR,
    )
    assert "ConnectionRefusedError" in result["text"]
    assert result["text"].endswith("URLError\nno name")
    assert near.asked == []


def test_programs_are_told_of_the_proxy_and_reach_each_other_without_it(here: Place) -> None:
    code = (
        "import http.server, threading, urllib.request\n"
        "server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
        "threading.Thread(target=server.serve_forever, daemon=True).start()\n"
        "print(urllib.request.urlopen(f'http://localhost:{server.server_port}/get.py').status)\n"
    )
    Path(here.folder, "own.py").write_text(code)
    result = run(here, f"{sys.executable} own.py 2>/dev/null; echo $https_proxy", NEAR)
    assert result["text"] == f"200\nhttp://127.0.0.1:{network.PORT}"
    found = tools.resources("shell", {"command": "curl $https_proxy/x", "hosts": NEAR}, here)
    assert f"command:curl http://127.0.0.1:{network.PORT}/x" in [one["id"] for one in found]


def test_a_job_has_its_hosts_for_as_long_as_it_runs(here: Place, near: Server) -> None:
    command = f"until [ -e go ]; do sleep 0.02; done; {GET} {near.url}/late; sleep 600"
    started = tools.shell(here, command=command, background=True, hosts=NEAR)
    number = started.get("structured", {})["job"]
    Path(here.folder, "go").touch()
    limit = time.monotonic() + 20
    while "there" not in tools.job(here, action="read", id=number)["text"]:
        assert time.monotonic() < limit
        threading.Event().wait(0.01)
    tools.job(here, action="stop", id=number)
    while any(one.name == "proxy" for one in threading.enumerate()):
        assert time.monotonic() < limit, "the proxy outlives its job"
        threading.Event().wait(0.01)


def test_where_the_port_cannot_be_opened_nothing_runs(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network.sys, "executable", "/bin/false")
    with pytest.raises(WorkspaceError) as refused:
        run(here, "touch ran", NEAR)
    assert refused.value.error == "no_sandbox"
    assert not Path(here.folder, "ran").exists()


@pytest.mark.parametrize("kind", ["bubblewrap", "landlock", "seatbelt"])
def test_what_cannot_be_held_to_its_hosts_asks_for_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    from devagent_workspace import sandbox

    monkeypatch.setattr(sandbox, "available", lambda: sandbox.Sandbox(kind, ""))  # pyright: ignore[reportArgumentType]

    def hosts(named: str) -> list[str]:
        found = tools.resources("shell", {"command": "true", "hosts": named}, Place(str(tmp_path)))
        return [one["id"] for one in found if one["id"].startswith("host:")]

    whole = [] if kind == "bubblewrap" else ["host:?"]
    assert hosts("pypi.org") == ["host:pypi.org", *whole]
    assert hosts("localhost pypi.org") == ["host:localhost", "host:pypi.org", "host:?"]
    assert hosts("") == []
    assert network_of("none", ["pypi.org"]).whole


# -- the proxy by itself


class Served:
    """A proxy for these hosts, without a sandbox around it."""

    def __init__(self, *hosts: str) -> None:
        self.refused: list[str] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = self._door.getsockname()
        self._ended, self._end = socket.socketpair()
        self._thread = threading.Thread(
            target=Proxy(self._door, hosts, self.refused).serve, args=(self._ended.detach(),)
        )
        self._thread.start()

    def say(self, request: str) -> str:
        """The whole answer to a request."""
        with socket.create_connection(self.address, 20) as client:
            client.sendall(request.encode("latin-1"))
            answer = b""
            while part := client.recv(65_536):
                answer += part
        return answer.decode("latin-1")

    def close(self) -> None:
        self._end.close()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    made = Served(NEAR, "shop.example")
    yield made
    made.close()


@pytest.mark.parametrize(
    "request_line",
    [
        "GET http://{other}/x HTTP/1.1",
        "CONNECT {other} HTTP/1.1",
        "CONNECT 127.0.0.2.evil.example:443 HTTP/1.1",
        "CONNECT evil.example:443 HTTP/1.1",
        "CONNECT {near}@{other} HTTP/1.1",
        "GET http://127.0.0.2@{other}/ HTTP/1.1",
        "GET http://2130706434:{port}/ HTTP/1.1",
        "GET http://0x7f.0.0.2:{port}/ HTTP/1.1",
        "GET http://127.2:{port}/ HTTP/1.1",
        "GET http://[::ffff:127.0.0.2]:{port}/ HTTP/1.1",
        "GET http://127.0.0.2%00.evil.example/ HTTP/1.1",
        "GET https://{near}/ HTTP/1.1",
        "GET ftp://{near}/ HTTP/1.1",
        "GET file:///etc/passwd HTTP/1.1",
        "GET /x HTTP/1.1",
        "CONNECT 127.0.0.2 HTTP/1.1",
        "CONNECT 127.0.0.2:99999 HTTP/1.1",
        "GET http://{near}/ HTTP/2",
        "{long}",
        "CONNECT localhost:{port} HTTP/1.1",
        "CONNECT 127.0.0.1:{port} HTTP/1.1",
        "CONNECT [::1]:{port} HTTP/1.1",
    ],
)
def test_no_way_of_writing_an_address_leads_elsewhere(
    served: Served, near: Server, other: Server, request_line: str
) -> None:
    line = request_line.format(
        near=f"{NEAR}:{near.port}", other=f"{OTHER}:{other.port}", port=near.port, long="A" * 40_000
    )
    answer = served.say(f"{line}\r\nHost: {NEAR}:{near.port}\r\n\r\n")
    assert answer.partition(" ")[2].startswith(("403", "400", "431")), answer
    assert near.asked == other.asked == []


def test_the_host_header_is_the_address_and_one_request_is_all(
    served: Served, near: Server, other: Server
) -> None:
    second = f"GET http://{OTHER}:{other.port}/b HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = served.say(
        f"GET http://{NEAR}:{near.port}/a?b=1 HTTP/1.1\r\nHost: evil.example\r\nProxy-Connection: keep-alive\r\n"
        f"Connection: keep-alive\r\n\r\n{second}"
    )
    assert answer.startswith("HTTP/1.")
    assert "there" in answer
    assert near.asked[0] == ("/a?b=1", f"{NEAR}:{near.port}")
    assert other.asked == []
    tunnel = f"CONNECT {NEAR}.:{near.port} HTTP/1.1\r\n\r\nGET /c HTTP/1.0\r\n\r\n"
    assert "200 Connection established" in served.say(tunnel)
    assert near.asked[-1][0] == "/c"


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "0.0.0.0", "::ffff:127.0.0.1", "fe80::1"])  # fmt: skip
def test_a_name_that_leads_to_this_machine_is_refused(
    served: Served, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = [(family, address)]

    def addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
        assert (host, port) == ("shop.example", 80)
        return found

    monkeypatch.setattr(proxy, "addresses", addresses)
    answer = served.say("CONNECT shop.example:80 HTTP/1.1\r\n\r\n")
    assert answer.startswith("HTTP/1.1 403 leads to this machine")


def test_the_machines_own_proxy_is_used_for_granted_hosts_alone(
    served: Served, near: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = f"http://ana:geheim@{NEAR}:{near.port}"
    monkeypatch.setenv("https_proxy", own)
    monkeypatch.setenv("http_proxy", own)
    assert "200 Connection established" in served.say("CONNECT shop.example:443 HTTP/1.1\r\n\r\n")
    assert near.asked == [("shop.example:443", "Basic YW5hOmdlaGVpbQ==")]
    assert served.say("GET http://shop.example/x HTTP/1.1\r\n\r\n").endswith("there")
    assert near.asked[1:] == [("http://shop.example/x", "shop.example")]
    assert served.say("CONNECT evil.example:443 HTTP/1.1\r\n\r\n").startswith("HTTP/1.1 403")
    assert len(near.asked) == 2
    assert served.refused == ["evil.example"]
