"""The narrowing ready-made policies never allow more, whatever is asked and whatever they stand beside."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from devagent.core.verdicts import RANK
from tests.support.ready_made import GRANTING, NARROWING, answer, below
from tests.support.ready_made_requests import EVERYDAY, HOSTILE, Call

POOL = [one for lists in (EVERYDAY, HOSTILE) for calls in lists.values() for one in calls]
TAINTS = [
    "git",
    "web",
    "web.x",
    "tickets",
    "sql.shop",
    "pii.email",
    "pii",
    "private",
    "secret.x",
    "pii.id",
]
TAGS = [
    "git.force",
    "git.delete",
    "git.amend",
    "pii.email",
    "pii.id.tax",
    "private",
    "secret",
    "env.prod",
    "path.git",
    "path.outside",
    "path.secret",
    "path.hardlink",
]

ON_CALL, DATA_TEAM = {"paula", "dmitri"}, {"dana", "dmitri"}
"""Whom the template names."""


@st.composite
def requests(draw: st.DrawFn) -> Call:
    """One of the requests above, with other resources, labels, people and days."""
    one = draw(st.sampled_from(POOL))
    other = draw(st.sampled_from(POOL))
    touched: list[dict[str, Any]] = [
        *one["resources"],
        *(other["resources"] if draw(st.booleans()) else []),
    ]
    resources: list[dict[str, Any]] = [
        {**r, "tags": [*r["tags"], *draw(st.lists(st.sampled_from(TAGS), max_size=1))]}
        for r in touched
    ]
    if resources and draw(st.booleans()):
        resources[0] = {**resources[0], "access": draw(st.sampled_from(["read", "write"]))}
    classes: list[str] = [one["class"], other["class"]]
    arguments: list[dict[str, Any]] = [one["args"], other["args"], {}]
    people: list[dict[str, Any]] = [
        one["principal"],
        other["principal"],
        {"user": "kim", "groups": ["on-call"]},
    ]
    return {
        **one,
        "class": draw(st.sampled_from(classes)),
        "args": draw(st.sampled_from(arguments)),
        "resources": resources,
        "principal": draw(st.sampled_from(people)),
        "context": {
            **one["context"],
            "taint": draw(st.lists(st.sampled_from(TAINTS), max_size=3)),
            "today": draw(st.sampled_from(["2026-11-20", "2026-11-23"])),
        },
    }


@given(requests(), st.lists(st.sampled_from(NARROWING), min_size=1, unique=True))
@settings(max_examples=400, deadline=None)
def test_narrowing_policies_never_allow_more_than_the_baseline_alone(
    asked: Call, names: list[str]
) -> None:
    alone, narrowed = answer(below("baseline"), asked), answer(below("baseline", *names), asked)
    assert RANK[narrowed] <= RANK[alone]


@given(requests(), st.sampled_from(["locked", "regulated", "ci-oneshot"]))
@settings(max_examples=200, deadline=None)
def test_nothing_below_a_closed_organisation_allows_more(asked: Call, org: str) -> None:
    lower = (*NARROWING, *GRANTING)
    assert RANK[answer(below(org, *lower), asked)] <= RANK[answer(below(org), asked)]


@given(requests(), st.sampled_from(NARROWING))
@settings(max_examples=200, deadline=None)
def test_the_template_hands_on_only_what_it_says(asked: Call, name: str) -> None:
    """Below org-template a team's file may open reading data for the data team, and for those on call at most an ask
    about a push or data, whichever file it is."""
    before, after = (
        answer(below("org-template/org"), asked),
        answer(below("org-template/org", name), asked),
    )
    if RANK[after] > RANK[before]:
        who = asked["principal"]
        groups, user = who.get("groups", ()), who.get("user")
        on_call = "on-call" in groups or user in ON_CALL
        data_team = "data" in groups or user in DATA_TEAM
        is_data = asked["extension"] == "sql"
        is_push = (asked["extension"], asked["tool"]) == ("git", "push")
        as_said = on_call and after == "ask" and (is_data or is_push)
        assert as_said or (data_team and is_data)
