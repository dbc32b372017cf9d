"""``devagent policy test``: policies put to the test by their examples and by test files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import click

from devagent.cli.formats import formats
from devagent.cli.policy.shared import files_in_force, read_policy
from devagent.cli.policy.tool_specs import tool_files, tool_specs
from devagent.core.codec import canonical, to_plain
from devagent.core.resources import Resource
from devagent.core.text import one_line, visible
from devagent.core.tools import ToolClass, ToolSpec
from devagent.host.arguments import complete
from devagent.policy import PolicyFile, compile_policy, parse
from devagent.policy.cases import TEST_FILE, CaseFile, example_cases, parse_cases
from devagent.policy.document import decoded
from devagent.policy.junit import junit
from devagent.policy.testing import Report, Suite, run
from devagent.policy.tool_types import check_tools
from devagent.settings.day import today
from devagent_policies import path_of


@click.command("test")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@formats("text", "json", "junit")
@tool_files
@click.option("--min-coverage", metavar="PERCENT", type=click.FloatRange(0, 100), default=0.0, help="Fail where cases meet fewer of the rules.")  # fmt: skip
@click.option("--today", "given", metavar="DATE", type=click.DateTime(["%Y-%m-%d"]), help="The day to judge by [today].")  # fmt: skip
@click.pass_context
def test_command(
    context: click.Context,
    files: tuple[str, ...],
    output_format: Literal["text", "json", "junit"],
    tool_files: tuple[str, ...],
    min_coverage: float,
    given: datetime | None,
) -> None:
    """Run the examples of policy files, and test files (*.test.toml); without FILE, of those in force here.

    Exit code 1 where a case fails or the cases meet too few of the rules.
    """
    day = given.date().isoformat() if given else today()
    tools = tool_specs(tool_files)
    suites = Suites(files or files_in_force(), tools, in_force=not files)
    report = run(suites.all(), day, Known(tools))
    enough = report.percent >= min_coverage
    if output_format == "json":
        click.echo(canonical(_as_json(report)))
    elif output_format == "junit":
        click.echo(junit(report), nl=False)
    else:
        for line in _in_text(report):
            click.echo(visible(line))
    if not enough:
        click.echo(f"The cases meet {report.percent:.0f} % of the rules, fewer than {min_coverage:g} %.", err=True)  # fmt: skip
    if report.failed or not enough:
        context.exit(1)


class Suites:
    """The cases of the files named, each with the policy that judges it.

    The examples of an org file are judged by that file alone, those of a lower one below the org file that is
    named with it (by hand or in a test file), or else below the baseline, which holds where nobody is enrolled.
    """

    def __init__(self, files: Sequence[str], tools: Sequence[ToolSpec], *, in_force: bool) -> None:
        self._tools = tools
        self._parsed: dict[tuple[str, bool | None], PolicyFile] = {}
        self._names: dict[str, str] = {}
        self._sources: dict[str, str] = {}
        self._cases = [parse_cases(read_policy(f), f) for f in files if f.endswith(TEST_FILE)]
        policies = [f for f in dict.fromkeys(files) if not f.endswith(TEST_FILE)]
        self._files = [
            self._policy(name, org=number == 0 if in_force else None)
            for number, name in enumerate(policies)
        ]

    def all(self) -> Iterator[Suite]:
        done: set[str] = set()
        org = next((file for file in self._files if file.org), None)
        for file in self._files:
            yield self._examples(file, org)
            done.add(file.file)
        for cases in self._cases:
            files = self._named(cases)
            yield Suite(compile_policy(files), cases.cases, frozenset(f.file for f in files))
            for file in files:
                if file.file not in done:
                    done.add(file.file)
                    yield self._examples(file, files[0])

    def _named(self, cases: CaseFile) -> list[PolicyFile]:
        folder = os.path.dirname(cases.file)
        names = [os.path.join(folder, name) for name in cases.policies]
        return [self._policy(name, org=number == 0) for number, name in enumerate(names)]

    def _examples(self, file: PolicyFile, org: PolicyFile | None) -> Suite:
        cases = example_cases(file, self._sources[file.file], self._tools)
        if not file.org:
            org = org or self._policy(path_of("baseline"), org=True)
            return Suite(compile_policy([org, file]), cases, frozenset([file.file]))
        return Suite(compile_policy([file]), cases, frozenset([file.file]))

    def _policy(self, name: str, *, org: bool | None) -> PolicyFile:
        name = self._names.setdefault(os.path.realpath(name), name)  # one file, one name
        if (name, org) not in self._parsed:
            data = read_policy(name)
            file = self._parsed[name, org] = parse(data, name, org=org)
            self._sources[name] = decoded(data, name)
            check_tools(file, self._tools, self._sources[name])
        return self._parsed[name, org]


class Known:
    """Tools by their recorded definitions (``policy.requests.Known``)."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self._tools = {(tool.extension, tool.name): _Recorded(tool) for tool in tools}

    def __call__(self, extension: str, tool: str) -> "_Recorded | None":
        return self._tools.get((extension, tool))


class _Recorded:
    """A tool by its recorded definition alone: what a case touches is what it says, wherever it is run."""

    def __init__(self, spec: ToolSpec) -> None:
        self._spec = spec

    @property
    def tool_class(self) -> ToolClass:
        return self._spec.tool_class

    @property
    def can(self) -> tuple[str, ...]:
        return self._spec.can

    def complete(self, args: Mapping[str, Any]) -> dict[str, Any]:
        return complete(self._spec.input_schema, args)

    def resources(self, args: Mapping[str, Any]) -> tuple[Resource, ...]:
        del args
        return ()


def _in_text(report: Report) -> Iterator[str]:
    for case in report.cases:
        if case.problems:
            yield f"FAIL  {one_line(f'{case.file}:{case.line}', 400)}: {one_line(case.name)}"
            for problem in case.problems:
                yield f"      {one_line(problem, 600)}"
    passed = len(report.cases) - report.failed
    yield f"{passed} passed, {report.failed} failed."
    unmet = [rule for rule in report.coverage if not rule.cases]
    yield f"{len(report.coverage) - len(unmet)} of {len(report.coverage)} rules met by a case ({report.percent:.0f} %)."
    for rule in unmet:
        yield f"  never met: {one_line(rule.rule)}  ({one_line(f'{rule.file}:{rule.line}', 400)})"


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "version": 1,
        "passed": len(report.cases) - report.failed,
        "failed": report.failed,
        "cases": to_plain(report.cases),
        "coverage": {"percent": round(report.percent, 2), "rules": to_plain(report.coverage)},
    }
