"""What the policy commands share: the files to judge by, and the tools that devagent knows."""

import functools
import os
from collections.abc import Sequence

import click

from devagent.cli.governed import enrolled_here, policy_here
from devagent.cli.policy.tool_specs import tool_specs
from devagent.core.errors import PolicyError
from devagent.core.tools import ToolSpec
from devagent.host.inprocess import InProcess
from devagent.host.known import KnownTools
from devagent.host.manifest import FIRST_PARTY, package_folder, read_manifest
from devagent.policy import CompiledPolicy, PolicyFile, compile_policy, parse
from devagent.policy.document import MAX_BYTES, decoded
from devagent.policy.syntax import speaks_of_arguments
from devagent.policy.tool_types import check_tools
from devagent.settings.config import load_config
from devagent.settings.places import places
from devagent.settings.policies import EffectivePolicy, is_enrolled, org_file
from devagent_policies import path_of

policy_files = click.option(
    "--policy",
    "files",
    multiple=True,
    metavar="FILE",
    help="A policy file; the first stands in the org's place. May be repeated.",
)


def read_policies(files: Sequence[str]) -> CompiledPolicy:
    """The files as one policy, the first in the org's place.

    Raises PolicyError, also for conditions that do not fit the tools that come with devagent.
    """
    parsed: list[PolicyFile] = []
    for number, name in enumerate(files):
        data = read_policy(name)
        file = parse(data, name, org=number == 0)
        if speaks_of_arguments(file):
            check_tools(file, first_party_tools(), decoded(data, name))
        parsed.append(file)
    return compile_policy(parsed)


def policy_in_force() -> EffectivePolicy:
    """The policy in force here, as a session has it. Raises PolicyError."""
    return policy_here(first_party_tools)


def files_in_force() -> tuple[str, ...]:
    """The files of the policy in force here, whatever is in them; the first stands in the org's place."""
    governs = enrolled_here()
    if governs is not None and governs.in_force is not None:
        every = [layer.path for layer in governs.policy().files if os.path.isabs(layer.path)]
        return (*every, places().policy) if os.path.lexists(places().policy) else tuple(every)
    first = org_file() if is_enrolled() else path_of("baseline")
    local = places().policy
    return (first, local) if os.path.lexists(local) else (first,)


def read_policy(path: str) -> bytes:
    """A policy file's bytes. Raises PolicyError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PolicyError(f"cannot be read ({error.strerror})", file=path) from error


@functools.cache
def first_party_tools() -> tuple[ToolSpec, ...]:
    """The tools that come with devagent, as their manifests say."""
    return tuple(tool_specs(()))


def first_party() -> KnownTools:
    """The tools that come with devagent, over the folder and the config of whoever asks."""
    settings = load_config(places().config).extensions
    return KnownTools(
        [
            InProcess(
                read_manifest(package_folder(module)),
                folder=os.getcwd(),
                settings=settings.get(name, {}),
                secret=lambda _: None,
            )
            for name, module in FIRST_PARTY.items()
        ]
    )
