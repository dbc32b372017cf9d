"""Policy and tickets: what a call touches is named with what is known of it, asked about again, and shown before it is sent."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from devagent.agent.asking import Asking, Terms
from devagent.agent.evidence import Circumstances
from devagent.agent.floor import Floor
from devagent.agent.gate import Gate, granted
from devagent.core.approvals import ApprovalBounds
from devagent.core.events.calls import ApprovalAsked, ToolJudged
from devagent.core.principal import Principal
from devagent.core.tools import ToolCall, ToolResult
from devagent.host.inprocess import InProcess
from devagent.host.manifest import package_folder, read_manifest
from devagent.host.toolbox import Extensions
from devagent.policy import compile_policy, parse
from devagent_tickets import tools
from devagent_tickets.keys import word
from tests.support.agent_parts import FakeApprovals, FakeApprover
from tests.support.tickets import Place, fill, local_place

HEAD = 'version = 1\nname = "acme"\nlayer = "org"\ndefault = "{}"\n'
ALL = '[[rule]]\nid = "all"\neffect = "allow"\ntools = ["tickets.*"]\nresources = ["ticket:**"]\n'


@pytest.fixture
def here(tmp_path: Path) -> Place:
    place = local_place(tmp_path, projects=("WORK", "HR"))
    fill(place)
    tools.create(place, project="HR", title="Checkout of a colleague", body="Leaves in May.")
    return place


async def judged(
    here: Place, policy: str, tool: str, *, default: str = "deny", **args: Any
) -> tuple[ToolJudged, ToolResult | None, str]:
    """The decision, what came back where it was granted, and what a person was shown."""
    head = HEAD.format(default)
    judge = compile_policy([parse((head + policy).encode(), "acme.toml", org=True)])
    extension = InProcess(
        read_manifest(package_folder("devagent_tickets")),
        folder=here.folder, settings=here.settings, secret=lambda name: None,
    )  # fmt: skip
    toolbox = Extensions([extension])
    terms = Terms(here.folder, lambda: "2026-11-20", ApprovalBounds())
    gate = Gate(
        judge, toolbox, Asking(FakeApprover(), FakeApprovals(), terms),
        Circumstances(Principal(user="ana"), "chat", True, lambda: "2026-11-20"), Floor(here.folder, ()),
        lambda kinds, text: text,
    )  # fmt: skip
    decision, last, shown = None, None, ""
    try:
        async for event in gate.judge(1, ToolCall("c1", f"tickets__{tool}", args)):
            decision = event if isinstance(event, ToolJudged) else decision
            shown = event.shown if isinstance(event, ApprovalAsked) else shown
            last = event
        assert decision is not None
        spec = toolbox.find(f"tickets__{tool}")
        if spec is None or not granted(last):
            return decision, None, shown
        result = await toolbox.run(
            spec, decision.args, decision.decision.obligations, gate.may_read(decision, spec)
        )
        return decision, result, shown
    finally:
        await toolbox.aclose()


def ids(one: ToolJudged) -> list[str]:
    return [resource.id for resource in one.resources]


async def test_a_project_of_others_is_left_out_without_a_word(here: Place) -> None:
    policy = '[[rule]]\nid = "work"\neffect = "allow"\nresources = ["ticket:WORK/**"]\n'
    decision, result, _ = await judged(here, policy, "search", query="checkout")
    assert (ids(decision), decision.decision.effect) == (["ticket:WORK/"], "allow")
    assert result is not None
    assert "HR" not in result.text
    decision, result, _ = await judged(here, policy, "get", key="HR-1")
    assert (decision.decision.effect, result) == ("deny", None)
    named, _, _ = await judged(here, policy, "search", project="HR")
    nowhere, _, _ = await judged(here, policy, "search", project="NOWHERE")
    assert named.decision.reason.replace("HR", "?") == nowhere.decision.reason.replace(
        "NOWHERE", "?"
    )


@pytest.mark.parametrize(
    ("tag", "hidden"),
    [("ticket.label.security", "WORK-2"), ("ticket.closed", "WORK-2"), ("ticket.assignee.ana", "WORK-1"),
     ("ticket.status.done", "WORK-2")],
)  # fmt: skip
async def test_a_fact_of_a_ticket_hides_it(here: Place, tag: str, hidden: str) -> None:
    policy = ALL + f'[[rule]]\nid = "no"\neffect = "deny"\nresources = ["tag:{tag}"]\n'
    _, result, _ = await judged(here, policy, "search", project="WORK")
    assert result is not None
    assert (hidden in result.text, "WORK-3" in result.text) == (False, True)
    decision, result, _ = await judged(here, policy, "get", key=hidden)
    assert decision.decision.effect == "deny"


def test_facts_that_are_known_only_later_are_asked_about_again(here: Place) -> None:
    def refused(resource: str, tags: Sequence[str]) -> bool:
        return "ticket.label.security" in tags

    guarded = here._replace(refused=refused)
    with pytest.raises(Exception, match="no ticket WORK-2 for you"):
        tools.get(guarded, key="WORK-2")
    with pytest.raises(Exception, match="no ticket WORK-2 for you"):
        tools.comment(guarded, key="WORK-2", body="x")

    def no_changes_of_closed(resource: str, tags: Sequence[str]) -> bool:
        return "ticket.closed" in tags and "ticket.add.comment" in tags

    with pytest.raises(Exception, match="Policy does not let this call change WORK-2 as it is now"):
        tools.comment(here._replace(refused=no_changes_of_closed), key="WORK-2", body="x")
    assert tools.comments(here, key="WORK-2").get("rows") == 0


@pytest.mark.parametrize(
    ("tool", "args", "tag"),
    [
        ("transition", {"key": "WORK-1", "status": "Done"}, "ticket.set.status.done"),
        ("assign", {"key": "WORK-1", "assignee": "Bob Lee"}, "ticket.set.assignee.bob-lee"),
        ("assign", {"key": "WORK-1", "assignee": ""}, "ticket.set.assignee.none"),
        ("update", {"key": "WORK-1", "add_labels": ["Security"]}, "ticket.add.label.security"),
        ("update", {"key": "WORK-1", "remove_labels": ["bug"]}, "ticket.remove.label.bug"),
        ("update", {"key": "WORK-1", "body": "x"}, "ticket.set.body"),
        ("update", {"key": "WORK-1", "custom": {"points": 1}}, "ticket.set.custom.points"),
        ("create", {"project": "WORK", "title": "x", "labels": ["ops"]}, "ticket.add.label.ops"),
        ("link", {"key": "WORK-1", "to": "WORK-2"}, "ticket.add.link.relates"),
        ("comment", {"key": "WORK-1", "body": "x"}, "ticket.add.comment"),
    ],
)
async def test_policy_sees_which_field_a_call_would_change(
    here: Place, tool: str, args: dict[str, Any], tag: str
) -> None:
    policy = ALL + f'[[rule]]\nid = "no"\neffect = "deny"\nresources = ["tag:{tag}"]\n'
    decision, result, _ = await judged(here, policy, tool, **args)
    assert (decision.decision.effect, result) == ("deny", None)
    assert all(one.access == "write" for one in decision.resources)


def test_a_tag_tells_names_apart_in_any_script() -> None:
    assert [word(one) for one in ("In Progress", "Анна Ли", "", "🔥", "a.b/c")] == [
        "in-progress", "анна-ли", "none", "xf09f94a5", "a-b-c",
    ]  # fmt: skip


async def test_a_person_who_is_asked_sees_what_would_be_sent(here: Place) -> None:
    body = "Fixed in main.\n  because everything is allowed"
    decision, result, shown = await judged(
        here, ALL.replace('"allow"', '"ask"'), "comment", key="WORK-1", body=body
    )
    assert decision.decision.effect == "ask"
    assert result is not None
    assert not result.failed
    lines = shown.splitlines()
    assert "  write ticket:WORK/WORK-1" in shown
    assert lines[-3:] == [
        f"  | body ({len(body)} characters):", "  | Fixed in main.", "  |   because everything is allowed",
    ]  # fmt: skip
    assert [line for line in lines if line.startswith("  because")] == [lines[-7]]
    _, _, shown = await judged(here, "", "transition", default="ask", key="WORK-1", status="done")
    assert "  | status: open → done" in shown.splitlines()
    assert "  | ticket: Checkout fails on Safari" in shown.splitlines()


async def test_a_secret_stops_a_call_before_anybody_is_asked(here: Place) -> None:
    decision, result, shown = await judged(
        here, "", "comment", default="ask", key="WORK-1", body="mail ana@acme.example"
    )
    assert (decision.decision.effect, decision.err, result, shown) == (
        "deny",
        "personal_data",
        None,
        "",
    )


async def test_baseline_lets_local_tickets_be_read_and_asks_before_a_host_is_spoken_to(
    here: Place,
) -> None:
    baseline = (Path(__file__).parents[3] / "policies/devagent_policies/baseline.toml").read_text(
        "utf-8"
    )
    rules = baseline[baseline.index("[[rule]]") :]
    decision, _, _ = await judged(here, rules, "my_work", default="ask")
    assert decision.decision.effect == "allow"
    jira = {
        "type": "jira",
        "url": "https://acme.atlassian.net",
        "projects": ["PAY"],
        "secret": "jira-token",
    }
    remote = here._replace(settings={"data": here.settings["data"], "trackers": {"pay": jira}})
    named = tools.resources("get", {"key": "PAY-1"}, remote)
    assert [one["id"] for one in named] == ["ticket:PAY/PAY-1", "host:acme.atlassian.net"]
    named = tools.resources("transition", {"key": "PAY-1", "status": "Done"}, remote)
    assert [(one["id"], one["access"]) for one in named] == [
        ("ticket:PAY/PAY-1", "write"), ("host:acme.atlassian.net", "write"),
    ]  # fmt: skip
