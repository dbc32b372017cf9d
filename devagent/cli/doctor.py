"""``devagent doctor``: what works here, what does not, and what to do about it."""

import os
import platform
import shutil
import sys
from collections.abc import Callable

import click

from devagent import __version__
from devagent.cli.policy.shared import policy_in_force
from devagent.core.errors import DevagentError
from devagent.host.configured import configured
from devagent.host.manifest import FIRST_PARTY, package_folder, read_manifest
from devagent.settings.config import load_config
from devagent.settings.credentials import find_credential
from devagent.settings.identity import principal
from devagent.settings.places import places


@click.command()
def doctor() -> int:
    """Check this installation and say what is missing. Exit 1 where something needs doing."""
    checks: list[tuple[str, Callable[[], str]]] = [
        (
            "devagent",
            lambda: f"{__version__} on Python {platform.python_version()}, {sys.platform}",
        ),
        ("principal", lambda: str(principal())),
        ("policy", _policy),
        ("config", lambda: load_config(places().config).file or "none, so the defaults"),
        ("key", lambda: f"from {find_credential(os.environ).source}"),
        ("sessions", _sessions),
        ("git", _git),
        *((f"extension {name}", _extension(module)) for name, module in FIRST_PARTY.items()),
    ]
    try:
        checks += _of_extensions()
    except DevagentError as error:  # said once more by the check of the config
        click.echo(f"FIX   extensions: {error}")
    failed = 0
    for name, check in checks:
        try:
            click.echo(f"ok    {name}: {check()}")
        except DevagentError as error:
            failed += 1
            click.echo(f"FIX   {name}: {error}")
    return 1 if failed else 0


def _policy() -> str:
    policy = policy_in_force()
    if policy.locked:
        raise DevagentError(
            f"locked: {policy.locked}", hint="Ask whoever runs devagent in your organisation."
        )
    layers = ", ".join(
        f"{layer.layer}/{layer.name} ({layer.rules} rules)" for layer in policy.layers
    )
    return f"{layers}; digest {policy.compiled.digest[:12]}"


def _sessions() -> str:
    folder = places().sessions
    nearest = folder
    while not os.path.exists(nearest):
        nearest = os.path.dirname(nearest)
    if not (os.path.isdir(nearest) and os.access(nearest, os.W_OK | os.X_OK)):
        raise DevagentError(f"{folder} cannot be written", hint=f"Check `ls -ld {nearest}`.")
    return folder


def _git() -> str:
    found = shutil.which("git")
    if not found:
        raise DevagentError("git is not on PATH", hint="Install git; the git extension needs it.")
    return found


def _of_extensions() -> list[tuple[str, Callable[[], str]]]:
    """What the extensions in use say of this machine."""
    here = places()
    config = load_config(here.config)
    found = configured(
        config.extensions, folder=os.getcwd(), only=(), file=config.file, own=here.own()
    )
    return [(name, _said(state, hint)) for one in found for name, state, hint in one.checks()]


def _said(state: str, hint: str) -> Callable[[], str]:
    def check() -> str:
        if hint:
            raise DevagentError(state, hint=hint)
        return state

    return check


def _extension(module: str) -> Callable[[], str]:
    def check() -> str:
        manifest = read_manifest(package_folder(module))
        return f"{manifest.reference.version}, {len(manifest.tools)} tools, {manifest.reference.digest[:12]}"

    return check
