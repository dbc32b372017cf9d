"""The variables that commands get: a made environment, in which no secret and no surprise is left.

A list says which of the person's variables pass; everything else stays behind. What tells programs to
open a pager, an editor, a prompt or another program is set to something that cannot.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from typing import Any

PASSED = (
    "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "SHELL", "JAVA_HOME", "GOPATH", "GOROOT", "GOCACHE",
    "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "NVM_DIR", "PYENV_ROOT", "RBENV_ROOT", "VIRTUAL_ENV", "CONDA_PREFIX",
    "CONDA_DEFAULT_ENV", "ANDROID_HOME", "DOTNET_ROOT", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "CI", "NIX_SSL_CERT_FILE",
)  # fmt: skip
"""The person's variables that commands keep; the setting ``environment`` names more."""
MADE = {
    "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "120", "LINES": "50",
    "PAGER": "cat", "MANPAGER": "cat", "SYSTEMD_PAGER": "cat", "GIT_PAGER": "cat", "GH_PAGER": "cat", "LESS": "-FRX",
    "EDITOR": "false", "VISUAL": "false", "GIT_EDITOR": "false", "GIT_SEQUENCE_EDITOR": "false", "BROWSER": "false",
    "GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "false", "SSH_ASKPASS": "false", "SSH_ASKPASS_REQUIRE": "never",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes", "GCM_INTERACTIVE": "never", "GIT_MERGE_AUTOEDIT": "no",
    "DEBIAN_FRONTEND": "noninteractive", "PIP_NO_INPUT": "1", "PYTHONUNBUFFERED": "1", "npm_config_yes": "false",
    "GIT_CONFIG_COUNT": "5",
    "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": "false",
    "GIT_CONFIG_KEY_1": "safe.bareRepository", "GIT_CONFIG_VALUE_1": "explicit",
    "GIT_CONFIG_KEY_2": "protocol.ext.allow", "GIT_CONFIG_VALUE_2": "never",
    "GIT_CONFIG_KEY_3": "core.askPass", "GIT_CONFIG_VALUE_3": "false",
    "GIT_CONFIG_KEY_4": "color.ui", "GIT_CONFIG_VALUE_4": "false",
}  # fmt: skip
"""Set for every command. What is absent from both lists (``LD_*``, ``PYTHON*``, ``GIT_*``, tokens) is gone."""
_STANDARD = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"


def environment(settings: Mapping[str, Any]) -> dict[str, str]:
    """The whole environment of a command."""
    more = [name for name in settings.get("environment", ()) if isinstance(name, str)]
    kept = {name: os.environ[name] for name in (*PASSED, *more) if name in os.environ}
    kept |= {name: value for name, value in os.environ.items() if name.startswith("LC_")}
    return {"LANG": "C.UTF-8", **kept, **MADE, "PATH": search_path()}


def search_path() -> str:
    """PATH with its absolute folders only: nothing is found by where one happens to stand."""
    parts = os.environ.get("PATH", "").split(os.pathsep)
    return (
        os.pathsep.join(dict.fromkeys(part for part in parts if os.path.isabs(part))) or _STANDARD
    )


def finder(path: str) -> Callable[[str], str | None]:
    """Finds executables by name on a fixed PATH; what was looked up is remembered for one line."""
    found: dict[str, str | None] = {}

    def find(name: str) -> str | None:
        if name not in found:
            found[name] = shutil.which(name, path=path)
        return found[name]

    return find
