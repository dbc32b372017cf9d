"""Arguments against their JSON Schema: defaults filled in, misfits named for the model.

Completion comes first (design, section 3, rule 5: arguments are first completed with their schema's
defaults), so that policy judges what would really run.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from devagent.core.ports import ToolFailure
from devagent.core.text import one_line
from devagent.core.tools import ToolSpec
from devagent.host.validator import Validator
from devagent.policy.plain import is_table

MAX_MISFIT = 300
"""Characters of one misfit: it quotes the value, which may be a whole file."""


def complete(schema: Mapping[str, Any], args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with the defaults of absent properties, at every level of nested objects."""
    out = dict(args)
    properties: Mapping[str, Any] = schema.get("properties", {})
    for name, inner in properties.items():
        if not is_table(inner):
            continue  # `true` and `false` are schemas too
        if name not in out and "default" in inner:
            out[name] = deepcopy(inner["default"])  # a tool may change what it is given
        value = out.get(name)
        if is_table(value):
            out[name] = complete(inner, value)
    return out


class Arguments:
    """Completes and checks the arguments of tools; a tool's validator is compiled at its first call."""

    def __init__(self) -> None:
        self._validators: dict[str, Validator] = {}

    def fit(self, tool: ToolSpec, args: Mapping[str, Any]) -> dict[str, Any]:
        """The completed arguments.

        Raises ToolFailure: bad_arguments naming the first three misfits, or bad_schema where the tool's
        own schema cannot be used (a ``$ref`` is never fetched).
        """
        out = complete(tool.input_schema, args)
        validator = self._validators.get(tool.qualified)
        if validator is None:
            try:
                validator = Validator(tool.input_schema)
            except ValueError as e:
                raise ToolFailure(
                    f"The schema of {tool.api_name} cannot be used: {one_line(str(e), MAX_MISFIT)}",
                    error="bad_schema",
                ) from e
            self._validators[tool.qualified] = validator
        try:
            if validator.is_valid(out):
                return out
            found = zip(validator.misfits(out), range(3), strict=False)
            misfits = "; ".join(_misfit(e) for e, _ in found)
        except ValueError as e:  # nested more deeply than the validator goes, or too much to check
            misfits = one_line(str(e), MAX_MISFIT)
        raise ToolFailure(
            f"The arguments of {tool.api_name} do not fit: {misfits}", error="bad_arguments"
        )


def _misfit(error: Any) -> str:
    place = "/".join(str(part) for part in error.instance_path)
    message = one_line(str(error.message), MAX_MISFIT)
    return f"{place}: {message}" if place else message
