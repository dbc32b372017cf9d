"""``--json-schema``: what is a schema, what fits it, and what the model is told."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from devagent.cli.answer_schema import AnswerSchema
from devagent.core.errors import UsageError

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "sizes": {"items": {"type": "integer"}}},
    "required": ["name"],
}


def schema(folder: Path, value: Any = None) -> AnswerSchema:
    file = folder / "answer.json"
    file.write_text(json.dumps(SCHEMA if value is None else value))
    return AnswerSchema(str(file))


def refusal(folder: Path, data: bytes) -> str:
    file = folder / "answer.json"
    file.write_bytes(data)
    with pytest.raises(UsageError) as raised:
        AnswerSchema(str(file))
    assert raised.value.exit_code == 2
    assert str(file) in raised.value.what
    return raised.value.what


def test_an_answer_that_fits_is_its_value(tmp_path: Path) -> None:
    assert schema(tmp_path).fit('{"name": "a", "sizes": [1]}') == (
        {"name": "a", "sizes": [1]},
        "",
    )


@pytest.mark.parametrize(
    "text",
    ['```json\n{"name": "a"}\n```', '```\n{"name": "a"}```', '\n  {"name": "a"}  \n'],
)
def test_a_code_fence_around_the_answer_is_no_fault(tmp_path: Path, text: str) -> None:
    assert schema(tmp_path).fit(text) == ({"name": "a"}, "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the answer is not JSON"),
        ("Here you are: {}", "the answer is not JSON"),
        ('{"name": "a"} and more', "the answer is not JSON"),
        ("{}", '"name" is a required property'),
        ('{"name": 5}', "name: 5 is not of type"),
        ('{"name": "a", "sizes": [1, "b"]}', 'sizes/1: "b" is not of type'),
        ("[]", "the value: [] is not of type"),
        ("[" * 100_000, "nested too deeply"),
        ('{"name": "a"}\x00', "the answer is not JSON"),
    ],
)
def test_an_answer_that_does_not_fit_is_told_why(tmp_path: Path, text: str, problem: str) -> None:
    value, told = schema(tmp_path).fit(text)
    assert value is None
    assert problem in told


def test_null_may_be_an_answer(tmp_path: Path) -> None:
    assert schema(tmp_path, {"type": "null"}).fit("null") == (None, "")


def test_the_prompt_and_the_repair_tell_the_schema_and_the_problem(tmp_path: Path) -> None:
    made = schema(tmp_path)
    assert made.asked("Name it.").startswith("Name it.\n\n")
    assert '"required":["name"]' in made.asked("Name it.")
    assert "name: 5 is wrong" in made.repair("name: 5 is wrong")


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        AnswerSchema(str(tmp_path / "none.json"))
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        AnswerSchema(str(tmp_path))


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff", b"5", b'"text"', b'{"type": "nope"}', b'{"pattern": "("}', b"[" * 100_000],
)
def test_a_file_that_is_no_schema_is_wrong_usage(tmp_path: Path, data: bytes) -> None:
    assert "is not a JSON Schema" in refusal(tmp_path, data)


def test_a_reference_to_elsewhere_is_never_fetched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        what = refusal(tmp_path, json.dumps({"$ref": url}).encode())
        with pytest.raises(BlockingIOError):
            server.accept()
    assert url in what
    assert "$defs" in what


def test_a_reference_to_a_file_is_never_read(tmp_path: Path) -> None:
    assert "may not refer to file:///etc/passwd" in refusal(
        tmp_path, b'{"$ref": "file:///etc/passwd"}'
    )
