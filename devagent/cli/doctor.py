"""``devagent doctor``: what works here, what does not, and what to do about it."""

import os
import platform
import shutil
import sys
from collections.abc import Callable

import click
from msgspec import Struct

from devagent import __version__
from devagent.cli.formats import formats
from devagent.cli.policy.shared import policy_in_force
from devagent.core.codec import canonical, to_plain
from devagent.core.errors import ConfigError, DevagentError
from devagent.host.configured import configured
from devagent.host.manifest import FIRST_PARTY, package_folder, read_manifest
from devagent.models.catalogue import REHEARSAL
from devagent.settings.config import Config, load_config
from devagent.settings.credentials import find_credential
from devagent.settings.identity import principal
from devagent.settings.places import places

SPARE_BYTES = 50_000_000
"""Less free room than that is too little to begin a day's work with: nothing runs without its log."""


class _Found(Struct, frozen=True):
    name: str
    ok: bool
    said: str
    hint: str = ""


@click.command()
@formats("text", "json")
def doctor(output_format: str = "text") -> int:
    """Check this installation and say what is missing. Exit code 1 where something needs doing.

    With --format json: one object, the checks in their order, each with "ok", "said" and what to do ("hint").
    """
    checks: list[tuple[str, Callable[[], str]]] = [
        (
            "devagent",
            lambda: f"{__version__} on Python {platform.python_version()}, {sys.platform}",
        ),
        ("principal", lambda: str(principal())),
        ("policy", _policy),
        ("config", lambda: load_config(places().config).file or "none, so the defaults"),
        ("key", _key),
        ("sessions", _sessions),
        ("git", _git),
        *((f"extension {name}", _extension(module)) for name, module in FIRST_PARTY.items()),
    ]
    try:
        checks += _of_extensions()
    except DevagentError as error:
        checks.append(("extensions", _failing(error)))
    found = [_looked_at(name, check) for name, check in checks]
    failed = sum(not one.ok for one in found)
    if output_format == "json":
        click.echo(canonical({"ok": not failed, "checks": to_plain(found)}))
    else:
        for one in found:
            click.echo(f"{'ok   ' if one.ok else 'FIX  '} {one.name}: {one.said}")
            if one.hint:
                click.echo(f"  {one.hint}")
    return 1 if failed else 0


def _looked_at(name: str, check: Callable[[], str]) -> _Found:
    try:
        return _Found(name, True, check())
    except DevagentError as error:
        return _Found(name, False, error.args[0], error.hint)


def _failing(error: DevagentError) -> Callable[[], str]:
    def check() -> str:
        raise error

    return check


def _key() -> str:
    try:
        config = load_config(places().config)
    except ConfigError:
        config = Config()  # what is wrong with it is said of it
    if config.model.startswith(REHEARSAL) or config.model.partition("/")[0] in config.platforms:
        return f"the service's own is not needed for {config.model}"
    return f"from {find_credential(os.environ).source}"


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
        raise DevagentError(
            f"{folder} cannot be written",
            hint=f"Check `ls -ld {nearest}`, or name another place for all of it in DEVAGENT_HOME.",
        )
    if (free := shutil.disk_usage(nearest).free) < SPARE_BYTES:
        raise DevagentError(
            f"{free // 1_000_000} MB are free where {folder} lies",
            hint="Free some: nothing runs without its log. `devagent session prune` removes what policy keeps no longer.",
        )
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
