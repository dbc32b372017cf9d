"""Images on their way to a service: for a model that takes none, a sentence stands in their place; others get the
newest, as many as a request may hold.

Of many the oldest go, in steps, so that the conversation's beginning stays the same from request to request.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from devagent.models.plain import is_array, is_object

MOST = 20
"""More images in a request, and the Messages API takes none that is large."""
MOST_CHARACTERS = 20 << 20
"""Of all images in base64; a whole request may have 32 MB."""
_STEP = 5
_NONE = (
    "[an image stood here; this model takes none. Say so, and that `images = true` in its table of the config's"
    " [platforms] would send them]"
)
_OLD = "[an image stood here; newer ones took its place, so have it read again where it is needed]"


def with_images(
    messages: Sequence[Mapping[str, Any]], *, takes_images: bool
) -> Sequence[Mapping[str, Any]]:
    """The messages as the model can take them; the same list where nothing is left out."""
    sizes = [size_of(block) for message in messages for block in images_in(message["content"])]
    if not sizes:
        return messages
    out = len(sizes)
    if takes_images:
        out = 0
        while out < len(sizes) and (len(sizes) - out > MOST or sum(sizes[out:]) > MOST_CHARACTERS):
            out = min(out + _STEP, len(sizes))
    if not out:
        return messages
    words = _OLD if takes_images else _NONE
    told: list[Mapping[str, Any]] = []
    for message in messages:
        here = len(images_in(message["content"]))
        gone = min(here, out)
        out -= gone
        if gone:
            content, _ = _without(message["content"], gone, words)
            message = {**message, "content": content}
        told.append(message)
    return told


def images_in(content: object) -> list[Mapping[str, Any]]:
    """The images among a message's blocks and in the results of tools there, in order."""
    found: list[Mapping[str, Any]] = []
    for block in content if is_array(content) else ():
        if is_object(block):
            if block.get("type") == "image":
                found.append(block)
            elif block.get("type") == "tool_result" and is_array(inner := block.get("content")):
                found += images_in(inner)
    return found


def _without(content: object, gone: int, words: str) -> tuple[list[Any], int]:
    """The blocks with ``words`` for the first ``gone`` images, and how many are still to go."""
    kept: list[Any] = []
    for block in content if is_array(content) else ():
        if gone and is_object(block) and block.get("type") == "image":
            kept.append({"type": "text", "text": words})
            gone -= 1
        elif (
            gone and is_object(block) and block.get("type") == "tool_result" and images_in([block])
        ):
            inner, gone = _without(block.get("content"), gone, words)
            kept.append({**block, "content": inner})
        else:
            kept.append(block)
    return kept, gone


def size_of(block: Mapping[str, Any]) -> int:
    source = block.get("source")
    return len(str(source.get("data", ""))) if is_object(source) else 0
