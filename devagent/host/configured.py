"""Which extensions a session has: the first-party ones that the config makes useful."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from devagent.core.errors import ConfigError, UsageError
from devagent.host.extension import Fault, is_server
from devagent.host.inprocess import InProcess
from devagent.host.manifest import FIRST_PARTY, package_folder, read_manifest

_KINDS: dict[str, type] = {"table": dict, "text": str, "truth": bool, "number": int, "list": list}


def configured(
    settings: Mapping[str, Mapping[str, Any]],
    *,
    folder: str,
    only: Sequence[str],
    file: str,
    fault: Fault | None = None,
    own: Sequence[str] = (),
    secret: Callable[[str], str | None] | None = None,
) -> list[InProcess]:
    """The first-party extensions of a session in ``folder``; servers of third parties: ``third_party``.

    ``settings`` are the config's tables by extension, ``file`` where they stand, ``fault`` makes the
    error for an entry of it, ``own`` are devagent's own files, ``secret`` gives a stored secret by its handle.
    ``only`` limits the session to these (empty = all). One that needs settings and has none is left out, unless it was named.
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
        table = settings.get(name, {})
        enabled = table.get("enabled", True)
        if not isinstance(enabled, bool):
            raise ConfigError(f"extensions.{name}.enabled must be true or false", file=file)
        if name in only and not enabled:
            raise UsageError(
                f"the extension {name!r} is switched off in {file or 'config.toml'}",
                hint=f"Set `enabled = true` in [extensions.{name}] to use it.",
            )
        if (only and name not in only) or not enabled:
            continue
        if name not in FIRST_PARTY and is_server(table):
            continue
        if name not in FIRST_PARTY:
            raise ConfigError(
                f"extensions.{name} is none of devagent's own ({', '.join(FIRST_PARTY)}), and has no command to start",
                file=file,
                hint=f'An MCP server has type = "stdio" and a command; `enabled = false` in [extensions.{name}] leaves it out.',
            )
        manifest = read_manifest(package_folder(FIRST_PARTY[name]))
        check_settings(name, manifest.settings, table, fault or _without_place(file))
        missing = [need for need in manifest.needs if not table.get(need)]
        if missing and name in only:
            needs = ", ".join(f"[extensions.{name}] {need}" for need in missing)
            raise ConfigError(f"the extension {name!r} needs {needs}", file=file or "config.toml")
        if not missing:
            found.append(
                InProcess(
                    manifest,
                    folder=folder,
                    settings=table,
                    secret=secret or _no_secret,
                    own=own,
                )
            )
    return found


def check_settings(
    name: str, known: Mapping[str, str], own: Mapping[str, Any], fault: Fault
) -> None:
    """Raise the ConfigError for a setting that the extension does not know or that has another type."""
    for key, value in own.items():
        if key == "enabled":
            continue
        path = ("extensions", name, key)
        kind = known.get(key)
        if kind is None:
            names = [*known, "enabled"]
            near = difflib.get_close_matches(key, names, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(names)}."
            raise fault(path, f"[extensions.{name}] has no setting {key!r}", hint)
        if not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind != "truth"):
            raise fault(path, f"extensions.{name}.{key} must be a {kind}", "")


def _without_place(file: str) -> Fault:
    def fault(path: tuple[str | int, ...], what: str, hint: str) -> ConfigError:
        del path
        return ConfigError(what, file=file or "config.toml", hint=hint)

    return fault


def _no_secret(name: str) -> str | None:
    """Where nothing runs, nothing needs one."""
    del name
    return None
