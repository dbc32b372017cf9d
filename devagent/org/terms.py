"""For how long the roles of a repository are signed."""

from msgspec import Struct

REVOKE = "revoke"


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many days each role is signed. The timestamp's is how long a machine offline stays fresh, the
    snapshot's how long it may work at all."""

    root: float = 365
    targets: float = 90
    environment: float = 90
    revoke: float = 90
    team: float = 30
    snapshot: float = 14
    timestamp: float = 3

    def of(self, role: str) -> float:
        own = {"root": self.root, "targets": self.targets, "snapshot": self.snapshot, "timestamp": self.timestamp, REVOKE: self.revoke}  # fmt: skip
        return own.get(role, self.team if role.startswith("team-") else self.environment)
