"""What lint, tests and a replay find of a bundle: told to people, and attached to its approval."""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager

from devagent.cli.policy.diff_text import in_text
from devagent.cli.policy.recorded import RecordedSessions
from devagent.cli.policy.shared import read_policies
from devagent.cli.policy.test import Known, Suites
from devagent.cli.policy.tool_specs import tool_specs
from devagent.core.text import one_line
from devagent.org.approving import Evidence
from devagent.org.building import Built
from devagent.org.manifest import ORG_POLICY
from devagent.policy.cases import TEST_FILE
from devagent.policy.changes import Report
from devagent.policy.lint import lint
from devagent.policy.replay import replay
from devagent.policy.testing import run
from devagent.settings.day import today

Tell = Callable[[str], None]


def evidence(built: Built, sessions: str, tell: Tell) -> Evidence:
    """Lint and test the bundle, and judge the recorded sessions again, where some are named."""
    with unpacked(built) as folder:
        linted, tested = lint_and_test(folder, built, tell)
        replayed = counts(replayed_by(folder, built, sessions, tell)) if sessions else {}
    return Evidence(linted, tested, replayed)


@contextmanager
def unpacked(built: Built) -> Generator[str]:
    """The bundle's files in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="devagent-bundle-") as folder:
        for name, data in built.files.items():
            path = os.path.join(folder, *name.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        yield folder


def policies(folder: str, built: Built) -> list[str]:
    """The paths of the bundle's policy files, the org's first."""
    names = sorted(
        name
        for name in built.files
        if name.startswith("policy/") and name.endswith(".toml") and not name.endswith(TEST_FILE)
    )
    names.remove(ORG_POLICY)
    return [os.path.join(folder, name) for name in (ORG_POLICY, *names)]


def lint_and_test(folder: str, built: Built, tell: Tell) -> tuple[dict[str, int], dict[str, int]]:
    """Counts of findings by severity, and of cases; each error and failure is told."""
    tools = tool_specs(())
    files = policies(folder, built)
    cases = sorted(os.path.join(folder, name) for name in built.files if name.endswith(TEST_FILE))
    sources = [(file, _bytes(file)) for file in (*files, *cases)]
    day = today()
    findings = lint(sources, tools, day, org=files[0])
    for one in findings:
        if one.severity == "error":
            place = os.path.relpath(one.file, folder)
            tell(f"{place}:{one.line}: {one.severity}: {one_line(one.message, 400)} [{one.code}]")
    linted = Counter(one.severity for one in findings)
    if linted["error"]:
        return dict(linted), {"passed": 0, "failed": 0}
    report = run(Suites((*files, *cases), tools, in_force=False).all(), day, Known(tools))
    for case in report.cases:
        if case.problems:
            tell(f"FAIL  {os.path.relpath(case.file, folder)}:{case.line}: {one_line(case.name)}")
            for problem in case.problems:
                tell(f"      {one_line(problem, 400)}")
    return dict(linted), {"passed": len(report.cases) - report.failed, "failed": report.failed}


def replayed_by(folder: str, built: Built, sessions: str, tell: Tell, examples: int = 2) -> Report:
    """The recorded sessions judged again by the bundle; what changes is told."""
    read = RecordedSessions(sessions)
    report = replay(read, read_policies(policies(folder, built)), examples=examples)
    title = f"Recorded answers → {built.manifest.org} {built.manifest.revision}: {read.count:,} sessions"
    for line in in_text(report, title, shadow=False):
        tell(line)
    for unreadable in read.unreadable:
        tell(f"not read to its end: {one_line(unreadable, 400)}")
    return report


def counts(report: Report) -> dict[str, int]:
    """The summary that goes with an approval: calls judged, changed, and each kind of change."""
    found = {"judged": report.judged, "changed": report.changed}
    for change in report.changes:
        kind = f"{change.before} to {change.after}"
        found[kind] = found.get(kind, 0) + change.count
    return found


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
