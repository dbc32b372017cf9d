"""Which tools a session's model is told of before it looks for any."""

from devagent.agent.finding import Findable
from devagent.agent.tasks import TASK
from devagent.agent.todo import TODO
from devagent.core.ports import Toolbox
from devagent.host.manifest import FIRST_PARTY

FIRST_TOLD = (
    "workspace.read", "workspace.edit", "workspace.grep", "workspace.shell", "git.diff", "sql.query",
    "workspace.write", "workspace.glob", "git.status", "git.commit", "docs.search", "git.log", "sql.describe",
    "workspace.list",
)  # fmt: skip
"""Which of devagent's own tools a model is told of before it looks for any: what most work begins with. Where policy
hides one, or its extension is not set up, the next takes its place."""


def findable_of(toolbox: Toolbox, ticket: str = "", *, mode: str = "") -> Findable:
    """The same toolbox, for a model that is told of some tools and finds the others. Where the session works on a
    ``ticket``, reading it is among the first, and so is the list of what is to be done where a person follows it."""
    own = {*FIRST_PARTY, TASK.extension}
    first = FIRST_TOLD if mode != "chat" else (*FIRST_TOLD[:5], TODO.qualified, *FIRST_TOLD[5:])
    if ticket:
        first = ("tickets.get", *first)
    return Findable(toolbox, lambda tool: tool.extension in own, first)
