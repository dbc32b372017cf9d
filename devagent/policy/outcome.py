"""What a request met: every voice, resource by resource. The record of a decision is made from it."""

from collections.abc import Sequence
from typing import Any

from devagent.core.resources import Resource
from devagent.core.verdicts import Effect
from devagent.policy.compile import Call, CompiledRule


class Voice:
    """A rule that matched, and the effect it has here (an ``otherwise`` differs from the rule's own)."""

    __slots__ = ("effect", "rule")

    def __init__(self, rule: CompiledRule, effect: Effect) -> None:
        self.rule = rule
        self.effect: Effect = effect


class Answer:
    """The answer for one resource. ``delegated``: what layers said in the org's silence, by position.

    ``keys`` is where rules about the resource are filed.
    """

    __slots__ = ("delegated", "effect", "keys", "resource", "voices")

    def __init__(
        self,
        resource: Resource,
        keys: Sequence[str],
        effect: Effect,
        voices: list[Voice],
        delegated: dict[int, Effect],
    ) -> None:
        self.resource = resource
        self.keys = keys
        self.effect: Effect = effect
        self.voices = voices
        self.delegated = delegated


class Outcome:
    """The least answer over all resources.

    ``beyond``: obligations that the extension can not carry out, where the answer would not be deny anyway.
    """

    __slots__ = ("answers", "beyond", "call", "effect", "heard", "obligations")

    def __init__(
        self,
        call: Call,
        effect: Effect,
        answers: list[Answer],
        heard: dict[CompiledRule, Voice],
        obligations: dict[str, Any],
        beyond: list[str],
    ) -> None:
        self.call = call
        self.effect: Effect = effect
        self.answers = answers
        self.heard = heard
        self.obligations = obligations
        self.beyond = beyond

    def deciding(self) -> list[Answer]:
        """The answers that made the effect: those of the least resources."""
        return [a for a in self.answers if a.effect == self.effect]
