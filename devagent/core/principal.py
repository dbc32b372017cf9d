"""Who acts: the person, their groups, the agent, the CI job, and on whose behalf."""

from msgspec import Struct


class Principal(Struct, frozen=True, omit_defaults=True):
    """Who a call is judged for. Groups are those given from outside; the org's ``[groups]`` adds to them."""

    user: str = ""
    groups: tuple[str, ...] = ()
    agent: str = ""
    ci: str = ""
    on_behalf_of: str = ""

    def names(self) -> frozenset[str]:
        """The principal as the strings that rules name: ``user:ana``, ``group:eng``, ``for:bo`` …"""
        pairs = (
            ("user", self.user),
            ("agent", self.agent),
            ("ci", self.ci),
            ("for", self.on_behalf_of),
        )
        own = [f"{kind}:{value}" for kind, value in pairs if value]
        return frozenset([*own, *(f"group:{group}" for group in self.groups)])

    def __str__(self) -> str:
        who = (self.ci and f"ci:{self.ci}") or self.user or self.agent or "nobody"
        return f"{who} for {self.on_behalf_of}" if self.on_behalf_of else who
