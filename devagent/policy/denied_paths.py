"""Which paths a policy may deny to a tool, as its rules write them: where a sandbox has to look before a
command runs. What is found there is then asked about one by one, so too much is no harm."""

from collections.abc import Iterable

from devagent.core.tools import ToolSpec
from devagent.policy.globs import compile_glob
from devagent.policy.syntax import PolicyFile, Rule

_PATH = "path:"


def denied_paths(files: Iterable[PolicyFile], tool: ToolSpec) -> tuple[str, ...]:
    """The patterns, without their kind, of every rule that may keep a call of this tool from reading a path.

    Conditions, principals and dates are not looked at; rules in shadow mode deny nothing.
    """
    found: dict[str, None] = {}
    for file in files:
        if file.shadow:
            continue
        for rule in file.rules:
            if _may_concern(rule, tool):
                paths = (one for one in rule.resources or () if one.startswith(_PATH))
                found.update(dict.fromkeys(one.removeprefix(_PATH) for one in paths))
    return tuple(found)


def _may_concern(rule: Rule, tool: ToolSpec) -> bool:
    denies = "deny" in (rule.effect, rule.otherwise) and not rule.shadow and "call" in rule.phase
    reads = rule.access is None or "read" in rule.access
    of_class = rule.classes is None or tool.tool_class in rule.classes
    named = rule.tools is None or any(compile_glob(one)(tool.qualified) for one in rule.tools)
    return denies and reads and of_class and named
