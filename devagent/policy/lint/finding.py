"""What a check of policy files finds, and the codes that it finds it under (docs/policy-lint.md)."""

from typing import Literal

from msgspec import Struct

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")

CODES: dict[str, tuple[Severity, str]] = {
    "refused": ("error", "The file is no policy, and is refused as a whole"),
    "unknown-tool": ("error", "An extension that is here has no such tool"),
    "unknown-argument": ("error", "No tool that the rule names has such an argument"),
    "argument-type": ("error", "The argument is never of the type that the condition asks for"),
    "argument-value": ("error", "The argument never has this value"),
    "never-matches": ("error", "The rule can not match any call"),
    "obligation-beyond-tool": ("warning", "A tool that the rule allows can not carry out its obligation, so the call is denied"),
    "unknown-extension": ("warning", "No extension of that name is here"),
    "unknown-group": ("warning", "The organisation's file knows no such group"),
    "unknown-mode": ("warning", "There is no such mode of a session"),
    "unreachable": ("warning", "A stricter rule of the same file always speaks too"),
    "redundant": ("warning", "Another rule of the same file says as much already"),
    "dead-under-org": ("warning", "The organisation's file always denies what the rule is about"),
    "outside-envelopes": ("warning", "The organisation leaves nothing of this to the rule's layer"),
    "expired": ("warning", "The rule has expired and matches nothing"),
    "expires-soon": ("note", "The rule expires within two weeks"),
    "allows-everything": ("warning", "The rule allows every call"),
    "no-grant": ("warning", "A deny does not say how to be granted"),
    "no-examples": ("note", "The rule has no examples"),
    "empty-list-allows": ("warning", "The condition also holds for an empty list"),
    "absent-is-refused": ("warning", "The rule also refuses calls without the argument"),
    "not-around-a-list": ("warning", "Around a list, `not` means not every"),
    "upper-case-fact": ("warning", "Facts are lower case, so this never matches"),
    "unused-list": ("note", "No condition uses the list"),
    "not-compared": ("note", "Too many rules are alike to compare each with each"),
}  # fmt: skip
"""Code → its usual severity and what it means."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing to look at. ``rule`` is the rule's id where it is about one; line and column count from 1."""

    code: str
    severity: Severity
    file: str
    line: int
    column: int
    message: str
    suggestion: str = ""
    rule: str = ""
