"""The parser and the evaluator against input that nobody meant: an answer or a clear error, never anything else."""

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from devagent.core.errors import PolicyError
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.verdicts import Request
from devagent.policy import (
    CompiledPolicy,
    PolicyFile,
    compile_policy,
    explain,
    from_cache,
    parse,
    request_from_line,
    to_cache,
)
from devagent.policy.conditions import all_hold, compile_when
from devagent.policy.lookups import Subject
from devagent.policy.parse import RULE_KEYS
from devagent.policy.rule_lines import FEWEST, values_by_line
from tests.support.policy_cases import WHENS, compiled, files, policies, requests, text_of

Data = dict[str, Any]
LISTS: dict[str, list[Any]] = {"known": ["a@x.example", "Evil"]}

_PIECES = st.sampled_from([
    "[[rule]]", "[rule]", "[[delegate]]", "[groups]", "[lists]", "id", "effect", "when", "=", '"', "'", '"""', "[", "]", "{", "}",
    ",", ".", "\n", "#", " ", "allow", "not", "either", "any", "args.x", "@known", "*", "**", "path:", "user:", "2027-01-01", "true",
    "1e400", "-0", "0x", "\\u0000", "\\", "\0", "\r", "\x1b[31m", "\u202e", "\ufeff", "é", "\U0001f600", "inf", "nan", "9" * 30,
])  # fmt: skip
_CONTEXTS: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.text(max_size=4), st.integers(), st.lists(st.one_of(st.text(max_size=4), st.integers()), max_size=3),
    st.dictionaries(st.text(max_size=8), st.one_of(st.text(), st.lists(st.text(max_size=4), max_size=2)), max_size=2),
)  # fmt: skip
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=8),
        st.sampled_from(["a@x.example", "src/a.py", "EVIL", "\ud800", "ß", "İ"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["to", "n", "a", "b", "id", "x/y", "~"]), inner, max_size=4),
    ),
    max_leaves=12,
)  # fmt: skip


def policy_or_error(data: bytes | str) -> CompiledPolicy | None:
    """The policy, or None after a look at the error: it says where and what, and carries nothing odd."""
    file, error = parsed(data)
    if file is not None:
        assert from_cache(to_cache(file)) == file
        return compile_policy([file])
    size = data.count(b"\n") if isinstance(data, bytes) else data.count("\n")
    assert error is not None
    assert error.file == "fuzz.toml"
    assert 0 <= error.line <= size + 1
    assert error.what.isprintable()
    return None


def parsed(data: bytes | str) -> tuple[PolicyFile | None, PolicyError | None]:
    try:
        return parse(data, "fuzz.toml", org=True), None
    except PolicyError as error:
        return None, error


@given(st.binary(max_size=300))
def test_any_bytes_are_a_policy_or_a_clear_error(data: bytes) -> None:
    policy_or_error(data)


@settings(max_examples=200)
@given(st.lists(_PIECES, max_size=40).map("".join))
def test_any_pieces_of_the_language_are_a_policy_or_a_clear_error(text: str) -> None:
    policy_or_error(text.encode("utf-8", "surrogatepass"))


@settings(max_examples=200)
@given(
    files(org=True), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6), _PIECES), max_size=4)
)
def test_a_damaged_policy_is_a_policy_or_a_clear_error(
    file: Data, damage: list[tuple[float, int, str]]
) -> None:
    text = text_of(file)
    for place, length, piece in damage:
        at = int(place * len(text))
        text = text[:at] + piece + text[at + length :]
    policy = policy_or_error(text)
    if policy is not None:
        request = Request(principal=Principal(user="ana"), extension="git", tool="push")
        assert not policy.decide(request).error


@given(files(org=True, most=3), st.floats(0, 1), st.integers(0, 4), _PIECES)
def test_reading_line_by_line_is_reading_by_the_library(
    file: Data, place: float, length: int, piece: str
) -> None:
    many = "".join(f'[[rule]]\nid = "n{n}"\neffect = "deny"\n' for n in range(FEWEST))
    text = text_of(file) + many
    at = int(place * len(text_of(file)))
    text = text[:at] + piece + text[at + length :]
    found = values_by_line(text, frozenset(RULE_KEYS))
    if found is not None:
        whole = tomllib.loads(text)
        assert found.keys() == whole.keys()  # in which order the tables stand says nothing
        assert [repr(found[key]) for key in whole] == [repr(whole[key]) for key in whole]


def truth(when: Data, request: Request) -> tuple[bool | None, str]:
    """What conditions answer, or why they can not."""
    try:
        subject = Subject(request, request.principal.names())
        return all_hold(compile_when(when, LISTS), subject), ""
    except ValueError as error:
        return None, str(error)


@settings(max_examples=300)
@given(WHENS, ANYTHING, _CONTEXTS, _CONTEXTS)
def test_a_condition_is_true_false_or_unknown_whatever_it_meets(
    when: Data, args: Any, origins: Any, taint: Any
) -> None:
    request = Request(
        principal=Principal(user="ana", groups=("eng",)),
        extension="git",
        tool="push",
        args={"to": args, "files": args, "n": args, "deep": args},
        context={"env": args, "list": args, "mode": args, "origins": origins, "taint": taint},
        facts={"args.body.@hosts": args if isinstance(args, list) else [args]},
    )
    held, refused = truth(when, request)
    assert held in (True, False, None)
    if refused:  # of a shape from which nothing could be told
        assert "context" in refused or "origins" in refused


@settings(max_examples=150)
@given(policies(most=3), requests(), ANYTHING, _CONTEXTS, st.text(max_size=12))
def test_no_request_makes_the_engine_raise(
    layers: list[Data], drawn: Data, args: Any, context: Any, name: str
) -> None:
    policy = compiled(layers)
    request = Request(
        principal=Principal(user=name, groups=(name,)),
        extension=str(drawn["extension"]),
        tool=name or "x",
        args={"to": args, "n": args},
        resources=(Resource(id=name, access="read", tags=(name,)), Resource(id=f"path:{name}", access="write")),
        context={"today": context, "taint": context, "origins": context, "mode": args},
    )  # fmt: skip
    decision = policy.decide(request)
    assert decision.effect in ("allow", "ask", "deny")
    assert decision.effect == "deny" or not decision.error
    assert explain(policy, request).decision == decision
    assert policy.decide_result(request).effect in ("allow", "ask", "deny")


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)))
def test_any_line_is_a_request_or_a_value_error(line: bytes) -> None:
    try:
        request = request_from_line(line)
    except ValueError:
        return
    assert request.extension is not None


@given(st.integers(1, 20_000), st.sampled_from(['{"a":', "["]))
def test_a_request_nested_as_deeply_as_may_be_is_answered_or_refused(
    depth: int, opening: str
) -> None:
    closing = {"[": "]", '{"a":': "}"}[opening]
    nested = opening * depth + "1" + closing * depth
    line = f'{{"extension":"git","tool":"push","args":{{"to":{nested}}}}}'.encode()
    when = '[[rule]]\nid = "a"\neffect = "allow"\nwhen = { "args.**" = 1, "args.to.a" = { not = 2 } }\n'
    policy = compile_policy([parse(when, "org.toml", org=True)])
    answer = effect(policy, line)
    assert answer == ("allow" if depth == 1 and opening != "[" else "deny") or "deep" in answer


def effect(policy: CompiledPolicy, line: bytes) -> str:
    try:
        return policy.decide(request_from_line(line)).effect
    except ValueError as error:
        return str(error)
