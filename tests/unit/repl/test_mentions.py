"""What a person mentions: files, lines, images, what extensions have; and symbols to find them by."""

from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from devagent.core.errors import UsageError
from devagent.repl.completing import Completing, Offer
from devagent.repl.files import Files
from devagent.repl.images import clipboard_image
from devagent.repl.mentions import Mention, as_mention, mentions, pasted_image
from devagent.repl.symbols import Symbols
from tests.support.repositories import git

LIMIT_S = 30
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("src/fee.py", "my shot.png", "shot.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    return tmp_path


def test_what_is_there_is_mentioned_and_all_else_is_a_word(folder: Path) -> None:
    said = 'See @src/fee.py, (@src/fee.py:12) and @"my shot.png" of @ana, @pytest.fixture, me@shot.png.'
    assert mentions(said, str(folder)) == [
        Mention("file", "src/fee.py"),
        Mention("file", "src/fee.py", 12),
        Mention("file", "my shot.png"),
    ]


def test_things_of_extensions_are_mentioned_by_the_extensions_name(folder: Path) -> None:
    said = "@tickets:SHOP-12: as @docs:book@1:a.md#fee says, @other:thing"
    assert mentions(said, str(folder), ["tickets", "docs"]) == [
        Mention("tickets", "SHOP-12"),
        Mention("docs", "book@1:a.md#fee"),
    ]
    assert mentions(said, str(folder)) == []


def test_a_picture_that_is_dropped_on_the_terminal_is_a_mention(folder: Path) -> None:
    path = str(folder / "my shot.png")
    for pasted in (path, f"'{path}' ", path.replace(" ", "\\ "), f"file://{path}"):
        assert pasted_image(pasted) == path
    assert as_mention(path) == f'@"{path}"'
    for other in ("shot.png", str(folder / "src/fee.py"), f"{path}\nand more", "/nowhere.png"):
        assert pasted_image(other) == ""


def test_without_a_program_for_the_clipboard_the_person_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no program reads the clipboard"):
        clipboard_image({"DISPLAY": ":0"})


@pytest.mark.parametrize("repository", [True, False])
def test_definitions_are_found_by_their_name(tmp_path: Path, repository: bool) -> None:
    (tmp_path / "fee.py").write_text(
        "FREE = 1\n\n\nclass Basket:\n    async def delivery_fee(self):\n        return 0\n"
    )
    (tmp_path / "shop.go").write_text("func (s *Shop) Deliver(to string) error {\n")
    (tmp_path / "app.ts").write_text("export default class App {}\nexport type Fee = number\n")
    (tmp_path / "notes.md").write_text("def not_code():\n")
    if repository:
        git(tmp_path, "init", "-q")
    symbols = Symbols(str(tmp_path))
    symbols.look()
    assert symbols.ready.wait(LIMIT_S)
    found = {one.name: (one.kind, one.path, one.line) for one in symbols.found("", 50)}
    assert found == {
        "Basket": ("class", "fee.py", 4),
        "delivery_fee": ("def", "fee.py", 5),
        "Deliver": ("func", "shop.go", 1),
        "App": ("class", "app.ts", 1),
        "Fee": ("type", "app.ts", 2),
    }
    assert [one.name for one in symbols.found("dlvfee", 5)] == ["delivery_fee"]


class Shop:
    """Two places beside the folder; ``asked`` is what was asked of them."""

    places = {"tickets": "your open tickets", "wiki": "a server"}  # noqa: RUF012

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def known(self, place: str, typed: str) -> list[Offer] | None:
        return [Offer("wiki:page", "A page")] if place == "wiki" else None

    async def ask(self, place: str, typed: str) -> list[Offer]:
        self.asked.append((place, typed))
        return [Offer("tickets:SHOP-12", "Free delivery")]

    async def argument(self, command: str, line: str, typed: str) -> list[Offer]:
        self.asked.append((command, typed))
        return [Offer("city=Ulm")]


async def offered(completing: Completing, text: str) -> list[str]:
    event = CompleteEvent(text_inserted=True)
    return [one.text async for one in completing.get_completions_async(Document(text), event)]


async def test_files_symbols_and_what_extensions_have_are_offered_together(folder: Path) -> None:
    (folder / "src/fee.py").write_text("def delivery_fee():\n    pass\n")
    files, symbols, shop = Files(str(folder)), Symbols(str(folder)), Shop()
    symbols.look()
    files.look()
    assert files.ready.wait(LIMIT_S)
    assert symbols.ready.wait(LIMIT_S)
    completing = Completing(lambda: {"wiki:ask": "a prompt"}, files, symbols, shop)
    assert await offered(completing, "see @deliv") == ["src/fee.py:1"]
    assert await offered(completing, "see @my") == ['"my shot.png"']
    assert (await offered(completing, "see @"))[:2] == ["tickets:", "wiki:"]
    assert await offered(completing, "@wiki:p") == ["wiki:page"]
    assert shop.asked == []
    assert await offered(completing, "@tickets:fr") == ["tickets:SHOP-12"]
    assert await offered(completing, "/wiki:ask ci") == ["city=Ulm"]
    assert shop.asked == [("tickets", "fr"), ("/wiki:ask", "ci")]


async def test_nothing_is_asked_for_while_somebody_types_on(tmp_path: Path) -> None:
    shop = Shop()
    completing = Completing(dict, Files(str(tmp_path)), None, shop)
    completing.typed = lambda: "@tickets:free"
    assert await offered(completing, "@tickets:fr") == []
    assert shop.asked == []
