"""Everything that is refused between an administrator and a machine: one code and one sentence each.

A refusal never loosens anything: the last good policy stays in force, or none was good and the machine is locked.
"""

from typing import Literal

from devagent.core.errors import ConfigError

Code = Literal[
    "pin", "owner", "unsynced", "unreachable", "slow", "endless", "missing", "malformed", "root", "signatures", "rollback",
    "mixed", "frozen", "expired", "changed", "elsewhere", "ring", "archive", "manifest", "schema", "engine", "approval",
    "policy", "equipment", "revoked", "busy", "identity", "unkept",
]  # fmt: skip

WORDS: dict[Code, str] = {
    "pin": "this machine's enrolment is damaged",
    "owner": "somebody else could have changed a file that trust rests on",
    "unsynced": "this machine is enrolled, but has no policy bundle yet",
    "unreachable": "the policy server was not reached",
    "slow": "the policy server sends too slowly to be waited for",
    "endless": "the policy server sends more than the file may have",
    "missing": "the policy server lacks a file that its metadata names",
    "malformed": "signed metadata is not of the form that it must have",
    "root": "this is not the root that the machine was enrolled with",
    "signatures": "too few of the keys that must sign have signed",
    "rollback": "an older state was offered than this machine has seen",
    "mixed": "files of different states were put together",
    "frozen": "the newest state that was offered has expired: the server is held back, or nobody publishes any more",
    "expired": "the policy's signed term is over",
    "changed": "the bytes are not those that were signed",
    "elsewhere": "it was signed for another organisation or environment",
    "ring": "no ring of the rollout takes this machine in",
    "archive": "the bundle's archive is not one that may be unpacked",
    "manifest": "the bundle does not hold what its manifest says",
    "schema": "it is of a form that this devagent does not know",
    "engine": "this devagent is not of a version that the bundle is for",
    "approval": "the bundle was not approved by those who must",
    "policy": "a policy in the bundle is not usable",
    "equipment": "what the bundle brings beside policy is not usable",
    "revoked": "it was revoked",
    "identity": "who runs this is not known to the organisation",
    "unkept": "what was fetched cannot be kept on this machine",
    "busy": "another devagent is fetching the policy just now",
}
"""What a person reads first; what exactly was found follows."""

_HINTS: dict[Code, str] = {
    "pin": "Have the machine enrolled again, or run `devagent org join`.",
    "owner": "Look at who changed it before you give it back to its owner.",
    "unsynced": "Run `devagent org sync`.",
    "expired": "Run `devagent org sync`. Where that does not help, whoever keeps the policy must publish.",
    "engine": "Install the version that your organisation asks for.",
    "schema": "Install the version that your organisation asks for.",
    "unkept": "Make room, or let the folder be written to; then run `devagent org sync`.",
    "unreachable": "`devagent org status` says how long the policy at hand still holds.",
}
_ELSE = (
    "Tell whoever keeps your organisation's policy; `devagent org status` says what is in force."
)


class Refused(ConfigError):
    """Something that is not accepted. ``code`` is for programs and the record, the text for people."""

    def __init__(self, code: Code, found: str = "", *, file: str = "") -> None:
        what = f"{WORDS[code]}: {found}" if found else WORDS[code]
        super().__init__(what, file=file, hint=_HINTS.get(code, _ELSE))
        self.code: Code = code
