"""Globs, obligations and positions on random input."""

import re
import tomllib
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from devagent.core.errors import PolicyError
from devagent.policy import parse, request_from_json, request_to_json
from devagent.policy.globs import compile_glob
from devagent.policy.obligations import join
from devagent.policy.positions import scan
from tests.support.policy_cases import OBLIGATIONS, files, requests, text_of, toml
from tests.support.policy_reference import is_list, is_table, merged

Data = dict[str, Any]

PATTERNS = st.lists(st.sampled_from(["*", "**", "a", "b", "/", "a/", "/b", "ab"]), max_size=8).map(
    "".join
)
TEXTS = st.text(alphabet="ab/\n", max_size=14)


def by_expression(pattern: str, text: str, separator: str) -> bool:
    star = f"[^{re.escape(separator)}]*" if separator else ".*"
    parts = (
        ".*" if p == "**" else star if p == "*" else re.escape(p)
        for p in re.split(r"(\*\*|\*)", pattern)
    )
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


@given(PATTERNS, st.lists(TEXTS, min_size=1, max_size=20), st.sampled_from(["/", ""]))
@example("**a*b**", ["a/ab", "aab", "a/b", "ab/"], "/")
@example("a*/b*a**b", ["a/ba/b", "aa/bba", "a/bab"], "/")
@example("*/**/*", ["/", "//", "a/b/c"], "/")
def test_a_glob_matches_what_its_regular_expression_matches(
    pattern: str, texts: list[str], separator: str
) -> None:
    matches = compile_glob(pattern, separator)
    assert [matches(text) for text in texts] == [
        by_expression(pattern, t, separator) for t in texts
    ]


@given(st.lists(OBLIGATIONS, max_size=4), st.randoms(use_true_random=False))
def test_obligations_join_towards_the_stricter_in_any_order(owed: list[Data], chance: Any) -> None:
    joined = join(owed)
    assert joined == merged(owed)
    shuffled = chance.sample(owed, len(owed))
    assert join([*shuffled, *owed]) == joined


PLAIN = st.recursive(
    st.one_of(st.booleans(), st.integers(-9, 9), st.text(alphabet="a\"'\\#[]{}=,\n.é", max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(alphabet="ab.\"' #", max_size=3), inner, max_size=3),
    ),
    max_leaves=8,
)


def paths(value: Any, path: tuple[str | int, ...]) -> set[tuple[str | int, ...]]:
    inner: list[tuple[str | int, Any]] = []
    if is_table(value):
        inner = list(value.items())
    elif is_list(value):
        inner = list(enumerate(value))
    found = {(*path, key) for key, _ in inner}
    return found.union(*(paths(one, (*path, key)) for key, one in inner))


@given(st.dictionaries(st.text(alphabet="abc", min_size=1, max_size=2), PLAIN, max_size=4))
def test_the_scanner_finds_every_key_and_element_that_toml_has(document: Data) -> None:
    lines = [f"{key} = {toml(value)} # [[{key}]]" for key, value in document.items()]
    text = "\n".join(lines)
    found: dict[tuple[str | int, ...], int] = {}

    def seen(path: tuple[str | int, ...], offset: int) -> None:
        found.setdefault(path, offset)

    scan(text, seen)
    assert set(found) == paths(tomllib.loads(text), ())
    for number, key in enumerate(document):
        assert text.count("\n", 0, found[key,]) == number


@given(files(org=True))
def test_each_rule_knows_its_line(file: Data) -> None:
    text = text_of(file)
    lines = text.splitlines()
    for rule in parse(text, "org.toml", org=True).rules:
        assert lines[rule.line - 1] == "[[rule]]"
        assert f'id = "{rule.id}"' in lines[rule.line : rule.line + 20]


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60)))
def test_any_text_is_a_policy_or_a_policy_error(data: bytes | str) -> None:
    try:
        outcome = parse(data, "any.toml", org=True).file
    except PolicyError as error:
        outcome = error.file
        assert error.line, error.what  # noqa: PT017  (either outcome is right)
    assert outcome == "any.toml"


@given(requests())
def test_a_request_survives_its_json(request: Data) -> None:
    typed = request_from_json(request)
    assert request_from_json(request_to_json(typed)) == typed
