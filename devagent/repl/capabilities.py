"""What the terminal can do, and what its user asked for: read once, from the environment and the flags.

NO_COLOR (any value) takes colours away, TERM=dumb the live region too. COLORFGBG says whether the background is
light. Where nothing says it, colours are used that are legible on both.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Theme = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = ("auto", "light", "dark")
_CLIPPING = ("linux", "vt", "rxvt")
_NO_LINKS = frozenset({"linux", "vt100", "vt220", "screen"})


class Capabilities(Struct, frozen=True, kw_only=True):
    """``colours``: how many. ``live``: whether the cursor can be moved, so that a region at the bottom may change.

    ``reader``: a screen reader speaks what is printed, so nothing that was printed changes and no sign stands where
    a word would say it. ``links``: OSC 8. ``synchronized``: the terminal may be told where an update begins and ends.
    ``wraps``: what becomes of long rows when the window gets narrower: nothing, their text is wrapped, or all their
    cells are, as far as any was ever used.
    """

    colours: Literal[0, 16, 256] = 0
    theme: Theme = "auto"
    live: bool = False
    reader: bool = False
    links: bool = False
    unicode: bool = True
    synchronized: bool = True
    wraps: Literal["no", "text", "cells"] = "text"


def capabilities(
    environment: Mapping[str, str],
    *,
    plain: bool = False,
    reader: bool = False,
    theme: Theme = "auto",
    encoding: str | None = "utf-8",
) -> Capabilities:
    """The terminal of this environment. ``plain``: no live region, no colours, whatever it can do."""
    term = environment.get("TERM", "")
    dumb = term in ("", "dumb", "unknown")
    live = not (dumb or plain or reader)
    coloured = not (dumb or plain or environment.get("NO_COLOR"))
    rich = "256" in term or bool(environment.get("COLORTERM")) or term.startswith(("tmux", "xterm"))
    apple = environment.get("TERM_PROGRAM") == "Apple_Terminal"
    return Capabilities(
        colours=(256 if rich else 16) if coloured else 0,
        theme=theme if theme != "auto" else _background(environment.get("COLORFGBG", "")),
        live=live,
        reader=reader,
        links=live and coloured and term not in _NO_LINKS and not apple,
        unicode=_is_unicode(encoding),
        synchronized=live and term != "linux",
        wraps=_wraps(environment, term),
    )


def _wraps(environment: Mapping[str, str], term: str) -> Literal["no", "text", "cells"]:
    if environment.get("TMUX"):
        return "cells"
    if environment.get("XTERM_VERSION") or environment.get("STY") or term.startswith(_CLIPPING):
        return "no"
    # ``screen`` over ssh is tmux more often than what it is called by.
    return "cells" if term.startswith(("tmux", "screen")) else "text"


def _background(colours: str) -> Theme:
    """What COLORFGBG (``15;0``, ``0;default;15``) says of the background, the last of its fields."""
    last = colours.rpartition(";")[2]
    if not last.isdecimal():
        return "auto"
    return "light" if int(last) in (7, *range(9, 16)) else "dark"


def _is_unicode(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("_", "-") in ("utf-8", "utf8", "utf-16", "utf-32")
