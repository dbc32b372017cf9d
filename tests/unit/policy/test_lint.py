"""What the lint finds, family by family, and that it keeps quiet where nothing is wrong."""

from pathlib import Path

import pytest

from devagent.policy.lint import CODES, Finding, lint
from devagent_policies import NAMES, path_of, text_of
from tests.bench.bench_policy_tools import first_party
from tests.support.recorded_tools import TOOLS

TODAY = "2026-11-20"
ORG = 'layer = "org"\nname = "acme"\n'
QUIET = ("no-examples", "no-grant")


def found(text: str, *lower: str, codes: tuple[str, ...] = ()) -> list[Finding]:
    """The findings about org.toml and the files below it, but those about upkeep that every case has."""
    files = [("org.toml", text.encode())]
    files += [(f"lower{n}.toml", one.encode()) for n, one in enumerate(lower)]
    findings = lint(files, TOOLS, TODAY)
    return [f for f in findings if (f.code in codes if codes else f.code not in QUIET)]


def rule(identifier: str = "a", effect: str = "allow", **keys: str) -> str:
    lines = [f"{key} = {value}" for key, value in keys.items()]
    return "\n".join(["[[rule]]", f'id = "{identifier}"', f'effect = "{effect}"', *lines, ""])


def only(text: str, *lower: str) -> Finding:
    findings = found(text, *lower)
    assert len(findings) == 1, findings
    return findings[0]


@pytest.mark.parametrize(
    ("tools", "code", "severity", "suggestion"),
    [
        ('["vcs.psuh"]', "unknown-tool", "error", 'Did you mean "vcs.push"?'),
        ('["vcs.p*x"]', "unknown-tool", "error", "vcs.push"),
        ('["vsc.push"]', "unknown-extension", "warning", 'Did you mean "vcs"?'),
        ('["somewhere.else"]', "unknown-extension", "note", ""),
    ],
)
def test_a_tool_that_is_not_there_is_named_with_the_nearest_one(
    tools: str, code: str, severity: str, suggestion: str
) -> None:
    finding = only(ORG + rule(tools=tools))
    assert (finding.code, finding.severity, finding.line, finding.column) == (code, severity, 6, 10)
    assert suggestion in finding.suggestion
    assert finding.rule == "a"


def test_one_extension_that_is_not_here_is_told_once_a_file() -> None:
    text = ORG + rule(tools='["crm.find"]') + rule("b", "ask", tools='["crm.save", "crm.send"]')
    assert only(text).code == "unknown-extension"


def test_a_group_is_known_that_the_org_defines_or_names_as_given() -> None:
    groups = '[groups]\neng = ["user:ana", "group:staff"]\n'
    fine = rule(principals='["group:eng", "group:staff", "group:*", "user:x"]', tools='["vcs.*"]')
    assert found(ORG + groups + fine) == []
    slip = only(ORG + groups + rule(principals='["group:egn"]', tools='["vcs.*"]'))
    assert (slip.code, slip.suggestion) == ("unknown-group", 'Did you mean "group:eng"?')
    below = 'layer = "team"\n' + rule(effect="ask", principals='["group:sales"]')
    assert only(ORG + groups, below).file == "lower0.toml"
    assert found(ORG, below) == []


def test_a_mode_that_no_session_has_is_a_slip() -> None:
    finding = only(ORG + rule(tools='["vcs.*"]', when='{ mode = ["chat", "rnu"] }'))
    assert (finding.code, finding.suggestion) == ("unknown-mode", 'Did you mean "run"?')


def test_a_list_that_nothing_uses_is_noted() -> None:
    lists = '[lists]\nused = ["a"]\nspare = ["b"]\n'
    text = (
        ORG + lists + rule(effect="ask", when='{ "context.x" = { either = [{ in = "@used" }] } }')
    )
    finding = only(text)
    assert (finding.code, finding.line) == ("unused-list", 5)


@pytest.mark.parametrize(
    ("tools", "when", "code", "what", "suggestion"),
    [
        ("vcs.push", '{ "args.forse" = "none" }', "unknown-argument", 'vcs.push has no argument "forse"', "args.force"),
        ("vcs.*", '{ "args.forse" = "none" }', "unknown-argument", "none of the tools", "args.force"),
        ("vcs.status", '{ "args.x" = 1 }', "unknown-argument", "", "no arguments"),
        ("mail.send", '{ "args.files.nmae" = "x" }', "unknown-argument", "files.nmae", "args.files."),
        ("mail.send", '{ "args.to|args.ccc" = { any = { eq = "x" } } }', "unknown-argument", '"ccc"', "args.cc"),
        ("mail.send", '{ "args.bdy.@hosts" = { any = { eq = "x" } } }', "unknown-argument", '"bdy"', "args.body"),
        ("mail.send", '{ "args.subject.line" = "x" }', "unknown-argument", "subject.line", ""),
        ("vcs.push", '{ "args.force" = "frce" }', "argument-value", '"frce"', '"force"'),
        ("vcs.push", '{ "args.force" = { in = ["lease", "hard"] } }', "argument-value", '"hard"', "none, lease, force"),
        ("vcs.push", '{ "args.tags" = "true" }', "argument-type", "true or false", "Write true without quotes."),
        ("db.query", '{ "args.limit" = "10" }', "argument-type", "a whole number", "Write 10 without quotes."),
        ("db.query", '{ "args.limit" = { prefix = "1" } }', "argument-type", "prefix looks at a text", "min, max"),
        ("db.query", '{ "args.limit" = { len_max = 3 } }', "argument-type", "have a length", ""),
        ("db.query", '{ "args.limit" = { contains = 1 } }', "argument-type", "no elements", ""),
        ("db.query", '{ "args.sql" = { max = 3 } }', "argument-type", "max looks at a number", "eq or in"),
        ("db.query", '{ "args.sql" = 3 }', "argument-type", "a text, never 3", 'Write "3" in quotes.'),
        ("db.query", '{ "args.limit" = { not = { either = [{ eq = "1" }] } } }', "argument-type", "", "without quotes"),
        ("mail.send", '{ "args.files.size" = { any = { min = 3, prefix = "x" } } }', "argument-type", "a list, each element", ""),
        ("mail.send", '{ "args.files" = { any = { eq = "x" } } }', "argument-type", "a table", "inside it"),
        ("mail.send", '{ "args.files.size.@hosts" = { any = { eq = "x" } } }', "argument-type", "never a text", ""),
        ("open.call", '{ "args.n" = { prefix = "a" } }', "argument-type", "a whole number", ""),
    ],
)  # fmt: skip
def test_a_condition_that_no_argument_can_meet_is_an_error(
    tools: str, when: str, code: str, what: str, suggestion: str
) -> None:
    errors = [
        f for f in found(ORG + rule(tools=f'["{tools}"]', when=when)) if f.severity == "error"
    ]
    assert len(errors) == 1, errors
    finding = errors[0]
    assert (finding.code, finding.line) == (code, 7)
    assert what in finding.message
    assert suggestion in finding.suggestion


@pytest.mark.parametrize(
    ("tools", "when"),
    [
        ('["vcs.*"]', '{ "args.force" = "none" }'),
        ('["db.query"]', '{ "args.limit" = { max = 10 }, "args.sql" = { not_glob = "**drop**" } }'),
        ('["mail.send"]', '{ "args.files.id" = { any = { prefix = "f-" } } }'),
        ('["mail.send"]', '{ "args.to|args.cc" = { suffix = "@x", len_min = 1 } }'),
        ('["mail.send"]', '{ "args.**" = { any = { mentions = ["x"] } } }'),
        ('["open.call"]', '{ "args.other" = "x", "args.n" = 3 }'),
        ('["vcs.push", "crm.save"]', '{ "args.deal" = 3 }'),
        ('["crm.*"]', '{ "args.deal" = 3 }'),
        ('["**"]', '{ "args.deal" = 3 }'),
        ('["*.push"]', '{ "args.deal" = 3 }'),
    ],
)
def test_what_some_tool_may_take_is_not_found_fault_with(tools: str, when: str) -> None:
    errors = [f for f in found(ORG + rule(tools=tools, when=when)) if f.severity != "note"]
    assert errors == []


def test_an_obligation_that_no_tool_named_can_carry_out_is_an_error() -> None:
    masked = '{ mask = { "tag:pii" = "hash" } }'
    finding = only(ORG + rule(tools='["vcs.push"]', obligations=masked))
    assert (finding.code, finding.severity) == ("obligation-beyond-tool", "error")
    some = only(ORG + rule(tools='["vcs.push", "db.query"]', obligations=masked))
    assert some.severity == "warning"
    assert found(ORG + rule(tools='["db.*"]', obligations="{ limit_rows = 5, redact = ['pii'] }")) == []  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"tools": '["vcs.push"]', "classes": '["write"]'}, "vcs.push is of class net"),
        ({"tools": '["vcs.*"]', "classes": '["write", "exec"]'}, "are of class net, read"),
        ({"tools": "[]"}, "its tools are empty"),
        ({"resources": "[]"}, "its resources are empty"),
        ({"phase": "[]"}, "its phase is empty"),
        (
            {"when": '{ "context.x" = { min = 5, max = 3 } }'},
            "only calls without context.x: context.x can not be at least 5 and at most 3",
        ),
        ({"when": '{ "context.x" = { len_min = 5, len_max = 3 } }'}, "at least 5 and at most 3"),
    ],
)
def test_a_rule_that_can_match_nothing_is_an_error(keys: dict[str, str], why: str) -> None:
    finding = only(ORG + rule(effect="ask", **keys))
    assert (finding.code, finding.severity) == ("never-matches", "error")
    assert why in finding.message


def test_an_allow_whose_bounds_exclude_each_other_matches_no_call() -> None:
    finding = only(ORG + rule(when='{ "args.x" = { min = 5, max = 3 } }'))
    assert finding.message.startswith('"a" matches no call: args.x')


@pytest.mark.parametrize(
    ("by", "under", "code"),
    [
        (rule("x", "deny", tools='["vcs.*"]'), rule(tools='["vcs.push"]'), "unreachable"),
        (rule("x", "deny"), rule(effect="ask", tools='["vcs.push"]'), "unreachable"),
        (rule("x", "ask", classes='["net"]'), rule(tools='["vcs.push"]'), "unreachable"),
        (rule("x", "deny", resources='["path:src/**"]'), rule(tools='["vcs.*"]', resources='["path:src/*.py"]'), "unreachable"),
        (rule("x", "deny", principals='["user:*"]'), rule(tools='["vcs.*"]', principals='["user:ana"]'), "unreachable"),
        (rule("x", "deny", when='{ "context.n" = { max = 9 } }'), rule(tools='["vcs.*"]', when='{ "context.n" = { max = 5 } }'), "unreachable"),
        (rule("x", "allow", tools='["vcs.*"]'), rule(tools='["vcs.push"]'), "redundant"),
        (rule("x", "deny", tools='["vcs.*"]'), rule(effect="deny", tools='["vcs.push"]'), "redundant"),
        (rule("x", "allow", tools='["vcs.push"]'), rule(tools='["vcs.push"]'), "redundant"),
    ],
)  # fmt: skip
def test_a_rule_that_another_always_speaks_over_is_found_whatever_the_order(
    by: str, under: str, code: str
) -> None:
    for text in (by + under, under + by):
        findings = [f for f in found(ORG + text) if f.code in ("unreachable", "redundant")]
        assert [f.code for f in findings] == [code]
        assert (findings[0].rule == "a") or under.replace('"a"', '"x"') == by
        assert "(line " in findings[0].message


@pytest.mark.parametrize(
    ("by", "under"),
    [
        (rule("x", "deny", tools='["vcs.push"]'), rule(tools='["vcs.*"]')),
        (rule("x", "deny", tools='["vcs.*"]', expires="2027-01-01"), rule(tools='["vcs.push"]')),
        (rule("x", "deny", tools='["vcs.*"]', mode='"shadow"'), rule(tools='["vcs.push"]')),
        (rule("x", "deny", tools='["vcs.*"]', phase='["result"]'), rule(tools='["vcs.push"]')),
        (rule("x", "deny", tools='["vcs.*"]', when='{ mode = "run" }'), rule(tools='["vcs.push"]')),
        (rule("x", "ask", tools='["db.*"]'), rule(tools='["db.query"]', obligations="{ limit_rows = 5 }")),
        (rule("x", "allow", tools='["db.*"]'), rule(tools='["db.query"]', obligations="{ limit_rows = 5 }")),
        (rule("x", "deny", tools='["vcs.*"]'), rule(effect="deny", tools='["vcs.push"]', grant='"Ask me"')),
        (rule("x", "ask", tools='["vcs.*"]'), rule(effect="ask", tools='["vcs.push"]', sticky="true")),
        (rule("x", "allow", tools='["vcs.*"]'), rule(tools='["vcs.push"]', otherwise='"deny"', when='{ mode = "chat" }')),
        (rule("x", "deny", tools='["vcs.*"]', resources='["path:a/**"]'), rule(tools='["vcs.*"]', resources='["path:a**"]')),
        (rule("x", "deny", tools='["vcs.*"]', access='["write"]'), rule(tools='["vcs.push"]')),
    ],
)  # fmt: skip
def test_rules_that_differ_in_what_they_do_stand_beside_each_other(by: str, under: str) -> None:
    assert found(ORG + by + under, codes=("unreachable", "redundant")) == []


def test_a_lower_rule_that_the_org_always_denies_is_dead() -> None:
    org = ORG + rule("no-push", "deny", tools='["vcs.push"]', grant='"Ask #platform"')
    lower = 'layer = "local"\n' + rule(effect="ask", tools='["vcs.push"]')
    finding = only(org, lower)
    assert (finding.code, finding.file, finding.line) == ("dead-under-org", "lower0.toml", 2)
    assert "org/acme#no-push (org.toml:3)" in finding.message
    assert finding.suggestion == "Ask #platform"
    wider = 'layer = "local"\n' + rule(effect="ask", tools='["vcs.*"]')
    assert found(org, wider) == []


def test_a_lower_allow_outside_every_envelope_allows_nothing() -> None:
    envelope = '[[delegate]]\nto = ["local"]\neffect = "allow"\ntools = ["vcs.*"]\nresources = ["branch:**"]\n'  # fmt: skip
    inside = 'layer = "local"\n' + rule(tools='["vcs.push"]')
    assert found(ORG + envelope, inside) == []
    other_tool = 'layer = "local"\n' + rule(tools='["db.query"]')
    assert only(ORG + envelope, other_tool).code == "outside-envelopes"
    other_kind = 'layer = "local"\n' + rule(tools='["vcs.push"]', resources='["path:**"]')
    assert only(ORG + envelope, other_kind).code == "outside-envelopes"
    other_layer = 'layer = "team"\n' + rule(tools='["vcs.push"]')
    assert only(ORG + envelope, other_layer).code == "outside-envelopes"
    narrows = 'layer = "team"\n' + rule(tools='["db.query"]', obligations="{ limit_rows = 5 }")
    assert found(ORG + envelope, narrows) == []


def test_with_several_org_files_a_finding_must_hold_under_each() -> None:
    deny = ORG + rule("x", "deny", tools='["vcs.push"]', grant='"no"')
    other = 'layer = "org"\nname = "other"\n[[delegate]]\nto = ["local"]\neffect = "allow"\n'
    lower = 'layer = "local"\n' + rule(tools='["vcs.push"]')
    assert [f.code for f in found(deny, lower)] == ["dead-under-org"]
    assert found(deny, other, lower) == []


def test_expired_rules_and_those_about_to_are_told() -> None:
    gone = only(ORG + rule(tools='["vcs.*"]', expires="2026-11-20"))
    assert (gone.code, gone.line) == ("expired", 7)
    soon = only(ORG + rule(tools='["vcs.*"]', expires="2026-12-01"))
    assert (soon.code, soon.severity) == ("expires-soon", "note")
    assert found(ORG + rule(tools='["vcs.*"]', expires="2027-11-20")) == []


def test_an_allow_of_everything_is_told_and_one_with_any_bound_is_not() -> None:
    assert only(ORG + rule()).code == "allows-everything"
    assert "user:ana" in only(ORG + rule(principals='["user:ana"]', tools='["**"]')).message
    for keys in ({"classes": '["read"]'}, {"resources": '["path:**"]'}, {"when": '{ mode = "chat" }'}):  # fmt: skip
        assert found(ORG + rule(**keys)) == []


def test_a_deny_without_a_grant_and_a_rule_without_examples_are_told() -> None:
    bare = found(ORG + rule(effect="deny", tools='["vcs.push"]'), codes=QUIET)
    assert [f.code for f in bare] == ["no-examples", "no-grant"]
    full = rule(effect="deny", tools='["vcs.push"]', grant='"Ask"', examples="[{}]")
    assert found(ORG + full, codes=QUIET) == []


@pytest.mark.parametrize(
    ("when", "trapped"),
    [
        ('{ "args.body.@hosts" = { in = ["x.example"] } }', True),
        ('{ "args.body.@hosts" = ["x.example"] }', True),
        ('{ "args.cc" = { suffix = "@x.example" } }', True),
        ('{ "args.files.id" = { prefix = "f-" } }', True),
        ('{ "principal.groups" = { in = ["eng"] } }', True),
        ('{ "args.cc" = { either = [{ prefix = "a" }, { prefix = "b" }] } }', True),
        ('{ "args.body.@hosts" = { in = ["x.example"], len_min = 1 } }', False),
        ('{ "args.body.@hosts" = { any = { in = ["x.example"] } } }', False),
        ('{ "args.body.@hosts" = { not_in = ["x.example"] } }', False),
        ('{ "args.to" = { suffix = "@x.example" } }', False),
        ('{ "args.subject" = { prefix = "Re: " } }', False),
        ('{ "principal.groups" = { contains = "eng" } }', False),
    ],
)
def test_an_allow_that_an_empty_list_passes_is_a_trap(when: str, *, trapped: bool) -> None:
    findings = found(ORG + rule(tools='["mail.send"]', when=when))
    assert [f.code for f in findings] == (["empty-list-allows"] if trapped else [])
    envelope = f'[[delegate]]\nto = ["local"]\neffect = "allow"\ntools = ["mail.send"]\nwhen = {when}\n'  # fmt: skip
    assert [f.code for f in found(ORG + envelope)] == [f.code for f in findings]
    assert found(ORG + rule(effect="ask", tools='["mail.send"]', when=when), codes=("empty-list-allows",)) == []  # fmt: skip


@pytest.mark.parametrize(
    ("tools", "when", "trapped"),
    [
        ('["vcs.push"]', '{ "args.note" = "x" }', True),
        ('["mail.send"]', '{ "args.body.@hosts" = { any = { eq = "x.example" } } }', True),
        ('["vcs.*"]', '{ "args.force" = "force" }', True),
        ('["open.call"]', '{ "args.n" = 3 }', True),
        ("", '{ "args.force" = "force" }', True),
        ('["vcs.push"]', '{ "args.force" = "force" }', False),
        ('["vcs.push"]', '{ "args.note" = { eq = "x", absent = false } }', False),
        ('["vcs.push"]', '{ "args.note" = { either = [{ absent = true }, { eq = "x" }] } }', False),
        ('["mail.send"]', '{ "args.to|args.cc" = { any = { suffix = "@evil" } } }', False),
        ('["mail.send"]', '{ "args.**" = { any = { mentions = ["x"] } } }', False),
        ('["crm.save"]', '{ "args.deal" = 3 }', False),
    ],
)
def test_a_deny_that_also_refuses_calls_without_the_argument_is_a_trap(
    tools: str, when: str, *, trapped: bool
) -> None:
    keys = {"when": when, **({"tools": tools} if tools else {})}
    for effect in ("deny", "ask"):
        findings = found(ORG + rule(effect=effect, **keys), codes=("absent-is-refused",))
        assert bool(findings) == trapped
        assert all("absent = false" in f.suggestion for f in findings)


@pytest.mark.parametrize(
    ("when", "trapped"),
    [
        ('{ "args.to" = { not = { suffix = "@x.example" }, len_min = 1 } }', True),
        ('{ "args.body.@hosts" = { not = { in = ["x.example"] } } }', True),
        ('{ "args.to" = { any = { not = { suffix = "@x.example" } } } }', False),
        ('{ "args.to" = { not = { any = { suffix = "@x.example" } } } }', False),
        ('{ "args.to" = { not = { contains = "x" } } }', False),
        ('{ "args.subject" = { not = { prefix = "x" } } }', False),
    ],
)
def test_not_around_a_list_is_a_trap(when: str, *, trapped: bool) -> None:
    findings = found(ORG + rule(tools='["mail.send"]', when=when), codes=("not-around-a-list",))
    assert bool(findings) == trapped


def test_an_upper_case_value_beside_a_fact_never_matches() -> None:
    when = '{ "args.body.@hosts" = { in = "@ours", len_min = 1 } }'
    finding = only(ORG + '[lists]\nours = ["x.example", "Bank.example"]\n' + rule(tools='["mail.send"]', when=when))  # fmt: skip
    assert (finding.code, finding.suggestion) == ("upper-case-fact", 'Write "bank.example".')


@pytest.mark.parametrize(
    ("text", "place", "what", "suggestion"),
    [
        ('[[rule]]\nid = "a"\nefect = "deny"\n', (3, 1), 'a rule has no key "efect"', '"effect"'),
        ("\xff\n", (1, 1), "not TOML", ""),
        ("[[rule]]\n" * 100_001, (1, 1), "the file has more than 50,000 rules", "several files"),
    ],
)
def test_a_file_that_is_no_policy_is_one_finding_with_its_place(
    text: str, place: tuple[int, int], what: str, suggestion: str
) -> None:
    finding = only(text)
    assert (finding.code, finding.severity) == ("refused", "error")
    assert (finding.line, finding.column) == place
    assert finding.message.startswith(what)
    assert suggestion in finding.suggestion


def test_a_refused_file_does_not_keep_the_others_from_being_looked_at() -> None:
    assert [f.code for f in found("nmae = 1\n", ORG + rule())] == ["refused", "allows-everything"]


def test_of_a_test_file_only_its_form_is_looked_at() -> None:
    good, bad = b'policies = ["acme.toml"]\n', b'policies = "acme.toml"\n'
    assert lint([("a.test.toml", good)], TOOLS, TODAY) == []
    [finding] = lint([("a.test.toml", bad)], TOOLS, TODAY)
    assert (finding.code, finding.message) == ("refused", "policies must be a list, not a text")


def test_a_file_stands_where_it_says_and_only_the_org_may_say_what_the_org_says() -> None:
    assert found('name = "x"\ndefault = "ask"\n') == []
    below = only('layer = "team"\ndefault = "ask"\n')
    assert "org's file only" in below.message
    named = lint([("a.toml", b'default = "ask"\n')], TOOLS, TODAY, org="b.toml")
    assert [f.code for f in named] == ["refused"]


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_policy_lints_clean(name: str) -> None:
    findings = lint([(path_of(name), text_of(name).encode())], first_party(), TODAY)
    assert [f for f in findings if f.severity != "note"] == []


def test_every_code_is_documented_and_tried_out_here() -> None:
    page = Path("docs/policy-lint.md")
    documented = (Path(__file__).parents[3] / page).read_text(encoding="utf-8")
    tests = Path(__file__).read_text(encoding="utf-8")
    for code, (severity, _) in CODES.items():
        assert f"| `{code}` | {severity} |" in documented, code
        assert f'"{code}"' in tests or code == "not-compared", code


def test_rules_too_many_and_too_alike_are_not_compared_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("devagent.policy.lint.reach.MOST_COMPARISONS", 100)
    many = "".join(rule(f"r{n}", "ask", when=f'{{ "context.n" = {n} }}') for n in range(20))
    finding = only(ORG + many)
    assert (finding.code, finding.severity) == ("not-compared", "note")
    assert "rules from here on" in finding.message
