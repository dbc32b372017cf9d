"""``devagent mcp serve --profile conformance``: the official suite's fixture behind the gateway, on loopback.

The fixture is a server like any third party's: pinned, started, judged, recorded. What is special is the place (a
throw-away home), the policy (all that the fixture has is allowed), the names (its own), and that no token is asked for.
"""

import asyncio
import os
import sys
import tempfile

import click

from devagent.gateway.callers import Callers
from devagent.gateway.calling import ByTheClient
from devagent.gateway.front import listen
from devagent.gateway.http import serve_http
from devagent.gateway.names import Plain
from devagent.gateway.sessions import Sessions
from devagent.session import Options
from devagent.session.served import Served, open_served
from devagent.settings.config import load_config

NAME = "suite"
POLICY = f"""\
version = 1
name = "conformance"
layer = "local"
[[rule]]
id = "fixture"
effect = "allow"
tools = ["{NAME}.*", "mcp.*"]
"""
CONFIG = """\
[extensions.suite]
type = "stdio"
command = "{python}"
args = ["-m", "devagent.gateway.fixture"]
pass_env = ["PYTHONPATH"]
start_s = 60
sampling = true
"""


def serve_fixture(host: str, port: int) -> int:
    """Serve it until a signal."""
    with tempfile.TemporaryDirectory() as home:
        work = os.path.join(home, "work")
        os.mkdir(work)
        for name, text in (
            ("policy.toml", POLICY),
            ("config.toml", CONFIG.format(python=sys.executable)),
        ):
            descriptor = os.open(os.path.join(home, name), os.O_WRONLY | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
        environment = {**os.environ, "DEVAGENT_HOME": home}
        config = load_config(os.path.join(home, "config.toml"))
        client_side = ByTheClient()

        async def open_for(client: str) -> Served:
            options = Options(
                folder=work,
                mode="gateway",
                agent=f"mcp-{client}",
                approver=client_side,
                elicitor=client_side,
                sampler=client_side,
                roots=client_side,
                extensions=(NAME,),
                config=config,
            )
            return await open_served(options, environment)

        return asyncio.run(_serve(Sessions(open_for), host, port))


async def _serve(sessions: Sessions, host: str, port: int) -> int:
    listening, url = listen(host, port)
    try:
        await serve_http(
            sessions,
            listening,
            callers=Callers(None),
            hosts=(),
            ready=lambda: click.echo(f"devagent: serving {url}", err=True),
            names=Plain(NAME),
        )
    except asyncio.CancelledError:
        return 0
    finally:
        await sessions.close("done", 0)
    return 0
