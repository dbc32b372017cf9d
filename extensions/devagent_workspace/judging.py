"""Which resources a ``shell`` call would touch."""

from collections.abc import Mapping

from devagent_workspace.contract import ResourceDict, Surroundings
from devagent_workspace.environment import environment, finder
from devagent_workspace.grammar import Unclear
from devagent_workspace.lookthrough import look
from devagent_workspace.sandbox import sandbox_by
from devagent_workspace.shell import hosts_named, network_named, working_folder
from devagent_workspace.shown import one_line
from devagent_workspace.state import state_of
from devagent_workspace.statements import statement
from devagent_workspace.substitutions import substituted
from devagent_workspace.variables import Scope
from devagent_workspace.walk import Readers, Walk

UNKNOWN = "command:?"
"""What stands for everything that a line may run and that is not fully known. No prefix matches it."""

_READERS = Readers(statement=statement, command=look, substitution=substituted)


class Touched:
    """The resources of a line, and why not all of it is known (nothing where it is)."""

    def __init__(self, resources: list[ResourceDict], doubts: list[str]) -> None:
        self.resources = resources
        self.doubts = doubts


def touched_by(command: str, *, folder: str, cwd: str, variables: Mapping[str, str]) -> Touched:
    """Everything that ``command``, run by bash in ``cwd``, would run and touch, as far as it is known."""
    walk = Walk(folder, variables, finder(variables["PATH"]), _READERS)
    try:
        walk.line(command, Scope(variables, (cwd,), {}))
    except (Unclear, RecursionError) as e:
        walk.doubt(str(e))
    resources = list(walk.resources.values())
    if walk.doubts or not resources:
        doubts = walk.doubts or ["the line runs nothing"]
        resources.append(
            {"id": UNKNOWN, "access": "write", "tags": [f"unclear.{_slug(doubts[0])}"]}
        )
        return Touched(resources, doubts)
    return Touched(resources, [])


def resources(here: Surroundings, command: str, hosts: str) -> list[ResourceDict]:
    """The canonical resources of a ``shell`` call: what it runs, with what would hold it, what it touches,
    and the hosts that it wants the network for; ``host:?`` where it cannot be held to them, and would have
    the whole network.

    Raises WorkspaceError no_sandbox, bad_arguments.
    """
    cwd = working_folder(here)
    sandbox = sandbox_by(here.settings)
    state = state_of(here.folder)
    state.judged[("shell", command)] = cwd
    network = network_named(here, hosts)
    variables = {**environment(here.settings), **network.variables()}
    found = touched_by(command, folder=here.folder, cwd=cwd, variables=variables).resources
    state.written[command] = tuple(
        one["id"][5:]
        for one in found
        if one["access"] == "write" and one["id"].startswith("path:/")
    )
    for one in found:
        if one["id"].startswith("command:"):
            one["tags"].append(sandbox.tag)
    named = hosts_named(hosts)
    if named and network.whole and sandbox.kind != "none":
        named.append("?")
    return [
        *found,
        *(
            {"id": f"host:{host}", "access": "write", "tags": ["host.any"] if host == "?" else []}
            for host in named
        ),
    ]


def _slug(text: str) -> str:
    return one_line("-".join(word for word in text.casefold().split()[:8] if word.isalnum()))
