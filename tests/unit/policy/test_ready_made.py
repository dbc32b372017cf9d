"""The ready-made policies: their examples, their place, and that they allow everyday work and refuse what they say."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from devagent.cli.policy import policy as policy_command
from devagent.cli.policy.shared import first_party_tools
from devagent.core.verdicts import Effect
from devagent.policy import CompiledPolicy, parse, request_from_json
from devagent.policy.bounds import budgets
from devagent.policy.tool_types import check_tools
from devagent_policies import FOLDERS, NAMES, path_of, text_of
from tests.support.ready_made import GRANTING, NARROWING, ORG, answer, below, in_its_place, read
from tests.support.ready_made_requests import (
    EVERYDAY,
    HOSTILE,
    SECRET_PATHS,
    Call,
    call,
    push,
    shell,
    sql,
)

SPECIFIED = {
    "read-only": 2, "git-safe": 18, "workspace-safe": 10, "sql-governed": 4, "pii": 6, "ci-oneshot": 9,
    "trifecta": 3, "break-glass": 5, "regulated": 12, "org-template/org": 10,
}  # fmt: skip
"""Policy → fewer rules than this would say less than its head promises."""


def wrong(policy: CompiledPolicy, calls: Iterable[Call], wanted: Sequence[Effect]) -> list[str]:
    """The calls that get another answer, with the reason."""
    return [
        f"{one['extension']}.{one['tool']} {one['resources']} {one['context']}: {policy.decide(request_from_json(one)).reason}"
        for one in calls
        if answer(policy, one) not in wanted
    ]


def test_every_policy_has_its_place_and_only_these_are_shipped() -> None:
    assert {*ORG, *NARROWING, *GRANTING} == set(NAMES)
    folder = Path(path_of("org-template")).parent
    there = {p.relative_to(folder).with_suffix("").as_posix() for p in folder.rglob("*.toml")}
    assert there == {*NAMES, "org-template/acme.test"}
    for name in NAMES:
        file = read(name)
        assert (file.layer == "org") is (name in ORG), name
        assert file.layer != "local" or name in GRANTING, name
        assert name.rpartition("/")[2] in (file.name, "org", "team-data", "local-developer"), name
        if name not in ORG:
            assert parse(text_of(name), name, org=True).rules == file.rules, (
                "it can be pasted into an org file"
            )


def test_names_that_are_no_policies_are_refused() -> None:
    for name in ("nothing", "../secrets", "org-template/../baseline", "acme.test"):
        with pytest.raises(KeyError):
            path_of(name)
    for name in FOLDERS:
        assert Path(path_of(name)).is_dir()
        with pytest.raises(KeyError):
            text_of(name)


def test_every_policy_explains_itself_at_its_head() -> None:
    for name in NAMES:
        head = text_of(name).partition("version = 1")[0]
        assert all(line.startswith("#") for line in head.splitlines()), name
        for word in ("# For whom   ", "# Place      ", "# Does       ", "# Does not   "):
            assert word in head, (name, word)


def test_every_rule_says_why_how_to_be_granted_and_has_examples() -> None:
    for name in NAMES:
        for rule in read(name).rules:
            assert rule.why, (name, rule.id)
            assert rule.grant, (name, rule.id)
            assert rule.examples, (name, rule.id)
    for name, least in SPECIFIED.items():
        assert len(read(name).rules) >= least, name


def test_rules_of_files_that_go_together_have_ids_of_their_own() -> None:
    together = ("baseline", *NARROWING, "workspace-safe")
    ids = [rule.id for name in together for rule in read(name).rules]
    assert len(ids) == len(set(ids))


def test_all_policies_mean_the_same_files_by_secrets() -> None:
    def secrets(name: str) -> set[str]:
        (rule,) = [
            r
            for r in read(name).rules
            if r.effect == "deny" and "path:**.kdbx" in (r.resources or ())
        ]
        return set(rule.resources or ())

    wanted = secrets("baseline")
    for name in (
        "locked",
        "git-safe",
        "workspace-safe",
        "ci-oneshot",
        "regulated",
        "org-template/org",
    ):
        assert wanted <= secrets(name), name


@pytest.mark.parametrize("name", NAMES)
def test_every_example_holds(name: str) -> None:
    done = CliRunner().invoke(policy_command, ["test", "--min-coverage", "100", path_of(name)])
    assert done.exit_code == 0, done.output
    assert " 0 failed." in done.output


def test_the_template_is_what_its_test_file_says() -> None:
    file = str(Path(path_of("org-template"), "acme.test.toml"))
    done = CliRunner().invoke(policy_command, ["test", "--min-coverage", "100", file])
    assert done.exit_code == 0, done.output


def test_together_they_lint_clean() -> None:
    done = CliRunner().invoke(policy_command, ["lint", "--format", "json", *map(path_of, NAMES)])
    # An extension that is not here is no fault: the policies are also for those that come later.
    found = [
        f for f in msgspec.json.decode(done.stdout)["findings"] if f["code"] != "unknown-extension"
    ]
    assert found == []
    assert done.exit_code == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_policy_fits_the_tools_that_it_names(name: str) -> None:

    check_tools(read(name), first_party_tools(), text_of(name))


# ---- everyday work and hostile calls ----


def test_there_are_enough_requests_of_both_kinds() -> None:
    assert set(EVERYDAY) == set(HOSTILE)
    assert {
        *EVERYDAY,
        "budgets",
        "org-template/org",
        "org-template/team-data",
        "org-template/local-developer",
    } == {*NAMES, "org-template"}
    for name in EVERYDAY:
        assert len(EVERYDAY[name]) >= 20, name
        assert len(HOSTILE[name]) >= 15, name


@pytest.mark.parametrize("name", EVERYDAY)
def test_everyday_work_is_not_denied(name: str) -> None:
    # A narrowing policy stands below an organisation that allows everything: it must not even ask.
    free = (*NARROWING, "workspace-safe", "ci-oneshot", "locked")
    wanted: list[Effect] = ["allow"] if name in free else ["allow", "ask"]
    assert wrong(in_its_place(name), EVERYDAY[name], wanted) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_hostile_is_not_allowed(name: str) -> None:
    assert wrong(in_its_place(name), HOSTILE[name], ["ask", "deny"]) == []


@pytest.mark.parametrize(
    "name", ["git-safe", "sql-governed", "pii", "trifecta", "workspace-safe", "read-only"]
)
def test_what_is_hostile_is_refused_by_the_policy_itself(name: str) -> None:
    policy = below("open", name)
    for one in HOSTILE[name]:
        request = request_from_json(one)
        judge = policy.decide_result if request.phase == "result" else policy.decide
        rules = judge(request).rules
        if name == "workspace-safe" and not any(f"/{name}#" in rule for rule in rules):
            continue  # a command it does not name stays as the organisation has it
        assert any(f"/{name}#" in rule for rule in rules), one


def test_commands_that_run_code_of_the_workspace_are_asked_about() -> None:
    policy = below("baseline", "workspace-safe")
    for line in (
        "pytest -q",
        "npm test",
        "make",
        "cargo build",
        "tox",
        "python x.py",
        "./gradlew test",
        "npx x",
    ):
        assert answer(policy, shell(line)) == "ask", line


@pytest.mark.parametrize("path", SECRET_PATHS)
@pytest.mark.parametrize(
    "name", ["baseline", "locked", "workspace-safe", "ci-oneshot", "regulated", "org-template"]
)
def test_secret_files_are_denied_for_reading_and_writing_whoever_allows_more(
    name: str, path: str
) -> None:
    policy = in_its_place(name)
    assert answer(policy, call("workspace.read", path)) == "deny"
    assert answer(policy, call("workspace.write", path)) == "deny"
    assert answer(policy, shell("cat x", f"-{path}")) == "deny"


def test_denials_tell_how_to_be_granted() -> None:
    for name in HOSTILE:
        policy = in_its_place(name)
        for one in HOSTILE[name]:
            decision = policy.decide(request_from_json(one))
            if decision.effect == "deny" and decision.rules and one["phase"] == "call":
                assert decision.grant, (name, one)


# ---- what is owed ----


def test_data_is_governed_where_it_is_allowed_anyway() -> None:
    owed = (
        below("open", "sql-governed", "pii")
        .decide(request_from_json(sql("-source:shop", "-table:shop.main.orders")))
        .obligations
    )
    assert (owed["limit_rows"], owed["timeout_s"]) == (500, 10)
    assert owed["mask"] == {"tag:pii.**": "hash", "tag:pii.name": "null", "tag:pii.address": "null", "tag:private": "null", "tag:private.**": "null"}  # fmt: skip
    production = below("open", "sql-governed").decide(
        request_from_json(sql("-source:live#env.prod"))
    )
    assert (production.effect, production.obligations["limit_rows"]) == ("ask", 100)


def test_breaking_the_glass_takes_a_person_a_reason_and_a_day() -> None:
    policy = in_its_place("org-template")
    asked = push("main", user="paula", today="2026-11-20")
    decision = policy.decide(request_from_json(asked))
    assert decision.effect == "ask"
    assert decision.sticky
    assert decision.obligations == {"require_reason": True, "log_full": True}
    assert answer(policy, push("main", user="paula", today="2026-11-21")) == "deny"
    assert answer(policy, push("main", user="ana", today="2026-11-20")) == "deny"


def test_asks_that_count_each_time_can_not_be_answered_in_advance() -> None:
    for name in ("trifecta", "git-safe", "break-glass"):
        for rule in read(name).rules:
            assert rule.effect != "ask" or rule.sticky, (name, rule.id)


def test_the_budgets_are_what_the_file_says_and_the_least_of_several() -> None:
    turn, session = budgets([read("budgets")])
    assert (turn.usd_micros, turn.calls, turn.seconds) == (2_000_000, 100, 1_800)
    assert (session.usd_micros, session.tokens) == (10_000_000, 10_000_000)
    turn, session = budgets([read("regulated"), read("budgets")])
    assert (turn.usd_micros, turn.calls) == (2_000_000, 80)
    assert session.calls == 400
