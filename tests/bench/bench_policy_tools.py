"""The admin's tools over policy files: lint, load with typed arguments, test. Prints a table.

python tests/bench/bench_policy_tools.py [RULES …]
"""

import statistics
import sys
import time
from collections.abc import Callable

from devagent.core.tools import ToolSpec
from devagent.host.manifest import FIRST_PARTY, package_folder, read_manifest
from devagent.policy import parse
from devagent.policy.lint import lint
from devagent.policy.syntax import speaks_of_arguments
from devagent.policy.tool_types import check_tools

SIZES = (100, 1_000, 5_000)
TODAY = "2026-11-20"
ROUNDS = 5


def policy_text(rules: int) -> str:
    """A company's policy over tools that are here: arguments, resources, envelopes, a few slips."""
    parts = [
        'version = 1\nname = "acme"\nlayer = "org"\n',
        '[groups]\neveryone = ["user:*"]\n',
        "".join(f'team-{i} = ["user:person{i}", "group:staff-{i}"]\n' for i in range(40)),
        '[[delegate]]\nto = ["local"]\neffect = "allow"\ntools = ["git.*"]\n',
    ]
    tools = ("sql.query", "git.push", "git.*", "sql.*", "desk.create", "desk.*")
    conditions = (
        '"args.limit" = { max = 1000 }',
        '"args.force" = { in = ["none", "with_lease"] }',
        '"args.path" = { glob = "src/**" }',
        '"args.sql" = { not = { mentions = ["drop", "delete"] } }',
        '"args.body.@hosts" = { in = ["bank.example"], len_min = 1 }',
        '"args.to|args.cc" = { suffix = "@acme.example" }',
    )
    for i in range(rules):
        effect = ("allow", "allow", "ask", "deny")[i % 4]
        parts.append(
            f"""[[rule]]
id = "rule-{i}"
effect = "{effect}"
principals = ["group:team-{i % 40}"]
tools = ["{tools[i % 6]}"]
resources = ["{"table:warehouse" if i % 2 else "branch:origin/team"}{i % 40}_{i}{"." if i % 2 else "/"}**"]
when = {{ mode = ["chat", "run"], {conditions[i % 6]} }}
why = "Team {i % 40} works on its own"
grant = "Ask #platform"
examples = [{{ args = {{ limit = 5 }}, expect = "{effect}" }}]
"""
        )
    return "".join(parts)


def alike_text(rules: int) -> str:
    """Rules that nothing tells apart beforehand: each must be compared with each."""
    return 'layer = "org"\n' + "".join(
        f'[[rule]]\nid = "r{i}"\neffect = "{("allow", "ask", "deny")[i % 3]}"\n'
        f'classes = ["read"]\nwhen = {{ "context.n" = {i} }}\n'
        for i in range(rules)
    )


def milliseconds(work: Callable[[], object]) -> float:
    """The median CPU time of several rounds."""
    times: list[float] = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1000)
    return statistics.median(times)


def first_party() -> tuple[ToolSpec, ...]:
    folders = map(package_folder, FIRST_PARTY.values())
    return tuple(tool for folder in folders for tool in read_manifest(folder).tools)


def main() -> None:
    """Print the table."""
    tools = first_party()
    print("  rules  parse ms  arguments ms  lint ms  findings  lint, all alike ms")
    for rules in [int(a) for a in sys.argv[1:]] or SIZES:
        data, alike = policy_text(rules).encode(), alike_text(rules).encode()
        file = parse(data, "org.toml", org=True)
        assert speaks_of_arguments(file)
        print(
            f"{rules:7,}"
            f" {milliseconds(lambda data=data: parse(data, 'org.toml', org=True)):9.1f}"
            f" {milliseconds(lambda file=file: typed(file, tools)):13.1f}"
            f" {milliseconds(lambda data=data: lint([('org.toml', data)], tools, TODAY)):8.0f}"
            f" {len(lint([('org.toml', data)], tools, TODAY)):9,}"
            f" {milliseconds(lambda alike=alike: lint([('a.toml', alike)], tools, TODAY)):19.0f}"
        )


def typed(file: object, tools: tuple[ToolSpec, ...]) -> None:
    from devagent.core.errors import PolicyError
    from devagent.policy.syntax import PolicyFile

    assert isinstance(file, PolicyFile)
    try:
        check_tools(file, tools)
    except PolicyError as error:
        print(error)


if __name__ == "__main__":
    main()
