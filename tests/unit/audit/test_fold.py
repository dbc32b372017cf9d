"""A session read for going on with it: the same events as any reader has, and the same refusals."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from devagent.audit import fold
from devagent.audit.fold import told
from devagent.audit.layout import BODIES, EVENTS
from devagent.audit.reader import read, read_events
from devagent.core.codec import canonical, parse
from devagent.core.errors import LogError
from tests.support.log_events import story, write_story


def read_out(events: Iterable[object]) -> tuple[list[object], str]:
    """What is read, and the error that it ends with."""
    got: list[object] = []
    try:
        got.extend(events)
    except LogError as error:
        return got, error.what
    return got, ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(write_story(str(tmp_path), story()))


def test_it_is_what_any_reader_has_with_its_numbers_and_times(folder: Path) -> None:
    assert list(told(str(folder))) == [(r.seq, r.ts, r.event) for r in read(str(folder))]


def test_in_the_ordinary_nothing_is_read_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(folder: str) -> None:
        raise AssertionError(folder)

    monkeypatch.setattr(fold, "read", never)
    assert [event for _, _, event in told(str(folder))] == story()


@pytest.mark.parametrize("name", [EVENTS, BODIES])
@pytest.mark.parametrize("cut", [1, 40])
def test_a_torn_end_is_read_as_far_as_any_reader_reads_it(
    folder: Path, name: str, cut: int
) -> None:
    file = folder / name
    file.write_bytes(file.read_bytes()[:-cut])

    assert read_out(event for _, _, event in told(str(folder))) == read_out(
        read_events(str(folder))
    )


def test_an_event_of_a_later_version_is_passed_over_and_the_rest_is_read(folder: Path) -> None:
    lines = (folder / EVENTS).read_bytes().splitlines()
    later = [canonical({**parse(lines[3]), "type": "later.thing"}), *lines[4:]]
    (folder / EVENTS).write_bytes(b"\n".join([*lines[:3], *later]) + b"\n")
    found = list(told(str(folder)))
    assert [event for _, _, event in found] == [*story()[:3], *story()[4:]]
    assert [seq for seq, _, _ in found] == [seq for seq in range(len(story())) if seq != 3]


@pytest.mark.parametrize(
    "instead", [b'{"by":9,"erased":true,"seq":2}', b'{"sealed":"aGk=","seq":2}', b""]
)
def test_content_that_is_gone_ends_it_where_it_is_missing(folder: Path, instead: bytes) -> None:
    file = folder / BODIES
    lines = file.read_bytes().splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if b'"seq":2}' in line or b'"seq":2,' in line)
    file.write_bytes(b"".join([*lines[:at], instead and instead + b"\n", *lines[at + 1 :]]))
    events = told(str(folder))
    assert [next(events)[0], next(events)[0]] == [0, 1]
    with pytest.raises(LogError, match="The content of event 2 is"):
        next(events)


def test_without_any_content_or_log_it_says_what_any_reader_says(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="There is no session"):
        list(told(str(tmp_path / "none")))
