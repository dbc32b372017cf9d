"""The extension's settings: which trackers there are, how to get in, and where what is kept lies.

[extensions.tickets]
personal_data = "redact"          # addresses, phone numbers, accounts: out of what is read, not let out; or "keep"
data = "/var/tmp/tickets"         # default: tickets/ in devagent's data folder

[extensions.tickets.trackers.own]
type = "local"                    # SQLite in that folder
projects = ["WORK"]
statuses = ["open", "in progress", "done"]     # the last one is the closed one

[extensions.tickets.trackers.pay]
type = "jira"                     # github, gitlab, jira (Cloud), jira-dc (Data Center), linear, azure
url = "https://acme.atlassian.net"
projects = ["PAY", "OPS"]         # these and no others
user = "ana@acme.example"         # Jira Cloud alone
secret = "jira-token"             # the handle of the token, never itself
fields = { points = "customfield_10016" }      # custom fields by a name of yours
timeout_s = 30
"""

import os
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from msgspec import Struct

from devagent_tickets.contract import TicketsError

TYPES = ("local", "github", "gitlab", "jira", "jira-dc", "linear", "azure")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
HANDLE = re.compile(r"[A-Za-z0-9][\w.\-]{0,127}")
_WORD = r"[A-Za-z][A-Za-z0-9_]{0,31}"
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]{0,98}[A-Za-z0-9_\-])?"
PROJECTS = {
    "local": re.compile(_WORD),
    "jira": re.compile(_WORD),
    "jira-dc": re.compile(_WORD),
    "linear": re.compile(_WORD),
    "github": re.compile(rf"{_PART}/{_PART}"),
    "gitlab": re.compile(rf"{_PART}(?:/{_PART}){{1,20}}"),
    "azure": re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_. \-]{0,62}[A-Za-z0-9_\-])?"),
}
DEFAULT_URLS = {
    "github": "https://api.github.com",
    "gitlab": "https://gitlab.com",
    "linear": "https://api.linear.app",
}
NUMBERED = frozenset({"github", "gitlab", "azure"})
"""Types whose keys are plain numbers: tools take them as ``project#number``."""
STATUSES = ("open", "in progress", "done")
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_KEYS: dict[str, type | tuple[type, ...]] = {
    "type": str, "url": str, "projects": list, "user": str, "secret": str, "fields": dict, "timeout_s": (int, float),
    "statuses": list, "name": str,
}  # fmt: skip


class Tracker(Struct, frozen=True, kw_only=True):
    """One tracker as the settings name it; ``name`` is the settings' word, ``own`` whom "me" is in a local one."""

    name: str
    type: str
    projects: tuple[str, ...]
    url: str = ""
    user: str = ""
    secret: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    timeout_s: float = 30.0
    statuses: tuple[str, ...] = STATUSES

    @property
    def is_local(self) -> bool:
        return self.type == "local"

    @property
    def is_numbered(self) -> bool:
        return self.type in NUMBERED

    @property
    def host(self) -> str:
        """The host that is spoken to; empty for a local one."""
        return (urlsplit(self.url).hostname or "").lower()


def read_trackers(settings: Mapping[str, Any]) -> dict[str, Tracker]:
    """The trackers by name. Raises TicketsError ``bad_settings``."""
    tables: object = settings.get("trackers", {})
    if not isinstance(tables, Mapping):
        raise _bad("trackers must be a table of tables")
    found = {
        str(name): _tracker(str(name), table)
        for name, table in cast("Mapping[object, object]", tables).items()
    }
    keepers: dict[str, str] = {}
    for tracker in found.values():
        for project in tracker.projects:
            other = keepers.setdefault(project.lower(), tracker.name)
            if other != tracker.name:
                raise _bad(f"the project {project!r} is in {other} and in {tracker.name}")
    return found


def keeps_personal_data(settings: Mapping[str, Any]) -> bool:
    """Whether personal data is let through. Raises TicketsError ``bad_settings``."""
    value = settings.get("personal_data", "redact")
    if value not in ("redact", "keep"):
        raise _bad('personal_data is "redact" or "keep"')
    return value == "keep"


def data_folder(settings: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> str:
    """Where local trackers and caches lie: as set, else in devagent's data folder, which no tool may touch."""
    env = os.environ if environment is None else environment
    if chosen := settings.get("data", ""):
        return os.path.abspath(os.path.expanduser(str(chosen)))
    if home := env.get("DEVAGENT_HOME", ""):
        return os.path.join(os.path.abspath(os.path.expanduser(home)), "data", "tickets")
    data = env.get("XDG_DATA_HOME", "")
    root = data if os.path.isabs(data) else os.path.expanduser("~/.local/share")
    return os.path.join(root, "devagent", "tickets")


def _tracker(name: str, table: object) -> Tracker:
    where = f"trackers.{name}"
    if not NAME.fullmatch(name):
        raise _bad(f"{where}: a name has letters, digits, - and _, at most 64")
    if not isinstance(table, Mapping):
        raise _bad(f"{where} must be a table")
    values: dict[str, Any] = {str(k): v for k, v in cast("Mapping[object, object]", table).items()}
    for key, value in values.items():
        if key not in _KEYS or key == "name":
            known = ", ".join(k for k in _KEYS if k != "name")
            raise _bad(f"{where} has no setting {key!r}; known: {known}")
        if not isinstance(value, _KEYS[key]) or isinstance(value, bool):
            raise _bad(f"{where}.{key} has the wrong type")
    kind = values.get("type", "local")
    if kind not in TYPES:
        raise _bad(f"{where}.type is one of {', '.join(TYPES)}")
    projects = _texts(values.get("projects", []), f"{where}.projects")
    for project in projects:
        if not PROJECTS[kind].fullmatch(project) or ".." in project:
            raise _bad(f"{where}.projects: {project!r} is no project's name at {kind}")
    if not projects:
        raise _bad(f"{where}.projects must name at least one project")
    if len({p.lower() for p in projects}) < len(projects):
        raise _bad(f"{where}.projects names a project twice")
    statuses = _texts(values.get("statuses", list(STATUSES)), f"{where}.statuses")
    if len(statuses) < 2 or len({s.lower() for s in statuses}) < len(statuses):
        raise _bad(f"{where}.statuses are at least two, each once")
    fields: dict[str, Any] = values.get("fields", {})
    if not all(isinstance(v, str) and NAME.fullmatch(k) for k, v in fields.items()):
        raise _bad(f'{where}.fields: name = "the tracker\'s name of the field"')
    timeout_s = float(values.get("timeout_s", 30))
    if not 0.2 <= timeout_s <= 600:
        raise _bad(f"{where}.timeout_s is from 0.2 to 600")
    secret = values.get("secret", "")
    if secret and not HANDLE.fullmatch(secret):
        raise _bad(f"{where}.secret is the handle of a stored secret, never the secret itself")
    return Tracker(
        name=name, type=kind, projects=projects, url=_url(where, kind, values.get("url", "")),
        user=values.get("user", ""), secret=secret, fields=tuple(fields.items()), timeout_s=timeout_s,
        statuses=statuses,
    )  # fmt: skip


def _url(where: str, kind: str, given: str) -> str:
    if kind == "local":
        if given:
            raise _bad(f"{where}.url: a local tracker has none")
        return ""
    url = (given or DEFAULT_URLS.get(kind, "")).rstrip("/")
    parts = urlsplit(url)
    if not url or not parts.hostname:
        raise _bad(f"{where}.url must name the server")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise _bad(f"{where}.url must begin https://")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise _bad(
            f"{where}.url is the server's address alone; who logs in stands in user and secret"
        )
    return url


def _texts(values: list[Any], where: str) -> tuple[str, ...]:
    if not all(isinstance(value, str) and value.strip() for value in values):
        raise _bad(f"{where} must be a list of texts")
    return tuple(values)


def _bad(text: str) -> TicketsError:
    return TicketsError(f"[extensions.tickets] {text}.", error="bad_settings")
