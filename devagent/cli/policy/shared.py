"""What the policy commands share: the files to judge by, and the tools that devagent knows."""

import os
from collections.abc import Sequence

import click

from devagent.core.errors import PolicyError
from devagent.host.inprocess import InProcess
from devagent.host.known import KnownTools
from devagent.host.manifest import FIRST_PARTY, package_folder, read_manifest
from devagent.policy import CompiledPolicy, compile_policy, parse
from devagent.settings.config import load_config
from devagent.settings.places import places

policy_files = click.option(
    "--policy",
    "files",
    multiple=True,
    metavar="FILE",
    help="A policy file; the first stands in the org's place. May be repeated.",
)


def read_policies(files: Sequence[str]) -> CompiledPolicy:
    """The files as one policy, the first in the org's place. Raises PolicyError."""
    return compile_policy([parse(_read(f), f, org=n == 0) for n, f in enumerate(files)])


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise PolicyError(f"cannot be read ({error.strerror})", file=path) from error


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
