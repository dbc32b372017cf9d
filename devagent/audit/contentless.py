"""An event whose content is sealed, erased or missing: what its header still says of it."""

from typing import Any

import msgspec

from devagent.audit.record import Unknown
from devagent.core.events import Event

_WITHOUT_CONTENT: dict[str, Any] = {
    "text": "",
    "content": [],
    "args": {},
    "shown": "",
    "folder": "",
}


def without_content(event: Event | Unknown) -> Event | Unknown:
    """The event with its content empty, where only that is gone; anything else as it is."""
    if not isinstance(event, Unknown) or event.content in ("none", "open"):
        return event
    fields = {**_WITHOUT_CONTENT, **event.fields}
    if isinstance(fields.get("decision"), dict):
        fields["decision"] = {"reason": "", **fields["decision"]}
    try:
        return msgspec.convert({"type": event.type, **fields}, Event)
    except ValueError:
        return event
