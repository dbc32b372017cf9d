"""Globs, conditions, obligations and near names, case by case."""

import time
from typing import Any

import pytest

from devagent.core.principal import Principal
from devagent.core.verdicts import Request
from devagent.policy.conditions import all_hold, compile_when
from devagent.policy.globs import compile_glob
from devagent.policy.lookups import Subject
from devagent.policy.names import nearest_name
from devagent.policy.obligations import join


@pytest.mark.parametrize(
    ("pattern", "separator", "matched", "unmatched"),
    [
        ("src/a.py", "/", ["src/a.py"], ["src/a.pyc", "asrc/a.py", ""]),
        ("src/*", "/", ["src/a", "src/"], ["src/a/b", "src"]),
        ("src/**", "/", ["src/a/b", "src/"], ["src", "lib/src/a"]),
        ("**/b", "/", ["a/b", "/b", "a/c/b"], ["b", "a/bb"]),
        ("*/b", "/", ["a/b", "/b"], ["a/c/b", "b"]),
        ("a*c", "/", ["ac", "abc"], ["a/c", "ab"]),
        ("aba*aba", "/", ["abaaba", "aba-aba"], ["aba", "ababa"]),
        ("**x**", "/", ["x", "a/x/b"], ["", "y"]),
        ("git *", " ", ["git status"], ["git status -s", "git"]),
        ("user:*", "", ["user:", "user:a/b.c d"], ["users:a"]),
        ("table.*.x", ".", ["table.a.x"], ["table.a.b.x"]),
        ("[a]?", "/", ["[a]?"], ["ab", "a"]),
        ("a/*/b/**/c*d", "/", ["a/x/b/y/cd", "a//b//c-d"], ["a/x/b/cd", "a/x/b/y/c/d"]),
        ("**", "/", ["", "\n", "a/b"], []),
    ],
)
def test_a_glob_matches_whole_texts(
    pattern: str, separator: str, matched: list[str], unmatched: list[str]
) -> None:
    matches = compile_glob(pattern, separator)
    assert [text for text in [*matched, *unmatched] if matches(text)] == matched


@pytest.mark.parametrize(
    "pattern",
    ["**a" * 30 + "b", "*a" * 30 + "b", "**a*a*a*b**", "**/a*b/**c*", "**a*" * 10 + "**b"],
)
@pytest.mark.parametrize("text", ["a" * 200_000, "a/" * 100_000, "/a" * 100_000])
def test_hostile_text_meets_no_backtracking(pattern: str, text: str) -> None:
    start = time.process_time()
    assert not compile_glob(pattern, "/")(text)
    assert time.process_time() - start < 5  # backtracking would take longer than anybody waits


ARGS: dict[str, Any] = {
    "n": 5,
    "flag": True,
    "none": None,
    "text": "Hello World",
    "list": ["a", "b"],
    "empty": [],
    "mixed": ["a", 7],
    "people": [{"id": "x", "a/b": 1}, {"name": "n"}, {"id": None}, {"id": ["y", "z"]}],
    "table": {"k": "v"},
    "nested": [["a", "b"], ["c"]],
}
ORIGINS = {
    "/text": ["prompt"],
    "/list/0": ["prompt"],
    "/list/1": ["result:web.get"],
    "/people/0/id": ["prompt"],
    "/people/0/a~1b": ["prompt"],
    "/people/3/id/1": ["prompt"],
    "/nested/0/1": ["prompt"],
    "/body/@hosts/0": ["prompt"],
}


@pytest.mark.parametrize(
    ("when", "truth"),
    [
        ({"args.n": 5}, True),
        ({"args.n": 5.0}, True),
        ({"args.flag": 1}, False),
        ({"args.n": True}, False),
        ({"args.n": [4, 5]}, True),
        ({"args.n": {"min": 5, "max": 6}}, True),
        ({"args.flag": {"min": 0}}, None),
        ({"args.text": {"max": 3}}, None),
        ({"args.gone": 5}, None),
        ({"args.none": {"absent": True}}, True),
        ({"args.gone": {"absent": False}}, False),
        ({"args.gone": {"not": {"eq": 5}}}, None),
        ({"args.gone": {"not_in": [5]}}, None),
        ({"args.n": {"not": {"eq": 5}}}, False),
        ({"args.text": {"mentions": ["WORLD"]}}, True),
        ({"args.text": {"contains": "World"}}, True),
        ({"args.text": {"contains": 1}}, None),
        ({"args.n": {"contains": 1}}, None),
        ({"args.list": {"contains": "b"}}, True),
        ({"args.text": {"len_min": 11, "len_max": 11}}, True),
        ({"args.n": {"len_min": 1}}, None),
        ({"args.n": {"mentions": ["5"]}}, None),
        ({"args.list": {"in": ["a", "b", "c"]}}, True),
        ({"args.list": "a"}, False),
        ({"args.empty": "a"}, True),
        ({"args.empty": {"any": {"eq": "a"}}}, False),
        ({"args.list": {"any": {"eq": "a"}}}, True),
        ({"args.n": {"any": {"eq": 5}}}, True),
        ({"args.mixed": {"prefix": "a"}}, None),
        ({"args.mixed": {"any": {"prefix": "a"}}}, True),
        ({"args.mixed": {"either": [{"prefix": "a"}, {"eq": 7}]}}, True),
        ({"args.list": {"not": {"suffix": "a"}}}, True),
        ({"args.list": {"not_in": ["c"]}}, True),
        ({"args.table": "v"}, None),
        ({"args.table": {"absent": False}}, True),
        ({"args.table.k": "v"}, True),
        ({"args.n.k": "v"}, None),
        ({"args.people.id": {"in": ["x", "y", "z"]}}, True),
        ({"args.people.id": {"len_min": 3, "len_max": 3}}, True),
        ({"args.people.gone": {"len_max": 0}}, True),
        ({"args.gone|args.n": 5}, True),
        ({"args.gone|args.none": {"absent": True}}, True),
        ({"args.list|args.n": {"len_min": 3}}, True),
        ({"args.**": {"any": {"eq": "v"}}}, True),
        ({"args.**": {"len_min": 16, "len_max": 16}}, True),
        ({"args.text": {"glob": "Hello*"}}, True),
        ({"args.text": {"not_glob": "hello*"}}, True),
        ({"args.text": {"origin_in": ["prompt"]}}, True),
        ({"args.n": {"origin_in": ["**"]}}, False),
        ({"args.list": {"origin_in": ["prompt", "result:web.*"]}}, True),
        ({"args.list": {"origin_in": ["prompt"]}}, False),
        ({"args.list": {"any": {"origin_in": ["result:**"]}}}, True),
        ({"args.people.id": {"any": {"eq": "z", "origin_in": ["prompt"]}}}, True),
        ({"args.people.id": {"any": {"eq": "y", "origin_in": ["prompt"]}}}, False),
        ({"args.people.a/b": {"origin_in": ["prompt"]}}, True),
        ({"args.nested": {"any": {"any": {"eq": "b", "origin_in": ["prompt"]}}}}, True),
        ({"args.nested": {"in": ["a", "b"]}}, False),
        ({"args.**": {"any": {"eq": "b", "origin_in": ["result:web.get"]}}}, True),
        ({"args.body.@hosts": {"origin_in": ["prompt"], "len_min": 1}}, True),
        ({"args.gone.@hosts": {"len_max": 9}}, None),
        ({"context.env": {"origin_in": ["**"]}}, False),
        ({"context.env": "dev"}, True),
        ({"mode": ["run", "chat"]}, True),
        ({"principal.user": "ana"}, True),
        ({"principal.ci": "x"}, None),
        ({"principal.groups": {"contains": "ops"}}, True),
        ({"args.text": "@known"}, True),
        ({"taint_none": ["mail"]}, True),
        ({"taint_none": ["web.*"]}, False),
        ({"taint_any": ["web.*"]}, True),
        ({"taint_any": []}, False),
        ({"args.n": 5, "args.gone": 1}, None),
        ({"args.n": 6, "args.gone": 1}, False),
        ({}, True),
    ],
)  # fmt: skip
def test_a_condition_is_true_false_or_unknown(when: dict[str, Any], truth: bool | None) -> None:
    request = Request(
        principal=Principal(user="ana"),
        extension="x",
        tool="y",
        args=ARGS,
        facts={"args.body.@hosts": ["x.example"]},
        context={"mode": "chat", "env": "dev", "taint": ["web.page"], "origins": ORIGINS},
    )
    subject = Subject(request, frozenset({"user:ana", "group:ops"}))
    compiled = compile_when(when, {"known": ["Hello World"]})
    assert all_hold(compiled, subject) is truth


def test_a_nested_list_counts_every_element_whatever_its_place_is_called() -> None:
    args = {"x": [["a"] * 10 + ["b"]]}
    request = Request(principal=Principal(), extension="x", tool="y", args=args)
    compiled = compile_when({"args.x": "a"}, {})
    assert all_hold(compiled, Subject(request, frozenset())) is False


def test_obligations_join_to_the_stricter() -> None:
    first = {
        "limit_rows": 10,
        "min_group": 3,
        "mask": {"tag:a": "hash"},
        "two_person": False,
        "filter": {"table:t": "b"},
    }
    second = {
        "limit_rows": 5,
        "min_group": 7,
        "mask": {"tag:a": "range", "tag:b": "null"},
        "redact": ["b", "a"],
        "filter": {"table:t": "a"},
    }
    assert join([first, second]) == {
        "limit_rows": 5,
        "min_group": 7,
        "mask": {"tag:a": "hash", "tag:b": "null"},
        "two_person": False,
        "redact": ["a", "b"],
        "filter": {"table:t": ["a", "b"]},
    }


def test_origins_of_a_wrong_shape_can_not_be_judged() -> None:
    request = Request(
        principal=Principal(),
        extension="x",
        tool="y",
        args={"a": "b"},
        context={"origins": {"/a": "prompt"}},
    )
    compiled = compile_when({"args.a": {"origin_in": ["prompt"]}}, {})
    with pytest.raises(ValueError, match="/a are no list"):
        all_hold(compiled, Subject(request, frozenset()))


def test_the_nearest_name_is_a_slip_away_or_none() -> None:
    names = ["effect", "expires", "examples"]
    assert nearest_name("efefct", names) == "effect"
    assert nearest_name("Effect", names) == "effect"
    assert nearest_name("banana", names) == ""
    assert nearest_name("e" * 100, names) == ""
