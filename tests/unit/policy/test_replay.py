"""Recorded requests judged again: what would change, and what is set aside."""

from msgspec.structs import replace as changed

from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.verdicts import Decision, Request
from devagent.policy import CompiledPolicy
from devagent.policy.changes import Aside, Recorded
from devagent.policy.examples_recorded import examples_as_recorded
from devagent.policy.replay import replay, shadowed
from tests.support.recorded_calls import ANA, policy_of, request_of, write_of

ACME = """
version = 1
name = "acme"
default = "ask"
[[rule]]
id = "sources"
effect = "allow"
tools = ["workspace.write"]
resources = ["path:src/**"]
"""
STRICTER = (
    ACME
    + """
[[rule]]
id = "no-generated"
effect = "deny"
resources = ["path:src/gen/**"]
why = "It is generated"
"""
)
BO = Principal(user="bo", agent="main")


def record(policy: CompiledPolicy, request: Request, seq: int = 1, at: int = 0) -> Recorded:
    decision = policy.decide(request)
    return Recorded(
        session="S",
        seq=seq,
        principal=request.principal,
        tool=f"{request.extension}.{request.tool}",
        resources=request.resources,
        decision=decision,
        request=request,
        at=at,
        shadow=policy.shadow(request, decision),
    )


def test_the_same_policy_changes_nothing() -> None:
    acme = policy_of(ACME)
    report = replay([record(acme, write_of(p)) for p in ("src/a.py", "b.py")], acme)
    assert (report.judged, report.same, report.other_rules, report.changes) == (2, 2, 0, ())
    assert report.policy == acme.digest


def test_changes_are_told_by_principal_and_tool_with_counts_and_examples() -> None:
    acme, stricter = policy_of(ACME), policy_of(STRICTER)
    day = 86_400_000_000
    calls = [record(acme, write_of(f"src/gen/{n}.py"), n, at=(n + 1) * day) for n in range(5)]
    calls.append(record(acme, changed(write_of("src/gen/x.py"), principal=BO), 9))
    calls.append(record(acme, write_of("src/a.py"), 10))
    report = replay(calls, stricter, examples=2)
    assert (report.judged, report.same, report.changed) == (7, 1, 6)
    told = [(c.principal, c.tool, c.before, c.after, c.count) for c in report.changes]
    assert told == [
        ("ana", "workspace.write", "allow", "deny", 5),
        ("bo", "workspace.write", "allow", "deny", 1),
    ]
    first = report.changes[0]
    assert (first.first, first.last) == (day, 5 * day)
    assert first.rules == {"org/acme#no-generated": 5}
    assert [(e.session, e.seq, e.resources) for e in first.examples] == [
        ("S", 0, ("path:src/gen/0.py",)),
        ("S", 1, ("path:src/gen/1.py",)),
    ]
    assert first.examples[0].rules_before == ("org/acme#sources",)
    assert first.examples[0].reason.endswith("It is generated")
    (rule,) = report.by_rule
    assert (rule.rule, rule.before, rule.after, rule.count) == (
        "org/acme#no-generated",
        "allow",
        "deny",
        6,
    )
    assert (rule.principals, rule.tools) == (2, ("workspace.write",))


def test_what_is_widened_comes_first_and_the_default_is_no_rule() -> None:
    acme, stricter = policy_of(ACME), policy_of(STRICTER)
    wider = replay([record(stricter, write_of("src/gen/a.py"))], acme)
    assert [(c.before, c.after, c.rules) for c in wider.changes] == [
        ("deny", "allow", {"org/acme#sources": 1})
    ]
    nothing = policy_of('version = 1\nname = "acme"\ndefault = "ask"\n')
    calls = [record(acme, write_of(f"src/{n}.py")) for n in range(3)]
    calls.append(record(stricter, write_of("src/gen/a.py")))
    report = replay(calls, nothing)
    assert [(c.before, c.after, c.count) for c in report.changes] == [
        ("deny", "ask", 1),
        ("allow", "ask", 3),
    ]
    assert report.changes[0].rules == {"": 1}


def test_other_obligations_are_a_change_and_other_rules_are_not() -> None:
    limit = '[[rule]]\nid = "q"\neffect = "allow"\ntools = ["sql.query"]\nobligations = { limit_rows = %d }\n'
    head = 'version = 1\nname = "acme"\n'
    before, fewer = policy_of(head + limit % 500), policy_of(head + limit % 50)
    request = request_of("sql.query", "table:a.b", tool_class="read")
    (change,) = replay([record(before, request)], fewer).changes
    assert (change.before, change.after) == ("allow", "allow")
    assert (change.obligations_before, change.obligations_after) == (
        {"limit_rows": 500},
        {"limit_rows": 50},
    )
    renamed = policy_of(head + (limit % 500).replace('"q"', '"r"'))
    report = replay([record(before, request)], renamed)
    assert (report.same, report.other_rules, report.changed) == (1, 1, 0)


def test_what_cannot_be_judged_as_it_was_is_set_aside_and_counted() -> None:
    acme = policy_of(ACME)
    whole = record(acme, write_of("src/a.py"))
    asides: list[Aside] = ["erased", "erased", "floor"]
    gone = [changed(whole, request=None, aside=aside) for aside in asides]
    redacted = changed(whole, request=write_of("src/a.py", text="[redacted]"))
    report = replay([whole, *gone, redacted], policy_of(STRICTER))
    assert report.judged == 1
    assert report.aside == {"differs": 1, "erased": 2, "floor": 1}


def test_two_policies_are_compared_whatever_was_recorded() -> None:
    acme, stricter = policy_of(ACME), policy_of(STRICTER)
    recorded = changed(record(acme, write_of("src/gen/a.py")), decision=Decision("ask", "long ago"))
    report = replay([recorded], stricter, before=acme)
    assert [(c.before, c.after) for c in report.changes] == [("allow", "deny")]
    assert (report.policy, report.against) == (stricter.digest, acme.digest)


def test_memory_is_bounded_by_kinds_of_change_not_by_calls() -> None:
    acme, stricter = policy_of(ACME), policy_of(STRICTER)
    one = record(acme, write_of("src/gen/a.py"))
    people = (changed(one, principal=Principal(user=f"u{n}")) for n in range(10_050))
    report = replay(people, stricter, examples=0)
    assert (len(report.changes), report.more, report.changed) == (10_000, 50, 10_050)


def test_shadow_mode_is_summed_up_by_rule_as_recorded() -> None:
    shadow = policy_of(
        STRICTER.replace('id = "no-generated"', 'id = "no-generated"\nmode = "shadow"')
    )
    calls = [record(shadow, write_of(f"src/gen/{n}.py")) for n in range(3)]
    calls.append(record(shadow, write_of("src/a.py")))
    calls.append(changed(calls[0], request=None, shadow=None, aside="erased"))
    assert [c.decision.effect for c in calls] == ["allow"] * 5
    report = shadowed(calls)
    assert (report.judged, report.changed, report.aside) == (4, 3, {"erased": 1})
    assert [(r.rule, r.before, r.after, r.count) for r in report.by_rule] == [
        ("org/acme#no-generated", "allow", "deny", 3)
    ]


def test_a_call_that_touches_much_shows_a_few_of_its_resources() -> None:
    acme, stricter = policy_of(ACME), policy_of(STRICTER)
    many = tuple(Resource(f"path:src/gen/{n}", "write") for n in range(20))
    request = changed(write_of("src/gen/0"), resources=many)
    (change,) = replay([record(acme, request)], stricter).changes
    assert len(change.examples[0].resources) == 9
    assert change.examples[0].resources[-1] == "… and 12 more"


def test_examples_of_rules_stand_in_for_records() -> None:
    with_examples = (
        STRICTER
        + """
examples = [{ resources = ["path:src/gen/a.py"], expect = "deny" }, { tool = "write", extension = "workspace", class = "write", resources = ["path:src/gen/a.py"], expect = "deny" }]
[[rule]]
id = "push"
effect = "ask"
tools = ["git.push"]
examples = [{ class = "net", resources = ["branch:main"] }]
"""
    )
    acme, stricter = policy_of(ACME), policy_of(with_examples)
    file = stricter.layers[0].file
    found = list(examples_as_recorded([file, file], today="2026-11-20"))
    assert [(one.session, one.seq, one.tool) for one in found] == [
        ("0.toml#no-generated", 2, "workspace.write"),
        ("0.toml#push", 1, "git.push"),
    ]
    assert found[0].principal != ANA
    report = replay(found, stricter, before=acme)
    assert [(c.tool, c.before, c.after) for c in report.changes] == [
        ("workspace.write", "allow", "deny")
    ]
