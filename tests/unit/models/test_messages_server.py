"""The scripted service as a process, as tests of the whole program use it."""

import subprocess
import sys
from pathlib import Path

import msgspec

from tests.support.model_client import client, events, replied

ROOT = Path(__file__).parents[3]


async def test_the_server_process_tells_its_port_serves_its_script_and_ends_with_its_input(
    tmp_path: Path,
) -> None:
    script, requests = tmp_path / "script.json", tmp_path / "requests.jsonl"
    script.write_bytes(msgspec.json.encode({"steps": [{"text": "One."}, {"text": "Two."}]}))
    command = [sys.executable, "-m", "tests.support.messages_server"]
    with subprocess.Popen(
        [*command, "--script", str(script), "--requests", str(requests)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            model = client(f"http://127.0.0.1:{port}")
            texts = [replied(await events(model)).text for _ in range(2)]
            await model.aclose()
            process.stdin.close()
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()
    assert texts == ["One.", "Two."]
    lines = requests.read_bytes().splitlines()
    assert [msgspec.json.decode(line)["path"] for line in lines] == ["/v1/messages"] * 2
