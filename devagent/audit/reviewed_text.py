"""Text of the record as an entry shows it: harmless, cut at a length, and with a count of what was hidden or cut."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from devagent.audit.reveal import revealed
from devagent.core.codec import canonical
from devagent.core.resources import Resource
from devagent.core.verdicts import RuleReference


class Texts:
    """Makes text fit to show, and counts what was hidden or left out."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.hidden = 0
        self.cut = 0

    def __call__(self, text: str) -> str:
        if self._most and len(text) > self._most:
            self.cut += len(text) - self._most
            text = text[: self._most]
        shown, hidden = revealed(text)
        self.hidden += hidden
        return shown

    def each(self, texts: Iterable[str]) -> tuple[str, ...]:
        return tuple(self(text) for text in texts)

    def json(self, value: Any) -> str:
        return self(canonical(value).decode()) if value else ""

    def pairs(self, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [
            (self(name), self(value if isinstance(value, str) else canonical(value).decode()))
            for name, value in values.items()
        ]

    def rules(self, rules: Iterable[RuleReference]) -> tuple[RuleReference, ...]:
        return tuple(
            replace(
                one,
                rule=self(one.rule),
                layer=self(one.layer),
                file=self(one.file),
                why=self(one.why),
                grant=self(one.grant),
                resource=self(one.resource),
            )
            for one in rules
        )

    def resources(self, resources: Iterable[Resource]) -> tuple[Resource, ...]:
        return tuple(replace(r, id=self(r.id), tags=self.each(r.tags)) for r in resources)
