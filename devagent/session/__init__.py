"""Floor 4: a session, assembled by hand.

Order matters here and nowhere else: who runs this, then policy (org before anything of the workspace
is read), then the log, then tools and model. Nobody above gets a turn or a call that does not pass the log.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devagent.session.conversation import Session
    from devagent.session.opening import open_session
    from devagent.session.options import Options

__all__ = ["Options", "Session", "open_session"]


def __getattr__(name: str) -> Any:
    """A session's parts where one is opened: `devagent org sync` and its like need who governs this machine alone."""
    if name == "Options":
        from devagent.session.options import Options  # noqa: PLC0415

        return Options
    if name in __all__:
        from devagent.session import opening  # noqa: PLC0415  (with all that a session is made of)

        return getattr(opening, name)
    raise AttributeError(name)
