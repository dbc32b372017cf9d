"""Which extensions a session has: the first-party ones that the config makes useful."""

from collections.abc import Mapping, Sequence
from typing import Any

from devagent.core.errors import ConfigError, UsageError
from devagent.host.inprocess import InProcess
from devagent.host.manifest import FIRST_PARTY, package_folder, read_manifest


def configured(
    settings: Mapping[str, Mapping[str, Any]], *, folder: str, only: Sequence[str], file: str
) -> list[InProcess]:
    """The extensions of a session in ``folder``.

    ``settings`` are the config's tables by extension, ``file`` where they stand. ``only`` limits the
    session to these (empty = all). One that needs settings and has none is left out, unless it was named.
    Raises UsageError for a name in ``only`` that is unknown or switched off, ConfigError for settings
    that cannot be used.
    """
    known = [*FIRST_PARTY, *(name for name in settings if name not in FIRST_PARTY)]
    for name in only:
        if name not in known:
            raise UsageError(
                f"there is no extension {name!r}", hint=f"There are: {', '.join(known)}."
            )
    found: list[InProcess] = []
    for name in known:
        own = settings.get(name, {})
        enabled = own.get("enabled", True)
        if not isinstance(enabled, bool):
            raise ConfigError(f"extensions.{name}.enabled must be true or false", file=file)
        if name in only and not enabled:
            raise UsageError(
                f"the extension {name!r} is switched off in {file or 'config.toml'}",
                hint=f"Set `enabled = true` in [extensions.{name}] to use it.",
            )
        if (only and name not in only) or not enabled:
            continue
        if name not in FIRST_PARTY:
            raise ConfigError(
                f"extensions.{name}: this version runs its own extensions only ({', '.join(FIRST_PARTY)})",
                file=file,
                hint=f"Set `enabled = false` in [extensions.{name}] to go on without it.",
            )
        manifest = read_manifest(package_folder(FIRST_PARTY[name]))
        missing = [need for need in manifest.needs if not own.get(need)]
        if missing and name in only:
            needs = ", ".join(f"[extensions.{name}] {need}" for need in missing)
            raise ConfigError(f"the extension {name!r} needs {needs}", file=file or "config.toml")
        if not missing:
            found.append(InProcess(manifest, folder=folder, settings=own, secret=_no_secret))
    return found


def _no_secret(name: str) -> str | None:
    """No first-party extension of this version needs a secret."""
    del name
    return None
