"""A decision in one calm sentence, the rules that determined it, and whom to ask."""

from devagent.core.text import one_line
from devagent.core.verdicts import MOST_DETERMINING, Effect, RuleReference
from devagent.policy.compile import CompiledRule, Layer
from devagent.policy.describe import among
from devagent.policy.nearest import Nearest
from devagent.policy.outcome import Answer, Outcome, Voice

_DONE: dict[Effect, str] = {
    "deny": "denied by",
    "ask": "needs approval by",
    "allow": "allowed by",
}
Made = list[tuple[Voice, Answer]]
"""The voices that made an effect, each with the first answer it made."""


def makers(outcome: Outcome) -> Made:
    """The voices that made the effect, each rule once, in the order of layers and lines."""
    if len(outcome.answers) == 1 and not outcome.beyond:
        answer = outcome.answers[0]
        made = [(v, answer) for v in answer.voices if v.effect == answer.effect]
        return sorted(made, key=_place) if len(made) > 1 else made
    found: dict[CompiledRule, tuple[Voice, Answer]] = {}
    for answer in outcome.answers if outcome.beyond else outcome.deciding():
        for voice in answer.voices:
            if outcome.beyond:
                makes = any(name in voice.rule.rule.obligations for name in outcome.beyond)
            else:
                makes = voice.effect == outcome.effect
            if makes and voice.rule not in found:
                found[voice.rule] = voice, answer
    return sorted(found.values(), key=_place) if len(found) > 1 else list(found.values())


def determining(made: Made) -> tuple[RuleReference, ...]:
    """The rules that determined the answer, with layer, file and line."""
    return tuple(
        voice.rule.reference(voice.effect, answer.resource.id)
        for voice, answer in made[:MOST_DETERMINING]
    )


def reason_of(outcome: Outcome, made: Made, org: Layer) -> str:
    """One sentence that names a rule and where it stands, or the default that spoke."""
    if outcome.beyond:
        owed = among(outcome.beyond)
        return f"denied because {outcome.call.request.extension} can not carry out {owed}, which {_named(made[0][0].rule)} requires"
    if not made:
        return _silence(outcome, org)
    rule = made[0][0].rule
    more = f" and {len(made) - 1} more" if len(made) > 1 else ""
    why = one_line(rule.rule.why).rstrip(".")
    return f"{_DONE[outcome.effect]} {_named(rule)}{more}{f': {why}' if why else ''}"


def grant_of(outcome: Outcome, made: Made, near: Nearest, org: Layer) -> str:
    """How a call that is not simply allowed can be granted; for an ask only where a rule says more."""
    for voice, _ in made:
        if voice.rule.rule.grant:
            return one_line(voice.rule.rule.grant)
    if near.left_to:
        places = " or ".join(near.left_to)
        where = " (`devagent policy edit`)" if "local" in near.left_to else ""
        return f"A rule in the {places} policy can allow it{where}: {org.title} leaves this to {places}"
    if near.hint:
        return one_line(near.hint)
    if outcome.effect == "ask" and not outcome.beyond:
        return ""
    keeper = made[0][0].rule.layer if made else org
    return f"Ask whoever keeps {keeper.title} ({base_name(keeper.file.file)})"


def base_name(path: str) -> str:
    """The last part of a path."""
    return path.rpartition("/")[2]


def _named(rule: CompiledRule) -> str:
    return f"{rule.name} ({base_name(rule.layer.file.file)}:{rule.rule.line})"


def _place(made: tuple[Voice, Answer]) -> tuple[int, int]:
    return made[0].rule.place


def _silence(outcome: Outcome, org: Layer) -> str:
    """No rule has the answer's effect: the default, an envelope's limit, or the result phase's consent."""
    call, answer = outcome.call, outcome.deciding()[0]
    if answer.delegated:
        names = ", ".join(sorted({v.rule.name for v in answer.voices}))
        return f"{_DONE[outcome.effect]} {org.title}, which leaves this to others only that far ({one_line(names)})"
    touched = f" on {one_line(answer.resource.id, 120)}" if answer.resource.id else ""
    if outcome.effect == "allow":
        return f"no rule withholds the result of {one_line(call.tool)}{touched}"
    source = f"the default of {org.title} for {call.request.tool_class} tools"
    return f"{_DONE[outcome.effect]} {source}: no rule allows {one_line(call.tool)}{touched}"
