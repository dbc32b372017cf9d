"""The obligations that are the house's own to carry out (the extension carries out the others).

``log_full``        every event is logged whole as it is.
``require_reason``  a person must say why, for each call; nobody there means no.
``redact``          what comes back is redacted before the model or the person sees it, by the kinds named.
``two_person``      a second person must agree: there is no way to ask one yet, so the call is refused.

What the house cannot do makes the answer a deny, as for an extension (design, section 3, rule 6).
"""

from collections.abc import Collection

from msgspec.structs import replace

from devagent.core.verdicts import Decision, RuleReference


def needs_reason(decision: Decision) -> bool:
    """Whether a person must say why before the call may run."""
    return bool(decision.obligations.get("require_reason"))


def kinds_to_redact(decision: Decision) -> tuple[str, ...]:
    """What is to be taken out of the result."""
    return tuple(decision.obligations.get("redact", ()))


def bounded(decision: Decision, redacts: Collection[str]) -> Decision:
    """The decision, or a deny where it obliges to what the house cannot do. ``redacts``: the kinds it can."""
    if decision.effect == "deny":
        return decision
    if decision.obligations.get("two_person"):
        return _refused(decision, "two_person", "a second person who agrees cannot be asked here")
    unknown = [kind for kind in kinds_to_redact(decision) if kind not in redacts]
    if unknown:
        return _refused(decision, "redact", f"{', '.join(unknown)} cannot be redacted here")
    return decision


def _refused(decision: Decision, obligation: str, why: str) -> Decision:
    named = [_placed(rule) for rule in decision.determining] or decision.rules
    rules = ", ".join(named) or "policy"
    keepers = dict.fromkeys(rule.rpartition("#")[0] for rule in decision.rules)
    return replace(
        decision,
        effect="deny",
        reason=f"denied because {rules} requires {obligation}, and {why}",
        obligations={},
        grant=decision.grant or f"Ask whoever keeps {' or '.join(keepers) or 'the policy'}",
    )


def _placed(rule: RuleReference) -> str:
    file = rule.file.rpartition("/")[2]
    return f"{rule.rule} ({file}:{rule.line})" if file else rule.rule
