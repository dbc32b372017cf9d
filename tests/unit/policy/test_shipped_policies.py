"""The policies that devagent itself falls back to: their own examples, and what they promise."""

from typing import Any

import pytest

from devagent.core.verdicts import Effect
from devagent.policy import CompiledPolicy, Rule, compile_policy, parse, request_from_json
from devagent_policies import path_of, text_of

TODAY = "2026-11-20"
NAMES = ("baseline", "locked")


def shipped(name: str, *lower: str) -> CompiledPolicy:
    files = [parse(text_of(name), path_of(name), org=True)]
    return compile_policy([*files, *(parse(text, "policy.toml") for text in lower)])


def examples() -> list[tuple[str, Rule, dict[str, Any]]]:
    files = [(name, parse(text_of(name), path_of(name), org=True)) for name in NAMES]
    return [
        (name, rule, one) for name, file in files for rule in file.rules for one in rule.examples
    ]


def effect(policy: CompiledPolicy, tool: str, tool_class: str, *resources: Any) -> Effect:
    extension, _, name = tool.partition(".")
    data = {"principal": {"user": "ana"}, "extension": extension, "tool": name, "class": tool_class, "resources": list(resources)}  # fmt: skip
    return policy.decide(request_from_json(data, today=TODAY)).effect


@pytest.mark.parametrize(
    ("name", "rule", "example"), examples(), ids=lambda one: one if isinstance(one, str) else ""
)
def test_every_example_holds(name: str, rule: Rule, example: dict[str, Any]) -> None:
    asked = {key: value for key, value in example.items() if key != "expect"}
    decision = shipped(name).decide(request_from_json(asked, today=TODAY))
    assert decision.effect == example["expect"], f"{name}#{rule.id}: {decision.reason}"


def test_every_rule_says_why_and_how_to_be_granted_and_has_examples() -> None:
    for name in NAMES:
        for rule in parse(text_of(name), name, org=True).rules:
            assert rule.why, rule.id
            assert rule.grant, rule.id
            assert rule.examples, rule.id


@pytest.mark.parametrize(
    ("tool", "tool_class", "resources", "expected"),
    [
        ("git.log", "read", ["repo:."], "allow"),
        ("git.diff", "read", ["repo:/home/ana/project", "path:/home/ana/project/x"], "ask"),
        ("git.commit", "write", ["repo:.", "branch:main"], "ask"),
        ("git.push", "net", ["repo:.", "branch:origin/main"], "ask"),
        ("files.read", "read", ["path:."], "allow"),
        ("files.read", "read", ["path:.github/workflows/ci.yml"], "allow"),
        ("files.read", "read", ["path:.env.example"], "allow"),
        ("files.read", "read", ["path:src/.env"], "deny"),
        ("files.read", "read", ["path:a/id_rsa.pub"], "deny"),
        ("files.read", "read", ["path:key.pem"], "deny"),
        ("files.read", "read", ["path:/etc/passwd"], "ask"),
        ("files.read", "read", ["path:D:/x"], "ask"),
        ("files.write", "write", ["path:src/a.py"], "ask"),
        ("sql.query", "read", ["source:shop", "table:shop.main.orders"], "ask"),
        ("odd.tool", "exec", [], "ask"),
        ("odd.tool", "read", [], "ask"),
        ("odd.tool", "read", ["mcp:odd/tool"], "ask"),
        ("shell.run", "exec", ["command:cat .env"], "ask"),
    ],
)
def test_nobody_enrolled_reads_inside_and_is_asked_for_the_rest(
    tool: str, tool_class: str, resources: list[str], expected: str
) -> None:
    assert effect(shipped("baseline"), tool, tool_class, *resources) == expected


def test_the_laptops_owner_can_allow_more_but_not_secrets() -> None:
    mine = 'name = "mine"\n[[rule]]\nid = "all"\neffect = "allow"\n'
    policy = shipped("baseline", mine)
    assert effect(policy, "git.push", "net", "branch:origin/main") == "allow"
    assert effect(policy, "files.read", "read", "path:/etc/hostname") == "allow"
    assert effect(policy, "files.read", "read", "path:.env") == "deny"
    assert (
        effect(policy, "files.write", "write", "path:/home/ana/.config/devagent/policy.toml")
        == "deny"
    )


def test_a_locked_devagent_reads_and_nobody_below_can_allow_more() -> None:
    mine = 'name = "mine"\n[[rule]]\nid = "all"\neffect = "allow"\n'
    policy = shipped("locked", mine)
    assert effect(policy, "git.status", "read", "repo:.") == "allow"
    assert effect(policy, "git.commit", "write", "branch:main") == "deny"
    assert effect(policy, "files.read", "read", "path:/etc/hostname") == "deny"


def test_there_is_no_other_shipped_policy() -> None:
    with pytest.raises(KeyError):
        path_of("../secrets")
