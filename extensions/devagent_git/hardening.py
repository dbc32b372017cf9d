"""What keeps a repository from running anything: the environment, and settings that outrank its own.

A repository's own configuration (``.git/config``, its includes, ``config.worktree``) may name programs:
monitors, hooks, filters, diff and merge drivers, transports, helpers. None of them is run. Settings of
the *person* (global and system scope) stay in force where the person wants them: credential helpers,
signing, ssh command, and, for calls that write, filters such as git-lfs.

Rules, in the order of the code:
1. The environment is made anew from a short list of names; nothing ``GIT_*`` comes in from outside.
   ``PATH`` loses relative folders and folders inside the workspace.
2. Fixed settings go in as ``GIT_CONFIG_KEY_n`` (they outrank every file, and child processes inherit
   them); the same pairs as ``-c`` would stand in argv and could not carry every subsection name.
3. Git cannot unset a key or match keys by glob, so the configuration is listed first (listing runs
   nothing), and each key that names a program and comes from the repository is set anew: to the
   person's value where there is one, else to what does nothing.
4. A filter that the repository configures is not run. For reading that shows raw content; for writing
   it is made *required* with no command, so that git itself refuses each file that would need it:
   committing raw what should have been encrypted would be worse than refusing.
5. Reading and local writing start no transport at all (``GIT_ALLOW_PROTOCOL`` empty, no lazy fetch).
   The network tools allow file, git, http(s) and ssh, and follow no redirect: the host that was judged
   is the host that is talked to.
6. Git is never run inside a submodule, whose configuration is another one: only its commit counts.
7. What a condition includes (``includeIf``) counts whether the condition holds or not: a switch, or the
   folder of a new work tree, could make it hold between the listing and the call.
"""

import os
import shutil
from collections.abc import Iterable
from typing import Literal, NamedTuple

from devagent_git.contract import GitError

Use = Literal["read", "write", "net"]

PASSED_ON = frozenset(
    [
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "TMPDIR",
        "TZ",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_CACHE_HOME",
        "XDG_RUNTIME_DIR",
        "SSH_AUTH_SOCK",
        "SSH_AGENT_PID",
        "GNUPGHOME",
        "DBUS_SESSION_BUS_ADDRESS",
        "KRB5CCNAME",
        "KRB5_CONFIG",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "all_proxy",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "CURL_CA_BUNDLE",
        "NIX_SSL_CERT_FILE",
    ]
)
ADDED: dict[str, str] = {}
"""More variables for every git process; tests shut the machine's own configuration out with it."""

_FIXED = {
    "core.fsmonitor": "false",
    "core.hookspath": os.devnull,
    "core.pager": "cat",
    "core.editor": ":",
    "core.askpass": "",
    "core.alternaterefscommand": "true",
    "core.quotepath": "false",
    "core.logallrefupdates": "true",
    "core.protecthfs": "true",
    "core.protectntfs": "true",
    "sequence.editor": ":",
    "color.ui": "never",
    "column.ui": "never",
    "diff.noprefix": "false",
    "diff.mnemonicprefix": "false",
    "diff.submodule": "short",
    "diff.ignoresubmodules": "dirty",
    "status.submodulesummary": "false",
    "diff.orderfile": os.devnull,
    "log.showsignature": "false",
    "log.follow": "false",
    "blame.ignorerevsfile": "",
    "i18n.commitencoding": "UTF-8",
    "i18n.logoutputencoding": "UTF-8",
    "user.useconfigonly": "true",
    "commit.verbose": "false",
    "commit.status": "false",
    "merge.autostash": "false",
    "merge.stat": "false",
    "pull.twohead": "ort",
    "rebase.autosquash": "false",
    "rebase.autostash": "false",
    "rebase.backend": "merge",
    "rebase.forkpoint": "false",
    "rebase.instructionformat": "",
    "rebase.missingcommitscheck": "ignore",
    "rebase.rebasemerges": "false",
    "rebase.updaterefs": "false",
    "rerere.autoupdate": "false",
    "notes.rewrite.amend": "false",
    "notes.rewrite.rebase": "false",
    "worktree.guessremote": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "fetch.recursesubmodules": "false",
    "fetch.prunetags": "false",
    "push.recursesubmodules": "no",
    "push.followtags": "false",
    "push.gpgsign": "false",
    "push.pushoption": "",
    "push.useforceifincludes": "false",
    "protocol.ext.allow": "never",
    "transfer.bundleuri": "false",
    "credential.interactive": "false",
    "http.followredirects": "false",
}
"""Set for every call, whatever any file says. ``pull.twohead`` and ``rebase.instructionFormat`` name or smuggle in
programs (a merge strategy is one, and so is a line ``exec`` after a line's end in the format). Of ``pull.twohead``
a rebase, a cherry-pick and a revert take the *first* value, the repository's; so these name their strategy too."""

_NEUTRAL = {
    "core.sshcommand": "ssh",
    "gpg.program": "gpg",
    "gpg.openpgp.program": "gpg",
    "gpg.x509.program": "gpgsm",
    "gpg.ssh.program": "ssh-keygen",
    "gpg.ssh.defaultkeycommand": "false",
    "http.sslverify": "true",
    "http.savecookies": "false",
    "http.cookiefile": "",
    "http.delegation": "none",
}
"""Key → what it is set to when the repository sets it and the person does not."""

_NEUTRAL_OF_ANY = {
    ("http", "sslverify"): "true",
    ("http", "savecookies"): "false",
    ("http", "cookiefile"): "",
    ("http", "delegation"): "none",
    ("http", "followredirects"): "false",
    ("remote", "uploadpack"): "git-upload-pack",
    ("remote", "receivepack"): "git-receive-pack",
    ("remote", "mirror"): "false",
    ("merge", "driver"): "false",
    ("branch", "mergeoptions"): "",
    ("trailer", "command"): "",
    ("trailer", "cmd"): "",
}
"""(section, name) of ``section.<anything>.name`` → its neutral value, as above."""

_REROUTING = frozenset(
    [("http", name) for name in ("proxy", "sslcainfo", "sslcapath", "curloptresolve")]
    + [("remote", name) for name in ("proxy", "vcs")]
    + [("fetch", "bundleuri")]
)
"""What could send a connection elsewhere than its URL says, and has no neutral value: refused."""

_LFS_PROGRAMS = ("lfs.customtransfer.", "lfs.extension.", "lfs.standalonetransferagent")
_OWN_SCOPES = ("local", "worktree")


class Setting(NamedTuple):
    """One configured value. ``own``: it comes from the repository, not from the person."""

    key: str
    value: str
    own: bool

    @property
    def parts(self) -> tuple[str, str, str]:
        """Section, subsection (empty where there is none) and name; git gives the outer two lower case."""
        section, _, rest = self.key.partition(".")
        middle, _, name = rest.rpartition(".")
        return section, middle, name


def settings_of(listing: bytes) -> list[Setting]:
    """What ``git config --list -z --show-scope`` printed. A key without a value is ``true``."""
    words = listing.decode("utf-8", "surrogateescape").split("\0")
    found: list[Setting] = []
    for scope, entry in zip(words[::2], words[1::2], strict=False):
        key, newline, value = entry.partition("\n")
        if scope != "command":
            found.append(Setting(key, value if newline else "true", scope in _OWN_SCOPES))
    return found


def executable(workspace: str) -> tuple[str, str]:
    """Absolute path of git and the PATH to run it with. Raises GitError ``no_git``."""
    inside = os.path.join(os.path.realpath(workspace), "")
    folders = [
        folder
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)
        if os.path.isabs(folder)
        and not os.path.join(os.path.realpath(folder), "").startswith(inside)
    ]
    path = os.pathsep.join(folders)
    git = shutil.which("git", path=path)
    if git is None:
        raise GitError("git is not installed (not found on PATH)", error="no_git")
    return git, path


def environment(use: Use, path: str, overrides: Iterable[tuple[str, str]]) -> dict[str, str]:
    """All variables of a git process; ``overrides`` come after the fixed settings and outrank them."""
    passed = {name: value for name, value in os.environ.items() if name in PASSED_ON}
    pairs = [*_FIXED.items(), *overrides]
    made = {
        "PATH": path,
        "LC_ALL": "C.UTF-8",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_EDITOR": ":",
        "GIT_SEQUENCE_EDITOR": ":",
        "GIT_MERGE_AUTOEDIT": "no",
        "GIT_PAGER": "cat",
        "GIT_PROXY_COMMAND": "",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_GRAFT_FILE": os.devnull,
        "GIT_ADVICE": "0",
        "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh" if use == "net" else "",
        "GIT_CONFIG_COUNT": str(len(pairs)),
    }
    if use == "read":
        made["GIT_OPTIONAL_LOCKS"] = "0"
    for number, (key, value) in enumerate(pairs):
        made[f"GIT_CONFIG_KEY_{number}"] = key
        made[f"GIT_CONFIG_VALUE_{number}"] = value
    return passed | made | ADDED


def overrides(
    settings: Iterable[Setting], submodules: Iterable[str], use: Use
) -> list[tuple[str, str]]:
    """The pairs that take the repository's programs out of force for this use (rules 3, 4 and 6)."""
    settings = list(settings)
    persons: dict[str, str] = {s.key: s.value for s in settings if not s.own}
    pairs: dict[str, str] = {}
    for setting in settings:
        section, middle, name = setting.parts
        if setting.own and setting.key in _NEUTRAL:
            pairs[setting.key] = persons.get(setting.key, _NEUTRAL[setting.key])
        elif setting.own and middle and (section, name) in _NEUTRAL_OF_ANY:
            pairs[setting.key] = persons.get(setting.key, _NEUTRAL_OF_ANY[section, name])
        elif section == "hook" and name == "command":  # hooks are off, whoever configured them
            pairs[setting.key] = ":"
            pairs[f"hook.{middle}.enabled"] = "false"
    for name in submodules:
        pairs[f"submodule.{name}.ignore"] = "dirty"
    return [*pairs.items(), *_credential_helpers(settings), *_filters(settings, use)]


def _credential_helpers(settings: list[Setting]) -> list[tuple[str, str]]:
    """An empty helper clears the list that the files made; then the person's own follow in order."""
    if not any(s.own and s.parts[0] == "credential" and s.parts[2] == "helper" for s in settings):
        return []
    kept = [
        (s.key, s.value)
        for s in settings
        if not s.own and s.parts[0] == "credential" and s.parts[2] == "helper"
    ]
    return [("credential.helper", ""), *kept]


def submodules_of(settings: Iterable[Setting]) -> list[str]:
    """Names of the submodules that a configuration (or ``.gitmodules``) speaks of."""
    found = (s.parts[1] for s in settings if s.parts[0] == "submodule")
    return list(dict.fromkeys(name for name in found if name))


def own_filters(settings: Iterable[Setting]) -> list[str]:
    """Names of the filter drivers that the repository itself configures, or bends (git-lfs programs)."""
    names: dict[str, None] = {}
    for setting in settings:
        section, middle, _ = setting.parts
        if setting.own and section == "filter" and middle:
            names[middle] = None
        elif setting.own and setting.key.startswith(_LFS_PROGRAMS):
            names["lfs"] = None
    return list(names)


def _filters(settings: list[Setting], use: Use) -> list[tuple[str, str]]:
    own = own_filters(settings)
    every = {s.parts[1]: None for s in settings if s.parts[0] == "filter" and s.parts[1]}
    off = {**every, **dict.fromkeys(own)} if use == "read" else dict.fromkeys(own)
    pairs: list[tuple[str, str]] = []
    for name in off:
        pairs += [(f"filter.{name}.{command}", "") for command in ("clean", "smudge", "process")]
        pairs.append((f"filter.{name}.required", "false" if use == "read" else "true"))
    return pairs


def value_of(settings: Iterable[Setting], key: str) -> str | None:
    """The value in force (the last one) of a key written as git lists it; None when it is not set."""
    found = [setting.value for setting in settings if setting.key == key]
    return found[-1] if found else None


def values_of(settings: Iterable[Setting], key: str) -> list[str]:
    """All values of a multi-valued key, in order."""
    return [setting.value for setting in settings if setting.key == key]


def hooks_in(folder: str, names: Iterable[str]) -> list[str]:
    """Which of these hooks exist and are executable in a hooks folder."""
    return [
        name
        for name in names
        if os.path.isfile(os.path.join(folder, name))
        and os.access(os.path.join(folder, name), os.X_OK)
    ]


def rerouting(settings: Iterable[Setting]) -> list[str]:
    """Keys by which the repository itself would reroute connections (``_REROUTING``)."""
    return [s.key for s in settings if s.own and (s.parts[0], s.parts[2]) in _REROUTING]
