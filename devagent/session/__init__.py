"""Floor 4: a session, assembled by hand.

Order matters here and nowhere else: who runs this, then policy (org before anything of the workspace
is read), then the log, then tools and model. Nobody above gets a turn or a call that does not pass the log.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devagent.session.conversation import Session, open_session
    from devagent.session.ground import Options

__all__ = ["Options", "Session", "open_session"]


def __getattr__(name: str) -> Any:
    """A session's parts where one is opened: `devagent org sync` and its like need who governs this machine alone."""
    if name == "Options":
        from devagent.session import ground  # noqa: PLC0415  (20 ms with the next)

        return ground.Options
    if name in __all__:
        from devagent.session import conversation  # noqa: PLC0415

        return getattr(conversation, name)
    raise AttributeError(name)
