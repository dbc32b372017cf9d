"""Rules proposed from asks that a person answered yes: narrow, checked, and nothing beyond them."""

import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from devagent.audit.requests import recorded, session_folders
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ToolClass
from devagent.core.verdicts import Request
from devagent.policy import CompiledPolicy, compile_policy, parse, request_from_json
from devagent.policy.changes import Recorded
from devagent.policy.suggest import Suggestion, suggest
from tests.support.recorded_calls import (
    ANA,
    NOVEMBER,
    Call,
    policy_of,
    request_of,
    write_of,
    write_session,
)

TODAY = date(2026, 11, 20)
BASE = """
version = 1
name = "base"
default = "ask"
[[delegate]]
to = ["local"]
effect = "allow"
[[rule]]
id = "secrets"
effect = "deny"
resources = ["path:**/.env", "path:keys/**"]
[[rule]]
id = "read"
effect = "allow"
classes = ["read"]
resources = ["path:**"]
"""


@pytest.fixture
def sessions(tmp_path: Path) -> str:
    return str(tmp_path)


def record(
    sessions: str, *days: Sequence[Call], policy: CompiledPolicy | None = None
) -> list[Recorded]:
    """A session a day."""
    for number, calls in enumerate(days):
        start = NOVEMBER + number * 86_400 * 10**9
        write_session(sessions, policy or policy_of(BASE), calls, start=start)
    return [one for folder in session_folders(sessions) for one in recorded(folder)]


def yes(*requests: Request) -> list[Call]:
    return [Call(request, "yes") for request in requests]


def suggested(calls: list[Recorded], base: str = BASE, *, least: int = 2) -> Suggestion:
    return suggest(calls, policy_of(base), today=TODAY, least=least)


def with_suggestion(found: Suggestion, base: str = BASE) -> CompiledPolicy:
    return compile_policy([parse(base, "org.toml", org=True), parse(found.text, "mine.toml")])


def rules_of(found: Suggestion) -> list[dict[str, object]]:
    return tomllib.loads(found.text).get("rule", [])


def whys(found: Suggestion) -> list[tuple[int, str]]:
    return [(one.count, one.why) for one in found.left]


def test_a_call_approved_twice_becomes_one_narrow_rule(sessions: str) -> None:
    one = write_of("notes.md", text="a")
    calls = record(sessions, yes(one), yes(changed(one, args={**one.args, "content": "b"})))
    found = suggested(calls)
    assert (found.rules, found.asks, found.saved, found.left) == (1, 2, 2, ())
    (rule,) = rules_of(found)
    examples = rule.pop("examples")
    assert rule == {
        "id": "workspace-write-notes-md",
        "effect": "allow",
        "principals": ["user:ana"],
        "tools": ["workspace.write"],
        "classes": ["write"],
        "access": ["write"],
        "resources": ["path:notes.md"],
        "when": {
            "mode": {"eq": "chat"},
            "taint_none": ["**"],
            "args.path": {"eq": "notes.md"},
        },
        "why": "Asked and answered yes 2 times in 2 sessions, last on 2026-11-19",
        "expires": date(2027, 2, 18),
    }
    assert isinstance(examples, list)
    assert examples[0]["args"] == {"path": "notes.md"}  # the content stays away
    policy = with_suggestion(found)
    assert policy.decide(one).effect == "allow"
    for narrower in (
        write_of("notes2.md"),
        write_of("notes.md", mode="run"),
        write_of("notes.md", taint=["web"]),
        write_of("notes.md", today="2027-02-18"),
        changed(one, principal=Principal(user="bo")),
        changed(one, tool="remove"),
        changed(one, args={**one.args, "path": "other.md"}),
        changed(one, resources=(Resource("path:notes.md", "read"),)),
    ):
        assert policy.decide(narrower).effect == "ask", narrower


def test_every_example_of_a_proposed_rule_holds(sessions: str) -> None:
    argv = {"argv": ["make", "test"]}
    make = request_of("shell.run", "command:make test", tool_class="exec", args=argv)
    files = [write_of(f"src/{n}.py") for n in range(4)]
    calls = record(sessions, yes(*files, write_of("a"), write_of("a")), yes(make, make))
    found = suggested(calls)
    assert found.rules == 3
    policy = with_suggestion(found)
    examples = [e for rule in parse(found.text, "mine.toml").rules for e in rule.examples]
    assert len(examples) == 5  # three of the four files, and one of each of the others
    for example in examples:
        assert example.pop("expect") == "allow"
        assert policy.decide(request_from_json(example)).effect == "allow"


def test_three_files_below_one_folder_become_the_folder(sessions: str) -> None:
    files = ("src/app/a.py", "src/app/b.py", "src/app/deep/c.py")
    found = suggested(record(sessions, yes(*map(write_of, files))))
    (rule,) = rules_of(found)
    assert (rule["id"], rule["resources"]) == ("workspace-write-src-app", ["path:src/app/**"])
    assert found.saved == 3
    policy = with_suggestion(found)
    assert policy.decide(write_of("src/app/new.py")).effect == "allow"
    assert policy.decide(write_of("src/other.py")).effect == "ask"
    assert policy.decide(write_of("src/app/.env")).effect == "deny"


@pytest.mark.parametrize(
    "files",
    [
        ("src/a.py", "src/b.py"),  # two files only
        ("a.py", "b.py", "c.py"),  # the workspace itself
        (".github/a.yml", ".github/b.yml", ".github/c.yml"),  # settings and hooks
        ("src/.git/a", "src/.git/b", "src/.git/c"),
        ("/etc/a/1", "/etc/a/2", "/etc/a/3"),  # outside
    ],
)
def test_other_files_are_named_one_by_one(sessions: str, files: tuple[str, ...]) -> None:
    found = suggested(record(sessions, yes(*map(write_of, files)), yes(*map(write_of, files))))
    assert [rule["resources"] for rule in rules_of(found)] == [[f"path:{file}"] for file in files]


@pytest.mark.parametrize(
    "more",
    [
        '[[rule]]\nid = "gen"\neffect = "deny"\nresources = ["path:src/gen/**"]\n',
        '[[rule]]\nid = "gen"\neffect = "deny"\nresources = ["path:s*/x"]\nmode = "shadow"\n',
    ],
)
def test_a_folder_in_which_a_deny_names_something_is_not_opened(sessions: str, more: str) -> None:
    files = [write_of(f"src/{n}.py") for n in range(3)]
    calls = record(sessions, yes(*files), yes(*files))
    found = suggested(calls, BASE + more)
    assert [rule["resources"] for rule in rules_of(found)] == [
        [f"path:src/{n}.py"] for n in range(3)
    ]


def test_a_folder_beyond_the_envelope_is_not_opened(sessions: str) -> None:
    narrow = BASE.replace('effect = "allow"\n[[rule]]\nid = "secrets"', 'effect = "allow"\nresources = ["path:src/lib/**", "path:src/0.py", "path:src/1.py"]\n[[rule]]\nid = "secrets"')  # fmt: skip
    assert narrow != BASE
    files = [write_of(f"src/{n}.py") for n in range(3)]
    found = suggested(record(sessions, yes(*files), yes(*files)), narrow)
    assert [rule["resources"] for rule in rules_of(found)] == [["path:src/0.py"], ["path:src/1.py"]]
    assert whys(found) == [(2, "org/base does not leave it to the local policy")]


def test_a_no_to_a_call_like_it_keeps_the_rule_away(sessions: str) -> None:
    calls = record(
        sessions,
        [*yes(write_of("a.md"), write_of("a.md")), Call(write_of("a.md"), "no")],
        yes(write_of("b.md"), write_of("b.md")),
    )
    found = suggested(calls)
    assert [rule["resources"] for rule in rules_of(found)] == [["path:b.md"]]
    assert whys(found) == [(2, "a call like it was answered no")]
    assert (found.asks, found.saved) == (4, 2)


def test_a_no_below_a_folder_leaves_the_exact_files(sessions: str) -> None:
    files = [write_of(f"src/{n}.py") for n in range(3)]
    calls = record(sessions, yes(*files), yes(*files), [Call(write_of("src/setup.py"), "no")])
    found = suggested(calls)
    assert [rule["resources"] for rule in rules_of(found)] == [
        [f"path:src/{n}.py"] for n in range(3)
    ]
    assert (found.saved, found.left) == (6, ())


def test_only_what_a_person_answered_at_a_terminal_often_enough_counts(sessions: str) -> None:
    calls = record(
        sessions,
        [
            Call(write_of("once.md"), "yes"),
            *[Call(write_of("file.md"), "yes", "file")] * 3,
            *[Call(write_of("never.md"), "no", "unattended")] * 3,
            *[Call(write_of("cut.md"))] * 3,
        ],
    )
    found = suggested(calls)
    assert rules_of(found) == []
    assert (found.asks, whys(found)) == (
        1,
        [(1, "calls like it were answered yes fewer than 2 times")],
    )
    assert suggested(calls, least=1).saved == 1


def test_what_nobody_was_there_to_answer_is_proposed_where_that_is_asked_for_and_nothing_else(
    sessions: str,
) -> None:
    calls = record(
        sessions,
        [
            *[Call(write_of("yes.md"), "yes")] * 2,
            Call(write_of("report.md", mode="run"), "no", "unattended"),
            Call(write_of("no.md"), "no"),
            Call(write_of("also.md", mode="run"), "no", "unattended"),
            Call(write_of("also.md", mode="run"), "no"),  # somebody said no to that very call
        ],
    )
    found = suggest(calls, policy_of(BASE), today=TODAY, least=1, unanswered=True)
    (rule,) = rules_of(found)
    assert rule["resources"] == ["path:report.md"]
    assert isinstance(rule["when"], dict)
    assert rule["when"]["mode"] == {"eq": "run"}
    assert rule["why"] == "Asked and answered by nobody 1 time in 1 session, last on 2026-11-18"
    assert "# that were answered by nobody. Read each" in found.text
    assert (found.asks, found.saved) == (2, 1)
    assert whys(found) == [(1, "a call like it was answered no")]


def test_a_rule_that_asks_on_purpose_is_not_argued_with(sessions: str) -> None:
    asks = BASE + '[[rule]]\nid = "look"\neffect = "ask"\ntools = ["git.push"]\n'
    push = request_of("git.push", "branch:origin/main", tool_class="net", args={"ref": "main"})
    found = suggested(record(sessions, yes(push, push), policy=policy_of(asks)), asks)
    assert rules_of(found) == []
    assert whys(found) == [(2, "org/base#look asks on purpose")]
    assert "#   2 x git.push: org/base#look asks on purpose" in found.text


def test_where_the_org_leaves_nothing_to_the_local_file_nothing_is_proposed(sessions: str) -> None:
    closed = 'version = 1\nname = "acme"\ndefault = "ask"\n'
    calls = record(sessions, yes(write_of("a"), write_of("a")), policy=policy_of(closed))
    found = suggested(calls, closed)
    assert rules_of(found) == []
    assert whys(found) == [(2, "org/acme does not leave it to the local policy")]


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (request_of("vault.get", "doc:vault/x", tool_class="secret"), "it touches a secret"),
        (
            request_of("a.b", resources=(Resource("doc:a/b", "write", ("secrets.key",)),)),
            "it touches a secret",
        ),
        (
            request_of("shell.run", "command:rm '*'", tool_class="exec"),
            "it touches something with a star in its name, which a rule would read as a pattern",
        ),
        (
            request_of("a.b", "doc:a/b", principal=changed(ANA, ci="acme/etl")),
            "it is not a person's own",
        ),
        (
            request_of("x.y", "mcp:x/y", args={"steps": ["drop", "create"]}),
            "the order in args.steps cannot be said in a condition",
        ),
        (
            request_of("x.y", "mcp:x/y", args={"a.b": 1}),
            "an argument's name cannot stand in a condition",
        ),
    ],
)
def test_some_calls_are_never_proposed(sessions: str, request_: Request, why: str) -> None:
    found = suggested(record(sessions, yes(request_, request_)))
    assert rules_of(found) == []
    assert whys(found) == [(2, why)]


def test_what_a_deny_in_shadow_mode_would_refuse_is_not_proposed(sessions: str) -> None:
    shadow = (
        BASE + '[[rule]]\nid = "soon"\neffect = "deny"\nresources = ["path:a"]\nmode = "shadow"\n'
    )
    found = suggested(record(sessions, yes(write_of("a"), write_of("a"))), shadow)
    assert whys(found) == [(2, "org/base#soon in shadow mode would deny it")]


@pytest.mark.parametrize("tool_class", ["exec", "write"])
def test_where_only_arguments_say_what_a_call_does_all_of_them_are_fixed(
    sessions: str, tool_class: ToolClass
) -> None:
    args = {"name": "x", "count": 1, "flag": True, "none": None, "deep": {"a": "@b"}, "one": ["z"], "no": []}  # fmt: skip
    one = request_of("third.party", "mcp:third/party", tool_class=tool_class, args=args)
    found = suggested(record(sessions, yes(one, one)))
    assert found.saved == 2
    policy = with_suggestion(found)
    assert policy.decide(one).effect == "allow"
    for other in (
        {**args, "name": "y"},
        {**args, "count": True, "flag": 1},
        {**args, "more": "x"},
        {**args, "none": 0},
        {**args, "deep": {"a": "@c"}},
        {**args, "one": ["z", "z"]},
        {k: v for k, v in args.items() if k != "flag"},
        {},
    ):
        assert policy.decide(changed(one, args=other)).effect == "ask", other


def test_calls_of_a_tainted_session_are_allowed_with_those_labels_only(sessions: str) -> None:
    clean, tainted = write_of("a"), write_of("a", taint=["git.others"])
    found = suggested(record(sessions, yes(tainted, tainted, clean)))
    policy = with_suggestion(found)
    assert (found.asks, found.saved) == (3, 2)
    assert policy.decide(tainted).effect == "allow"
    assert policy.decide(clean).effect == "ask"
    assert policy.decide(write_of("a", taint=["git.others", "web"])).effect == "ask"


def test_a_mark_on_a_resource_sets_calls_apart(sessions: str) -> None:
    plain = request_of("git.push", "branch:origin/x", tool_class="net", args={"force": "no"})
    forced = changed(
        plain,
        args={"force": "yes"},
        resources=(Resource("branch:origin/x", "write", ("git.force",)),),
    )
    found = suggested(record(sessions, yes(plain, plain, forced)))
    policy = with_suggestion(found)
    assert policy.decide(plain).effect == "allow"
    assert policy.decide(forced).effect == "ask"
    assert whys(found) == [(1, "calls like it were answered yes fewer than 2 times")]


def test_nothing_changes_but_the_asks_that_are_saved(sessions: str) -> None:
    base = policy_of(BASE)
    calls = record(
        sessions,
        [
            *yes(*(write_of(f"src/{n}.py") for n in range(4)), write_of("x"), write_of("x")),
            Call(write_of("x", mode="run"), "no", "unattended"),
            Call(write_of("y"), "no"),
            Call(write_of("src/.env")),
            Call(request_of("workspace.read", "path:src/1.py", tool_class="read")),
        ],
    )
    found = suggested(calls)
    policy = with_suggestion(found)
    turned = 0
    for one in calls:
        assert one.request is not None
        before, after = base.decide(one.request), policy.decide(one.request)
        if before.effect == after.effect:
            continue
        assert one.approval is not None
        assert (before.effect, after.effect, one.approval.answer) == ("ask", "allow", "yes")
        turned += 1
    assert turned == found.saved == 6


def test_names_from_a_record_cannot_break_out_of_the_file(sessions: str) -> None:
    odd = 'a"\\ [[rule]] id = "evil" #\u00e9'
    hidden = "a\n[[rule]]\nid = 'evil'\u202e\x7f"
    one = request_of("git.push", f"branch:{odd}", args={"ref": odd, "note": hidden})
    push, strange = request_of("git.push", f"branch:{hidden}"), request_of(f"x.{hidden}", "doc:x")
    found = suggested(record(sessions, yes(one, one, push, push, strange)))
    assert found.saved == 2
    (rule,) = rules_of(found)
    assert rule["resources"] == [f"branch:{odd}"]
    assert with_suggestion(found).decide(one).effect == "allow"
    assert all(line.isprintable() for line in found.text.splitlines())
    why = "it touches something that no rule can name"
    assert whys(found) == [(2, why), (1, why)]


def test_a_file_taken_over_before_is_not_mistaken_for_the_new_one(sessions: str) -> None:
    calls = record(sessions, yes(write_of("a"), write_of("a")))
    first = suggested(calls)
    policy = with_suggestion(first)
    assert suggest(calls, policy, today=TODAY).asks == 0
    more = record(sessions, [], [], [], yes(write_of("b"), write_of("b")))
    second = suggest(more, policy, today=TODAY)
    assert (second.saved, tomllib.loads(second.text)["name"]) == (2, "suggested-2")


def test_the_file_is_a_policy_also_where_nothing_is_proposed(sessions: str) -> None:
    found = suggested(record(sessions, []))
    assert (found.rules, found.asks, found.saved, found.left) == (0, 0, 0, ())
    assert parse(found.text, "x.toml").layer == "local"
