"""Ways that signed files come: a web server, git, a registry, an object store. Each brings bytes within limits, or says why not."""

import asyncio
import base64
import hashlib
import http.server
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from devagent.core.errors import ConfigError, UsageError
from devagent.org.fetching import Absent, Fetched, Source
from devagent.org.refusals import Refused
from devagent.org.sources import FileSource, source_for
from devagent.org.web import HttpSource
from tests.support.org_repository import Enrolled, Organisation

Reply = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def serving(reply: Reply) -> Generator[str]:
    """A web server on loopback whose every GET is answered by ``reply``."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            reply(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(20)


def static(folder: Path, log: list[tuple[str, int, int]]) -> Reply:
    """Files as any static server has them, with conditional requests; notes path, status and bytes."""

    def reply(handler: http.server.BaseHTTPRequestHandler) -> None:
        file = folder / handler.path.lstrip("/")
        data = file.read_bytes() if file.is_file() else b""
        tag = f'"{hashlib.sha256(data).hexdigest()}"'
        status = 200 if file.is_file() else 404
        if handler.headers.get("if-none-match") == tag:
            status, data = 304, b""
        handler.send_response(status)
        handler.send_header("etag", tag)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        log.append((handler.path, status, len(data)))
        handler.wfile.write(data)

    return reply


@pytest.fixture
def org(tmp_path: Path) -> Organisation:
    return Organisation(tmp_path)


def synced(machine: Enrolled, source: Source) -> str:
    with closing(source):
        done = machine.client.sync(source)
    return done.outcome if not done.code else done.code


def fetched(url: str, path: str, limit: int, file_s: float = 20, read_s: float = 10) -> Fetched:
    with closing(HttpSource(url, file_s=file_s, read_s=read_s)) as source:
        return source.fetch(path, limit)


class TestHttp:
    def test_what_is_new_once_and_then_one_small_answer(
        self, org: Organisation, tmp_path: Path
    ) -> None:
        log: list[tuple[str, int, int]] = []
        machine = org.machine(tmp_path / "m")
        with serving(static(org.published, log)) as url:
            source = source_for(url)
            assert synced(machine, source) == "updated"
            log.clear()
            used = time.process_time()
            assert synced(machine, source) == "unchanged"
            used = time.process_time() - used
        assert log == [("/metadata/timestamp.json", 304, 0)]
        assert used < 1  # CPU; what it is, tests/bench/bench_org.py says

    def test_a_file_that_never_ends(self) -> None:
        def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(b" " * 65_536)
            except OSError:
                handler.close_connection = True

        with serving(endless) as url, pytest.raises(Refused) as caught:
            fetched(url, "metadata/timestamp.json", 16_384)
        assert caught.value.code == "endless"

    @pytest.mark.parametrize("begun", [True, False])
    def test_a_server_that_drips(self, begun: bool) -> None:
        """A byte now and then keeps each read within its limit; the whole has a limit too."""
        over = threading.Event()

        def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
            if begun:
                handler.send_response(200)
                handler.send_header("content-length", "100000")
                handler.end_headers()
            else:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
            try:
                while not over.wait(0.05):
                    handler.wfile.write(b"x")
            except OSError:
                pass
            handler.close_connection = True

        with serving(drip) as url:
            try:
                with pytest.raises(Refused) as caught:
                    fetched(url, "metadata/timestamp.json", 200_000, file_s=0.4, read_s=10)
            finally:
                over.set()
        assert caught.value.code == "slow"

    def test_a_server_that_says_nothing(self) -> None:
        over = threading.Event()

        def silent(_: http.server.BaseHTTPRequestHandler) -> None:
            over.wait(20)

        with serving(silent) as url:
            try:
                with pytest.raises(Refused) as caught:
                    fetched(url, "metadata/timestamp.json", 100, file_s=20, read_s=0.2)
            finally:
                over.set()
        assert caught.value.code == "slow"

    def test_a_file_that_is_cut_off(self) -> None:
        def cut(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("content-length", "1000")
            handler.end_headers()
            handler.wfile.write(b"x" * 10)
            handler.close_connection = True

        with serving(cut) as url, pytest.raises(Refused) as caught:
            fetched(url, "metadata/timestamp.json", 16_384)
        assert caught.value.code == "unreachable"

    def test_a_redirect_is_not_followed(self) -> None:
        def elsewhere(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(302)
            handler.send_header("location", "http://127.0.0.1:1/")
            handler.send_header("content-length", "0")
            handler.end_headers()

        with serving(elsewhere) as url, pytest.raises(Refused, match="answers 302"):
            fetched(url, "metadata/timestamp.json", 16_384)

    def test_nobody_there(self) -> None:
        with pytest.raises(Refused) as caught:
            fetched("http://127.0.0.1:1", "metadata/timestamp.json", 16_384)
        assert caught.value.code == "unreachable"

    @pytest.mark.parametrize(
        "url", ["http://policy.example", "ftp://x/y", "https://user@host/x", "oci://host"]
    )
    def test_addresses_that_are_not_taken(self, url: str) -> None:
        with pytest.raises(UsageError):
            source_for(url)


def test_a_folder_that_is_not_mounted(tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        FileSource(str(tmp_path / "gone")).fetch("metadata/timestamp.json", 100)
    assert caught.value.code == "unreachable"


def fetched_by(url: str, path: str) -> Fetched:
    with closing(source_for(url)) as source:
        return source.fetch(path, 100)


def test_git(org: Organisation, tmp_path: Path) -> None:
    git = ["git", "-C", str(org.folder)]
    for words in (["init", "-q"], ["add", "published"], ["commit", "-qm", "Publish"]):
        subprocess.run([*git, *words], check=True)
    url = f"git+file://{org.folder}?path=published"
    machine = org.machine(tmp_path / "m")
    assert synced(machine, source_for(url)) == "updated"
    assert synced(machine, source_for(url)) == "unchanged"
    org.after(hours=1).rolled_out("second")
    for words in (["add", "published"], ["commit", "-qm", "Publish"]):
        subprocess.run([*git, *words], check=True)
    assert synced(machine, source_for(url)) == "updated"
    with pytest.raises(Absent):
        fetched_by(url, "metadata/99.root.json")
    with pytest.raises(Refused) as caught:
        fetched_by(f"git+file://{tmp_path}/none", "metadata/timestamp.json")
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize(
    "url", ["git+https://h/r?ref=--upload-pack=x", "git+https://h/r?path=../.."]
)
def test_git_takes_no_option_for_a_name(url: str) -> None:
    with pytest.raises(UsageError):
        source_for(url)


class Registry:
    """A registry with one artifact, a token for who may read it, and blobs in another place."""

    def __init__(self, org: Organisation, *, login: str = "", moved: bool = False) -> None:
        files = {p.relative_to(org.published).as_posix(): p.read_bytes() for p in org.published.rglob("*") if p.is_file()}  # fmt: skip
        self._blobs = {f"sha256:{hashlib.sha256(data).hexdigest()}": data for data in files.values()}  # fmt: skip
        layers = [
            {"digest": f"sha256:{hashlib.sha256(data).hexdigest()}", "annotations": {"org.opencontainers.image.title": name}}
            for name, data in files.items()
        ]  # fmt: skip
        self._manifest = json.dumps({"schemaVersion": 2, "layers": layers}).encode()
        self._login, self._moved = login, moved
        self.asked: list[tuple[str, str]] = []
        """Path and what came as authorization."""

    def reply(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        given = handler.headers.get("authorization") or ""
        path = handler.path.partition("?")[0]
        self.asked.append((handler.path, given))
        host = handler.headers["host"]
        if path == "/token":
            basic = f"Basic {base64.b64encode(self._login.encode()).decode()}"
            ok = given == basic
            self.say(handler, 200 if ok else 401, b'{"token": "for-reading"}' if ok else b"{}")
        elif path.startswith("/elsewhere/"):
            self.say(handler, 200, self._blobs[path.rpartition("/")[2]])
        elif self._login and given != "Bearer for-reading":
            wanted = f'Bearer realm="http://{host}/token",service="registry",scope="repository:acme/policy:pull,push"'
            self.say(handler, 401, b"{}", ("www-authenticate", wanted))
        elif path == "/v2/acme/policy/manifests/prod":
            self.say(handler, 200, self._manifest, ("etag", '"one"'))
        elif (name := path.rpartition("/")[2]) in self._blobs:
            if self._moved:
                self.say(handler, 307, b"", ("location", f"http://{host}/elsewhere/{name}"))
            else:
                self.say(handler, 200, self._blobs[name])
        else:
            self.say(handler, 404, b"")

    @staticmethod
    def say(
        handler: http.server.BaseHTTPRequestHandler,
        status: int,
        data: bytes,
        *more: tuple[str, str],
    ) -> None:
        handler.send_response(status)
        for name, value in more:
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


def at_registry(url: str) -> Source:
    return source_for(url.replace("http://", "oci+http://") + "/acme/policy:prod")


class TestRegistry:
    def test_an_artifact_that_everybody_may_read(self, org: Organisation, tmp_path: Path) -> None:
        machine = org.machine(tmp_path / "m")
        with serving(Registry(org).reply) as url:
            assert synced(machine, at_registry(url)) == "updated"
            assert synced(machine, at_registry(url)) == "unchanged"

    def test_a_login_is_that_of_docker_and_asks_for_no_more_than_reading(
        self, org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry = Registry(org, login="ana:s3cret", moved=True)
        machine = org.machine(tmp_path / "m")
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        with serving(registry.reply) as url:
            host = url.removeprefix("http://")
            auth = base64.b64encode(b"ana:s3cret").decode()
            (tmp_path / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
            assert synced(machine, at_registry(url)) == "updated"
        tokens = [path for path, _ in registry.asked if path.startswith("/token")]
        assert len(tokens) == 1
        assert "scope=repository%3Aacme%2Fpolicy%3Apull&" in tokens[0] + "&"
        moved = {given for path, given in registry.asked if path.startswith("/elsewhere/")}
        assert moved == {""}  # where the bytes lie is not told the token

    def test_a_login_of_a_credential_helper(
        self, org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        helper = tmp_path / "docker-credential-keep"
        helper.write_text(
            '#!/bin/sh\nread -r host\necho \'{"Username": "ana", "Secret": "s3cret"}\'\n'
        )
        helper.chmod(0o755)
        (tmp_path / "config.json").write_text('{"credsStore": "keep"}')
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        machine = org.machine(tmp_path / "m")
        with serving(Registry(org, login="ana:s3cret").reply) as url:
            assert synced(machine, at_registry(url)) == "updated"

    @pytest.mark.parametrize("config", ["", "{", '{"auths": 7}', '{"credsStore": "../evil"}'])
    def test_without_a_login_it_is_not_reached(
        self, config: str, org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "config.json").write_text(config)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        machine = org.machine(tmp_path / "m")
        with serving(Registry(org, login="ana:s3cret").reply) as url:
            assert synced(machine, at_registry(url)) == "unreachable"

    def test_a_registry_that_leads_away_or_round_in_circles(
        self, org: Organisation, tmp_path: Path
    ) -> None:
        machine = org.machine(tmp_path / "m")
        for address in ("http://elsewhere.example/x", "ftp://127.0.0.1/x", "/v2/acme/policy/manifests/prod"):  # fmt: skip

            def moved(handler: http.server.BaseHTTPRequestHandler, address: str = address) -> None:
                Registry.say(handler, 307, b"", ("location", address))

            with serving(moved) as url:
                assert synced(machine, at_registry(url)) == "unreachable"

        def elsewhere(handler: http.server.BaseHTTPRequestHandler) -> None:
            wanted = 'Bearer realm="http://elsewhere.example/token",service="x"'
            Registry.say(handler, 401, b"", ("www-authenticate", wanted))

        with serving(elsewhere) as url:
            assert synced(machine, at_registry(url)) == "unreachable"


@pytest.mark.parametrize("absent", [FileNotFoundError, PermissionError])
def test_an_object_store(
    absent: type[OSError], org: Organisation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To an account that may not list it, a store forbids what is not there: a next root, at every look."""
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    found: Callable[..., dict[str, object]] = store.info

    def info(path: str, **named: object) -> dict[str, object]:
        try:
            return found(path, **named)
        except FileNotFoundError as e:
            raise absent(path) from e

    monkeypatch.setattr(store, "info", info)
    for path in org.published.rglob("*"):
        if path.is_file():
            store.pipe_file(
                f"/policy/{path.relative_to(org.published).as_posix()}", path.read_bytes()
            )
    machine = org.machine(tmp_path / "m")
    source = source_for("memory://policy")
    assert synced(machine, source) == "updated"
    assert synced(machine, source) == "unchanged"
    store.pipe_file("/policy/metadata/timestamp.json", b" " * 100_000)
    assert synced(machine, source) == "endless"


def test_a_store_whose_package_is_missing_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ConfigError, match="needs a package") as caught:
        source_for("s3://bucket/policy")
    assert "pip install s3fs" in str(caught.value)


async def test_two_looks_at_once_are_one(org: Organisation, tmp_path: Path) -> None:
    machine = org.machine(tmp_path / "m")
    with machine.client.state.locked():
        done = await asyncio.to_thread(machine.client.sync, machine.source)
    assert done.code == "busy"
    assert machine.sync().outcome == "updated"
