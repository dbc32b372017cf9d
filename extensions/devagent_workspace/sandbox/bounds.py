"""What a sandboxed command may touch: what it may write, what it may not even read, and the network."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from devagent_workspace.places import SECRET_NAME, is_inside
from devagent_workspace.real_paths import real_path
from devagent_workspace.sandbox.network import Network

HOME_SECRETS = (
    ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".oci", ".password-store", ".netrc", ".pgpass", ".npmrc", ".pypirc",
    ".git-credentials", ".vault-token", ".s3cfg", ".boto", ".my.cnf", ".databrickscfg", ".docker/config.json",
    ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".m2/settings.xml", ".m2/settings-security.xml",
    ".terraform.d/credentials.tfrc.json", ".config/gcloud", ".config/gh", ".config/hub", ".config/op", ".config/rclone",
    ".config/doctl", ".config/git/credentials", ".config/google-chrome", ".config/chromium", ".config/BraveSoftware",
    ".local/share/keyrings", ".local/share/kwalletd", ".mozilla", ".thunderbird", ".claude/.credentials.json", ".codex/auth.json",
    ".bash_history", ".zsh_history", ".python_history", ".psql_history", ".mysql_history", ".node_repl_history",
    "Library/Keychains", "Library/Application Support/Google/Chrome", "Library/Application Support/Firefox", "Library/Cookies",
)  # fmt: skip
"""Places below a home that hold keys, tokens, sessions of a browser, or what was typed."""
SYSTEM_SECRETS = (
    "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/ssl/private", "/etc/pki/tls/private", "/etc/krb5.keytab",
    "/run/secrets", "/var/run/secrets",
)  # fmt: skip
"""Places of the system that matter where devagent runs as root, or in a container."""
_TEMPORARY = "/tmp"  # noqa: S108 - it is what is meant
_HOST_KEY = re.compile(r"ssh_host_\w+_key$")


class Bounds(NamedTuple):
    """Real, absolute paths. ``hidden`` wins over ``writable``; everything else may be read. ``network``: all
    of it; without, ``hosts`` are those that may be reached."""

    writable: tuple[str, ...]
    hidden: tuple[str, ...]
    network: bool = False
    hosts: tuple[str, ...] = ()

    def holds_hidden(self, folder: str) -> bool:
        """Whether something hidden lies below this folder."""
        return any(is_inside(one, folder) for one in self.hidden)

    def is_hidden(self, path: str) -> bool:
        return any(is_inside(path, one) for one in self.hidden)


def bounds_of(
    folder: str,
    *,
    own: Sequence[str],
    settings: Mapping[str, Any],
    written: Sequence[str],
    network: Network,
    concealed: Sequence[str] = (),
) -> Bounds:
    """The bounds of one command in the workspace ``folder``. ``concealed``: what policy keeps it from reading.

    ``own``: the files and folders of whoever governs this process. ``written``: what the line was judged
    to write outside the workspace; of that only what is there already can be let through.
    """
    home = real_path(os.path.expanduser("~"))
    hidden = {real_path(path) for path in (*own, *concealed)}
    hidden |= {path for path in _secrets(home) if not is_inside(folder, path)}
    candidates = [*_temporary(home), *_repository(folder), *_set(settings), *written]
    real = {real_path(path) for path in candidates}
    writable = {folder, *(path for path in real if os.path.exists(path) and path != "/")}
    # What lies in another one needs no mention, and so no name in a folder that others may write.
    writable = _outermost(writable)
    return Bounds(
        tuple(sorted(path for path in writable if not any(is_inside(path, one) for one in hidden))),
        tuple(sorted(_outermost(hidden))),
        network.whole,
        network.hosts,
    )


def _secrets(home: str) -> set[str]:
    found = {os.path.join(home, name) for name in HOME_SECRETS}
    found.update(SYSTEM_SECRETS)
    for folder, pattern in ((home, SECRET_NAME), ("/etc/ssh", _HOST_KEY)):
        try:
            with os.scandir(folder) as entries:
                found.update(one.path for one in entries if pattern.search(one.name))
        except OSError:
            continue
    return {real_path(path) for path in found if os.path.lexists(path)}


def _temporary(home: str) -> list[str]:
    """The system's folder for temporary files, and TMPDIR unless it is something else by that name."""
    named = os.environ.get("TMPDIR", "")
    usable = os.path.isabs(named) and not is_inside(home, real_path(named))
    return [_TEMPORARY, named] if usable else [_TEMPORARY]


def _set(settings: Mapping[str, Any]) -> list[str]:
    """The setting ``writable``: a person's caches, for the most part."""
    named = [one for one in settings.get("writable", ()) if isinstance(one, str)]
    return [path for one in named if os.path.isabs(path := os.path.expanduser(one))]


def _repository(folder: str) -> list[str]:
    """The git folder of the repository that the workspace is in, where that lies outside of it."""
    at = folder
    while True:
        entry = os.path.join(at, ".git")
        if os.path.isdir(entry) and not os.path.islink(entry):
            return [] if at == folder else [entry]
        if os.path.isfile(entry):
            return _worktree(entry)
        if at == os.path.dirname(at):
            return []
        at = os.path.dirname(at)


def _worktree(entry: str) -> list[str]:
    """The folders of a linked worktree, if what ``.git`` names points back to it: anyone may write a ``.git``."""
    named = _line(entry).removeprefix("gitdir: ")
    own = real_path(os.path.join(os.path.dirname(entry), named))
    if not named or real_path(_line(os.path.join(own, "gitdir"))) != real_path(entry):
        return []
    common = real_path(os.path.join(own, _line(os.path.join(own, "commondir")) or "."))
    return [common] if os.path.dirname(os.path.dirname(own)) == common else [own]


def _line(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return os.fsdecode(file.read(4096)).strip("\n")
    except OSError:
        return ""


def _outermost(paths: set[str]) -> set[str]:
    return {
        one for one in paths if not any(one != other and is_inside(one, other) for other in paths)
    }
