"""What an export is made of: Cedar policies in words, what rules say, and what is not carried over."""

import msgspec
from msgspec import Struct

from devagent.core.verdicts import RANK, Effect
from devagent.policy.cedar import text
from devagent.policy.cedar.bounds import Reach, some
from devagent.policy.cedar.text import TRUE
from devagent.policy.compile import CompiledRule
from devagent.policy.reasons import base_name

KNOWN_TOOLS = "tools"
"""The action that every exported tool is in."""


class Note(Struct, frozen=True):
    """What is not carried over as it stands. ``stricter``: the exported set may refuse what policy grants."""

    rule: str
    file: str
    line: int
    what: str
    stricter: bool = True

    def __str__(self) -> str:
        return f"{self.rule} ({base_name(self.file)}:{self.line}): {self.what}"


class Policy(Struct, frozen=True):
    """One Cedar policy; ``tools`` empty = all of them, ``condition`` an expression."""

    effect: str
    annotations: tuple[tuple[str, str], ...]
    tools: tuple[str, ...]
    condition: str

    def __str__(self) -> str:
        lines = [f"@{name}({text.text(value)})" for name, value in self.annotations]
        actions = [text.entity("Action", tool) for tool in self.tools or (KNOWN_TOOLS,)]
        action = f"in {actions[0]}" if len(actions) == 1 else f"in {text.listed(actions)}"
        lines.append(f"{self.effect} (principal, action {action}, resource)")
        when = f"\nwhen {{ {text.in_lines(self.condition)} }}" if self.condition != TRUE else ""
        return "\n".join(lines) + when + ";"


class Spoken(Struct, frozen=True):
    """What a rule says of one tool's calls: each effect with the fact that it says it."""

    rule: CompiledRule
    voices: tuple[tuple[Effect, Reach], ...]

    def at_least(self, least: Effect) -> Reach:
        return some(fact for effect, fact in self.voices if RANK[effect] >= RANK[least])

    def less_than(self, least: Effect) -> Reach:
        return some(fact for effect, fact in self.voices if RANK[effect] < RANK[least])

    def anything(self) -> Reach:
        return some(fact for _, fact in self.voices)


def annotations(rule: CompiledRule, suffix: str, effect: Effect) -> tuple[tuple[str, str], ...]:
    source = rule.rule
    found = [
        ("id", f"{rule.name}{suffix}"),
        ("effect", effect),
        ("source", f"{base_name(rule.layer.file.file)}:{source.line}"),
        ("why", source.why),
        ("grant", source.grant),
        ("sticky", "true" if source.sticky else ""),
    ]
    if source.obligations:
        found.append(
            ("obligations", msgspec.json.encode(source.obligations, order="sorted").decode())
        )
    return tuple((name, value) for name, value in found if value)
