"""Many rules, many principals, long names: the index and the memories only narrow the work, never the answer."""

import msgspec
import pytest

from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ToolSpec
from devagent.core.verdicts import Request
from devagent.policy import CompiledPolicy, compile_policy, explain, from_cache, parse, to_cache
from devagent.policy.compile import REMEMBERED
from devagent.policy.describe import condition_in_words
from devagent.policy.syntax import Rule


def policy(text: str) -> CompiledPolicy:
    return compile_policy([parse(text, "org.toml", org=True)])


def request(resource: str, *tags: str, user: str = "ana") -> Request:
    return Request(
        principal=Principal(user=user),
        extension="files",
        tool="write",
        tool_class="write",
        resources=(Resource(resource, "write", tags),),
        context={"today": "2026-11-20"},
    )


DEEP = "/".join(f"d{n}" for n in range(12))


@pytest.mark.parametrize(
    ("pattern", "resource", "tags"),
    [
        (f"path:{DEEP}/**", f"path:{DEEP}/x/y", ()),
        (f"path:{DEEP}/*", f"path:{DEEP}/x", ()),
        (f"path:{DEEP}", f"path:{DEEP}", ()),
        ("path:d0/d1/d2/d3/d4/d5/d6/d7/d*/d9/**", f"path:{DEEP}", ()),
        ("path:d0/d1/**/d9/**", f"path:{DEEP}", ()),
        ("tag:a.b.c.d.e.f.g.h.*", "path:x", ("a.b.c.d.e.f.g.h.i",)),
        ("tag:a", "odd", ("b", "a")),
        ("command:git **", "command:git commit -m 'a b c d e f g h'", ()),
    ],
)
def test_a_rule_is_found_however_long_the_name(
    pattern: str, resource: str, tags: tuple[str, ...]
) -> None:
    text = f'[[rule]]\nid = "r"\neffect = "allow"\nresources = ["{pattern}"]\n'
    assert policy(text).decide(request(resource, *tags)).effect == "allow"
    assert policy(text).decide(request(f"path:other/{DEEP}")).effect == "deny"


def test_a_rule_with_long_lists_is_found_by_each_entry() -> None:
    people = ", ".join(f'"user:u{n}"' for n in range(20))
    tools = ", ".join(f'"files.t{n}"' for n in range(20))
    paths = ", ".join(f'"path:p{n}/**"' for n in range(40))
    text = f'[[rule]]\nid = "r"\neffect = "allow"\nprincipals = [{people}]\ntools = ["files.write", {tools}]\nresources = [{paths}]\n'
    compiled = policy(text)
    assert compiled.decide(request("path:p39/x", user="u19")).effect == "allow"
    assert compiled.decide(request("path:p40/x", user="u19")).effect == "deny"
    assert compiled.decide(request("path:p39/x", user="u20")).effect == "deny"


def test_what_is_remembered_of_principals_and_days_is_bounded_and_changes_no_answer() -> None:
    text = '[groups]\neven = ["user:*0"]\n[[rule]]\nid = "r"\neffect = "allow"\nprincipals = ["group:even"]\nexpires = 2090-01-01\n'
    compiled = policy(text)
    tool = ToolSpec("files", "write", "write", "", {})
    for round_ in range(2):
        for n in range(REMEMBERED + 20):
            one = request("path:x", user=f"u{n}")
            one.context["today"] = f"{2000 + n // 300:04}-{1 + n % 12:02}-{1 + n % 28:02}"
            expected = "allow" if n % 10 == 0 else "deny"
            assert compiled.decide(one).effect == expected, (round_, n)
            assert compiled.is_hidden(one.principal, tool) is (expected == "deny")
    for year in range(2000, 2600):
        one = request("path:x", user="u10")
        one.context["today"] = f"{year}-01-01"
        assert compiled.decide(one).effect == ("allow" if year < 2090 else "deny")


def test_an_envelope_of_a_shadowed_org_opens_nothing() -> None:
    org = 'mode = "shadow"\n[[delegate]]\nto = ["local"]\neffect = "allow"\n'
    mine = '[[rule]]\nid = "r"\neffect = "allow"\n'
    compiled = compile_policy([parse(org, "org.toml", org=True), parse(mine, "mine.toml")])
    assert compiled.decide(request("path:x")).effect == "deny"
    assert compiled.shadow_decide(request("path:x")).effect == "allow"


def test_the_strongest_of_several_envelopes_counts() -> None:
    weak, strong = ('[[delegate]]\nto = ["local"]\neffect = "ask"\n', '[[delegate]]\nto = ["local"]\neffect = "allow"\n')  # fmt: skip
    mine = parse('[[rule]]\nid = "r"\neffect = "allow"\n', "mine.toml")
    for org in (weak + strong, strong + weak):
        compiled = compile_policy([parse(org, "org.toml", org=True), mine])
        assert compiled.decide(request("path:x")).effect == "allow"


def test_what_can_not_be_judged_is_explained_as_that() -> None:
    one = request("path:x")
    one.context["today"] = "never"
    told = explain(policy(""), one)
    assert (told.decision.error, told.spoke, told.nearest) == ("not_judged", (), ())


def test_a_cache_of_another_format_is_no_cache() -> None:
    data = msgspec.json.decode(to_cache(parse("", "org.toml", org=True)))
    with pytest.raises(ValueError, match="format 2"):
        from_cache(msgspec.json.encode({**data, "format": 2}))


@pytest.mark.parametrize(
    ("key", "spec", "words"),
    [
        ("args.n", 5, "args.n must be 5"),
        ("args.on", True, "args.on must be true"),
        ("args.n", [1, 2, 3, 4, 5], "args.n must be one of 1, 2, 3 and 2 more"),
        ("args.to", "@friends", "args.to must be one of @friends"),
        ("args.a|args.b", {"absent": True}, "args.a and args.b must be absent"),
        ("args.a", {"absent": False, "max": 3}, "args.a must be given and be at most 3"),
        ("args.a", {"not": {"suffix": ".exe"}}, "args.a must not end with .exe"),
        ("args.a", {"any": {"eq": 1}}, "args.a must have an element that must be 1"),
        (
            "args.a",
            {"either": [{"eq": 1}, {"len_min": 2}]},
            "args.a must be 1 or have a length of at least 2",
        ),
        ("taint_none", ["web"], "nothing read from web in this session"),
        ("taint_any", ["mail.*"], "something read from mail.* in this session"),
    ],
)
def test_a_condition_in_words(key: str, spec: object, words: str) -> None:
    assert condition_in_words(key, spec) == words


def test_a_rule_is_plain_data() -> None:
    (rule,) = parse('[[rule]]\nid = "r"\neffect = "ask"\nsticky = true\n', "f.toml").rules
    assert rule == Rule(id="r", effect="ask", line=1, sticky=True)
