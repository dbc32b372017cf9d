"""The network of a command: none, the hosts that it names and no others, or the machine's whole one.

Single hosts are reached through a proxy outside. The command's namespace has a loopback of its own; a few lines
of Python start there before the command, open the proxy's port and hand its socket out to this process. So no
program goes on running inside, and nothing but what is inside can use the proxy.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from devagent_workspace.contract import WorkspaceError
from devagent_workspace.sandbox.launch import Launch
from devagent_workspace.sandbox.waiting import readable
from devagent_workspace.shown import one_line

PORT = 39128
_READY_S = 20.0
_LOCAL = frozenset(["localhost", "127.0.0.1", "::1", "[::1]", "0.0.0.0", "[::]", "::"])  # noqa: S104 - names, nothing is bound
# Only built-in modules: this runs before each command that has hosts.
_OPEN = f"""
import _socket, array, os, sys
out = _socket.socket(fileno=int(sys.argv[1]))
door = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
door.bind(("127.0.0.1", {PORT}))
door.listen(64)
out.sendmsg([b"."], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", [door.fileno()]))])
out.close()
os.execv(sys.argv[2], sys.argv[2:])
"""


class Network(NamedTuple):
    """What a command may reach: everything where ``whole``, else ``hosts`` alone."""

    whole: bool
    hosts: tuple[str, ...] = ()

    def variables(self) -> Mapping[str, str]:
        """What tells programs of the proxy. What listens inside is reached without it."""
        if self.whole or not self.hosts:
            return {}
        proxy = f"http://127.0.0.1:{PORT}"
        names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        around = {"no_proxy": "localhost,127.0.0.1,::1", "NO_PROXY": "localhost,127.0.0.1,::1"}
        return {**dict.fromkeys(names, proxy), **around, "NODE_USE_ENV_PROXY": "1"}


def network_of(kind: str, hosts: Sequence[str]) -> Network:
    """What a command that names these hosts gets in a sandbox of this kind.

    Only namespaces can hold it to them. What is on this machine itself (``localhost``) is reached in the
    machine's own network, which is everything.
    """
    if kind == "none":
        return Network(whole=True)
    if not hosts:
        return Network(whole=False)
    if kind != "bubblewrap" or not _LOCAL.isdisjoint(hosts):
        return Network(whole=True)
    return Network(whole=False, hosts=tuple(hosts))


class Door:
    """The way from a command's namespace to the proxy, while the command is being started."""

    def __init__(self) -> None:
        self._mine, self._its = socket.socketpair()

    def launch(self, launch: Launch) -> Launch:
        """The same launch, which opens the proxy's port first."""
        descriptor = self._its.fileno()
        opening = [sys.executable, "-I", "-S", "-c", _OPEN, str(descriptor)]
        return launch._replace(argv=[*opening, *launch.argv], kept=(*launch.kept, descriptor))

    def open(
        self, process: "subprocess.Popen[bytes]", hosts: Sequence[str], refused: list[str]
    ) -> None:
        """Wait for the port, and serve it until the process ends. ``refused`` takes the hosts that were asked
        for in vain. Raises WorkspaceError no_sandbox; then the process has been ended.
        """
        from devagent_workspace.sandbox.proxy import Proxy  # noqa: PLC0415 - 10 ms, where hosts are named

        self._its.close()
        try:
            # Before anything can reap it: its number is its own until then.
            ended = os.pidfd_open(process.pid)
        except OSError as e:
            raise self._failed(process, e.strerror or "no pidfd") from e
        try:
            if not readable([self._mine, ended], _READY_S):
                raise self._failed(process, "not ready in time")
            _, descriptors, _, _ = socket.recv_fds(self._mine, 1, 1)
            if len(descriptors) != 1:
                raise self._failed(process, _last_words(process))
        except BaseException:
            os.close(ended)
            raise
        proxy = Proxy(socket.socket(fileno=descriptors[0]), hosts, refused)
        threading.Thread(target=proxy.serve, args=(ended,), name="proxy", daemon=True).start()

    def close(self) -> None:
        """Leave nothing open. What was opened for the proxy is the proxy's."""
        self._mine.close()
        self._its.close()

    def _failed(self, process: "subprocess.Popen[bytes]", why: str) -> WorkspaceError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        return WorkspaceError(
            f"the network could not be held to the hosts ({one_line(why)}); nothing was run",
            error="no_sandbox",
        )


def _last_words(process: "subprocess.Popen[bytes]") -> str:
    if process.stdout is None or not readable([process.stdout.fileno()], 1):
        return "it ended"
    text = os.read(process.stdout.fileno(), 4096).decode(errors="replace").strip()
    return text.rpartition("\n")[2][:200] or "it ended"
