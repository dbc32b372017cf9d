"""What a rule lacks or has too much of: a way to be granted, examples, a future, a limit."""

from collections.abc import Iterator
from datetime import date, timedelta

from devagent.policy.lint.finding import Finding
from devagent.policy.lint.subject import Scoped, Subject
from devagent.policy.syntax import ACCESSES, CLASSES, Rule

SOON = timedelta(days=14)


def upkeep_findings(subject: Subject) -> Iterator[Finding]:
    """Expired rules, rules that allow everything, denials without a grant, rules without examples."""
    soon = (date.fromisoformat(subject.today) + SOON).isoformat()
    for scoped in subject.rules:
        rule = scoped.of
        if not isinstance(rule, Rule):
            continue
        if rule.expires and rule.expires <= soon:
            yield _expiry(subject, scoped, rule)
        if rule.effect == "allow" and _is_everything(rule):
            whom = f" to {', '.join(rule.principals)}" if rule.principals is not None else ""
            yield subject.finding(
                "allows-everything",
                scoped.path,
                f'"{rule.id}" allows every tool on everything{whom}',
                "Name tools, classes, resources or conditions.",
            )
        if rule.effect == "deny" and not rule.grant.strip():
            yield subject.finding(
                "no-grant",
                scoped.path,
                f'"{rule.id}" denies and does not say how to be granted',
                'Add grant = "whom to ask, or what to do instead".',
            )
        if not rule.examples:
            yield subject.finding(
                "no-examples",
                scoped.path,
                f'"{rule.id}" has no examples, so that no test holds it to its meaning',
                f'Add examples = [{{ args = {{ … }}, resources = [ … ], expect = "{rule.effect}" }}].',
            )


def _expiry(subject: Subject, scoped: Scoped, rule: Rule) -> Finding:
    path = (*scoped.path, "expires")
    if rule.expires <= subject.today:
        return subject.finding(
            "expired",
            path,
            f'"{rule.id}" expired on {rule.expires} and matches nothing',
            "Take it out, or set a later date.",
        )
    return subject.finding(
        "expires-soon",
        path,
        f'"{rule.id}" matches nothing from {rule.expires} on',
        "Set a later date if it is still needed.",
    )


def _is_everything(rule: Rule) -> bool:
    return (
        (rule.tools is None or any(pattern in ("**", "*.*") for pattern in rule.tools))
        and (rule.classes is None or set(CLASSES) <= set(rule.classes))
        and (rule.access is None or set(ACCESSES) <= set(rule.access))
        and rule.resources is None
        and not rule.when
        and "call" in rule.phase
        and not rule.shadow
    )
