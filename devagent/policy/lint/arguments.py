"""Conditions on arguments, against the tools' recorded schemas; obligations, against what tools can do."""

from collections.abc import Iterator

from devagent.core.text import one_line
from devagent.policy.describe import among
from devagent.policy.lint.finding import Finding
from devagent.policy.lint.subject import Subject
from devagent.policy.obligations import beyond
from devagent.policy.syntax import Rule
from devagent.policy.tool_types import file_misfits


def argument_findings(subject: Subject) -> Iterator[Finding]:
    """Arguments that are not there, or can not be what a condition asks for (``tool_types``)."""
    for wrong in file_misfits(subject.file, subject.catalogue):
        yield subject.finding(wrong.code, wrong.path, one_line(wrong.what, 400), wrong.hint)


def obligation_findings(subject: Subject) -> Iterator[Finding]:
    """Obligations that a tool does not declare: a call of it that owes them is denied, not allowed."""
    for scoped in subject.rules:
        rule = scoped.of
        if not isinstance(rule, Rule) or not rule.obligations or rule.tools is None:
            continue
        meant = subject.catalogue.meant(rule.tools)
        tools = [t for t in meant.tools if rule.classes is None or t.tool_class in rule.classes]
        unable = [(t.qualified, lacking) for t in tools if (lacking := beyond(rule.obligations, t.can))]  # fmt: skip
        if not unable:
            continue
        lacking = sorted({name for _, names in unable for name in names})
        yield subject.finding(
            "obligation-beyond-tool",
            (*scoped.path, "obligations", lacking[0]),
            f"{among(name for name, _ in unable)} can not carry out {among(lacking)}: calls that this rule matches are denied",
            "Name only the tools that can, or take the obligation out.",
            severity="error" if len(unable) == len(tools) and meant.certain else "warning",
        )
