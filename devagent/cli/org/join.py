"""``devagent org join``: this machine belongs to an organisation from here on."""

import os
import re
from contextlib import closing

import click

from devagent.cli.org.documents import indexed
from devagent.cli.org.recording import record
from devagent.cli.org.shared import in_words
from devagent.core.codec import parse, sha256
from devagent.core.errors import ConfigError, UsageError
from devagent.org import pin as pins
from devagent.org.fetching import Absent, Source
from devagent.org.manifest import ORG_NAME
from devagent.org.pin import Pin
from devagent.org.refusals import Refused
from devagent.org.sources import source_for
from devagent.session.enrolled import client_of, synced_event
from devagent.settings.identity import principal
from devagent.settings.places import enrolments, places

MOST_ROOT = 100_000
_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


@click.command()
@click.argument("url")
@click.option("--org", "org", required=True, metavar="NAME", help="The organisation's name.")
@click.option("--root-sha256", "digest", default="", metavar="HEX", help="The digest of its first root, from somebody who knows.")  # fmt: skip
@click.option(
    "--environment",
    metavar="NAME",
    default="prod",
    show_default=True,
    help="Which of its environments.",
)
@click.option("--trust-first-use", is_flag=True, help="Take whatever root the server has: whoever is between gives it.")  # fmt: skip
def join(url: str, org: str, digest: str, environment: str, *, trust_first_use: bool) -> int:
    """Enrol this machine with the policy at URL, and fetch it.

    As root for everybody on it; otherwise for you alone. From here on there is no session without that policy, and
    only whoever enrolled the machine can end it.
    """
    if not ORG_NAME.fullmatch(org):
        raise UsageError(f"{org!r} is no organisation's name")
    if digest and not _DIGEST.fullmatch(digest):
        raise UsageError(
            "--root-sha256 is no digest: it has 64 hexadecimal digits",
            hint="`sha256sum published/metadata/1.root.json` prints it where the policy is published.",
        )
    machine, own = enrolments()
    for file in (machine, own):
        if os.path.lexists(file):
            raise ConfigError(
                "this machine is enrolled already",
                file=file,
                hint="`devagent org status` says where.",
            )
    with closing(source_for(url)) as source:
        return _join(source, url, org, digest, environment, trust_first_use=trust_first_use)


def _join(
    source: Source, url: str, org: str, digest: str, environment: str, *, trust_first_use: bool
) -> int:
    machine, own = enrolments()
    if not digest:
        digest = _first_use(source, trusted=trust_first_use)
    url = os.path.abspath(os.path.expanduser(url)) if "://" not in url else url
    pin = Pin(
        schema=pins.SCHEMA,
        org=org,
        url=url,
        root_sha256=digest.lower(),
        environment=environment,
        joined="first use" if trust_first_use else "by digest",
    )
    pins.read(pins.written(pin))
    # Root enrols the machine; anybody else themselves.
    file = (
        machine
        if os.geteuid() == 0 and os.access(os.path.dirname(os.path.dirname(machine)), os.W_OK)
        else own
    )
    _write(file, pins.written(pin))
    here = places()
    found = client_of(here, principal(), file)
    done = found.sync(source)
    if done.outcome == "refused" and done.code in ("root", "elsewhere"):
        os.unlink(file)  # it was never this organisation's
        raise ConfigError(f"not enrolled: {done.reason}", hint="Ask for the digest and the name again, and where to fetch from.")  # fmt: skip
    record(here, found, done)
    click.echo(f"enrolled with {org} ({environment}) in {file}")
    click.echo(in_words(synced_event(pin, done)))
    for line in indexed():
        click.echo(f"  {line}")
    if done.outcome != "refused":
        return 0
    # Not taken back: whoever can keep the server out of reach could keep a machine out of the organisation.
    click.echo("devagent: it stays enrolled; `devagent org sync` asks again, `devagent org leave` ends it", err=True)  # fmt: skip
    return 78


def _first_use(source: Source, *, trusted: bool) -> str:
    if not trusted:
        raise UsageError(
            "nothing says which root is the organisation's",
            hint="Ask for its digest and give it with --root-sha256. (--trust-first-use takes whatever comes.)",
        )
    try:
        data = source.fetch("metadata/1.root.json", MOST_ROOT).data
        parse(data)
    except (Absent, ValueError) as e:
        raise Refused("missing", "1.root.json") from e
    click.echo(f"devagent: taken on trust: root sha256 {sha256(data)}", err=True)
    return sha256(data)


def _write(file: str, data: bytes) -> None:
    folder = os.path.dirname(file)
    try:
        os.makedirs(folder, mode=0o755, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(file, flags, 0o644), "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
    except OSError as e:
        raise ConfigError(f"cannot be written ({e.strerror})", file=file) from e
