"""Floor 4: a session, assembled by hand.

Order matters here and nowhere else: who runs this, then policy (org before anything of the workspace
is read), then the log, then tools and model. Nobody above gets a turn or a call that does not pass the log.
"""

from devagent.session.conversation import Session, open_session
from devagent.session.ground import Options

__all__ = ["Options", "Session", "open_session"]
