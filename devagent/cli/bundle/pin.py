"""``devagent bundle pin``: a server that the content configures, looked at, and its tools pinned for everybody."""

import os
from functools import partial

import click
from msgspec.structs import replace

from devagent.cli.bundle.brought import fault
from devagent.cli.bundle.shared import CONTENT, Workplace, in_folder
from devagent.cli.ext.shared import let_in
from devagent.core.errors import ConfigError, UsageError
from devagent.host.extension import is_server
from devagent.host.mcp.config import check_names, parse_server
from devagent.host.mcp.extension import McpExtension
from devagent.host.mcp.lock import Program, ToolsLock, lock_of
from devagent.org import equipment
from devagent.settings.keyring_secrets import KeyringSecrets
from devagent.settings.trusted_file import read_trusted

DECLINED = 1


@click.command()
@click.argument("name")
@in_folder
@click.option(
    "--content",
    default="",
    metavar="FOLDER",
    help="Another folder with an extensions.toml, as an organisation has it on its machines; no policy repository is needed.",
)
@click.option("--yes", is_flag=True, help="Ask nothing; for scripts that have looked before.")
def pin(name: str, folder: str, *, content: str, yes: bool) -> int:
    """Start or reach the MCP server NAME of content/extensions.toml, show its tools, and pin them in content/tools.lock.

    On every machine the server is then let in as it is now, and a tool that differs is withheld. Prints the digest that
    `[extensions.digests]` and `bundle revoke extension NAME@DIGEST` take.
    """
    org = "your organisation"
    if not content:
        workplace = Workplace(folder)
        content, org = workplace.path(CONTENT), workplace.settings.org
    content = os.path.abspath(content)
    path = os.path.join(content, equipment.EXTENSIONS)
    try:
        with open(path, "rb") as file:
            files = {equipment.EXTENSIONS: file.read()}
    except OSError as e:
        raise ConfigError(f"cannot be read ({e.strerror})", file=path, hint=f'Write [extensions.{name}] there, as into a config.toml.') from e  # fmt: skip
    tables = equipment.read(files, content, org).extensions
    if not is_server(tables.get(name, {})):
        raise UsageError(
            f"there is no MCP server {name!r} in {path}",
            hint=f"There are: {', '.join(n for n, t in tables.items() if is_server(t)) or 'none'}.",
        )
    check_names([name], fault)
    lock = ToolsLock(content, partial(read_trusted, error=ConfigError))
    extension = McpExtension(parse_server(name, tables[name], fault), lock, folder=os.getcwd(), secrets=KeyringSecrets())  # fmt: skip
    try:
        if not let_in(extension, yes=yes):
            return DECLINED
    finally:
        if os.path.exists(f"{lock.path}.lock"):
            os.unlink(f"{lock.path}.lock")
    servers = dict(lock.servers())
    # Where the program lies on this machine is nobody's business; its bytes are.
    own = servers[name]
    program = Program("", own.program.sha256, ()) if own.program else None
    args = [one.replace(f"{content}{os.sep}", equipment.BUNDLE) for one in own.command[1:]]
    servers[name] = replace(
        own, program=program, command=("", *args) if own.command else (), pending={}
    )
    with open(lock.path, "wb") as file:
        os.fchmod(file.fileno(), 0o644)  # for everybody to read; there is no secret in it
        file.write(lock_of(servers) + b"\n")
    click.echo(f"{name}: {len(own.tools)} tools pinned in {os.path.relpath(lock.path)}")
    click.echo(f"digest {servers[name].definition}")
    return 0
