"""Edits keep every byte that they were not told to change, whatever the encoding and the line ends."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from devagent_workspace import tools
from devagent_workspace.content import decode
from devagent_workspace.contract import WorkspaceError
from tests.support.workspaces import Place

ENDS = st.sampled_from(["\n", "\r\n"])
PIECES = st.lists(st.tuples(st.text("ab é→\t", max_size=6), ENDS), min_size=1, max_size=8)
CODECS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])


@given(PIECES, CODECS, st.text("xyz\n", max_size=6), st.integers(0, 7))
def test_only_the_replaced_line_changes(
    pieces: list[tuple[str, str]], codec: str, new: str, where: int
) -> None:
    where %= len(pieces)
    with tempfile.TemporaryDirectory() as folder:
        here = Place(str(Path(folder).resolve()))
        path = Path(folder, "f")
        lines = [
            f"{number}{text}MARK{ends}" if number == where else f"{number}{text}{ends}"
            for number, (text, ends) in enumerate(pieces)
        ]
        path.write_bytes("".join(lines).encode(codec))
        tools.read(here, path="f")
        tools.edit(here, path="f", edits=[{"old": "MARK", "new": f"<{new}>"}])
        after = path.read_bytes().decode(codec)
        whole = "".join(lines)
        start = whole.index("MARK")
        assert after.startswith(whole[:start])
        assert after.endswith(whole[start + 4 :])
        middle = after[start : len(after) - len(whole[start + 4 :])]
        assert middle.replace("\r\n", "\n") == f"<{new}>"
        if {ends for _, ends in pieces} == {"\r\n"}:
            assert "\n" not in middle.replace("\r\n", "")


@given(st.binary(max_size=300))
def test_what_reads_as_text_comes_back_as_the_same_bytes(data: bytes) -> None:
    text = decode(data)
    if text is not None:
        assert text.encoded(text.text) == data


@given(st.text(max_size=80), st.text(min_size=1, max_size=20))
def test_an_edit_that_fails_changes_nothing(content: str, old: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = Place(str(Path(folder).resolve()))
        path = Path(folder, "f")
        path.write_bytes(content.encode("utf-8", "replace"))
        before = path.read_bytes()
        tools.read(here, path="f")
        try:
            tools.edit(
                here,
                path="f",
                edits=[{"old": old, "new": "NEW"}, {"old": "never there", "new": ""}],
            )
        except WorkspaceError:
            assert path.read_bytes() == before
        else:
            raise AssertionError("the second edit cannot fit")
