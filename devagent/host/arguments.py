"""Arguments against their JSON Schema: defaults filled in, misfits named for the model.

Completion comes first (design, section 3, rule 5: arguments are first completed with their schema's
defaults), so that policy judges what would really run.
"""

from collections.abc import Mapping
from typing import Any

from devagent.core.ports import ToolFailure
from devagent.core.tools import ToolSpec


def complete(schema: Mapping[str, Any], args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with the defaults of absent properties, at every level of nested objects."""
    out = dict(args)
    properties: Mapping[str, Any] = schema.get("properties", {})
    for name, inner in properties.items():
        if name not in out and "default" in inner:
            out[name] = inner["default"]
        elif isinstance(out.get(name), dict):
            out[name] = complete(inner, out[name])
    return out


class Arguments:
    """Completes and checks the arguments of tools; a tool's validator is compiled at its first call."""

    def __init__(self) -> None:
        self._validators: dict[str, Any] = {}

    def fit(self, tool: ToolSpec, args: Mapping[str, Any]) -> dict[str, Any]:
        """The completed arguments. Raises ToolFailure (bad_arguments) naming the first three misfits."""
        out = complete(tool.input_schema, args)
        validator = self._validators.get(tool.qualified)
        if validator is None:
            import jsonschema_rs  # noqa: PLC0415  (a native library, on the first tool call only)

            validator = jsonschema_rs.Draft202012Validator(tool.input_schema, retriever=_no_fetch)
            self._validators[tool.qualified] = validator
        if validator.is_valid(out):
            return out
        misfits = [_misfit(e) for e, _ in zip(validator.iter_errors(out), range(3), strict=False)]
        raise ToolFailure(
            f"The arguments of {tool.api_name} do not fit: {'; '.join(misfits)}",
            error="bad_arguments",
        )


def _no_fetch(uri: str) -> Any:
    raise ValueError(f"a tool's schema may not refer to {uri}")


def _misfit(error: Any) -> str:
    place = "/".join(str(part) for part in error.instance_path)
    return f"{place}: {error.message}" if place else str(error.message)
