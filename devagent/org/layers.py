"""The policy files of a bundle in force, in their layers, and what is added while it is stale."""

from msgspec import Struct

from devagent.org.in_force import InForce
from devagent.org.manifest import ORG_POLICY
from devagent.policy.syntax import LayerName

STALE = """\
version = 1
name = "stale"

[[rule]]
id = "ask"
effect = "ask"
classes = ["write", "exec", "net", "secret"]
sticky = true
why = {why}
grant = "Run `devagent org sync` where the policy server can be reached"
"""


class Layer(Struct, frozen=True):
    """One file: in which layer, from which place (for people). ``principals``: it speaks for these alone, where any are named;
    ``lapsed``: what it allows holds no longer, what it denies and asks about goes on; ``broken``: why there is nothing to read."""

    layer: LayerName
    path: str
    data: bytes
    principals: tuple[str, ...] = ()
    lapsed: bool = False
    broken: str = ""


def layers(found: InForce) -> list[Layer]:
    """The org's own policy first. Raises Refused for a file that is not as it was signed."""
    every: list[Layer] = [Layer("org", found.path(ORG_POLICY), found.read(ORG_POLICY))]
    every += [Layer("narrowing", found.path(name), found.read(name)) for name in found.narrowing()]
    every += [
        Layer(
            "team", f"the file of team {one.team}", one.data, one.principals, one.lapsed, one.broken
        )
        for one in found.teams
    ]
    if found.standing.why:
        every.append(Layer("narrowing", "the policy's own term", stale(found.standing.why)))
    return every


def stale(why: str) -> bytes:
    """A layer that asks about everything but reading."""
    quoted = why.replace("\\", "\\\\").replace('"', '\\"')
    return STALE.format(why=f'"{quoted}"').encode()
