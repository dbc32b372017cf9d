"""The connection itself: TLS and its trust, proxies, odd servers."""

import asyncio
import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from devagent.core.errors import ModelError
from devagent.models.tls import Tls
from tests.support.messages_server import MessagesServer, Step
from tests.support.model_client import client, events, failures, replied
from tests.support.proxies import Proxy, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody signed but itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "devagent test")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    file.write_bytes(
        built.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


@pytest.fixture
def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_https_is_trusted_by_ssl_cert_file(
    certificate: Path, server_side: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with MessagesServer([Step(text="a"), Step(text="b")], tls=server_side) as server:
        model = client(server.base_url)
        assert await model.connect()
        assert replied(await events(model)).text == "a"
        assert replied(await events(model)).text == "b"
        await model.aclose()
        assert server.connections == 1


async def test_an_untrusted_certificate_ends_at_once_and_says_what_to_do(
    server_side: ssl.SSLContext,
) -> None:
    async with MessagesServer([Step(text="a")], tls=server_side) as server:
        model = client(server.base_url)
        with pytest.raises(ModelError) as caught:
            await events(model)
        await model.aclose()
        assert server.requests == []
    assert caught.value.kind == "connection"
    assert "self-signed" in caught.value.what.replace(" ", "-")
    assert "SSL_CERT_FILE" in caught.value.hint


async def test_a_gateway_that_asks_for_a_client_certificate_gets_the_configs(
    certificate: Path, server_side: ssl.SSLContext
) -> None:
    server_side.verify_mode = ssl.CERT_REQUIRED
    server_side.load_verify_locations(certificate)
    ours = Tls(ca_file=str(certificate), certificate=str(certificate))
    async with MessagesServer([Step(text="a")], tls=server_side) as server:
        model = client(server.base_url, tls=ours)
        assert replied(await events(model)).text == "a"
        await model.aclose()
        model = client(server.base_url, tls=Tls(ca_file=str(certificate)), give_up_s=0.0)
        with pytest.raises(ModelError) as caught:
            await events(model)
        await model.aclose()
    assert caught.value.kind == "connection"


@pytest.mark.parametrize("authority", [True, False])
async def test_a_certificate_that_cannot_be_used_is_named_and_not_tried_again(
    authority: bool, tmp_path: Path, server_side: ssl.SSLContext
) -> None:
    missing = str(tmp_path / "missing.pem")
    tls = Tls(ca_file=missing) if authority else Tls(certificate=missing)
    async with MessagesServer(tls=server_side) as server:
        model = client(server.base_url, tls=tls)
        with pytest.raises(ModelError) as caught:
            await events(model)
        await model.aclose()
    assert missing in caught.value.what
    assert "PEM" in caught.value.hint
    assert (caught.value.stop, caught.value.exit_code) == ("config", 78)


async def test_the_systems_own_authorities_can_be_asked(
    certificate: Path, server_side: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # on Linux that is where they are
    async with MessagesServer([Step(text="a")], tls=server_side) as server:
        model = client(server.base_url, tls=Tls(system=True))
        assert replied(await events(model)).text == "a"
        await model.aclose()


async def test_plain_http_to_a_tls_port_and_back_are_connection_failures(
    server_side: ssl.SSLContext,
) -> None:
    async with MessagesServer(tls=server_side) as secure, MessagesServer() as plain:
        for wrong in (
            secure.base_url.replace("https", "http"),
            plain.base_url.replace("http", "https"),
        ):
            model = client(wrong, give_up_s=0.0, connect_s=0.5)
            with pytest.raises(ModelError) as caught:
                await events(model)
            await model.aclose()
            assert caught.value.kind == "connection"


async def test_https_goes_through_the_proxys_tunnel(
    certificate: Path, server_side: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    proxy = Proxy()
    async with (
        serving(proxy) as place,
        MessagesServer([Step(text="a")], tls=server_side) as server,
    ):
        model = client(
            server.base_url,
            environment={"HTTPS_PROXY": f"http://me:p%40ss@{place}", "no_proxy": "x"},
        )
        assert replied(await events(model)).text == "a"
        await model.aclose()
        assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n")
        assert "proxy-authorization: Basic bWU6cEBzcw==" in proxy.heads[0]
        assert "x-api-key" not in proxy.heads[0]
        assert "proxy-authorization" not in server.requests[0].headers


@pytest.mark.parametrize("head", [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"])
async def test_proxies_may_greet_in_their_own_way(
    head: bytes, certificate: Path, server_side: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with (
        serving(Proxy(head)) as place,
        MessagesServer([Step(text="a")], tls=server_side) as server,
    ):
        model = client(server.base_url, environment={"https_proxy": place})
        assert replied(await events(model)).text == "a"
        await model.aclose()


async def test_http_goes_through_the_proxy_in_absolute_form() -> None:
    proxy = Proxy()
    async with serving(proxy) as place, MessagesServer([Step(text="a")]) as server:
        model = client(server.base_url, environment={"http_proxy": f"http://{place}"})
        assert replied(await events(model)).text == "a"
        await model.aclose()
        assert proxy.heads[0].startswith(f"POST {server.base_url}/v1/messages HTTP/1.1\r\n")


async def test_no_proxy_is_honoured() -> None:
    async with MessagesServer([Step(text="a")]) as server:
        environment = {"http_proxy": "http://127.0.0.1:1", "no_proxy": "example.com,127.0.0.1"}
        model = client(server.base_url, environment=environment)
        assert replied(await events(model)).text == "a"
        await model.aclose()


async def test_a_proxy_that_wants_a_password_is_told_apart() -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"
    async with serving(Proxy(refusal)) as place:
        model = client(
            "https://127.0.0.1:9", environment={"https_proxy": f"http://u:hunter2@{place}"}
        )
        with pytest.raises(ModelError) as caught:
            await events(model)
        await model.aclose()
    assert (caught.value.kind, caught.value.status) == ("permission", 407)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("wire", "kind", "what"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "protocol", "HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n" + b"a: " + b"b" * 100_000, "protocol", "head"),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n", "protocol", "101"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "protocol", "204"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\nzz\r\n",
            "protocol",
            "HTTP/1.1",
        ),
        (
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\r\n",
            "protocol",
            "stream of events",
        ),
        (b"", "connection", "closed"),
    ],
)
async def test_what_is_no_messages_api_is_named(wire: bytes, kind: str, what: str) -> None:
    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(wire)
        await writer.drain()
        if wire:
            await reader.read()

    async with serving(odd) as place:
        model = client(f"http://{place}", give_up_s=0.0)
        with pytest.raises(ModelError) as caught:
            await events(model)
        await model.aclose()
    assert caught.value.kind == kind
    assert what in caught.value.what


async def test_a_body_may_end_with_its_connection_and_early_hints_are_skipped() -> None:
    events_ = (
        b'data: {"type":"message_start","message":{"content":[]}}\n\n'
        b'data: {"type":"message_stop"}\n\n'
    )

    async def old(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\nHTTP/1.1 200 OK\r\n")
        writer.write(b"connection: close\r\ncontent-type: text/event-stream\r\n\r\n" + events_)
        await writer.drain()

    async with serving(old) as place:
        model = client(f"http://{place}")
        seen = await events(model)
        await model.aclose()
    assert failures(seen) == []
    assert replied(seen).stop == "missing"


async def test_a_reply_does_not_wait_for_the_end_of_its_body() -> None:
    async def lingering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        writer.write(b'data: {"type":"message_start","message":{"content":[]}}\n\n')
        writer.write(b'data: {"type":"message_stop"}\n\n')
        await reader.read()

    async with serving(lingering) as place:
        model = client(f"http://{place}")
        async with asyncio.timeout(5):
            assert replied(await events(model)).stop == "missing"
        await model.aclose()


async def test_a_connection_that_does_not_open_in_time_is_a_failure() -> None:
    async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serving(mute) as place:
        model = client(f"https://{place}", connect_s=0.05, give_up_s=0.0)
        with pytest.raises(ModelError) as caught:
            await events(model)
        await model.aclose()
    assert caught.value.kind == "connection"
    assert "longer than" in caught.value.what
