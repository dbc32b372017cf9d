"""What may come in and go out: secrets and personal data are taken out of what is read, and not let into what is sent.

On the way in a placeholder stands where something was. A text that holds such a placeholder is not sent back: it
would write the placeholder over what it stands for.
"""

import os
import re
from collections.abc import Mapping
from typing import Any, cast

from msgspec.structs import replace

from devagent_secrets.finding import secrets
from devagent_secrets.known import Known, secrets_of
from devagent_secrets.personal import personal
from devagent_secrets.span import Span
from devagent_tickets.contract import Surroundings, TicketsError
from devagent_tickets.model import Comment, Ticket
from devagent_tickets.rendered import UNSEEN, rendered
from devagent_tickets.settings import keeps_personal_data

PERSONAL = frozenset({"email", "phone", "iban", "card"})
_PLACEHOLDER = re.compile(r"⟦redacted [\w.-]+⟧")
_JOINERS = "\u200c\u200d\ufe00-\ufe0f"
"""Unseen too, but scripts and pictures are written with them: they stay where they hide nothing."""
_UNSEEN = re.compile(f"(?![{_JOINERS}])[{UNSEEN}]")


class Guard:
    """What one call knows of secrets (the environment's; its tracker's is learnt when that is spoken to), and whether
    personal data is its matter."""

    def __init__(self, here: Surroundings) -> None:
        self._personal = not keeps_personal_data(here.settings)
        self._known = Known()
        for value, kind in secrets_of(os.environ):
            self._known.learn(value, kind)

    def learn(self, value: str) -> None:
        """A secret that this call uses itself."""
        self._known.learn(value, "token")

    def text(self, text: str) -> str:
        """Without what must not be read, and without signs that nobody sees."""
        text = _UNSEEN.sub("", text.replace("\r\n", "\n"))
        parts: list[str] = []
        done = 0
        for span in self._spans(text):
            parts += [text[done : span.start], f"⟦redacted {span.kind}⟧"]
            done = span.end
        return "".join([*parts, text[done:]]) if parts else text

    def value(self, value: Any) -> Any:
        """The same for all texts of a plain value."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            table = cast("Mapping[str, Any]", value)
            return {self.text(str(k)): self.value(v) for k, v in table.items()}
        if isinstance(value, list | tuple):
            return [self.value(one) for one in cast("list[Any]", value)]
        return value

    def ticket(self, ticket: Ticket) -> Ticket:
        """The same for a ticket."""
        return replace(
            ticket,
            title=self.text(ticket.title),
            status=self.text(ticket.status),
            body=self.text(ticket.body),
            assignee=self.text(ticket.assignee),
            author=self.text(ticket.author),
            milestone=self.text(ticket.milestone),
            labels=tuple(map(self.text, ticket.labels)),
            type=self.text(ticket.type),
            priority=self.text(ticket.priority),
            links=tuple(
                replace(one, to=self.text(one.to), title=self.text(one.title))
                for one in ticket.links
            ),
            attachments=tuple(
                replace(one, name=self.text(one.name), url=self.text(one.url))
                for one in ticket.attachments
            ),
            custom=self.value(ticket.custom),
        )

    def comment(self, comment: Comment) -> Comment:
        """The same for a comment."""
        return replace(comment, body=self.text(comment.body), author=self.text(comment.author))

    def check(self, name: str, value: Any) -> None:
        """Raise TicketsError where a value that is to be sent holds what must not go out: never with the value."""
        for text in _texts(value):
            if _PLACEHOLDER.search(text):
                raise TicketsError(
                    f"{name} holds a placeholder of something that was redacted: sending it would overwrite what it "
                    "stands for. Write a comment instead, or let a person edit the text.",
                    error="redacted_text",
                )
            found = next(iter(self._spans(text)), None)
            if found is None:
                continue
            line = text.count("\n", 0, found.start) + 1
            is_personal = found.kind in PERSONAL
            what = "personal data" if is_personal else "a secret"
            raise TicketsError(
                f"{name}, line {line}, looks like {what} ({found.kind}); nothing was sent. "
                "Take it out.",
                error="personal_data" if is_personal else "secret",
            )

    def _spans(self, text: str) -> list[Span]:
        """What there is in the text as it stands, and in the text as it is seen, apart from each other."""
        found = self._found(text)
        if (seen := rendered(text)) is not None:
            found += [
                Span(seen.starts[one.start], seen.ends[one.end - 1], one.kind)
                for one in self._found(seen.text)
            ]
        kept: list[Span] = []
        for span in sorted(found, key=lambda one: (one.start, -one.end)):
            if not kept or span.start >= kept[-1].end:
                kept.append(span)
            elif span.end > kept[-1].end:
                kept[-1] = Span(kept[-1].start, span.end, kept[-1].kind)
        return kept

    def _found(self, text: str) -> list[Span]:
        found = list(secrets(text, self._known))
        return [*found, *personal(text)] if self._personal else found


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        table = cast("Mapping[str, Any]", value)
        return [text for key, one in table.items() for text in (str(key), *_texts(one))]
    if isinstance(value, list | tuple):
        return [text for one in cast("list[Any]", value) for text in _texts(one)]
    return []
