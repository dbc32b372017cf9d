"""``devagent collector``: a small witness for tests and small teams."""

import signal
import threading
import time
from types import FrameType

import click

from devagent.cli.lazy import Group
from devagent.core.errors import DevagentError, UsageError
from devagent.core.text import one_line

data_option = click.option(
    "--data", required=True, metavar="FOLDER", help="Where its key and its database lie."
)
name_option = click.option(
    "--name",
    metavar="NAME",
    default="devagent-collector",
    show_default=True,
    help="What its signatures are named by.",
)


@click.group(cls=Group)
def collector() -> None:
    """Keep the checkpoints of a team's devices: a witness (C2SP tlog-witness) over HTTP.

    For each session it keeps the largest checkpoint, takes only what provably goes on from it, and cosigns that. A
    policy names it: [log.witness] url and key.
    """


@collector.command()
@data_option
@name_option
@click.option(
    "--listen", default="127.0.0.1:8377", show_default=True, metavar="HOST:PORT", help="Port 0: any that is free."
)  # fmt: skip
@click.option("--closed", is_flag=True, help="Take only devices that `collector add` has let in.")
@click.option("--quiet", is_flag=True, help="No line for each request.")
def serve(data: str, name: str, listen: str, closed: bool, quiet: bool) -> None:
    """Serve until SIGINT or SIGTERM. Plain HTTP: put it behind a proxy that ends TLS."""
    from devagent.audit.collector.server import Server  # noqa: PLC0415  (http.server, for this alone)
    from devagent.audit.collector.store import Collector  # noqa: PLC0415

    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal():
        raise UsageError(f"--listen: {one_line(listen)} is no address.", hint="Write HOST:PORT.")
    kept = Collector(data, name, is_open=not closed)
    try:
        server = Server((host.strip("[]"), int(port)), kept, quiet=quiet)
    except (OSError, OverflowError) as e:
        raise DevagentError(f"Nothing can be served at {listen}: {e}.") from e

    def stop(_: int, __: FrameType | None) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with server:
        click.echo(f"listening on http://{host}:{server.server_address[1]}")
        click.echo(kept.vkey)
        server.serve_forever(poll_interval=0.1)


@collector.command()
@data_option
@name_option
def key(data: str, name: str) -> None:
    """Print its verifier key, for policies ([log.witness] key)."""
    from devagent.audit.collector.store import Collector  # noqa: PLC0415

    click.echo(Collector(data, name, is_open=False).vkey)


@collector.command()
@click.argument("vkey")
@data_option
@name_option
def add(vkey: str, data: str, name: str) -> None:
    """Let a device in, by its verifier key (a session's device.vkey)."""
    from devagent.audit.collector.store import Collector, Refused  # noqa: PLC0415

    try:
        Collector(data, name, is_open=True).introduce(vkey)
    except Refused as e:
        raise UsageError(f"{e.text}.") from e
    click.echo(f"{vkey.partition('+')[0]} is let in.")


@collector.command()
@data_option
@name_option
def devices(data: str, name: str) -> None:
    """List the devices: how many sessions, the newest one, when it was last heard of."""
    from devagent.audit.collector.store import Collector  # noqa: PLC0415

    for one in Collector(data, name, is_open=False).devices():
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(one.at)) if one.at else "never"
        click.echo(f"{one.id}  {one.sessions:>5} sessions  {one.newest or '-':<26}  {when}")
