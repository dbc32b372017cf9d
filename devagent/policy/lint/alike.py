"""Which rules of a file can be about all that a given rule is about: few of many, by the file's index.

A pattern covers another only where its literal beginning is a beginning of the other's, so a rule that
covers another is filed (``policy.index``) under the other's own keys, or one of their beginnings.
"""

from collections.abc import Iterator

from devagent.core.resources import Resource
from devagent.policy.index import EVERY, resource_keys
from devagent.policy.syntax import PolicyFile, Rule


def candidates(file: PolicyFile, rule: Rule) -> Iterator[int]:
    """The numbers of the file's rules that may cover ``rule``, each once, in no order."""
    principals = [EVERY, *(rule.principals or ())[:1]]
    tools = _tool_keys(rule)
    resources = _resource_keys(rule)
    seen: set[int] = set()
    for principal in principals:
        by_tool = file.index.get(principal, {})
        for tool in tools:
            by_resource = by_tool.get(tool)
            if by_resource is None:
                continue
            for resource in resources:
                for number in by_resource.get(resource, ()):
                    if number not in seen:
                        seen.add(number)
                        yield number


def _tool_keys(rule: Rule) -> list[str]:
    if not rule.tools:
        return [EVERY]
    first = rule.tools[0]
    head = first.partition("*")[0]
    extension, dot, _ = head.partition(".")
    return [EVERY, first, f"{extension}."] if dot else [EVERY]


def _resource_keys(rule: Rule) -> list[str]:
    if not rule.resources:
        return [EVERY]
    head = rule.resources[0].partition("*")[0]
    kind, _, name = head.partition(":")
    keys = resource_keys(Resource(id="", access="read", tags=(name,))) if kind == "tag" else resource_keys(Resource(id=head, access="read"))  # fmt: skip
    return list(dict.fromkeys(keys))
