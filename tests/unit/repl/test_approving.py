"""What a person sees before they say yes: the exact effect, who asks, and what an approval would reach."""

from pathlib import Path

from msgspec.structs import replace

from devagent.core.approvals import standing_approval
from devagent.core.events.calls import ToolJudged
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference
from devagent.repl.effect import card
from devagent.repl.filing import examples, sheet
from devagent.repl.style import text_of
from tests.support.log_events import judged

WORKSPACE = ExtensionReference("workspace", "1", "ab" * 32)


def asks(
    tool: str, args: dict[str, object], *resources: Resource, ext: str = "workspace"
) -> ToolJudged:
    return replace(
        judged("ask"), ext=replace(WORKSPACE, name=ext), tool=tool, args=args, resources=resources
    )


def shown(call: ToolJudged, folder: Path) -> str:
    return "\n".join(map(text_of, card(call, str(folder))))


def test_an_edit_is_shown_as_a_diff_with_context(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\ntwo\nthree\nfour\nfive\n")
    edit = asks(
        "edit",
        {"path": "a.py", "edits": [{"old": "three", "new": "3", "all": False}]},
        Resource("path:a.py", "write"),
    )
    text = shown(edit, tmp_path)
    assert "  a.py  change, +1 -1\n" in text
    assert "     two\n    -three\n    +3\n     four\n" in text
    assert "asked by org/acme#no-force (org.toml:14)" in text


def test_an_edit_that_cannot_be_foreseen_is_shown_as_it_was_written(tmp_path: Path) -> None:
    edit = asks("edit", {"path": "a.py", "edits": [{"old": "x", "new": "y"}]})
    assert 'edits=[{"new":"y","old":"x"}]' in shown(edit, tmp_path)


def test_a_command_is_shown_with_every_program_that_it_runs(tmp_path: Path) -> None:
    run = asks(
        "shell",
        {"command": "make test && rm -r build", "timeout_s": 120},
        Resource("command:make test", "write"),
        Resource("command:rm -r build", "write"),
        Resource("path:build", "write"),
    )
    text = shown(run, tmp_path)
    for part in (
        "    make test && rm -r build",
        "run   command:rm -r build",
        "write path:build",
        "timeout_s=120",
    ):
        assert part in text


def test_a_query_is_shown_with_its_tables_and_columns(tmp_path: Path) -> None:
    query = asks(
        "query",
        {"source": "shop", "sql": "SELECT email\nFROM customers"},
        Resource("table:shop.main.customers", "read"),
        Resource("column:shop.main.customers.email", "read", ("pii.email",)),
        ext="sql",
    )
    text = shown(query, tmp_path)
    assert "    SELECT email\n    FROM customers\n" in text
    assert "read  table:shop.main.customers  columns email [pii.email]" in text
    assert "limit_rows=500" in text


def test_a_change_of_data_is_shown_with_the_rows_that_it_is_held_to(tmp_path: Path) -> None:
    touched = (
        Resource("table:shop.main.orders", "write"),
        Resource("column:shop.main.orders.total", "write"),
    )
    args = {"source": "shop", "sql": "UPDATE orders SET total = 0", "commit": True}
    change = asks("write", {**args, "expected_rows": 3}, *touched, ext="sql")
    text = shown(change, tmp_path)
    for part in (
        "    UPDATE orders SET total = 0\n",
        "rows  3 rows changed and committed; where it would be another number, none",
        "write table:shop.main.orders  columns total",
    ):
        assert part in text
    tried = asks("write", {**args, "commit": False, "expected_rows": -1}, *touched, ext="sql")
    assert "rows  none kept: it is tried, the rows are counted, and it is rolled back" in shown(
        tried, tmp_path
    )


def test_what_no_screen_shows_is_written_out(tmp_path: Path) -> None:
    text = shown(asks("note", {"text": "a\u202eb\x1b[31m\nnext"}), tmp_path)
    assert "a⟦U+202E⟧b⟦U+001B⟧[31m" in text


def test_the_examples_of_an_approval_are_what_it_really_answers() -> None:
    call = judged("ask")
    approval = standing_approval(
        call, by="user:ana", scope="project", given="2026-11-20", days=7, folder="/code/shop"
    )
    found = list(examples(approval, call))
    assert [fits for fits, _ in found] == [True, True, True, False, False, False]
    assert found[3][1] == "the same in another folder"
    text = "\n".join(map(text_of, sheet(approval, call)))
    assert "would be filed: git.push  in this folder, until 2026-11-27, for ana" in text


def test_an_approval_of_these_arguments_alone_says_so_and_means_it() -> None:
    call = judged("ask")
    approval = standing_approval(
        call, by="user:ana", scope="always", given="2026-11-20", days=7, folder="/w", exact=True
    )
    found = {text: fits for fits, text in examples(approval, call)}
    assert found["git.push of branch:origin/main with other arguments"] is False
    assert "with exactly these arguments" in "\n".join(map(text_of, sheet(approval, call)))
