"""Where one person's files lie, and where the organisation's do.

``DEVAGENT_HOME`` moves everything of one person (config, policy, sessions, cache) into one folder;
without it the XDG folders are used (on Windows ``%APPDATA%`` and ``%LOCALAPPDATA%``). Nothing in the
environment moves the organisation's folder: a person cannot point devagent at another org policy.
"""

import os
import sys
from collections.abc import Mapping

from msgspec import Struct

_ORG_FOLDERS = {
    "darwin": "/Library/Application Support/devagent",
    "win32": r"C:\ProgramData\devagent",
}
ORG_FOLDER = _ORG_FOLDERS.get(sys.platform, "/etc/devagent")

ORG_FILES = ("policy.toml", "extensions.toml", "tools.lock")
"""What an organisation without bundles may have in its folder."""
OWN_ORG_FOLDER = ".devagent-org"
"""Where one person's own enrolment lies, below their home by the password database."""
PIN = "org.json"


def enrolments() -> tuple[str, str]:
    """Where an enrolment may lie: the machine's, which root alone writes, and the person's own. No variable moves them."""
    own = OWN_ORG_FOLDER if os.path.isabs(OWN_ORG_FOLDER) else os.path.join(_home(), OWN_ORG_FOLDER)
    return os.path.join(ORG_FOLDER, PIN), os.path.join(own, PIN)


def _home() -> str:
    if sys.platform == "win32":
        return os.path.expanduser("~")
    import pwd  # noqa: PLC0415  (POSIX only)

    try:
        return pwd.getpwuid(os.geteuid()).pw_dir
    except KeyError:  # a container's arbitrary user id has no entry
        return "/nonexistent"


class Places(Struct, frozen=True):
    """Absolute paths; none of them need exist yet."""

    config: str
    policy: str
    sessions: str
    data: str
    cache: str

    @property
    def approvals(self) -> str:
        """The file of approvals."""
        return os.path.join(self.data, "approvals.json")

    def governing(self) -> tuple[str, ...]:
        """The files that say what devagent may do, or prove what it did, and that devagent itself does not write
        while a call runs (as it may ``tools.lock``)."""
        names = ("approvals.json", "device.key", "device.vkey")
        return (
            self.config,
            self.policy,
            *(os.path.join(self.data, name) for name in names),
            *(os.path.join(ORG_FOLDER, name) for name in ORG_FILES),
            *enrolments(),
        )

    def own(self) -> tuple[str, ...]:
        """The folders and files that no tool may write: the agent cannot touch its own rules or record."""
        enrolled = os.path.dirname(enrolments()[1])
        folders = {
            os.path.dirname(self.config),
            self.sessions,
            self.data,
            self.cache,
            ORG_FOLDER,
            enrolled,
        }
        return tuple(sorted(folders))


def places(environment: Mapping[str, str] | None = None) -> Places:
    """The places that hold for this process's environment (or the one given)."""
    env = os.environ if environment is None else environment
    home = env.get("DEVAGENT_HOME", "")
    if home:
        home = os.path.abspath(os.path.expanduser(home))
        return Places(
            config=os.path.join(home, "config.toml"),
            policy=os.path.join(home, "policy.toml"),
            sessions=os.path.join(home, "sessions"),
            data=os.path.join(home, "data"),
            cache=os.path.join(home, "cache"),
        )
    config = _folder(env, "XDG_CONFIG_HOME", "APPDATA", "~/.config")
    state = _folder(env, "XDG_STATE_HOME", "LOCALAPPDATA", "~/.local/state")
    return Places(
        config=os.path.join(config, "config.toml"),
        policy=os.path.join(config, "policy.toml"),
        sessions=os.path.join(state, "sessions"),
        data=_folder(env, "XDG_DATA_HOME", "LOCALAPPDATA", "~/.local/share"),
        cache=os.path.join(_folder(env, "XDG_CACHE_HOME", "LOCALAPPDATA", "~/.cache"), "policy"),
    )


def _below_home(path: str) -> str:
    """``~/…`` with the home of whoever runs this; an empty HOME says nothing about where that is."""
    if os.environ.get("HOME") == "" and sys.platform != "win32":
        import pwd  # noqa: PLC0415  (POSIX only)

        try:
            return path.replace("~", pwd.getpwuid(os.geteuid()).pw_dir, 1)
        except KeyError:
            return os.path.abspath(path.removeprefix("~/"))
    return os.path.expanduser(path)


def _folder(env: Mapping[str, str], xdg: str, windows: str, default: str) -> str:
    named = env.get(windows if sys.platform == "win32" else xdg, "")
    # XDG Base Directory Specification: a relative path there is invalid and is ignored.
    root = named if os.path.isabs(named) else _below_home(default)
    return os.path.abspath(os.path.join(root, "devagent"))
