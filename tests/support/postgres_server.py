"""A PostgreSQL server of the tests' own: in a temporary folder, on a unix socket, with nothing kept on disk.

PostgreSQL refuses to run as root; as root the server is started as ``postgres`` or ``nobody``.
"""

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

FAST = (
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "shared_buffers=16MB",
    "max_connections=20",
    "autovacuum=off",
    "listen_addresses=",
    "unix_socket_permissions=0777",
)
STARTS_WITHIN_S = 60


def program(name: str) -> str | None:
    """Where a program of the server lies: on the path, or where Debian puts it."""
    found = sorted(
        glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: int(path.split("/")[4])
    )
    return shutil.which(name) or (found[-1] if found else None)


def installed() -> bool:
    return program("postgres") is not None and program("initdb") is not None


def _account() -> pwd.struct_passwd | None:
    """Whom to run as; None = ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError(
        "PostgreSQL does not run as root, and there is no account postgres or nobody."
    )


class PostgresServer:
    """``host`` is the socket's folder; the superuser is ``admin``."""

    def __init__(self, host: str, process: "subprocess.Popen[bytes]") -> None:
        self.host = host
        self.process = process
        self.port = 5432

    def stop(self, how: int = signal.SIGINT) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(30)


@contextlib.contextmanager
def postgres_server(encoding: str = "UTF8", *settings: str) -> Generator[PostgresServer]:
    """Start a server, and stop and remove it at the end."""
    initdb, postgres = program("initdb"), program("postgres")
    assert initdb is not None
    assert postgres is not None
    account = _account()
    # A socket's path is short by nature, wherever the tests' temporary folders are.
    folder = tempfile.mkdtemp(prefix="pg", dir="/tmp")
    user = account.pw_uid if account is not None else None
    group = account.pw_gid if account is not None else None
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    os.chmod(folder, 0o755)
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC", "HOME": folder}
    data = f"{folder}/data"
    process: subprocess.Popen[bytes] | None = None
    try:
        made: subprocess.CompletedProcess[bytes] = subprocess.run(
            [initdb, "-D", data, "-U", "admin", "-A", "trust", "-E", encoding, "--locale=C", "--no-sync", "--no-instructions"],
            capture_output=True, timeout=120, check=False, env=environment, cwd=folder, user=user, group=group,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr.decode(errors="replace")
        options = [
            part
            for one in (*FAST, f"unix_socket_directories={folder}", *settings)
            for part in ("-c", one)
        ]
        with open(f"{folder}/log", "wb") as log:
            started: subprocess.Popen[bytes] = subprocess.Popen(
                [postgres, "-D", data, *options],
                stdout=log, stderr=log, env=environment, cwd=folder, user=user, group=group,
            )  # fmt: skip
        process = started
        server = PostgresServer(folder, started)
        _wait(server, f"{folder}/log")
        yield server
    finally:
        if process is not None:
            if process.poll() is None:
                process.send_signal(signal.SIGQUIT)
            process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: PostgresServer, log: str) -> None:
    import psycopg

    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        assert server.process.poll() is None, Path(log).read_text("utf-8", "replace")
        try:
            psycopg.connect(
                host=server.host, dbname="postgres", user="admin", connect_timeout=5
            ).close()
            return
        except psycopg.OperationalError:
            # Waiting for its exit is the wait between two attempts.
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.process.wait(0.05)
    raise AssertionError("PostgreSQL did not start in time.")
