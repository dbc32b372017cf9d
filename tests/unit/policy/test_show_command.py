"""``devagent policy show``: the whole policy, each part with its place."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from devagent.cli.policy import policy
from devagent.cli.policy.show_text import as_data, as_text, as_toml
from devagent.core.errors import PolicyError
from devagent.core.text import visible
from devagent.policy import compile_policy, parse
from devagent.settings.places import places

ORG = """version = 1
name = "acme"
layer = "org"
default = { read = "ask" }
[groups]
eng = ["user:ana", "group:staff"]
[lists]
partners = ["bank.example"]
[budget.turn]
usd = 0.5
[[delegate]]
to = ["local"]
effect = "ask"
tools = ["git.*"]
[[rule]]
id = "narrow"
effect = "allow"
principals = ["group:eng"]
tools = ["crm.send"]
when = { "args.to" = { in = "@partners", len_min = 1 }, taint_none = ["web"] }
otherwise = "deny"
obligations = { mask = { "tag:pii.*" = "hash" }, limit_rows = 5 }
why = "Partners \\"only\\" \\u007f"
grant = "Ask #sales"
expires = 2027-01-01
"""
MINE = """version = 1
name = "mine"
mode = "shadow"
[[rule]]
id = "look"
effect = "ask"
sticky = true
phase = ["call", "result"]
"""


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    out: list[str] = []
    for name, text in (("acme.toml", ORG), ("mine.toml", MINE)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        out += ["--policy", str(tmp_path / name)]
    return out


def run(*arguments: str) -> Result:
    return CliRunner().invoke(policy, ["show", *arguments], catch_exceptions=False)


def test_text_tells_defaults_envelopes_and_rules_with_file_and_line(files: list[str]) -> None:
    result = run(*files)
    assert result.exit_code == 0
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[0] == f"org/acme  {files[1]}"
    for line in (
        "where no rule speaks: read ask, write deny, exec deny, net deny, secret deny",
        "group eng = user:ana, group:staff",
        "@partners = bank.example",
        "[budget] { turn = { usd = 0.5 } }",
        "leaves to local, at most ask  (acme.toml:11)",
        "allow  narrow  (until 2027-01-01)  (acme.toml:15)",
        "principals group:eng",
        "when args.to must be one of @partners and have a length of at least 1",
        "when nothing read from web in this session",
        "otherwise deny",
        'obligations { mask = { "tag:pii.*" = "hash" }, limit_rows = 5 }',
        "grant: Ask #sales",
        f"local/mine  {files[3]}  (shadow: changes nothing)",
        "ask    look  (shadow, sticky, phase call and result)  (mine.toml:4)",
    ):
        assert line in lines, line
    assert visible(result.stdout) == result.stdout


def test_json_has_everything_with_where_it_comes_from(files: list[str]) -> None:
    told = json.loads(run(*files, "--format", "json").stdout)
    assert (told["version"], told["locked"], len(told["digest"])) == (1, "", 64)
    org, local = told["layers"]
    assert (org["layer"], org["mode"], local["layer"], local["mode"]) == ("org", "enforce", "local", "shadow")  # fmt: skip
    assert org["default"]["read"] == "ask"
    assert "default" not in local
    [rule] = org["rules"]
    assert (rule["rule"], rule["from"]) == ("org/acme#narrow", f"{files[1]}:15")
    assert rule["otherwise"] == "deny"
    assert org["delegates"][0]["from"] == f"{files[1]}:11"
    assert org["tables"] == {"budget": {"turn": {"usd": 0.5}}}


def test_toml_is_one_document_that_says_the_same(files: list[str]) -> None:
    text = run(*files, "--format", "toml").stdout
    assert visible(text) == text
    shown = tomllib.loads(text)
    told = json.loads(run(*files, "--format", "json").stdout)
    assert shown["digest"] == told["digest"]
    for one, other in zip(shown["layer"], told["layers"], strict=True):
        assert one.pop("rule", []) == [{k: v for k, v in r.items() if v is not None} for r in other.pop("rules")]  # fmt: skip
        assert one.pop("delegate", []) == other.pop("delegates")
        assert one == other


def test_without_files_the_policy_in_force_is_shown() -> None:
    own = Path(places().policy)
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text(MINE, encoding="utf-8")
    lines = run().stdout.splitlines()
    assert lines[0].startswith("org/baseline  ")
    assert any(line.startswith(f"local/mine  {own}") for line in lines)
    own.write_text("nmae = 1\n", encoding="utf-8")
    with pytest.raises(PolicyError, match="nmae"):
        run()


def test_a_locked_devagent_says_so_first() -> None:
    data = as_data(compile_policy([parse(ORG, "org.toml", org=True)]), "the policy is missing")
    assert next(as_text(data)) == "LOCKED: the policy is missing"
    assert tomllib.loads("\n".join(as_toml(data)))["locked"] == "the policy is missing"


def test_a_long_list_is_cut_for_reading_and_whole_for_programs(tmp_path: Path) -> None:
    paths = [f"path:{number}" for number in range(20)]
    file = tmp_path / "long.toml"
    file.write_text(
        f'version = 1\nname = "long"\n[[rule]]\nid = "r"\neffect = "deny"\nresources = {json.dumps(paths)}\n',
        encoding="utf-8",
    )
    lines = run("--policy", str(file)).stdout.splitlines()
    assert f"         resources {', '.join(paths[:8])} and 12 more" in lines
    whole = tomllib.loads(run("--policy", str(file), "--format", "toml").stdout)
    assert whole["layer"][0]["rule"][0]["resources"] == paths
