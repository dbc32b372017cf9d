"""Which model a name opens, and what that loads."""

import subprocess
import sys
from pathlib import Path

import pytest

from devagent.core.errors import ConfigError
from devagent.core.ports import Model
from devagent.models import Credential, known_models, open_model

KEY = Credential("api_key", "sk-ant-test")
HEAVY = {
    "anthropic", "mcp", "pydantic", "httpx", "httpx2", "http.client", "email", "urllib.request",
    "urllib.parse", "dataclasses", "json", "h11", "rich", "keyring", "prompt_toolkit", "tomllib",
    "random", "_strptime",
}  # fmt: skip


def opened(name: str) -> Model:
    return open_model(name, environment={}, credential=KEY)


@pytest.mark.parametrize("name", [*known_models(), "claude-tomorrow-9"])
def test_a_claude_model_is_opened_and_the_service_decides(name: str) -> None:
    assert opened(name).name == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sonnet-5-5", "claude-sonnet-5-5"),
        ("claud-opus-5-5", "claude-opus-5-5"),
        ("gpt-9", "For example"),
        ("rehearsl:tour.toml", "rehearsal:FILE"),
        ("", "For example"),
        ("claude-x\r\ny: z", ""),
    ],
)
def test_an_unknown_model_is_a_config_error_with_the_nearest_name(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match="unknown model") as caught:
        opened(name)
    assert hint in caught.value.hint


def test_a_rehearsal_needs_no_key(tmp_path: Path) -> None:
    script = tmp_path / "tour.toml"
    script.write_text('name = "tour"\n[[reply]]\ntext = "a"', "utf-8")
    model = open_model(f"rehearsal:{script}", environment={}, credential=None)
    assert model.name == "rehearsal:tour"


def loaded(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[3],
    )
    return set(done.stdout.split())


def test_the_messages_path_loads_nothing_heavy() -> None:
    program = (
        "from devagent.models import Credential, open_model\n"
        "open_model('claude-opus-5-5', environment={}, credential=Credential('api_key', 'k'))"
    )
    modules = loaded(program)
    assert modules & HEAVY == set()
    assert "devagent.models.transport" in modules
    assert "devagent.models.rehearsal" not in modules


def test_a_rehearsal_loads_no_network_code(tmp_path: Path) -> None:
    script = tmp_path / "tour.toml"
    script.write_text('name = "tour"\n[[reply]]\ntext = "a"', "utf-8")
    program = (
        "from devagent.models import open_model\n"
        f"open_model('rehearsal:{script}', environment={{}}, credential=None)"
    )
    modules = loaded(program)
    assert not modules & {"asyncio", "ssl", "socket", "httptools", "devagent.models.transport"}
