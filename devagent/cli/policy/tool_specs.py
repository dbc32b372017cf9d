"""The tools that a policy is held against: those that ship with devagent, and recorded ones from files."""

from collections.abc import Sequence
from typing import Any

import click
import msgspec
from msgspec import Struct, field

from devagent.core.errors import ConfigError
from devagent.core.tools import ToolClass, ToolSpec
from devagent.host.manifest import FIRST_PARTY, package_folder, read_manifest

tool_files = click.option(
    "--tools",
    "tool_files",
    multiple=True,
    metavar="FILE",
    help="Further tools: a JSON list of extension, name, class, input_schema and can. May be repeated.",
)


class _Recorded(Struct, forbid_unknown_fields=True):
    extension: str
    name: str
    tool_class: ToolClass = field(default="exec", name="class")
    description: str = ""
    input_schema: dict[str, Any] = field(default_factory=lambda: {"type": "object"})
    can: tuple[str, ...] = ()


def tool_specs(files: Sequence[str]) -> list[ToolSpec]:
    """The first-party tools and those of the files; a later one of the same name counts.

    Raises ConfigError for a file that is missing or says something else.
    """
    specs = [
        spec
        for module in FIRST_PARTY.values()
        for spec in read_manifest(package_folder(module)).tools
    ]
    for file in files:
        specs += _read(file)
    return list({spec.qualified: spec for spec in specs}.values())


def _read(path: str) -> list[ToolSpec]:
    try:
        with open(path, "rb") as file:
            recorded = msgspec.json.decode(file.read(), type=list[_Recorded])
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", file=path) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"no list of tools: {error}",
            file=path,
            hint='Write [{"extension": "crm", "name": "find", "class": "read", "input_schema": {…}}].',
        ) from error
    return [
        ToolSpec(
            one.extension, one.name, one.tool_class, one.description, one.input_schema, one.can
        )
        for one in recorded
    ]
