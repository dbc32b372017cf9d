"""A MariaDB server of the tests' own: in a temporary folder, on a unix socket, with nothing kept on disk."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

FAST = (
    "--skip-networking",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=4M",
    "--innodb-fast-shutdown=2",
    "--aria-pagecache-buffer-size=1M",
    "--key-buffer-size=1M",
    "--skip-log-bin",
    "--performance-schema=off",
    "--max-connections=20",
    "--secure-file-priv=",
)
STARTS_WITHIN_S = 60


def installed() -> bool:
    return _program("mariadbd") is not None and _program("mariadb-install-db") is not None


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin")


class MariaDBServer:
    """``socket`` is its path; the account ``root`` has no password."""

    def __init__(self, socket: str, process: "subprocess.Popen[bytes]") -> None:
        self.socket = socket
        self.process = process

    def connect(self, user: str = "root", **more: Any) -> Any:
        """A bare connection of the driver."""
        import pymysql

        return pymysql.connect(
            unix_socket=self.socket, user=user, charset="utf8mb4", autocommit=True, **more
        )


@contextlib.contextmanager
def mariadb_server(*settings: str) -> Generator[MariaDBServer]:
    """Start a server, and stop and remove it at the end."""
    install, server = _program("mariadb-install-db"), _program("mariadbd")
    assert install is not None
    assert server is not None
    # A socket's path is short by nature, wherever the tests' temporary folders are.
    folder = tempfile.mkdtemp(prefix="my", dir="/tmp")
    user = "root" if os.geteuid() == 0 else ""
    whose = [f"--user={user}"] if user else []
    environment = {
        "PATH": f"{os.environ['PATH']}:/usr/sbin",
        "TZ": "UTC",
        "HOME": folder,
        "LC_ALL": "C",
    }
    process: subprocess.Popen[bytes] | None = None
    try:
        made: subprocess.CompletedProcess[bytes] = subprocess.run(
            [install, "--no-defaults", f"--datadir={folder}/data", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", *whose],
            capture_output=True, timeout=120, check=False, env=environment, cwd=folder,
        )  # fmt: skip
        assert made.returncode == 0, (made.stdout + made.stderr).decode(errors="replace")
        with open(f"{folder}/log", "wb") as log:
            started: subprocess.Popen[bytes] = subprocess.Popen(
                [server, "--no-defaults", f"--datadir={folder}/data", f"--socket={folder}/s", f"--pid-file={folder}/pid",
                 f"--tmpdir={folder}", "--character-set-server=utf8mb4", *whose, *FAST, *settings],
                stdout=log, stderr=log, env=environment, cwd=folder,
            )  # fmt: skip
        process = started
        running = MariaDBServer(f"{folder}/s", started)
        _wait(running, f"{folder}/log")
        yield running
    finally:
        if process is not None:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: MariaDBServer, log: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        assert server.process.poll() is None, Path(log).read_text("utf-8", "replace")
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(server.socket)
            server.connect().close()
            return
        # Waiting for its exit is the wait between two attempts.
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(0.05)
    raise AssertionError("MariaDB did not start in time.")
