"""The ready-made policies in their places, and what they answer."""

import functools

from devagent.core.verdicts import Effect
from devagent.policy import CompiledPolicy, PolicyFile, compile_policy, parse, request_from_json
from devagent_policies import path_of, text_of
from tests.support.ready_made_requests import Call

ORG = ("baseline", "locked", "ci-oneshot", "regulated", "org-template/org")
"""Made for the organisation's place."""
NARROWING = ("read-only", "git-safe", "sql-governed", "pii", "budgets", "trifecta", "break-glass")
"""Made to stand below: whatever is there, they never allow more."""
GRANTING = ("workspace-safe", "org-template/team-data", "org-template/local-developer")
"""Made to stand below and to allow more inside what an organisation, or the baseline, hands on."""

OPEN = 'name = "open"\nlayer = "org"\n[[rule]]\nid = "everything"\neffect = "allow"\n'
"""An organisation that allows everything: what is refused below it is refused by the policy itself."""


@functools.cache
def read(name: str) -> PolicyFile:
    return parse(text_of(name), path_of(name), org=name in ORG)


@functools.cache
def below(org: str, *names: str) -> CompiledPolicy:
    """The named policies below an organisation's: a shipped one, or ``open``."""
    first = parse(OPEN, "open.toml", org=True) if org == "open" else read(org)
    return compile_policy([first, *map(read, names)])


def in_its_place(name: str) -> CompiledPolicy:
    """The policy where it is meant to stand, with what it is meant to stand beside."""
    if name == "org-template":
        return below(
            "org-template/org",
            "org-template/team-data",
            "org-template/local-developer",
            "break-glass",
        )
    if name in ORG:
        return below(name)
    return below("open" if name in NARROWING else "baseline", name)


def answer(policy: CompiledPolicy, asked: Call) -> Effect:
    request = request_from_json(asked)
    return (policy.decide_result if request.phase == "result" else policy.decide)(request).effect
