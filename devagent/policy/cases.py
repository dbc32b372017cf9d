"""Cases: requests with the answer that is expected of them, from rules' examples and from test files.

A test file (``*.test.toml``, docs/policy-test.md):

    version = 1
    policies = ["acme.toml", "team.toml"]     # beside this file; the first stands in the org's place
    today = 2026-11-20

    [defaults]                                # what the requests below leave out
    principal = { user = "ana", groups = ["eng"] }

    [[case]]
    name = "ana pushes to a branch of her own"
    extension = "git"
    tool = "push"
    resources = ["branch:origin/ana/fix"]
    expect = "allow"
    rules = ["org/acme#branches"]
    obligations = { timeout_s = 30 }
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from msgspec import Struct, field

from devagent.core.errors import PolicyError
from devagent.core.tools import ToolSpec
from devagent.core.verdicts import Effect
from devagent.policy import checks
from devagent.policy.checks import Refusal
from devagent.policy.document import decoded, toml_values
from devagent.policy.globs import is_literal
from devagent.policy.parse import EXAMPLE_KEYS
from devagent.policy.places import Places
from devagent.policy.plain import is_list, is_table
from devagent.policy.positions import Path
from devagent.policy.syntax import EFFECTS, PolicyFile, Rule
from devagent.policy.tool_types import Catalogue

TEST_FILE = ".test.toml"
"""How the name of a test file ends."""
REQUEST_KEYS = tuple(key for key in EXAMPLE_KEYS if key not in ("expect", "why"))
FILE_KEYS = ("version", "policies", "today", "defaults", "case")
CASE_KEYS = ("name", *EXAMPLE_KEYS, "rules", "obligations")


class Case(Struct, frozen=True, kw_only=True):
    """One request and what is expected of it.

    ``request`` is plain JSON data (spec: "A request"). ``rules`` must be among those that match, by id
    or as ``layer/name#id``; ``obligations`` None = any. ``today``: an ISO date, or empty for the run's.
    """

    name: str
    file: str
    line: int
    request: dict[str, Any]
    expect: Effect
    rules: tuple[str, ...] = ()
    obligations: dict[str, Any] | None = None
    today: str = ""
    expires: str = ""


class CaseFile(Struct, frozen=True):
    """A test file: the policy files that it names, as it names them, and its cases."""

    file: str
    policies: tuple[str, ...]
    cases: tuple[Case, ...] = field(default=())


def example_cases(file: PolicyFile, source: str, tools: Iterable[ToolSpec]) -> list[Case]:
    """The examples of a file's rules. What one leaves out is taken from its rule (``_filled``)."""
    places, catalogue = Places(source), Catalogue(tools)
    cases: list[Case] = []
    for number, rule in enumerate(file.rules):
        for position, example in enumerate(rule.examples):
            line, _ = places.of(("rule", number, "examples", position))
            cases.append(
                Case(
                    name=f"{rule.id}, example {position + 1}",
                    file=file.file,
                    line=line,
                    request=_filled(example, rule, catalogue),
                    expect=example.get("expect", rule.effect),
                    expires=rule.expires,
                )
            )
    return cases


def parse_cases(data: bytes, file: str) -> CaseFile:
    """A test file. Raises PolicyError with file, line and column for anything that it can not hold."""
    source = decoded(data, file)
    places = Places(source)
    try:
        return _CaseFile(toml_values(source, file), file, places).read()
    except Refusal as refusal:
        line, column = places.of(refusal.path)
        raise PolicyError(
            refusal.what, file=file, line=line, column=column, hint=refusal.hint
        ) from None


class _CaseFile:
    def __init__(self, document: dict[str, Any], file: str, places: Places) -> None:
        self._document = document
        self._file = file
        self._places = places

    def read(self) -> CaseFile:
        document = self._document
        checks.known_keys(document, FILE_KEYS, (), "a test file")
        if document.get("version", 1) != 1 or isinstance(document.get("version"), bool | float):
            raise Refusal(("version",), "this devagent reads test files of version 1")
        policies = _texts(document.get("policies", []), ("policies",))
        if not policies:
            raise Refusal(
                ("policies",),
                "a test file must name the policies that it is about",
                'Write policies = ["acme.toml"]; the first stands in the org\'s place.',
            )
        defaults = checks.table(document.get("defaults", {}), ("defaults",))
        checks.known_keys(defaults, REQUEST_KEYS, ("defaults",), "defaults")
        today = _day(document["today"], ("today",)) if "today" in document else ""
        entries = checks.listed(document.get("case", []), ("case",))
        cases = tuple(
            self._case(checks.table(entry, ("case", n)), ("case", n), defaults, today)
            for n, entry in enumerate(entries)
        )
        return CaseFile(self._file, policies, cases)

    def _case(self, entry: dict[str, Any], path: Path, defaults: dict[str, Any], today: str) -> Case:  # fmt: skip
        checks.known_keys(entry, CASE_KEYS, path, "a case")
        if "expect" not in entry:
            raise Refusal(path, 'a case must have "expect"', "Write allow, ask or deny.")
        line, _ = self._places.of(path)
        own = {key: entry[key] for key in REQUEST_KEYS if key in entry}
        return Case(
            name=checks.text(entry.get("name", f"case {path[-1]}"), (*path, "name")),
            file=self._file,
            line=line,
            request=checks.plain(_over(defaults, own), path),
            expect=checks.choice(entry["expect"], EFFECTS, (*path, "expect")),
            rules=_texts(entry.get("rules", []), (*path, "rules")),
            obligations=checks.plain(
                checks.table(entry["obligations"], (*path, "obligations")), path
            )
            if "obligations" in entry
            else None,
            today=today,
        )


def _texts(value: object, path: Path) -> tuple[str, ...]:
    return tuple(checks.text(one, (*path, n)) for n, one in enumerate(checks.listed(value, path)))


def _day(value: object, path: Path) -> str:
    if not isinstance(value, date) or isinstance(value, datetime):
        what = f"today must be a date, not {checks.kind_of(value)}"
        raise Refusal(path, what, "Write it without quotes: today = 2026-11-20")
    return value.isoformat()


def _over(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The defaults with a case's own values over them; ``context`` and ``args`` key by key."""
    out = {**defaults, **own}
    for key in ("context", "args"):
        below, above = defaults.get(key), own.get(key)
        if is_table(below) and is_table(above):
            out[key] = {**below, **above}
    return out


# --- what an example leaves out ---


def _filled(example: dict[str, Any], rule: Rule, catalogue: Catalogue) -> dict[str, Any]:
    """The example as a whole request.

    What it leaves out is taken from its rule: the first tool (and where that is not known here, the first
    class), the first principal, the first phase, the first mode that ``when`` names, else chat.
    """
    request = {key: value for key, value in example.items() if key in REQUEST_KEYS}
    if "tool" not in request or "extension" not in request:
        extension, _, tool = _tool(rule, catalogue, request.get("extension", "")).partition(".")
        if rule.classes and not catalogue.pattern(f"{extension}.{tool}").tools:
            request = {"class": rule.classes[0], **request}
        request = {"extension": extension, "tool": tool, **request}
    if rule.phase:
        request = {"phase": rule.phase[0], **request}
    if "principal" not in request:
        request["principal"] = _principal(rule.principals)
    context: Any = request.get("context", {})
    if is_table(context) and "mode" not in context:
        request["context"] = {**context, "mode": _mode(rule)}
    return request


def _tool(rule: Rule, catalogue: Catalogue, extension: str) -> str:
    for pattern in rule.tools or ():
        if is_literal(pattern):
            return pattern
        known = [t for t in catalogue.pattern(pattern).tools if extension in ("", t.extension)]
        fitting = [t for t in known if rule.classes is None or t.tool_class in rule.classes]
        if fitting or known:
            return (fitting or known)[0].qualified
    return (rule.tools or ("any.call",))[0].replace("*", "x")


def _principal(patterns: Sequence[str] | None) -> dict[str, Any]:
    keys = {"user": "user", "agent": "agent", "ci": "ci", "for": "on_behalf_of"}
    for pattern in patterns or ():
        kind, colon, name = pattern.partition(":")
        name = name.replace("*", "x")
        if colon and kind == "group":
            return {"user": "someone", "groups": [name]}
        if colon and kind in keys:
            return {keys[kind]: name}
    return {"user": "someone"}


def _mode(rule: Rule) -> str:
    wanted: Any = rule.when.get("mode", rule.when.get("context.mode"))
    if is_table(wanted):
        wanted = wanted.get("in", wanted.get("eq"))
    if is_list(wanted):
        wanted = wanted[0] if wanted else None
    return wanted if isinstance(wanted, str) and not wanted.startswith("@") else "chat"
