"""What a witness has of a device is held against the disk: it shows what the disk alone cannot."""

import re
import shutil
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from devagent.audit.checkpoints import parse_notes
from devagent.audit.device import STATE, Device, device_key
from devagent.audit.layout import BODIES, CHECKPOINTS, EVENTS, newest_first
from devagent.audit.witness import Witnessing
from devagent.audit.witness_listing import read_listing
from devagent.audit.writer import SessionLog
from devagent.cli.session import session
from devagent.core.errors import LogError, UsageError
from devagent.settings.places import places
from tests.support.collectors import Running, collecting
from tests.support.log_events import story


def written(running: Running) -> Path:
    here = places()
    witnessing = Witnessing(running.witness, here.sessions, here.data)
    with SessionLog.create(here.sessions, device=Device(here.data), witnessing=witnessing) as log:
        for event in story():
            log.write(event)
    return Path(log.folder)


def verify(*args: str) -> Result:
    return CliRunner().invoke(session, ["verify", *args])


def newest() -> Path:
    return Path(next(newest_first(places().sessions)))


@pytest.fixture
def vkey(tmp_path: Path) -> str:
    """The witness's, which has cosigned three sessions; what it says of them is in the file ``listing``."""
    with collecting(tmp_path / "collector") as running:
        for _ in range(3):
            written(running)
        device = Device(places().data).id
        (tmp_path / "listing").write_bytes(b"".join(running.collector.notes(device)))
    return running.collector.vkey


def test_what_the_witness_has_and_what_is_here_agree(tmp_path: Path, vkey: str) -> None:
    said = verify("--all", "--witness", vkey, "--listing", str(tmp_path / "listing"))
    assert said.exit_code == 0
    assert "the witness has 3 sessions of device" in said.stdout
    assert "all are here, as it has them\n" in said.stdout
    one = verify("last", "--witness", vkey, "--listing", str(tmp_path / "listing"))
    assert one.exit_code == 0


def test_the_listing_comes_from_the_witness_itself(tmp_path: Path) -> None:
    with collecting(tmp_path / "collector") as running:
        written(running)
        said = verify("--all", "--witness", running.collector.vkey, "--listing", running.url)
        assert (said.exit_code, "1 sessions of device" in said.stdout) == (0, True)
        gone = verify("--all", "--listing", f"{running.url}/nowhere")
        assert isinstance(gone.exception, LogError)
    assert isinstance(verify("--all", "--listing", running.url).exception, LogError)


def test_a_newest_session_that_was_taken_away_with_all_that_the_device_knew_shows(
    tmp_path: Path, vkey: str
) -> None:
    taken = newest()
    last = parse_notes((taken / CHECKPOINTS).read_bytes())[0][-1]
    shutil.rmtree(taken)
    assert not (Path(places().data) / STATE).exists(), "nothing here knows of it any more"
    assert verify("--all").exit_code == 0, "the disk alone does not show it"
    said = verify("--all", "--witness", vkey, "--listing", str(tmp_path / "listing"))
    assert said.exit_code == 1
    assert (
        f"session {taken.name} is missing: the witness has {last.size} lines of it" in said.stdout
    )


def test_lines_cut_back_to_an_earlier_checkpoint_show(tmp_path: Path, vkey: str) -> None:
    folder = newest()
    notes, _ = parse_notes((folder / CHECKPOINTS).read_bytes())
    first = notes[0].size
    assert first < notes[-1].size, "the story has more than one checkpoint"
    lines = (folder / EVENTS).read_bytes().splitlines(keepends=True)
    (folder / EVENTS).write_bytes(b"".join(lines[:first]))
    bodies = (folder / BODIES).read_bytes().splitlines(keepends=True)
    kept = sum(b'"body"' in line for line in lines[:first])
    (folder / BODIES).write_bytes(b"".join(bodies[:kept]))
    signed = (folder / CHECKPOINTS).read_bytes().split(b"\n\n")
    (folder / CHECKPOINTS).write_bytes(b"\n\n".join(signed[:2]) + b"\n\n")
    assert verify("last").exit_code == 0, "the disk alone does not show it"
    said = verify("last", "--witness", vkey, "--listing", str(tmp_path / "listing"))
    assert said.exit_code == 1
    assert "are not those that the witness has on record" in said.stdout


def test_a_session_that_the_witness_has_nothing_of_is_told(tmp_path: Path, vkey: str) -> None:
    with SessionLog.create(places().sessions, device=Device(places().data)) as log:
        for event in story():
            log.write(event)
    every = verify("--all", "--witness", vkey, "--listing", str(tmp_path / "listing"))
    assert every.exit_code == 0
    assert "1 of these are not on record" in every.stdout
    one = verify("last", "--listing", str(tmp_path / "listing"))
    assert isinstance(one.exception, LogError)
    assert "has nothing of session" in str(one.exception)


def test_a_listing_without_the_witnesss_own_signatures_is_said_to_prove_less(
    tmp_path: Path, vkey: str
) -> None:
    listing = tmp_path / "listing"
    bare = [line for line in listing.read_text().split("\n") if not line.startswith("— acme")]
    listing.write_text("\n".join(bare))
    assert not read_listing(str(listing), device_key(places().data), witness_key=vkey).cosigned
    said = verify("--all", "--witness", vkey, "--listing", str(listing))
    assert "(not every line of the listing bears its cosignature)" in said.stdout


@pytest.mark.parametrize(
    ("pattern", "instead", "why"),
    [
        (r"\n(\d+)\n", r"\n1\1\n", "bears no good signature"),
        (r"\n\Z", "", "its last note is not whole"),
        (r"/01", "/x1", "is no session of device"),
        (r"devagent/local/", "devagent/local/ffffffff/", "bears no good signature"),
        (r"(?s)\A(.+?\n\n.+?\n\n)", r"\1\1", "once more"),
        (r"(?s).+", "what is this\n\n", "not whole"),
        (r"(?s).+", "a\nb\nc\n\nd\n\n", "is not a checkpoint"),
    ],
)
def test_a_listing_that_is_none_is_refused(
    tmp_path: Path, vkey: str, pattern: str, instead: str, why: str
) -> None:
    listing = tmp_path / "listing"
    listing.write_text(re.sub(pattern, instead, listing.read_text(), count=1))
    refused = verify("--all", "--witness", vkey, "--listing", str(listing)).exception
    assert isinstance(refused, LogError)
    assert why in str(refused)


def test_a_listing_that_is_not_there_and_a_policy_without_a_witness_are_told(
    tmp_path: Path, vkey: str
) -> None:
    assert isinstance(verify("--all", "--listing", str(tmp_path / "no")).exception, UsageError)
    said = verify("--all", "--listing", "policy").exception
    assert isinstance(said, UsageError)
    assert "Policy names no witness" in str(said)
    assert vkey


@contextmanager
def endless() -> Generator[str]:
    """A witness whose listing does not end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join(10)


def test_a_listing_without_end_is_cut(vkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devagent.audit.witness_listing.MOST_BYTES", 1 << 20)
    with endless() as url:
        refused = verify("--all", "--witness", vkey, "--listing", url).exception
    assert isinstance(refused, LogError)
    assert "has more than 1 MB" in str(refused)
