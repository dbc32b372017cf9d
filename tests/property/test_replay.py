"""Any policy, any request: a record judged again by the policy that answered it is answered the same."""

import tempfile
import tomllib
from datetime import date
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from devagent.audit.requests import recorded
from devagent.policy import compile_policy, parse, request_from_json
from devagent.policy.replay import replay
from devagent.policy.suggest import suggest
from devagent.policy.toml_text import toml_value
from tests.support.policy_cases import TODAY, VALUES, compiled, policies, requests
from tests.support.recorded_calls import Call, write_session

Data = dict[str, Any]


@settings(max_examples=40)
@given(policies(), st.lists(requests(), min_size=1, max_size=6))
def test_replay_under_the_same_policy_changes_nothing(
    layers: list[Data], asked: list[Data]
) -> None:
    policy = compiled(layers)
    typed = [request_from_json({**one, "phase": "call"}, today=TODAY) for one in asked]
    with tempfile.TemporaryDirectory() as folder:
        session = write_session(folder, policy, [Call(one, "yes") for one in typed])
        back = sorted(recorded(session), key=lambda one: one.seq)
        # A call that could not be judged at all is no question of policy: it is kept as it is.
        errors = [policy.decide(one).error != "" for one in typed]
        assert [one.aside == "error" for one in back] == errors
        assert [o.request for o in back if not o.aside] == [
            t for t, error in zip(typed, errors, strict=True) if not error
        ]
        report = replay(back, policy)
    assert report.changed == report.other_rules == 0
    assert report.same == len(typed) - sum(errors)


@settings(max_examples=40)
@given(policies(), policies(), st.lists(requests(), min_size=1, max_size=6))
def test_every_changed_answer_is_counted_once_and_only_those(
    old: list[Data], new: list[Data], asked: list[Data]
) -> None:
    before, after = compiled(old), compiled(new)
    typed = [request_from_json({**one, "phase": "call"}, today=TODAY) for one in asked]
    with tempfile.TemporaryDirectory() as folder:
        session = write_session(folder, before, [Call(one, "yes") for one in typed])
        report = replay(recorded(session), after)
    answers = [(before.decide(one), after.decide(one)) for one in typed]
    judged = [(a, b) for a, b in answers if not a.error]
    different = [
        (a, b) for a, b in judged if (a.effect, a.obligations) != (b.effect, b.obligations)
    ]
    assert (report.judged, report.changed) == (len(judged), len(different))
    assert sum(change.count for change in report.changes) == len(different)
    pairs = sorted((a.effect, b.effect) for a, b in different)
    assert sorted(pair for c in report.changes for pair in [(c.before, c.after)] * c.count) == pairs


Answered = Literal["", "yes", "no"]
ANSWERS: st.SearchStrategy[Answered] = st.sampled_from(["", "yes", "yes", "yes", "yes", "no"])
PATHS = st.sampled_from(
    ["src/a.py", "src/b.py", "src/c.py", "src/lib/b.py", "src/lib/d.py", "a.md"]
)


@st.composite
def open_policies(draw: st.DrawFn) -> list[Data]:
    """An org that leaves its silence to the local file, and any rules beside that."""
    org, *lower = draw(policies(most=2))
    org = {**org, "default": "ask", "delegate": [{"to": ["local"], "effect": "allow"}]}
    return [org, *lower]


@st.composite
def asked_calls(draw: st.DrawFn) -> Call:
    """A call of a few kinds that come again and again, and its answer."""
    answer = draw(ANSWERS)
    paths = draw(st.lists(PATHS, min_size=1, max_size=2, unique=True))
    tags = draw(st.sampled_from([[], [], [], ["pii.email"], ["secret"]]))
    tool, tool_class = draw(
        st.sampled_from([("fs.write", "write"), ("fs.run", "exec"), ("x.y", "net")])
    )
    args: Data = {"n": draw(st.sampled_from([1, 1, True]))}
    if draw(st.booleans()):
        args["to"] = draw(VALUES)
    ids = [f"path:{path}" for path in paths]
    if tool == "x.y":
        ids = draw(st.sampled_from([[], ["mcp:x/y"]]))
    context: Data = {"mode": draw(st.sampled_from(["chat", "chat", "run"])), "today": TODAY}
    if draw(st.integers(0, 3)) == 0:
        context["taint"] = ["web"]
    data: Data = {
        "principal": {"user": draw(st.sampled_from(["ana", "ana", "cy"])), "agent": "main"},
        "extension": tool.partition(".")[0],
        "tool": tool.partition(".")[2],
        "class": tool_class,
        "args": args,
        "resources": [{"id": one, "tags": tags} for one in ids],
        "context": context,
    }
    return Call(request_from_json(data), answer)


@settings(max_examples=40)
@given(open_policies(), st.lists(asked_calls(), min_size=1, max_size=10), st.integers(1, 2))
def test_a_suggestion_turns_asks_answered_yes_into_allow_and_nothing_else(
    layers: list[Data], calls: list[Call], least: int
) -> None:
    policy = compiled(layers)
    with tempfile.TemporaryDirectory() as folder:
        session = write_session(folder, policy, calls)
        back = list(recorded(session))
    found = suggest(back, policy, today=date.fromisoformat(TODAY), least=least)
    files = [layer.file for layer in policy.layers]
    after = compile_policy([*files, parse(found.text, "suggested.toml")])
    turned = 0
    for one in calls:
        was, now = policy.decide(one.request), after.decide(one.request)
        if (was.effect, was.obligations) != (now.effect, now.obligations):
            assert (was.effect, now.effect, one.answer) == ("ask", "allow", "yes")
            turned += 1
    # More only where a call that no rule is for was so like one that was answered yes that it passes too.
    assert turned >= found.saved
    assert found.saved + sum(left.count for left in found.left) == found.asks


@given(
    st.recursive(
        st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_a_value_written_as_toml_is_read_back_the_same(value: object) -> None:
    text = f"value = {toml_value(value)}"
    assert text.isprintable()
    assert tomllib.loads(text)["value"] == value
