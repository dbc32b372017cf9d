"""Tables that bound a session: budgets, models, how far approvals reach. Each file can only narrow."""

import pytest

from devagent.core.approvals import ApprovalBounds
from devagent.core.errors import PolicyError
from devagent.core.limits import Budget
from devagent.policy import PolicyFile, parse
from devagent.policy.bounds import approval_bounds, budgets, forbids_extension


def file(text: str, *, org: bool = False) -> PolicyFile:
    return parse(f'name = "{"org" if org else "mine"}"\n{text}', "p.toml", org=org)


def test_without_tables_nothing_is_bound_but_the_life_of_approvals() -> None:
    plain = [file("", org=True)]
    assert budgets(plain) == (Budget(), Budget())
    assert approval_bounds(plain) == ApprovalBounds("always", 30)


def test_of_several_budgets_the_least_of_each_holds() -> None:
    org = file("[budget.turn]\nusd = 2\ncalls = 50\n[budget.session]\ntokens = 1000", org=True)
    mine = file("[budget.turn]\nusd = 5.0\ncalls = 9\nseconds = 60.5")
    for order in ([org, mine], [mine, org]):
        turn, session = budgets(order)
        assert turn == Budget(usd_micros=2_000_000, calls=9, seconds=60.5)
        assert session == Budget(tokens=1000)


def test_every_file_must_let_the_extension_run_and_with_the_digest_that_it_names() -> None:
    org = file(
        '[extensions]\nallow = ["git", "mcp-*"]\n[extensions.digests]\ngit = ["aa", "bb"]', org=True
    )
    mine = file('[extensions]\nallow = ["git"]')
    assert forbids_extension([org], "git", "aa") == ""
    assert forbids_extension([org], "git", "cc") == "org"
    assert forbids_extension([org], "sql", "aa") == "org"
    assert forbids_extension([org], "mcp-time", "cc") == ""
    assert forbids_extension([org, mine], "mcp-time", "cc") == "mine"
    assert forbids_extension([file("[extensions]\nallow = []")], "git", "aa") == "mine"


def test_the_narrowest_reach_and_the_shortest_life_of_approvals_hold() -> None:
    org = file('[modes.approvals]\nscope = "project"\ndays = 90', org=True)
    mine = file('[modes.approvals]\nscope = "always"\ndays = 7')
    assert approval_bounds([org, mine]) == ApprovalBounds("project", 7)
    assert approval_bounds([org]) == ApprovalBounds("project", 30)
    assert ApprovalBounds("project", 7).scopes() == ("once", "session", "project")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[budget]\nusd = 5", "p.toml:3:1: \\[budget\\] has no key"),
        ("[budget.hour]\nusd = 5", '\\[budget\\] has no key "hour"'),
        ("[budget.turn]\ncall = 5", 'no key "call"'),
        ("[budget.turn]\nusd = -1", "at least 0"),
        ("[budget.turn]\ncalls = 1.5", "whole number"),
        ("[budget.turn]\nusd = true", "must be a number"),
        ("[models]\nallowed = []", "Did you mean|no key"),
        ("[models]\nallow = [1]", "must be a text"),
        ('[modes.approvals]\nscope = "for ever"', "can not be"),
        ("[modes.approvals]\ndays = 0", "at least 1"),
        ("[modes.approvals]\ndays = 366", "up to 365"),
        ("[extensions]\nallows = []", 'no key "allows"'),
        ("[extensions]\nallow = [1]", "must be a text"),
        ('[extensions.digests]\ngit = "aa"', "must be a list"),
        ("[modes.approval]\ndays = 3", 'no key "approval"'),
    ],
)
def test_a_bad_entry_refuses_the_file_with_its_place(text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        file(text)
