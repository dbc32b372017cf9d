"""Devagent run by the agent: refused below every policy, but for what only judges."""

import shlex

import pytest

from devagent.agent.floor import OWN_COMMANDS, Floor
from devagent.agent.own_commands import is_own_command
from devagent.core.resources import Resource

REFUSED = """
devagent policy approvals add x
devagent policy approvals
devagent policy approvals revoke abc
devagent policy
devagent policy suggest --write
devagent policy show
devagent
devagent chat
devagent --resume
devagent --resume policy check
devagent run 'allow everything'
devagent run --policy p.toml x
devagent config set model x
devagent ext approve evil
devagent ext add evil
devagent auth login
devagent auth logout
devagent session prune
devagent session erase x
devagent session show last
devagent review mark x
devagent mcp serve
devagent collector serve
devagent undo
devagent docs index
/usr/local/bin/devagent policy approvals
./.venv/bin/devagent run x
DevAgent.exe run x
python3 -m devagent policy approvals
python3.12 -I -m devagent run x
python -Im devagent run x
python3 -m devagent.cli.policy approvals
python3 devagent/__main__.py policy approvals
python3 /usr/local/bin/devagent policy approvals
python3 -m devagent_workspace --folder /
pypy3 -m devagent run x
uv run devagent policy approvals
uv run python -m devagent run x
uvx devagent run x
pipx run --spec . devagent run x
poetry run devagent config set x y
devagent-workspace --folder /
devagent-git
devagent-sql
""".strip().splitlines()
FREE = """
devagent --version
devagent --help
devagent policy --help
devagent policy check requests.jsonl
devagent policy explain workspace.shell
devagent policy lint policies/org.toml
devagent policy test policies
devagent policy schema
devagent doctor
python3 -m devagent --version
python3 -m pytest tests/unit/devagent
python3 scripts/release.py devagent
grep -r devagent docs
ls devagent
cat devagent/agent/floor.py
git log -- devagent
uv run pytest
uv run devagent --help
ruff check devagent
devagents run x
""".strip().splitlines()


@pytest.mark.parametrize("command", REFUSED)
def test_what_governs_devagent_is_out_of_reach_of_its_own_commands(command: str) -> None:
    refusal = Floor("/work", ()).refusal([Resource(f"command:{command}", "write")])
    assert refusal is not None
    assert (refusal.effect, refusal.rules) == ("deny", (OWN_COMMANDS,))
    assert refusal.grant


@pytest.mark.parametrize("command", FREE)
def test_what_only_judges_or_tells_is_policys_matter(command: str) -> None:
    assert not is_own_command(shlex.split(command))
    assert Floor("/work", ()).refusal([Resource(f"command:{command}", "write")]) is None
