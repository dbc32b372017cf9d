"""``devagent session export --to``: sessions handed on to what the organisation runs, each event once."""

import os
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from typing import Literal

import click
from msgspec import Struct

from devagent import __version__
from devagent.audit.claims import Claims
from devagent.audit.device import own_key
from devagent.audit.export.fold import Teams
from devagent.audit.export.progress import Progress
from devagent.audit.export.run import Export, Tally
from devagent.audit.export.target import ExportError, Target
from devagent.audit.layout import EVENTS, oldest_first
from devagent.audit.verification import Verification
from devagent.audit.verify import verify_session
from devagent.cli.policy.shared import policy_in_force
from devagent.cli.redacting import redactor_for
from devagent.cli.session.shared import WIDTH, folder_of, write
from devagent.cli.usage import groups_in_force, since_s
from devagent.core.errors import ConfigError, UsageError
from devagent.core.text import one_line
from devagent.settings.credentials import from_keyring
from devagent.settings.places import places

Kind = Literal["parquet", "delta", "ocsf", "otlp", "mlflow"]
FOLDER_KINDS = frozenset({"parquet", "delta", "ocsf"})


class Options(Struct, frozen=True):
    """What the command line asks for. ``folder`` and ``endpoint`` are empty where they are not given."""

    kind: Kind
    name: str
    since: str = ""
    folder: str = ""
    endpoint: str = ""
    headers: tuple[str, ...] = ()
    experiment: str = ""
    team: str = "*"
    content: bool = False
    again: bool = False


def export_to(options: Options) -> None:
    """Export, and tell what was done. Exit code 1 where anything was not exported, or does not verify.

    Raises UsageError and ConfigError before anything is sent, ExportError where the target takes no more.
    """
    here = places()
    sessions = _Sessions(options)
    target = _target(options)
    teams = Teams(groups_in_force(), options.team)
    identity = target.identity
    with closing(Progress(os.path.join(here.data, "exports"), identity)) as progress:
        if options.again:
            if target.is_there() and not target.keeps_ids:
                raise UsageError(
                    f"{identity} is still there: everything would be in it twice.",
                    hint="Move it away, or name another folder.",
                )
            progress.forget()
        elif progress.number > bool(progress.pending()) and not target.is_there():
            raise ExportError(
                f"{identity} is not there any more, though sessions were exported to it.",
                hint="Bring it back, or export everything anew with --again.",
            )
        redact = redactor_for(policy_in_force().compiled.files)
        export = Export(
            target, progress, sessions.verify, teams, content=options.content, redact=redact
        )
        try:
            export.run(sessions.folders())
        finally:
            _tell(export.tally, target.identity)
    if not export.tally.ok:
        raise click.exceptions.Exit(1)


class _Sessions:
    """The sessions in question, the oldest first, and how each is verified."""

    def __init__(self, options: Options) -> None:
        self._here = places()
        self._claims = Claims(self._here.sessions, self._here.data)
        self._options = options
        self._since = since_s(options.since, time.time()) if options.since else 0.0
        self._folder = folder_of(options.name) if options.name else ""

    def folders(self) -> Generator[str]:
        if self._folder:
            yield self._folder
            return
        for folder in oldest_first(self._here.sessions):
            if self._changed_at(folder) >= self._since:
                yield folder

    def verify(self, folder: str) -> Verification:
        """Checked with this computer's key, and against what the session after it, or the device, says of it."""
        key = own_key(folder, self._here.data)
        return verify_session(folder, key=key, claimed=self._claims.of(folder))

    def _changed_at(self, folder: str) -> float:
        try:
            return os.stat(os.path.join(folder, EVENTS)).st_mtime
        except OSError:
            return self._since  # whoever reads it says what is wrong with it


def _target(options: Options) -> Target:
    kind = options.kind
    if kind in FOLDER_KINDS:
        if not options.folder or options.endpoint:
            raise UsageError(f"--to {kind} needs a folder.", hint=f"--to {kind} --output DIR")
        if "://" in options.folder:
            raise UsageError(
                f"{one_line(options.folder)} is no folder of this machine.",
                hint="Mount the store, or copy the folder to it.",
            )
        if options.headers or options.experiment:
            raise UsageError(f"--header and --experiment mean nothing to {kind}.")
    elif not options.endpoint or options.folder:
        raise UsageError(f"--to {kind} needs an address.", hint=f"--to {kind} --endpoint URL")
    match kind:
        case "parquet":
            from devagent.audit.export.parquet import Parquet  # noqa: PLC0415  (the target alone)

            return Parquet(options.folder)
        case "delta":
            from devagent.audit.export.delta import Delta  # noqa: PLC0415

            return Delta(options.folder)
        case "ocsf":
            from devagent.audit.export.ocsf import Ocsf  # noqa: PLC0415

            return Ocsf(options.folder)
        case "otlp" | "mlflow":
            return _server_target(options)


def _server_target(options: Options) -> Target:
    from devagent.audit.export.http import Server  # noqa: PLC0415  (HTTP is for these two)
    from devagent.audit.export.mlflow import Mlflow  # noqa: PLC0415
    from devagent.audit.export.otlp import Otlp  # noqa: PLC0415
    from devagent.audit.export.telemetry import Telemetry  # noqa: PLC0415
    from devagent.models.tls import Tls, tls_context  # noqa: PLC0415

    server = Server(
        options.endpoint, headers=_headers(options.headers), tls=lambda: tls_context(Tls())
    )
    telemetry = Telemetry(__version__)
    if options.kind == "mlflow":
        return Mlflow(server, telemetry, options.experiment or "devagent")
    if options.experiment:
        raise UsageError("--experiment means nothing to otlp.")
    return Otlp(server, telemetry)


def _headers(given: tuple[str, ...]) -> Mapping[str, str]:
    """``Name=Bearer env:NAME`` as a header; what is wrong is told without the value."""
    from devagent.host.mcp.handles import handle  # noqa: PLC0415  (only where there is one)

    found: dict[str, str] = {}
    for text in given:
        name, _, where = text.partition("=")
        try:
            one = handle(where)
        except ValueError as e:
            raise UsageError(f"--header {one_line(name, 40)}: {e}.") from None
        if not name.replace("-", "").isalnum() or not name.isascii():
            raise UsageError("--header needs a name: 'Authorization=Bearer env:NAME'.")
        if one.store == "env":
            value = os.environ.get(one.name, "")
        else:
            value = from_keyring(f"secret:{one.name}")[0]
        value = value.strip()
        if not value or not (value.isascii() and value.isprintable()):
            what = "has characters that no header can have" if value else "is not there"
            raise ConfigError(f"--header {name} needs {one}, which {what}")
        found[name] = f"{one.word} {value}".strip()
    return found


def _tell(tally: Tally, identity: str) -> None:
    more = [f"{tally.unchanged:,} had nothing new"] if tally.unchanged else []
    if tally.open:
        more.append(f"{tally.open:,} still open: what is under way follows when it is over")
    if tally.resent:
        more.append("a batch of an export that was cut off was sent again")
    text = f"{identity}: {tally.events:,} events of {tally.sessions:,} sessions exported"
    write(one_line("; ".join([text, *more]), WIDTH))
    for one in _complaints(tally):
        click.echo(one_line(f"devagent: {one}", WIDTH), err=True)


def _complaints(tally: Tally) -> Iterator[str]:
    for one in tally.unverified:
        yield f"session {one.sid} is exported and does not verify: {one.why}"
    for one in tally.failed:
        yield f"session {one.sid} is not exported to its end: {one.why}"
    yield from tally.notes
