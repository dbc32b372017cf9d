"""The collector takes only what goes on from what it has, and cosigns that; each refusal has its status."""

import socket
import sqlite3
import threading
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devagent.audit.checkpoints import cosigned_at, note_text, parse_key, parse_notes, signed_note
from devagent.audit.collector import server
from devagent.audit.collector.server import MOST_BYTES, read_request
from devagent.audit.collector.store import DATABASE, Collector, Refused
from devagent.audit.device import Device
from devagent.audit.layout import ulid
from devagent.audit.merkle import Leaves, Tree, is_consistent
from devagent.audit.record import leaf_hash, to_base64
from tests.support.collectors import Running, collecting

SID = ulid(1_800_000_000_000, b"0123456789")


def leaves(count: int, other: int = -1) -> Leaves:
    made = Leaves()
    for number in range(count):
        made.push(bytes.fromhex(leaf_hash(b"%d%s" % (number, b"!" * (number == other)))))
    return made


def request(device: Device, old: int, size: int, tree: Leaves, sid: str = SID) -> bytes:
    text = note_text(f"devagent/local/{device.id}/{sid}", size, tree.root(size))
    note = signed_note(text, device.vkey, device.sign(text.encode()))[:-1]
    proof = "".join(f"{to_base64(one)}\n" for one in tree.consistency(old, size))
    return f"old {old}\n{proof}\n".encode() + note


def add(collector: Collector, body: bytes) -> str:
    return collector.add(*read_request(body))


def status(collector: Collector, body: bytes) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        add(collector, body)
    return refused.value.status, refused.value.text


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    return Collector(str(tmp_path / "collector"), "acme", is_open=True, clock=lambda: 1_800_000_000)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(str(tmp_path / "data"))


@settings(max_examples=60)
@given(st.data())
def test_a_proof_shows_that_one_tree_begins_another_and_nothing_else(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 70))
    old = data.draw(st.integers(1, new))
    tree, small = leaves(new), Tree()
    for number in range(old):
        small.push(bytes.fromhex(leaf_hash(b"%d" % number)))
    assert tree.root(old) == small.root()
    proof = tree.consistency(old, new)
    assert is_consistent(old, tree.root(old), new, tree.root(new), proof)
    other = leaves(new, data.draw(st.integers(0, old - 1)))
    assert not is_consistent(old, other.root(old), new, tree.root(new), proof)
    assert not is_consistent(old, tree.root(old), new, other.root(new), other.consistency(old, new))
    assert not is_consistent(old, tree.root(old), new, tree.root(new), [*proof, bytes(32)])
    if proof:
        assert not is_consistent(old, tree.root(old), new, tree.root(new), proof[:-1])


def test_what_goes_on_is_taken_and_cosigned(collector: Collector, device: Device) -> None:
    collector.introduce(device.vkey)
    tree = leaves(200)
    old = 0
    for size in (3, 64, 64, 190, 200):
        body = request(device, old, size, tree)
        line = add(collector, body)
        (note,), _ = parse_notes(body.partition(b"\n\n")[2] + line.encode() + b"\n")
        assert cosigned_at(note, parse_key(collector.vkey, witness=True)) == 1_800_000_000
        old = size
    (kept,) = collector.notes(device.id)
    assert parse_notes(kept)[0][0].size == 200
    (known,) = collector.devices()
    assert (known.id, known.sessions, known.newest) == (device.id, 1, SID)


def test_each_refusal_has_its_status(collector: Collector, device: Device, tmp_path: Path) -> None:
    tree = leaves(50)
    assert status(collector, request(device, 0, 5, tree))[0] == 404
    collector.introduce(device.vkey)
    forger = Device(str(tmp_path / "forger"))
    text = note_text(f"devagent/local/{device.id}/{SID}", 5, tree.root(5))
    forged = signed_note(text, device.vkey, forger.sign(text.encode()))[:-1]
    assert status(collector, b"old 0\n\n" + forged)[0] == 403
    add(collector, request(device, 0, 20, tree))
    assert status(collector, request(device, 0, 30, tree)) == (409, "20")
    assert status(collector, request(device, 10, 30, tree)) == (409, "20")
    assert status(collector, request(device, 20, 10, tree))[0] == 400
    assert status(collector, request(device, 10, 10, tree)) == (409, "20")
    changed = leaves(50, 7)
    assert status(collector, request(device, 20, 30, changed))[0] == 422
    assert status(collector, request(device, 20, 20, changed)) == (409, "20")
    unproven = b"old 20\n\n" + request(device, 20, 30, tree).partition(b"\n\n")[2]
    assert status(collector, unproven)[0] == 422
    assert parse_notes(collector.notes(device.id)[0])[0][0].size == 20
    add(collector, request(device, 20, 30, tree))


def test_a_key_that_the_id_does_not_belong_to_is_not_taken_in(
    collector: Collector, device: Device, tmp_path: Path
) -> None:
    for text in ("", "nobody", device.vkey.replace(device.id, "01234567"), collector.vkey):
        with pytest.raises(Refused):
            collector.introduce(text)
    closed = Collector(str(tmp_path / "closed"), "acme", is_open=False)
    with pytest.raises(Refused, match="takes in no devices"):
        closed.introduce(device.vkey)
    collector.introduce(device.vkey)
    collector.introduce(device.vkey)
    assert len(collector.devices()) == 1


def test_a_session_has_one_history_whatever_origin_it_is_sent_under(
    collector: Collector, device: Device
) -> None:
    """A device that writes a session anew cannot have that cosigned beside what is on record of it."""
    collector.introduce(device.vkey)
    add(collector, request(device, 0, 20, leaves(20)))
    forged = leaves(20, 7)
    text = note_text(f"devagent/elsewhere/{device.id}/{SID}", 20, forged.root(20))
    note = signed_note(text, device.vkey, device.sign(text.encode()))[:-1]
    code, said = status(collector, b"old 0\n\n" + note)
    assert (code, f"devagent/local/{device.id}/{SID}" in said) == (403, True)
    assert len(collector.notes(device.id)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0",
        b"old -1\n\nx",
        b"old 00\n\nx",
        b"old 1\nnot base64\n\nx",
        b"old 1\nAAAA\n\nx",
        b"old 0\n\nno note",
        b"old 0\n\n\xff",
        b"old 0\n\ndevagent/local/01234567/x\n%d\n%s=\n\n\xe2\x80\x94 devagent/01234567 AAAA\n"
        % (10**30, b"A" * 43),
        b"old 1\n" + (b"A" * 43 + b"=\n") * 64 + b"\nx",
    ],
)
def test_what_cannot_be_read_is_400(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read_request(body)
    assert refused.value.status == 400


def test_over_http_it_answers_as_tlog_witness_says(tmp_path: Path, device: Device) -> None:
    tree = leaves(9)

    def ask(path: str, data: bytes | None = None) -> tuple[int, str, str]:
        try:
            with urllib.request.urlopen(f"{running.url}{path}", data=data, timeout=10) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.headers["Content-Type"], e.read().decode()

    with collecting(tmp_path / "collector") as running:
        assert ask("/")[2].strip() == running.collector.vkey
        assert ask("/add-checkpoint", request(device, 0, 5, tree))[0] == 404
        assert ask("/devices", device.vkey.encode())[0] == 200
        code, _, line = ask("/add-checkpoint", request(device, 0, 5, tree))
        assert (code, line.startswith("— acme-witness ")) == (200, True)
        assert ask("/add-checkpoint", request(device, 0, 9, tree)) == (409, "text/x.tlog.size", "5\n")  # fmt: skip
        assert ask(f"/devices/{device.id}")[2] == ask(f"/devices/{device.id}/{SID}")[2]
        assert ask("/devices/00000000")[0] == ask("/elsewhere")[0] == 404
        assert ask("/elsewhere", b"x")[0] == 404
        assert ask("/add-checkpoint", b"x" * (MOST_BYTES + 1))[0] == 413


def address_of(running: Running) -> tuple[str, int]:
    return "127.0.0.1", running.server.server_address[1]


def told(running: Running, sent: bytes) -> bytes:
    """What comes back over a connection of one's own until it is closed."""
    with socket.create_connection(address_of(running), timeout=20) as client:
        client.sendall(sent)
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


def test_who_takes_too_long_is_hung_up_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "WHOLE_S", 0.1)
    with collecting(tmp_path / "collector") as running:
        slow = told(running, b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 900\r\n\r\nold 0")
        assert slow == b"" or slow.startswith(b"HTTP/1.0 400")
        monkeypatch.setattr(server, "WHOLE_S", 30.0)
        assert running.collector.vkey.encode() in told(running, b"GET / HTTP/1.1\r\n\r\n")


def test_no_more_are_served_at_once_than_it_can_bear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_AT_ONCE", 2)
    with (
        collecting(tmp_path / "collector") as running,
        socket.create_connection(address_of(running), timeout=20) as one,
        socket.create_connection(address_of(running), timeout=20) as two,
    ):
        assert told(running, b"") == b""
        for client in (one, two):
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert client.recv(12).startswith(b"HTTP/1.0 200")


def test_odd_requests_get_an_answer_and_write_nothing_to_the_terminal_that_steers_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with collecting(tmp_path / "collector") as running:
        running.server.quiet = False
        long = told(running, b"POST / HTTP/1.1\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5000))
        assert long.startswith(b"HTTP/1.0 413")
        assert b" 404 " in told(running, b"GET /\x1b]0;mine\x07\x1b[2J HTTP/1.1\r\n\r\n")
    said = capfd.readouterr().err
    assert said.count("\n") == 2
    assert "\x1b" not in said
    assert "Traceback" not in said


def test_a_database_that_cannot_be_written_is_said_and_takes_nothing(
    tmp_path: Path, device: Device
) -> None:
    with collecting(tmp_path / "collector") as running:
        with closing(sqlite3.connect(tmp_path / "collector" / DATABASE)) as database:
            database.execute("DROP TABLE device")
        body = device.vkey.encode()
        head = b"POST /devices HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
        answer = told(running, head + body)
        assert answer.startswith(b"HTTP/1.0 503")
        assert b"no such table" not in answer


def test_of_many_at_once_one_line_of_history_is_kept(collector: Collector, device: Device) -> None:
    collector.introduce(device.vkey)
    bodies = [request(device, 0, 8, leaves(8, other)) for other in range(8)]
    taken: list[int] = []
    refused: list[int] = []

    def one(number: int) -> None:
        try:
            add(collector, bodies[number])
        except Refused as e:
            refused.append(e.status)
        else:
            taken.append(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(taken), refused) == (1, [409] * 7)
    (kept,) = collector.notes(device.id)
    assert kept.startswith(bodies[taken[0]].partition(b"\n\n")[2])
    (note,), _ = parse_notes(kept)
    assert cosigned_at(note, parse_key(collector.vkey, witness=True))
