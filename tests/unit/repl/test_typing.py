"""What is typed: history without secrets, pastes folded, files found by a few letters."""

import time
from pathlib import Path

from prompt_toolkit.document import Document

from devagent.repl.completing import Completing
from devagent.repl.files import Files
from devagent.repl.past import Past
from devagent.repl.pasted import Pasted
from tests.support.repositories import git

LIMIT_S = 30


def test_what_was_typed_is_there_in_the_next_session_without_its_secrets(tmp_path: Path) -> None:
    file = tmp_path / "data" / "prompts.jsonl"
    past = Past(str(file), lambda text: text.replace("hunter2", "***"))
    past.store_string("one")
    past.store_string("two\nlines with hunter2")
    again = Past(str(file), str)
    assert list(again.load_history_strings()) == ["two\nlines with ***", "one"]
    assert file.stat().st_mode & 0o077 == 0


def test_a_damaged_line_of_the_history_costs_that_line(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_bytes(b'"one"\n\xff{broken\n"three"\n')
    assert list(Past(str(file), str).load_history_strings()) == ["three", "one"]


def test_a_long_paste_is_a_mark_while_it_is_edited_and_whole_when_sent() -> None:
    pasted = Pasted()
    text = "\n".join(f"line {n}" for n in range(5_000))
    mark = pasted.folded(text.replace("\n", "\r\n"))
    assert mark == "[pasted #1: 5,000 lines]"
    assert pasted.whole(f"look at {mark}, please") == f"look at {text}, please"
    assert pasted.folded("two\nlines") == "two\nlines"


def found(folder: Path) -> Files:
    files = Files(str(folder))
    files.look()
    assert files.ready.wait(LIMIT_S)
    return files


def test_files_are_found_by_letters_in_their_order_the_nearest_name_first(tmp_path: Path) -> None:
    for name in ("src/delivery.py", "src/deliveries/old.py", "docs/index.md", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    files = found(tmp_path)
    assert files.found("deliv") == ["src/delivery.py", "src/deliveries/old.py"]
    assert files.found("dlvrypy") == ["src/delivery.py"]
    assert files.found("zzz") == []


def test_ignored_files_are_not_offered(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("build/\n")
    (tmp_path / "build").mkdir()
    (tmp_path / "build/out.txt").write_text("x")
    (tmp_path / "kept.txt").write_text("x")
    assert sorted(found(tmp_path).found("")) == [".gitignore", "kept.txt"]


def test_a_letter_more_in_a_hundred_thousand_files_takes_no_pause(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    files.use([f"src/package_{n % 997}/module_{n}.py" for n in range(100_000)])
    began = time.process_time()
    for typed in ("m", "mo", "mod", "modu", "module_9", "module_99", "module_9999"):
        assert files.found(typed)
    assert time.process_time() - began < 5  # 0.3 on a small machine, for all seven


def test_commands_are_offered_at_the_begin_of_the_line_alone(tmp_path: Path) -> None:
    completing = Completing(
        lambda: {"help": "what there is", "model": "which"}, Files(str(tmp_path))
    )

    def offered(text: str) -> list[str]:
        return [one.text for one in completing.get_completions(Document(text), None)]  # pyright: ignore[reportArgumentType]

    assert offered("/he") == ["/help"]
    assert offered("say /he") == []
