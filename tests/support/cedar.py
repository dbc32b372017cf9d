"""Cedar itself (cedarpy), judging what was exported."""

import importlib
from typing import Any

from devagent.core.verdicts import Request
from devagent.policy.cedar import CedarPolicies, NotExpressible

# Its annotations leave types open; as plain attributes of a module they are used as they are documented.
_cedarpy: Any = importlib.import_module("cedarpy")


class Cedar:
    """An exported set, ready to judge."""

    def __init__(self, exported: CedarPolicies) -> None:
        self._exported = exported
        self._schema = _cedarpy.Schema.from_str(exported.schema)
        self._policies = _cedarpy.PolicySet.from_str(exported.policies)

    def grants(self, request: Request) -> bool:
        """Whether every one of the call's requests is allowed; a call without a place is not."""
        try:
            call = self._exported.call(request)
        except NotExpressible:
            return False
        for one, entities in zip(call.requests, call.entities, strict=True):
            whole = [*self._exported.entities, *entities]
            answer = _cedarpy.is_authorized(one, self._policies, whole, self._schema)
            if answer.decision is not _cedarpy.Decision.Allow:
                return False
        return True


def faults(exported: CedarPolicies) -> list[str]:
    """What Cedar's own validator says against the policies under the schema."""
    found = _cedarpy.validate_policies(exported.policies, exported.schema)
    return [str(error) for error in found.errors]
