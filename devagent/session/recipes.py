"""The organisation's recipes: prompts with a name, from the bundle in force. Each passes the same gate as what a person types."""

from collections.abc import Mapping

from devagent.core.errors import ConfigError, UsageError
from devagent.session.enrolled import Enrolled, enrolled
from devagent.settings.identity import principal
from devagent.settings.places import places

ARGUMENTS = "$ARGUMENTS"


def recipes() -> Mapping[str, str]:
    """Name → text; none where nobody is enrolled. Raises ConfigError on a locked machine."""
    found = enrolled(places(), principal())
    if found is not None and found.refused:
        raise ConfigError(found.refused, hint="`devagent org status` says more.")
    return recipes_of(found)


def recipes_of(governs: Enrolled | None) -> Mapping[str, str]:
    """Those of the bundle in force."""
    return governs.equipment.recipes if governs and governs.equipment else {}


def filled(recipe: str, text: str) -> str:
    """The recipe with a text in its place, or behind it where it has none. Raises UsageError where it wants one."""
    if ARGUMENTS in recipe:
        if not text.strip():
            raise UsageError("this recipe wants to know what it is about", hint="Say it behind it.")
        return recipe.replace(ARGUMENTS, text)
    return f"{recipe}\n\n{text}" if text.strip() else recipe
