"""Keys from a command: no shell, a limit, a life; and what happens when the service refuses one."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from devagent.core.errors import ModelError
from devagent.models.credential import Credential
from devagent.models.failures import Failure
from devagent.models.keys import KeyCommand
from tests.support.messages_server import MessagesServer, Step
from tests.support.model_client import ToldTime, client, events, failures, replied


def command(program: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", program)


def counting(file: Path, token: str = "token-{n}", life: str = "") -> tuple[str, ...]:
    """A command whose key says how often it was run."""
    said = f'{{"token": "{token}", "expires_in": {life}}}' if life else token
    program = (
        "import os, sys; f = sys.argv[1]; n = os.path.getsize(f) if os.path.exists(f) else 0; "
        "open(f, 'a').write('x'); print(sys.argv[2].replace('{n}', str(n)))"
    )
    return (*command(program), str(file), said)


async def refusal(keys: KeyCommand) -> Failure:
    with pytest.raises(Failure) as caught:
        await keys.current()
    return caught.value


async def test_the_first_word_of_a_command_is_run_with_the_others_as_arguments() -> None:
    keys = KeyCommand(command("import sys; print('  tok$HOME;x  ')"))
    assert await keys.current() == Credential("auth_token", "tok$HOME;x")


async def test_a_key_is_used_until_shortly_before_it_expires(tmp_path: Path) -> None:
    time = ToldTime()
    keys = KeyCommand(counting(tmp_path / "runs", life="100"), clock=time.clock)
    seen = [(await keys.current()).value]
    time.at += 69
    seen.append((await keys.current()).value)
    time.at += 2
    seen.append((await keys.current()).value)
    assert seen == ["token-0", "token-0", "token-1"]


async def test_two_requests_at_once_run_the_command_once(tmp_path: Path) -> None:
    keys = KeyCommand(counting(tmp_path / "runs"))
    both = await asyncio.gather(keys.current(), keys.current())
    assert both[0] == both[1]
    assert (tmp_path / "runs").read_text() == "x"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise SystemExit(3)", "exit code 3"),
        ("print('')", "no key"),
        ("print('two words')", "no key"),
        ("""print('{"tokn": "a"}')""", "without a `token`"),
        ("print('x' * 100_000)", "more than a key"),
    ],
)
async def test_a_command_without_a_usable_key_is_a_failure_that_shows_nothing_of_its_output(
    program: str, said: str
) -> None:
    error = await refusal(KeyCommand(command(program)))
    assert (error.kind, error.again) == ("authentication", False)
    assert said in error.what
    assert "two words" not in str(error)


async def test_a_command_that_is_not_there_is_named() -> None:
    error = await refusal(KeyCommand(("no-such-program-here",)))
    assert "'no-such-program-here' cannot be run" in error.what


async def test_a_command_that_hangs_is_ended() -> None:
    keys = KeyCommand(command("import signal; signal.pause()"), limit_s=0.3)
    error = await refusal(keys)
    assert "within 0.3 s" in error.what


async def asked(steps: list[Step], keys: Any, replies: int) -> tuple[list[Any], list[str]]:
    async with MessagesServer(steps) as server:
        model = client(server.base_url, keys=keys)
        seen: list[Any] = []
        try:
            for _ in range(replies):
                seen += await events(model)
        finally:
            await model.aclose()
    return seen, [request.headers["authorization"] for request in server.requests]


async def test_a_command_that_prints_without_end_is_ended_at_once() -> None:
    endless = command("import sys\nwhile True: sys.stdout.write('k' * 65536)")
    async with asyncio.timeout(20):
        failure = await refusal(KeyCommand(endless))
    assert "said more than a key" in failure.what


async def test_a_key_that_worked_and_is_refused_is_replaced_once(tmp_path: Path) -> None:
    keys = KeyCommand(counting(tmp_path / "runs"))
    steps = [Step(text="a"), Step(status=401), Step(text="b")]
    seen, sent = await asked(steps, keys, 2)
    assert sent == ["Bearer token-0", "Bearer token-0", "Bearer token-1"]
    assert [f.status for f in failures(seen)] == [401]


async def test_a_key_that_never_worked_is_not_asked_for_again(tmp_path: Path) -> None:
    keys = KeyCommand(counting(tmp_path / "runs"))
    with pytest.raises(ModelError) as caught:
        await asked([Step(status=401, times=0)], keys, 1)
    assert caught.value.kind == "authentication"
    assert (tmp_path / "runs").read_text() == "x"


async def test_a_key_from_a_command_is_in_no_error(tmp_path: Path) -> None:
    keys = KeyCommand(counting(tmp_path / "runs", token="hush-4711"))
    with pytest.raises(ModelError) as caught:
        await asked([Step(status=403, message="bad", echo_key=True)], keys, 1)
    assert "hush-4711" not in f"{caught.value} {caught.value!r}"


async def test_the_services_own_oauth_token_brings_its_beta() -> None:
    for value, expected in (("sk-ant-oat01-abc", "oauth-2025-04-20"), ("tok", None)):
        async with MessagesServer([Step(text="a")]) as server:
            model = client(server.base_url, credential=Credential("auth_token", value))
            replied(await events(model))
            await model.aclose()
            headers = server.requests[0].headers
        assert headers["authorization"] == f"Bearer {value}"
        assert headers.get("anthropic-beta") == expected
