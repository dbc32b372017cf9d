"""``policy.matrix`` and ``devagent policy matrix``."""

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from devagent.cli.policy import policy
from devagent.core.errors import ConfigError, UsageError
from devagent.core.tools import ToolClass, ToolSpec
from devagent.policy import CompiledPolicy, compile_policy, parse
from devagent.policy.matrix import Cell, matrix

ORG = """version = 1
name = "acme"
[groups]
data-eng = ["user:ana", "ci:acme/*"]
[[rule]]
id = "status"
effect = "allow"
tools = ["git.status"]
[[rule]]
id = "push"
effect = "ask"
tools = ["git.push"]
principals = ["group:data-eng"]
[[rule]]
id = "no-runs"
effect = "deny"
tools = ["git.push"]
when = { mode = "run" }
[[rule]]
id = "query"
effect = "allow"
tools = ["sql.query"]
principals = ["group:data-eng"]
resources = ["table:dev.**"]
when = { "args.limit" = { max = 1000 } }
[[rule]]
id = "mail"
effect = "deny"
tools = ["mail.send"]
expires = 2026-01-01
[[delegate]]
to = ["local"]
effect = "ask"
tools = ["mail.*"]
"""
LOCAL = """layer = "local"
name = "mine"
[[rule]]
id = "mail"
effect = "allow"
tools = ["mail.send"]
"""


def spec(name: str, tool_class: ToolClass = "read", can: tuple[str, ...] = ()) -> ToolSpec:
    extension, _, tool = name.partition(".")
    return ToolSpec(extension, tool, tool_class, "", {}, can)


TOOLS = [spec("git.status"), spec("git.push", "net"), spec("sql.query")]


def layers(*texts: str) -> CompiledPolicy:
    return compile_policy([parse(text, f"{n}.toml", org=n == 0) for n, text in enumerate(texts)])


def cell(
    tool: str,
    who: str = "user:ana",
    *,
    policy: CompiledPolicy | None = None,
    resource: str = "",
    mode: str = "",
    today: str = "2026-11-20",
    tools: list[ToolSpec] = TOOLS,
) -> Cell:
    found = matrix(
        policy or layers(ORG),
        tools,
        principals=[who],
        resources=[resource] if resource else [],
        mode=mode,
        today=today,
    )
    return next(one for one in found.rows[0].cells if one.tool == tool)


def rules(found: Cell) -> list[str]:
    return [reason.rule for reason in found.reasons]


def test_allow_stands_where_every_call_is_allowed() -> None:
    found = cell("git.status")
    assert (found.answer, rules(found)) == ("allow", ["org/acme#status"])


def test_never_stands_where_every_call_is_denied() -> None:
    found = cell("git.push", "user:bo")
    assert (found.answer, found.possible) == ("never", ("deny",))


def test_depends_names_the_rules_that_decide_and_what_they_need() -> None:
    found = cell("sql.query")
    assert (found.answer, found.possible) == ("depends", ("allow", "deny"))
    [reason] = found.reasons
    assert reason.rule == "org/acme#query"
    assert reason.needs == ("on table:dev.**", "args.limit must be at most 1000")
    assert (reason.file, reason.line) == ("0.toml", ORG[: ORG.index('id = "query"')].count("\n"))


def test_a_mode_settles_what_depends_on_the_mode_alone() -> None:
    assert cell("git.push").possible == ("ask", "deny")
    assert cell("git.push", mode="chat").answer == "ask"
    assert cell("git.push", mode="run").answer == "never"


def test_a_resource_settles_what_depends_on_resources_alone() -> None:
    assert cell("sql.query", resource="table:prod.x.y").answer == "never"
    org = ORG.replace('when = { "args.limit" = { max = 1000 } }\n', "")
    assert cell("sql.query", policy=layers(org), resource="table:dev.x.y").answer == "allow"
    assert cell("sql.query", policy=layers(org), resource="table:prod.x.y").answer == "never"


def test_tags_of_a_resource_are_unknown() -> None:
    org = 'default = "ask"\n[[rule]]\nid = "pii"\neffect = "deny"\nresources = ["tag:pii.*"]\n'
    assert cell("sql.query", policy=layers(org), resource="table:dev.x.y").answer == "depends"


def test_an_envelope_lets_a_lower_layer_speak_up_to_its_effect() -> None:
    tools = [*TOOLS, spec("mail.send", "net")]
    assert cell("mail.send", tools=tools).answer == "never"
    assert cell("mail.send", policy=layers(ORG, LOCAL), tools=tools).answer == "ask"


def test_an_envelope_with_a_condition_is_among_the_reasons() -> None:
    org = '[[delegate]]\nto = ["local"]\neffect = "allow"\nwhen = { "args.n" = 1 }\n'
    found = cell("mail.send", policy=layers(org, LOCAL), tools=[spec("mail.send")])
    assert found.answer == "depends"
    assert rules(found) == ["org/ [[delegate]]"]


def test_rules_expire_by_the_given_day() -> None:
    org = '[[rule]]\nid = "old"\neffect = "allow"\nexpires = 2026-11-20\n'
    assert cell("git.status", policy=layers(org), today="2026-11-19").answer == "allow"
    assert cell("git.status", policy=layers(org), today="2026-11-20").answer == "never"


def test_a_grant_whose_obligations_the_tool_can_not_carry_out_is_a_deny_that_says_so() -> None:
    org = '[[rule]]\nid = "rows"\neffect = "allow"\nobligations = { limit_rows = 5 }\n'
    able, unable = spec("sql.query", can=("limit_rows",)), spec("git.status")
    assert cell("sql.query", policy=layers(org), tools=[able]).answer == "allow"
    found = cell("git.status", policy=layers(org), tools=[unable])
    assert found.answer == "never"
    assert found.reasons[0].needs == ("denies, as git can not carry out limit_rows",)


def test_rules_in_shadow_mode_are_not_in_it() -> None:
    org = '[[rule]]\nid = "s"\neffect = "allow"\nmode = "shadow"\n'
    assert cell("git.status", policy=layers(org)).answer == "never"


def test_rules_that_another_makes_pointless_are_no_reasons() -> None:
    org = (
        '[[rule]]\nid = "no"\neffect = "deny"\n'
        '[[rule]]\nid = "some"\neffect = "allow"\nresources = ["path:**"]\n'
    )
    found = cell("git.status", policy=layers(org))
    assert (found.answer, rules(found)) == ("never", ["org/#no"])


def test_left_out_principals_are_those_that_the_files_name() -> None:
    found = matrix(layers(ORG), TOOLS, today="2026-11-20")
    assert [row.principal for row in found.rows] == [
        "group:data-eng", "user:ana", "ci:acme/*", "user:*",
    ]  # fmt: skip
    assert [column.tool for column in found.columns] == [
        "git.status", "git.push", "sql.query", "mail.send",
    ]  # fmt: skip
    assert [column.known for column in found.columns] == [True, True, True, False]


# --- the command ---


@pytest.fixture
def org(tmp_path: Path) -> str:
    file = tmp_path / "org.toml"
    file.write_text(ORG, encoding="utf-8")
    return str(file)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(policy, ["matrix", *arguments], catch_exceptions=False)


def lines(text: str) -> list[str]:
    """The lines, with single blanks: how wide a column is depends on the tools that there are."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_text_has_a_block_for_each_principal_and_a_line_for_each_tool(org: str) -> None:
    out = lines(run("--policy", org, "--principal", "user:ana").output)
    assert out[0] == "user:ana"
    assert "git.status read allow org/acme#status" in out
    assert "git.push net depends ask, deny: org/acme#no-runs" in out
    assert "git.add write never by default" in out


def test_csv_is_inert_in_a_spreadsheet(org: str) -> None:
    out = run("--policy", org, "--principal", "user:=cmd()", "--principal", "group:-1", "--format", "csv").output  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["principal"] for row in rows} == {"user:=cmd()", "group:-1"}
    assert not [v for row in rows for v in row.values() if v.startswith(("=", "+", "-", "@"))]
    [status] = [r for r in rows if (r["tool"], r["principal"]) == ("git.status", "group:-1")]
    assert (status["answer"], status["reasons"]) == ("allow", "org/acme#status")


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "onclick")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(tmp_path: Path) -> None:
    file = tmp_path / "org.toml"
    file.write_text(
        '[[rule]]\nid = "a"\neffect = "ask"\nprincipals = ["user:<script>x</script>"]\n'
        'when = { "args.x" = "<img src=x>" }\n',
        encoding="utf-8",
    )
    page = Page(run("--policy", str(file), "--format", "html").output)
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert not page.links
    assert "user:<script>x</script>" in page.texts
    assert "args.x must be <img src=x>" in page.texts
    assert page.tags.count("details") == page.tags.count("summary") > 0


def test_further_tools_come_from_files(org: str, tmp_path: Path) -> None:
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps([{"extension": "crm", "name": "find", "class": "read"}]))
    out = lines(run("--policy", org, "--tools", str(tools)).output)
    assert "crm.find read never by default" in out
    tools.write_text('{"crm": 1}')
    with pytest.raises(ConfigError, match="no list of tools"):
        run("--policy", org, "--tools", str(tools))


@pytest.mark.parametrize(
    "odd", [("--principal", "ana"), ("--principal", "user:a+user:b"), ("--resource", "table")]
)
def test_what_is_no_principal_or_resource_is_refused(org: str, odd: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match=r"is no |names two"):
        run("--policy", org, *odd)
