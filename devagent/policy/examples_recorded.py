"""The examples in policy rules as if they had been recorded, so that two policies can be compared on them."""

from collections.abc import Iterator, Sequence

from devagent.core.verdicts import Decision
from devagent.policy.changes import Recorded
from devagent.policy.globs import is_literal
from devagent.policy.requests import Known, request_from_json
from devagent.policy.syntax import PolicyFile, Rule


def examples_as_recorded(
    files: Sequence[PolicyFile], *, today: str, known: Known | None = None
) -> Iterator[Recorded]:
    """Each rule's examples, each file's once. Those that are no whole request are passed over."""
    seen: set[str] = set()
    for file in files:
        if file.digest in seen:
            continue
        seen.add(file.digest)
        for rule in file.rules:
            for number, example in enumerate(rule.examples, 1):
                data = {**_tool_of(rule), **example}
                for key in ("expect", "why"):
                    data.pop(key, None)
                try:
                    request = request_from_json(data, today=today, known=known)
                except ValueError:
                    continue
                yield Recorded(
                    session=f"{file.file}#{rule.id}",
                    seq=number,
                    principal=request.principal,
                    tool=f"{request.extension}.{request.tool}",
                    resources=request.resources,
                    decision=Decision(effect="deny", reason=""),
                    request=request,
                )


def _tool_of(rule: Rule) -> dict[str, str]:
    """The tool that an example of the rule need not name: the only one the rule is about."""
    if rule.tools is None or len(rule.tools) != 1 or not is_literal(rule.tools[0]):
        return {}
    extension, _, tool = rule.tools[0].partition(".")
    return {"extension": extension, "tool": tool}
