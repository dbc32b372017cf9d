"""Text for a reviewer: what was hidden in it is shown, as ⟦U+202E⟧, and nothing of it takes effect.

``core.text.visible`` drops what a person could not see; whoever reviews must know that it was there, for the
model has read it. Only colours are dropped here: every second tool writes them, and they say nothing.
"""

import re

_COLOURS = re.compile(r"(?:\x1b\[|\x9b)[0-9;:]*m")
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, DEL, C1
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def revealed(text: str) -> tuple[str, int]:
    """The text with its hidden characters named, and how many there were."""
    if text.isascii() and text.isprintable():
        return text, 0
    return _HIDDEN.subn(_named, _COLOURS.sub("", text.replace("\r\n", "\n")))


def _named(found: re.Match[str]) -> str:
    return f"⟦U+{ord(found[0]):04X}⟧"
