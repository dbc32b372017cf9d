"""A test report as JUnit XML, which CI systems show case by case."""

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from devagent.core.text import one_line, visible
from devagent.policy.testing import Report, Tested


def junit(report: Report) -> str:
    """The report; one suite for each file."""
    files: dict[str, list[Tested]] = {}
    for case in report.cases:
        files.setdefault(case.file, []).append(case)
    total = f'tests="{len(report.cases)}" failures="{report.failed}"'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites {total}>"]
    for file, cases in files.items():
        lines += _suite(file, cases)
    return "\n".join([*lines, "</testsuites>"]) + "\n"


def _suite(file: str, cases: list[Tested]) -> Iterable[str]:
    failed = sum(bool(case.problems) for case in cases)
    name = quoteattr(one_line(file, 400))
    yield f'  <testsuite name={name} tests="{len(cases)}" failures="{failed}" errors="0" skipped="0">'
    for case in cases:
        head = (
            f'name={quoteattr(one_line(case.name))} classname={name} file={name} line="{case.line}"'
        )
        if not case.problems:
            yield f"    <testcase {head}/>"
            continue
        text = _clean("\n".join(case.problems))
        yield f"    <testcase {head}>"
        yield f"      <failure message={quoteattr(one_line(case.problems[0], 400))}>{escape(text)}</failure>"
        yield "    </testcase>"
    yield "  </testsuite>"


def _clean(text: str) -> str:
    """Characters that XML 1.0 can hold."""
    return "".join(c for c in visible(text) if c not in "\ufffe\uffff" and not "\ud800" <= c <= "\udfff")  # fmt: skip
