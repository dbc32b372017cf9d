"""The lint over random policies: it never raises, and what it calls dead is dead."""

from typing import Any

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from devagent.core.errors import PolicyError
from devagent.policy import compile_policy, parse, request_from_json
from devagent.policy.glob_relations import can_meet, covers
from devagent.policy.globs import compile_glob
from devagent.policy.lint import CODES, lint
from devagent.policy.syntax import PolicyFile
from devagent.policy.tool_types import check_tools
from tests.support.policy_cases import TODAY, files, requests, text_of
from tests.support.recorded_tools import TOOLS

Data = dict[str, Any]
DEAD = ("unreachable", "redundant", "never-matches", "dead-under-org", "outside-envelopes", "expired")  # fmt: skip
PIECES = st.lists(st.sampled_from(["a", "b", ".", "*", "**", "ab", "a."]), max_size=6).map("".join)
PATTERNS = PIECES.filter(lambda text: "***" not in text)
TEXTS = st.lists(st.sampled_from(["a", "b", ".", "c"]), max_size=7).map("".join)
KEYS = st.sampled_from(["args.to", "args.cc", "args.files.id", "args.n", "args.force", "args.nope", "args.sql", "args.body.@hosts", "args.to|args.cc"])  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(org=files(org=True), lower=st.lists(files(org=False), max_size=2), data=st.data())
def test_no_file_that_parses_makes_the_lint_raise(org: Data, lower: list[Data], data: st.DataObject) -> None:  # fmt: skip
    every = [org, *lower]
    for file in every:
        for rule in file.get("rule", []):
            rule["tools"] = data.draw(st.sampled_from([["vcs.*"], ["mail.send"], ["db.query", "open.call"], ["git.*"], []]))  # fmt: skip
            if rule.get("when"):
                rule["when"] = {data.draw(KEYS): spec for spec in rule["when"].values()}
    texts = [(f"{n}.toml", text_of(file).encode()) for n, file in enumerate(every)]
    parses: list[PolicyFile] = []
    for n, (name, text) in enumerate(texts):
        try:
            parses.append(parse(text, name, org=n == 0))
        except PolicyError:
            continue
    findings = lint(texts, TOOLS, TODAY, org="0.toml")
    for one in findings:
        assert one.code in CODES
        text = texts[int(one.file[0])][1].decode().split("\n")
        assert 1 <= one.line <= len(text)
        assert 1 <= one.column <= len(text[one.line - 1]) + 1
    # What is an error at load is one in the lint, and the other way round.
    typed = {f.file for f in findings if f.code in ("unknown-argument", "argument-type", "argument-value")}  # fmt: skip
    for file in parses:
        try:
            check_tools(file, TOOLS)
            refused = False
        except PolicyError as error:
            refused = error.line > 0
        assert refused == (file.file in typed)


@given(st.binary(max_size=200))
@example(b"\xff\xfe")
@example(b"rule = 1")
@example(b"a = [" * 5000)
def test_no_bytes_make_the_lint_raise(data: bytes) -> None:
    assert all(one.line >= 1 for one in lint([("a.toml", data)], TOOLS, TODAY))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(org=files(org=True), lower=files(org=False), asked=st.lists(requests(), min_size=1, max_size=8))  # fmt: skip
def test_taking_out_a_rule_that_is_called_dead_changes_no_answer(
    org: Data, lower: Data, asked: list[Data]
) -> None:
    # Every rule twice, once under another id and here and there narrower: dead rules are common then.
    for file in (org, lower):
        for rule in list(file.get("rule", [])):
            file["rule"].append({**rule, "id": f"{rule['id']}-again", "tools": ["git.push"]})
    every = [org, lower]
    texts = [(f"{n}.toml", text_of(file).encode()) for n, file in enumerate(every)]
    dead = [f for f in lint(texts, (), TODAY, org="0.toml") if f.code in DEAD and f.rule]
    assume(dead)
    before = compiled(every)
    for finding in dead[:3]:
        number = int(finding.file[0])
        if finding.code == "never-matches" and "only calls without" in finding.message:
            continue
        left = [rule for rule in every[number]["rule"] if rule["id"] != finding.rule]
        after = compiled([{**f, "rule": left} if f is every[number] else f for f in every])
        for data in asked:
            request = request_from_json(data, today=TODAY)
            one, other = before.decide(request), after.decide(request)
            assert (one.effect, one.obligations) == (other.effect, other.obligations), finding


def compiled(every: list[Data]) -> Any:
    return compile_policy([parse(text_of(f), f"{n}.toml", org=n == 0) for n, f in enumerate(every)])


@settings(max_examples=300)
@given(PATTERNS, PATTERNS, st.lists(TEXTS, min_size=1, max_size=30), st.sampled_from([".", ""]))
@example("a**", "a*", ["a.b"], ".")
@example("**.a", "*.a", ["x.a"], ".")
def test_what_a_wider_pattern_covers_it_matches(
    wide: str, narrow: str, texts: list[str], separator: str
) -> None:
    matches, matched = compile_glob(narrow, separator), compile_glob(wide, separator)
    both = [text for text in texts if matches(text)]
    if covers(wide, narrow, separator):
        assert all(matched(text) for text in both)
    if any(matched(text) for text in both):
        assert can_meet(wide, narrow, separator)


@given(PATTERNS, PATTERNS, st.sampled_from([".", ""]))
def test_relations_of_patterns_hold_together(one: str, other: str, separator: str) -> None:
    assert can_meet(one, other, separator) == can_meet(other, one, separator)
    assert covers(one, one, separator)
    assert covers("**", one, separator)
    if covers(one, other, separator):
        assert can_meet(one, other, separator)
