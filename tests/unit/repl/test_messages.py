"""What is said at the screen can be translated; English is what stands in the code."""

import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from devagent.core.approvals import standing_approval
from devagent.repl import messages
from devagent.repl.filing import sheet
from devagent.repl.style import text_of
from tests.support.catalogue import CATALOGUES, compiled, said, translated
from tests.support.log_events import judged


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    messages.forget()
    yield
    messages.forget()


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda file: Path(file).parts[-3])
def test_a_catalogue_has_every_message_with_its_fields_and_is_compiled(catalogue: Path) -> None:
    found = translated(catalogue)
    assert set(found) == said()
    for message, translation in found.items():
        assert fields(translation) == fields(message), message
        assert translation, message
    assert catalogue.with_suffix(".mo").read_bytes() == compiled(found)


def fields(text: str) -> list[str]:
    """What is filled in, and what a person types: commands stay as they are."""
    return sorted(str(name) for _, name, _, _ in string.Formatter().parse(text) if name) + sorted(
        re.findall(r"(?<!\S)/\w+", text)
    )


def test_the_screen_speaks_the_persons_language(monkeypatch: pytest.MonkeyPatch) -> None:
    call = judged("ask")
    approval = standing_approval(
        call, by="user:ana", scope="project", given="2026-11-20", days=7, folder="/work"
    )
    monkeypatch.setenv("LANGUAGE", "de_AT:en")
    assert "würde abgelegt: git.push  in diesem Ordner, bis 2026-11-27" in text_of(
        sheet(approval, call)[0]
    )
    messages.forget()
    monkeypatch.setenv("LANGUAGE", "xx")
    assert "would be filed: git.push  in this folder" in text_of(sheet(approval, call)[0])
