"""Findings about policy files: slips, dead rules, traps of the language. Pure: texts in, findings out.

``lint`` never raises for a file, whatever is in it: a file that is no policy is a finding.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from devagent.core.errors import PolicyError
from devagent.core.text import one_line
from devagent.core.tools import ToolSpec
from devagent.policy.cases import TEST_FILE, parse_cases
from devagent.policy.document import decoded
from devagent.policy.lint.arguments import argument_findings, obligation_findings
from devagent.policy.lint.finding import CODES, SEVERITIES, Finding, Severity
from devagent.policy.lint.names import name_findings
from devagent.policy.lint.reach import reach_findings
from devagent.policy.lint.subject import Subject
from devagent.policy.lint.traps import trap_findings
from devagent.policy.lint.upkeep import upkeep_findings
from devagent.policy.parse import parse
from devagent.policy.syntax import PolicyFile
from devagent.policy.tool_types import Catalogue

__all__ = ["CODES", "SEVERITIES", "Finding", "Severity", "lint"]

FAMILIES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    name_findings,
    argument_findings,
    obligation_findings,
    reach_findings,
    upkeep_findings,
    trap_findings,
)


def lint(
    files: Sequence[tuple[str, bytes]],
    tools: Iterable[ToolSpec],
    today: str,
    *,
    org: str | None = None,
) -> list[Finding]:
    """The findings about these files (name and bytes), in the order of files and lines.

    Of a test file only whether it is one.

    ``org`` names the file that stands in the org's place whatever it says; without it each file's own
    ``layer`` counts. ``today`` is an ISO date. ``tools`` are all those of each extension that is here.
    """
    catalogue = Catalogue(tools)
    parsed: list[tuple[PolicyFile, str]] = []
    findings: list[Finding] = []
    for name, data in files:
        try:
            if name.endswith(TEST_FILE):
                parse_cases(data, name)
                continue
            place = None if org is None else name == org
            parsed.append((parse(data, name, org=place), decoded(data, name)))
        except PolicyError as error:
            findings.append(_refused(error, name))
    orgs = tuple(file for file, _ in parsed if file.org)
    for file, source in parsed:
        subject = Subject(file, source, orgs, catalogue, today)
        for family in FAMILIES:
            findings += family(subject)
    order = {name: number for number, (name, _) in enumerate(files)}
    return sorted(findings, key=lambda f: (order[f.file], f.line, f.column, f.code, f.message))


def _refused(error: PolicyError, name: str) -> Finding:
    place = ":".join([name, *(str(n) for n in (error.line, error.column) if n)])
    return Finding(
        code="refused",
        severity="error",
        file=name,
        line=error.line or 1,
        column=error.column or 1,
        message=one_line(error.what.removeprefix(f"{place}: "), 400),
        suggestion=error.hint,
    )
