"""What devagent says to a person at the screen, in their language: gettext, English first.

The texts in the code are the English ones and the keys of the catalogues (``devagent/locale/LANGUAGE/LC_MESSAGES/devagent.po``).
What goes on record, to the model or to a script is never translated.
"""

import os
from collections.abc import Callable

DOMAIN = "devagent"
PLACE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "locale")
_found: list[Callable[[str], str]] = []


def tr(text: str) -> str:
    """The text in the language of LANGUAGE, LC_ALL, LC_MESSAGES or LANG; as it is where there is no catalogue."""
    if not _found:
        import gettext  # noqa: PLC0415  (with the first message; click has loaded it anyway)

        _found.append(gettext.translation(DOMAIN, PLACE, fallback=True).gettext)
    return _found[0](text)


def forget() -> None:
    """The environment names another language now."""
    _found.clear()
