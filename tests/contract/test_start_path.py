"""What may not be imported before it is needed (design, section 7): a list of modules, not a stopwatch."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.command_line import devagent, own_file, running
from tests.support.mcp_servers import HOSTILE
from tests.support.messages_server import MessagesServer, Step
from tests.support.repositories import small
from tests.support.workplace import CONFIG, POLICY

HEAVY = frozenset(
    [
        "anthropic", "git", "httpx2", "keyring", "mcp", "prompt_toolkit", "pydantic", "rich", "sqlglot", "tuf",
    ]
)  # fmt: skip
SERVER = f'''
[extensions.odd]
type = "stdio"
command = "{sys.executable}"
args = ["-S", "{HOSTILE}", "ok"]
'''
# `-X importtime` would miss what `importlib.import_module` loads, so the list is taken from
# sys.modules: when the program ends, or when it is told to by a signal.
LISTING = """
import os, runpy, signal, sys
file = sys.argv.pop(1)
def tell():
    with open(file, "w", encoding="utf-8") as out:
        out.write("\\n".join(sys.modules))
def ending(code, leave=os._exit):
    tell()
    leave(code)
os._exit = ending
signal.signal(signal.SIGUSR1, lambda *_: ending(0))
try:
    runpy.run_module("devagent", run_name="__main__", alter_sys=True)
finally:
    tell()
"""


def listing(file: Path) -> tuple[str, ...]:
    """A ``program`` that is devagent and leaves the names of all its modules in the file."""
    return ("-c", LISTING, str(file))


def imported(file: Path) -> set[str]:
    return set(file.read_text(encoding="utf-8").splitlines())


def heavy(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules} & HEAVY


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["run", "--help"],
        ["session", "--help"],
        ["session", "list"],
        ["policy", "explain", "git.status"],
    ],
)
async def test_a_command_that_needs_no_heavy_module_imports_none(
    arguments: list[str], tmp_path: Path
) -> None:
    own_file("policy.toml", POLICY)
    file = tmp_path / "modules"
    done = await devagent(*arguments, program=listing(file), cwd=small(tmp_path / "repository"))
    assert done.code == 0, done.stderr
    assert "devagent" in imported(file)
    assert heavy(imported(file)) == set()


async def test_the_version_is_told_before_anything_else_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "modules"
    done = await devagent("--version", program=listing(file))
    assert done.code == 0
    assert not {"click", "msgspec", "asyncio", "devagent.core"} & imported(file)


@pytest.mark.parametrize("own_files", [False, True])
async def test_a_run_up_to_its_first_request_imports_no_heavy_module(
    tmp_path: Path, own_files: bool
) -> None:
    if own_files:
        own_file("policy.toml", POLICY)
        own_file("config.toml", CONFIG)
    file = tmp_path / "modules"
    asked = asyncio.Event()
    async with MessagesServer([Step(fault="stall")]) as server:
        server.on_request.append(lambda _: asked.set())
        async with running(
            "run", "Hi", server=server, cwd=small(tmp_path / "repository"), program=listing(file)
        ) as process:
            async with asyncio.timeout(30):
                await asked.wait()
            process.send(signal.SIGUSR1)
            done = await process.finished()
    assert done.code == 0, done.stderr
    modules = imported(file)
    assert {"devagent.cli.run", "devagent.session", "devagent.models.messages"} <= modules
    assert heavy(modules) == set()


NOT_FOR_A_LOOK = frozenset(
    ["_strptime", "cryptography.hazmat.primitives.serialization", "devagent.org.refresh", "devagent.org.walk", "devagent.org.web"]
)  # fmt: skip
"""What verifying signed files that lie here does not need: a session's start is to pay 15 ms at the most for being enrolled."""
ENROLLED = """
import os
from devagent.settings import places
places.ORG_FOLDER, places.OWN_ORG_FOLDER = os.environ["TEST_ORG"], os.environ["TEST_ORG"] + "-own"
"""


async def test_a_run_of_an_enrolled_machine_imports_no_heavy_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bundle is verified with cryptography alone."""
    from tests.support.org_machine import enrolled_here, sync_here
    from tests.support.org_repository import Organisation

    pin = enrolled_here(Organisation(tmp_path), tmp_path, monkeypatch)
    assert sync_here(pin).outcome == "updated"
    if os.geteuid() != 0:  # what only root may write is the person's own here
        os.rename(tmp_path / "etc", tmp_path / "etc-own")
    file = tmp_path / "modules"
    program = ("-c", ENROLLED + LISTING, str(file))
    async with MessagesServer([Step(text="Hello.")]) as server:
        done = await devagent(
            "run", "Hi", server=server, cwd=small(tmp_path / "checkout"), program=program,
            env={"TEST_ORG": str(tmp_path / "etc")},
        )  # fmt: skip
    assert done.code == 0, done.stderr
    modules = imported(file)
    assert "devagent.org.in_force" in modules
    assert heavy(modules) == set()
    assert not NOT_FOR_A_LOOK & modules


async def test_a_run_with_a_recorded_server_imports_no_sdk_before_that_server_is_called(
    tmp_path: Path,
) -> None:
    """The model is told what is on record: neither the server nor ``mcp`` is needed for that."""
    own_file("config.toml", SERVER)
    known = await devagent("ext", "approve", "odd", "--yes", cwd=tmp_path)
    assert known.code == 0, known.stderr
    file = tmp_path / "modules"
    async with MessagesServer([Step(text="Hello.")]) as server:
        done = await devagent(
            "run", "Hi", server=server, cwd=small(tmp_path / "repository"), program=listing(file)
        )
    assert done.code == 0, done.stderr
    assert "odd__echo" in [tool["name"] for tool in server.requests[0].body["tools"]]
    assert "devagent.host.mcp.extension" in imported(file)
    assert heavy(imported(file)) == set()


async def test_the_check_sees_a_heavy_module_where_a_command_does_need_one(tmp_path: Path) -> None:
    """So that the tests above can fail: without a key in the environment the keyring is asked."""
    file = tmp_path / "modules"
    done = await devagent("auth", "status", program=listing(file))
    assert done.code == 78
    assert heavy(imported(file)) == {"keyring"}


def test_every_heavy_module_is_recognised_by_its_top_name() -> None:
    assert (
        heavy({f"{name}.inner" for name in HEAVY} | {"devagent_git.tools", "gitdb", "click"})
        == HEAVY
    )
