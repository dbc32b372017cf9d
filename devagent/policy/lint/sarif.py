"""Findings as SARIF 2.1.0, which code hosts and editors show beside the lines they are about."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from devagent.core.codec import digest
from devagent.policy.lint.finding import CODES, Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES = list(CODES)


def sarif(findings: Sequence[Finding], version: str) -> dict[str, Any]:
    """The log of one run, as plain JSON data; ``version`` is devagent's own."""
    driver = {
        "name": "devagent policy lint",
        "version": version,
        "rules": [
            {
                "id": code,
                "shortDescription": {"text": meaning},
                "defaultConfiguration": {"level": severity},
            }
            for code, (severity, meaning) in CODES.items()
        ],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding) for finding in findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(finding: Finding) -> dict[str, Any]:
    text = " ".join(part for part in (f"{finding.message}.", finding.suggestion) if part)
    region = {"startLine": finding.line, "startColumn": finding.column}
    place = {"artifactLocation": {"uri": _uri(finding.file)}, "region": region}
    # What stays the same while lines move: so that a finding that was dismissed stays dismissed.
    stable = [finding.code, finding.rule, finding.message]
    return {
        "ruleId": finding.code,
        "ruleIndex": _RULES.index(finding.code),
        "level": finding.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"devagentPolicyFinding/v1": digest(stable)},
    }


def _uri(path: str) -> str:
    """A file's name as a URI reference: absolute ones with their scheme, others as they are."""
    name = quote(path.replace("\\", "/"), safe="/:" if path[1:2] == ":" else "/")
    if path[1:2] == ":":
        return f"file:///{name}"
    return f"file://{name}" if name.startswith("/") else name
