"""The redactor of one session's log: an event's plain fields in, the same without what must not be kept.

What is looked for: secrets whose values are known; arguments that a tool declares to be secret; private keys, tokens
and keys by their shape; values that stand where a secret is given (``password = "…"``); and personal data where
policy asks for it. The first of these that finds something names it. An event that can hold nothing is passed on
after one look at its JSON text.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from devagent.audit.redaction import declared
from devagent.audit.redaction.spans import Placeholders
from devagent.audit.redaction.walk import Walk
from devagent.core.codec import canonical, well_formed_value
from devagent.policy.plain import is_list, is_table
from devagent_secrets import prefilter
from devagent_secrets.finding import secrets
from devagent_secrets.known import Known
from devagent_secrets.personal import personal
from devagent_secrets.span import Span

Fields = dict[str, Any]
Counts = dict[str, int]

_SALT_BYTES = 16
_SHORTEST_DECLARED = 4
_WHO = frozenset({"principal", "approval"})
"""Header fields that say who acts: in a record they are the point, not somebody's data."""


class Redactor:
    """Call it with an event's header and body, once for each event, before anything is written.

    ``packs``: secrets are always redacted, personal data where it names "pii". ``known``: (value, kind) pairs.
    ``fields``: secret arguments by a tool's API name (``declared.secret_arguments``). ``random(n)`` gives n bytes.
    """

    def __init__(
        self,
        packs: Iterable[str] = (),
        *,
        known: Iterable[tuple[str, str]] = (),
        fields: Mapping[str, Sequence[declared.Path]] | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._personal = "pii" in packs
        self._known = Known()
        self._fields = fields or {}
        self._placeholders = Placeholders(random(_SALT_BYTES))
        for value, kind in known:
            self._known.learn(value, kind)

    def learn(self, value: str, kind: str) -> None:
        """From now on this value (8 characters or more) is a known secret."""
        self._known.learn(value, kind)

    def __call__(self, header: Fields, body: Fields) -> tuple[Fields, Fields, Counts]:
        """Both without what must not be kept, and how many of each kind that was."""
        counts: Counts = {}
        if self._fields:
            body = self._without_declared(header, body, counts)
        if not self._may_hold_any([header, body]):
            return header, body, counts
        who = Walk(self._secrets, self._placeholders, counts, numbers=False)
        head = Walk(self._all, self._placeholders, counts, numbers=False)
        content = Walk(self._all, self._placeholders, counts, numbers=True)
        clean = {n: (who if n in _WHO else head).value(value) for n, value in header.items()}
        body = (
            {n: content.value(value) for n, value in body.items() if n not in ("content", "block")}
            | ({"content": _replied(body["content"], content)} if "content" in body else {})
            | ({"block": _replied([body["block"]], content)[0]} if "block" in body else {})
        )
        return clean, body, counts

    def text(self, text: str) -> tuple[str, Counts]:
        """One text by itself."""
        counts: Counts = {}
        return Walk(self._all, self._placeholders, counts, numbers=False).text(text), counts

    def _all(self, text: str) -> Iterator[Span]:
        yield from secrets(text, self._known)
        if self._personal:
            yield from personal(text)

    def _secrets(self, text: str) -> Iterator[Span]:
        return secrets(text, self._known)

    def _may_hold_any(self, value: Any) -> bool:
        try:
            data = canonical(value)
        except UnicodeEncodeError:  # a lone surrogate
            data = canonical(well_formed_value(value))
        return (
            prefilter.may_hold_secrets(data)
            or self._known.may_stand_in(data)
            or (self._personal and prefilter.may_hold_personal_data(data))
        )

    def _without_declared(self, header: Fields, body: Fields, counts: Counts) -> Fields:
        """The body without arguments that are declared secret; their values are known from now on."""

        def replace(value: Any) -> Any:
            if value is None or value == "" or isinstance(value, bool):
                return value
            text = value if isinstance(value, str) else canonical(value).decode()
            self._known.learn(text, "declared", shortest=_SHORTEST_DECLARED)
            return self._placeholders.put(text, [Span(0, len(text), "declared")], counts)

        def arguments(tool: object, given: Any) -> Any:
            paths = self._fields.get(tool) if isinstance(tool, str) else None
            return declared.replaced(given, paths, replace) if paths else given

        match header:
            case {"type": "model.replied"} if is_list(body.get("content")):
                blocks = [
                    {**block, "input": arguments(block.get("name"), block["input"])}
                    if is_table(block) and "input" in block
                    else block
                    for block in body["content"]
                ]
                return {**body, "content": blocks}
            case {"type": "tool.called", "ext": str(extension), "tool": str(tool)}:
                name = f"{extension}__{tool}"
            case {"type": "tool.judged", "ext": {"name": str(extension)}, "tool": str(tool)}:
                name = f"{extension}__{tool}"
            case _:
                return body
        return {**body, "args": arguments(name, body["args"])} if "args" in body else body


def _replied(blocks: Any, walk: Walk) -> Any:
    """A reply's blocks, also a signed summary. What was redacted loses its signature: it no longer says what was signed."""
    if not is_list(blocks):
        return walk.value(blocks)
    kept: list[Any] = []
    for before in blocks:
        after = walk.value(before)
        if after != before and is_table(after) and after.get("type") in ("thinking", "compaction"):
            after.pop("signature", None)
        kept.append(after)
    return kept
