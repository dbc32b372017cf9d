"""Answers and their records: layers, delegation, obligations, phases, expiry, and what can not be judged."""

import subprocess
import sys
from typing import Any

import pytest
from msgspec.structs import replace

from devagent.core.errors import PolicyError
from devagent.core.ports import Judge
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ToolClass, ToolSpec
from devagent.core.verdicts import Request
from devagent.policy import (
    CompiledPolicy,
    compile_policy,
    from_cache,
    parse,
    request_from_json,
    to_cache,
)

ANA = Principal(user="ana")
TODAY = "2026-11-20"


def policy(org: str, *lower: str) -> CompiledPolicy:
    files = [parse(org, "/etc/policies/org.toml", org=True)]
    files += [parse(text, f"lower{n}.toml") for n, text in enumerate(lower)]
    return compile_policy(files)


def rule(name: str, effect: str, *lines: str) -> str:
    return "\n".join(["[[rule]]", f'id = "{name}"', f'effect = "{effect}"', *lines, ""])


def call(
    tool: str = "git.push",
    *resources: str,
    tool_class: ToolClass = "write",
    today: str = TODAY,
    **more: Any,
) -> Request:
    extension, _, name = tool.partition(".")
    context = {"mode": "chat", **({"today": today} if today else {})}
    return Request(
        principal=more.pop("principal", ANA),
        extension=extension,
        tool=name,
        tool_class=tool_class,
        resources=tuple(
            Resource(r, "read" if tool_class == "read" else "write") for r in resources
        ),
        context=context,
        **more,
    )


def tool(name: str, tool_class: ToolClass = "write") -> ToolSpec:
    extension, _, own = name.partition(".")
    return ToolSpec(extension, own, tool_class, "", {})


ACME = 'version = 1\nname = "acme"\n'


def test_the_compiled_policy_is_a_judge() -> None:
    judge: Judge = policy(ACME)
    assert judge.decide(call()).effect == "deny"


def test_a_denial_names_the_rule_its_place_and_its_reason() -> None:
    text = ACME + rule("no-force", "deny", 'tools = ["git.push"]', 'why = "Force pushes rewrite shared history."', 'grant = "Open a pull request"')  # fmt: skip
    decision = policy(text).decide(call("git.push", "branch:origin/main"))
    assert (
        decision.reason
        == "denied by org/acme#no-force (org.toml:3): Force pushes rewrite shared history"
    )
    assert decision.grant == "Open a pull request"
    (reference,) = decision.determining
    assert (reference.rule, reference.layer, reference.line) == ("org/acme#no-force", "org", 3)
    assert (reference.file, reference.resource) == ("/etc/policies/org.toml", "branch:origin/main")


def test_silence_is_the_default_of_the_class_and_says_so() -> None:
    compiled = policy(ACME + 'default = { read = "ask" }\n')
    read = compiled.decide(call("git.log", "repo:.", tool_class="read"))
    assert read.effect == "ask"
    assert read.reason == "needs approval by the default of org/acme for read tools: no rule allows git.log on repo:."  # fmt: skip
    write = compiled.decide(call("git.push", "repo:."))
    assert write.effect == "deny"
    assert write.grant == "Ask whoever keeps org/acme (org.toml)"


def test_a_local_policy_never_loosens_the_org() -> None:
    org = ACME + rule("no", "deny", 'resources = ["path:secret/**"]') + rule("yes", "allow", 'resources = ["path:src/**"]')  # fmt: skip
    mine = 'name = "mine"\n' + rule("all", "allow")
    assert policy(org, mine).decide(call("f.write", "path:secret/x")).effect == "deny"
    assert policy(org, mine).decide(call("f.write", "path:other")).effect == "deny"
    narrower = 'name = "mine"\n' + rule("ask", "ask")
    decision = policy(org, narrower).decide(call("f.write", "path:src/x"))
    assert decision.effect == "ask"
    assert decision.reason == "needs approval by local/mine#ask (lower0.toml:2)"
    assert decision.rules == ("local/mine#ask", "org/acme#yes")


def test_one_uncovered_resource_decides_the_whole_call() -> None:
    org = ACME + rule("src", "allow", 'resources = ["path:src/**"]')
    decision = policy(org).decide(call("f.write", "path:src/a", "path:lib/b"))
    assert decision.effect == "deny"
    assert "path:lib/b" in decision.reason
    assert decision.determining == ()


DELEGATE = '[[delegate]]\nto = ["team"]\neffect = "ask"\nresources = ["path:src/**"]\n[[delegate]]\nto = ["local"]\neffect = "allow"\nresources = ["path:src/mine/**"]\n'


@pytest.mark.parametrize(
    ("layer", "effect", "path", "answer"),
    [
        ("team", "allow", "path:src/a", "ask"),
        ("team", "deny", "path:src/a", "deny"),
        ("team", "allow", "path:lib/a", "deny"),
        ("local", "allow", "path:src/a", "deny"),
        ("local", "allow", "path:src/mine/a", "allow"),
        ("local", "ask", "path:src/mine/a", "ask"),
        ("project", "allow", "path:src/mine/a", "deny"),
    ],
)
def test_an_envelope_hands_the_orgs_silence_to_its_layer_up_to_its_effect(
    layer: str, effect: str, path: str, answer: str
) -> None:
    lower = f'name = "x"\nlayer = "{layer}"\n' + rule("r", effect)
    assert policy(ACME + DELEGATE, lower).decide(call("f.write", path)).effect == answer


def test_a_delegated_answer_says_who_left_it_to_whom() -> None:
    lower = 'name = "x"\nlayer = "team"\n' + rule("r", "allow")
    decision = policy(ACME + DELEGATE, lower).decide(call("f.write", "path:src/a"))
    assert (
        decision.reason
        == "needs approval by org/acme, which leaves this to others only that far (team/x#r)"
    )


def test_an_envelope_never_overrules_a_rule_of_the_org() -> None:
    lower = 'name = "x"\n' + rule("r", "allow")
    org = ACME + DELEGATE + rule("ask", "ask", 'resources = ["path:src/mine/**"]')
    assert policy(org, lower).decide(call("f.write", "path:src/mine/a")).effect == "ask"


def test_a_refusal_inside_an_envelope_says_which_layer_can_allow_it() -> None:
    decision = policy(ACME + DELEGATE).decide(call("f.write", "path:src/mine/a"))
    assert decision.effect == "deny"
    assert "A rule in the team or local policy can allow it" in decision.grant


def test_groups_of_the_org_count_like_given_ones() -> None:
    org = ACME + '[groups]\nops = ["user:ana", "ci:acme/*"]\n' + rule("r", "allow", 'principals = ["group:ops"]')  # fmt: skip
    assert policy(org).decide(call()).effect == "allow"
    assert policy(org).decide(call(principal=Principal(ci="acme/etl"))).effect == "allow"
    assert policy(org).decide(call(principal=Principal(user="bo"))).effect == "deny"


def test_only_if_says_otherwise_where_the_condition_is_not_true() -> None:
    org = ACME + rule("r", "allow", 'when = { "args.limit" = { max = 10 } }', 'otherwise = "ask"')
    compiled = policy(org)
    assert compiled.decide(call(args={"limit": 5})).effect == "allow"
    assert compiled.decide(call(args={"limit": 50})).effect == "ask"
    asked = compiled.decide(call())
    assert asked.effect == "ask"
    assert asked.nearest == ("org/acme#r (args.limit must be at most 10)",)


def test_an_obligation_beyond_the_extension_is_a_deny_that_names_it() -> None:
    org = ACME + rule("m", "allow", 'obligations = { mask = { "tag:pii.*" = "hash" }, redact = ["pii"] }')  # fmt: skip
    compiled = policy(org)
    assert compiled.decide(call(can=("mask",))).obligations == {
        "mask": {"tag:pii.*": "hash"},
        "redact": ["pii"],
    }
    decision = compiled.decide(call(can=()))
    assert (decision.effect, decision.obligations) == ("deny", {})
    assert decision.reason == "denied because git can not carry out mask, which org/acme#m (org.toml:3) requires"  # fmt: skip
    assert [one.rule for one in decision.determining] == ["org/acme#m"]


def test_the_result_phase_keeps_what_was_granted_unless_a_rule_speaks() -> None:
    org = ACME + rule("r", "deny", 'phase = ["result"]', 'when = { "context.result.rows" = { min = 100 } }') + rule("o", "allow", 'phase = ["result"]', "obligations = { redact = [\"pii\"] }", 'tools = ["sql.*"]')  # fmt: skip
    compiled = policy(org)
    request = call("sql.query")
    few = replace(request, context={**request.context, "result": {"rows": 5}})
    many = replace(request, context={**request.context, "result": {"rows": 500}})
    assert compiled.decide_result(few).effect == "allow"
    assert compiled.decide_result(few).obligations == {"redact": ["pii"]}
    assert compiled.decide_result(many).effect == "deny"
    silent = policy(ACME).decide_result(request)
    assert (silent.effect, silent.rules) == ("allow", ())


@pytest.mark.parametrize(
    ("effect", "today", "answer"),
    [
        ("allow", "2026-11-19", "allow"),
        ("allow", "2026-11-20", "deny"),
        ("allow", "", "deny"),
        ("deny", "2026-11-19", "deny"),
        ("deny", "2026-11-21", "ask"),
        ("deny", "", "deny"),
    ],
)
def test_a_rule_ends_on_its_day_and_without_a_date_the_stricter_holds(
    effect: str, today: str, answer: str
) -> None:
    fallback = 'default = "deny"\n' if effect == "allow" else 'default = "ask"\n'
    org = ACME + fallback + rule("r", effect, "expires = 2026-11-20")
    assert policy(org).decide(call(today=today)).effect == answer


def test_sticky_is_told_where_a_sticky_ask_was_heard() -> None:
    org = ACME + rule("a", "ask", "sticky = true", 'tools = ["git.push"]') + rule("b", "ask")
    assert policy(org).decide(call("git.push")).sticky
    assert not policy(org).decide(call("git.pull")).sticky


@pytest.mark.parametrize(
    "request_",
    [
        call(today="tomorrow"),
        replace(call(), context={"today": 5}),
        replace(call(), context={"today": TODAY, "taint": 5}),
        replace(call(), args={"x": object()}),
        replace(call(), context={"today": TODAY, "origins": ["x"]}),
    ],
)
def test_what_can_not_be_judged_is_a_deny_that_says_so(request_: Request) -> None:
    org = ACME + rule("r", "allow", 'when = { taint_none = ["web"], "args.x" = { not = { origin_in = ["web"] } } }') + rule("s", "allow")  # fmt: skip
    decision = policy(org).decide(request_)
    assert (decision.effect, decision.error) == ("deny", "not_judged")
    assert "can not be judged" in decision.reason


def test_arguments_nested_without_end_are_judged_or_denied_but_never_raise() -> None:
    nested: Any = "evil"
    for _ in range(20_000):
        nested = [nested]
    org = ACME + rule("r", "deny", 'when = { "args.**" = { any = { mentions = ["evil"] } } }')
    assert policy(org).decide(call(args={"x": nested})).effect == "deny"


def test_a_lone_surrogate_in_a_file_name_is_judged() -> None:
    decision = policy(ACME + rule("r", "allow")).decide(call("f.write", "path:\udce9"))
    assert decision.effect == "allow"
    assert len(decision.request) == 64


def test_shadow_is_judged_aside() -> None:
    org = ACME + rule("r", "allow") + rule("s", "deny", 'mode = "shadow"')
    compiled = policy(org)
    assert compiled.decide(call()).effect == "allow"
    assert compiled.shadow_decide(call()).effect == "deny"
    assert compiled.decide(call()).rules == ("org/acme#r",)


@pytest.mark.parametrize(
    ("org", "lower", "hidden"),
    [
        ("", "", True),
        ('default = "ask"\n', "", False),
        ('default = { write = "ask" }\n', "", False),
        (rule("r", "allow", 'resources = ["path:x"]', 'when = { mode = "run" }'), "", False),
        (rule("r", "allow", 'tools = ["sql.*"]'), "", True),
        (rule("r", "allow", 'principals = ["user:bo"]'), "", True),
        (rule("r", "allow", 'classes = ["read"]'), "", True),
        (rule("r", "allow", 'mode = "shadow"'), "", True),
        (rule("r", "allow", 'phase = ["result"]'), "", True),
        (rule("r", "allow") + rule("d", "deny"), "", True),
        (rule("r", "allow") + rule("d", "deny", 'resources = ["path:**"]'), "", False),
        (rule("r", "allow") + rule("d", "deny", 'when = { mode = "run" }'), "", False),
        (rule("r", "allow") + rule("d", "deny", "expires = 2099-01-01"), "", False),
        (rule("r", "allow"), rule("d", "deny", 'tools = ["git.*"]'), True),
        ("", rule("r", "allow"), True),
        ('[[delegate]]\nto = ["local"]\neffect = "allow"\n', rule("r", "allow"), False),
        ('[[delegate]]\nto = ["local"]\neffect = "allow"\n', "", True),
        ('[[delegate]]\nto = ["team"]\neffect = "allow"\n', rule("r", "allow"), True),
        ('[[delegate]]\nto = ["local"]\neffect = "allow"\ntools = ["sql.*"]\n', rule("r", "allow"), True),
    ],
)  # fmt: skip
def test_a_tool_is_hidden_only_where_no_call_of_it_could_be_granted(
    org: str, lower: str, hidden: bool
) -> None:
    compiled = policy(ACME + org, *([lower] if lower else []))
    assert compiled.is_hidden(ANA, tool("git.push")) is hidden


def test_near_misses_name_the_rule_and_what_is_missing() -> None:
    org = (
        ACME
        + rule("eng", "allow", 'principals = ["group:eng"]', 'tools = ["sql.query"]', 'resources = ["table:dev.**"]', 'grant = "Ask #data"')
        + rule("prod", "allow", 'tools = ["sql.query"]', 'resources = ["table:prod.**"]', 'when = { "args.limit" = { max = 10 } }')
        + rule("other", "allow", 'tools = ["git.*"]')
    )  # fmt: skip
    decision = policy(org).decide(call("sql.query", "table:dev.shop.orders", tool_class="read"))
    assert decision.nearest == (
        "org/acme#prod (it covers table:prod.**; args.limit must be at most 10)",
        "org/acme#eng (it is for group:eng)",
    )
    assert decision.grant == "Ask #data"


def test_where_a_deny_spoke_nothing_is_near() -> None:
    org = ACME + rule("d", "deny") + rule("a", "allow", 'when = { mode = "run" }')
    assert policy(org).decide(call()).nearest == ()


def test_the_digest_is_of_the_contents_not_of_places_or_the_order_of_lower_files() -> None:
    one, two = 'name = "one"\n', 'name = "two"\n'
    assert policy(ACME, one, two).digest == policy(ACME, two, one).digest
    assert policy(ACME, one).digest != policy(ACME, two).digest
    elsewhere = compile_policy([parse(ACME, "/elsewhere/x.toml", org=True)])
    assert elsewhere.digest == policy(ACME).digest


def test_a_file_stands_only_in_the_place_it_was_read_for() -> None:
    org, lower = parse(ACME, "org.toml", org=True), parse(ACME, "lower.toml")
    with pytest.raises(PolicyError, match=r"not read for the org's place"):
        compile_policy([lower])
    with pytest.raises(PolicyError, match="stands below"):
        compile_policy([org, org])
    with pytest.raises(PolicyError, match="no policy file"):
        compile_policy([])


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"format":0,"policy":{}}', b"\xff"])
def test_what_is_no_cache_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_cache(data)


def test_a_policy_from_the_cache_needs_no_toml() -> None:
    cached = to_cache(parse(ACME + rule("r", "allow"), "org.toml", org=True))
    program = (
        "import sys; from devagent.policy import *; import devagent.core.verdicts as v;"
        "from devagent.core.principal import Principal;"
        "p = compile_policy([from_cache(sys.stdin.buffer.read())]);"
        "print(p.decide(v.Request(principal=Principal(), extension='a', tool='b')).effect);"
        "print('tomllib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], input=cached, capture_output=True, check=True, timeout=60)  # fmt: skip
    assert done.stdout.split() == [b"allow", b"False"]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"extension": "a"},
        {"extension": "a", "tool": "b", "class": "admin"},
        {"extension": "a", "tool": "b", "args": []},
        {"extension": "a", "tool": "b", "phase": "before"},
        {"extension": "a", "tool": "b", "resources": [{"access": "read"}]},
        {"extension": "a", "tool": "b", "resources": [{"id": "path:x", "access": "all"}]},
        {"extension": "a", "tool": "b", "principal": {"user": 5}},
        [],
    ],
)
def test_what_is_no_request_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        request_from_json(data)


def test_nulls_are_as_left_out_and_a_text_is_a_resource_with_the_access_of_the_class() -> None:
    data = {"principal": None, "extension": "a", "tool": "b", "class": None, "args": None, "can": None, "facts": {"args.x.@hosts": None}, "resources": ["path:x", {"id": "path:y", "access": None, "tags": None}]}  # fmt: skip
    request = request_from_json(data, today=TODAY)
    assert request.tool_class == "exec"
    assert request.resources == (Resource("path:x", "write"), Resource("path:y", "write"))
    assert (request.can, request.facts, request.context) == (None, {}, {"today": TODAY})
    read = request_from_json({**data, "class": "read"})
    assert [r.access for r in read.resources] == ["read", "read"]
