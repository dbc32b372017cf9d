"""A real MLflow server of the tests' own, with a database in a temporary folder.

MLflow is no dependency of devagent, and pulls in much: it is installed apart, and ``DEVAGENT_TEST_MLFLOW`` names its
program (``.ci/run`` makes it in the background: while ``….installing`` lies beside it, it is waited for).
"""

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

STARTS_WITHIN_S = 120.0
INSTALLED_WITHIN_S = 300.0


def program() -> str:
    """MLflow's program. Skips the test where there is none; fails where it should be and is not."""
    named = os.environ.get("DEVAGENT_TEST_MLFLOW", "")
    if not named:
        found = shutil.which("mlflow")
        if found is None:
            pytest.skip("MLflow is not installed (DEVAGENT_TEST_MLFLOW)")
        return found
    until = time.monotonic() + INSTALLED_WITHIN_S
    while Path(f"{named}.installing").exists() and time.monotonic() < until:
        time.sleep(0.2)
    if not os.access(named, os.X_OK):
        pytest.fail(f"MLflow is not installed: {named}")
    return named


@contextmanager
def mlflow_server(folder: Path) -> Generator[str]:
    """A server that answers; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = folder / "server.log"
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program(), "server", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
             "--artifacts-destination", str(folder / "artifacts"), "--host", "127.0.0.1",
             "--port", str(port), "--workers", "1"],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
    try:
        _wait_for(url, process, log)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            with opener.open(f"{url}/health", timeout=5):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"MLflow does not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
