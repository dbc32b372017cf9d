"""A collector of one's own on a loopback port, and the policy table that names it."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from devagent.audit.collector.server import Server
from devagent.audit.collector.store import Collector
from devagent.core.keeping import Witness


class Running:
    """A collector that serves; ``witness`` is what a policy makes of it."""

    def __init__(self, collector: Collector, server: Server) -> None:
        self.collector = collector
        self.server = server
        self.url = f"http://127.0.0.1:{server.server_address[1]}"

    @property
    def witness(self) -> Witness:
        return Witness(self.url, self.collector.vkey, policy="org/acme")

    @property
    def policy(self) -> str:
        """The table of a policy file."""
        return f'[log.witness]\nurl = "{self.url}"\nkey = "{self.collector.vkey}"\n'


@contextmanager
def collecting(folder: Path, *, is_open: bool = True, port: int = 0) -> Generator[Running]:
    """A collector whose data lie in the folder."""
    collector = Collector(str(folder), "acme-witness", is_open=is_open)
    with Server(("127.0.0.1", port), collector, quiet=True) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Running(collector, server)
        finally:
            server.shutdown()
            thread.join(10)
