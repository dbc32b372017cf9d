"""Policies put to the test: each case judged, and which rules any case ever met. Pure: values in, a report out.

A case is judged as the gate would judge the call: a request of the result phase keeps what the call was
granted where no rule speaks (``CompiledPolicy.decide_result``), every other is ``decide``.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from msgspec import Struct

from devagent.core.verdicts import Effect
from devagent.policy.cases import Case
from devagent.policy.decide import CompiledPolicy
from devagent.policy.names import nearest_name
from devagent.policy.requests import Known, request_from_json


class Suite(Struct, frozen=True):
    """Cases and the policy that judges them. ``counted``: the files whose rules are to be covered."""

    policy: CompiledPolicy
    cases: Sequence[Case]
    counted: frozenset[str]


class Tested(Struct, frozen=True, kw_only=True):
    """One case judged; it passed where ``problems`` is empty."""

    name: str
    file: str
    line: int
    expect: Effect
    effect: Effect
    reason: str
    rules: tuple[str, ...] = ()
    obligations: dict[str, Any] = {}
    problems: tuple[str, ...] = ()


class Covered(Struct, frozen=True):
    """A rule, and in how many cases it matched (a rule in shadow mode: would have)."""

    rule: str
    file: str
    line: int
    cases: int


class Report(Struct, frozen=True):
    """All that was tested."""

    cases: tuple[Tested, ...]
    coverage: tuple[Covered, ...]

    @property
    def failed(self) -> int:
        return sum(bool(case.problems) for case in self.cases)

    @property
    def percent(self) -> float:
        """How many of the rules any case met, in per cent; 100 where there are no rules."""
        met = sum(rule.cases > 0 for rule in self.coverage)
        return 100 * met / len(self.coverage) if self.coverage else 100.0


def run(suites: Iterable[Suite], today: str, known: Known) -> Report:
    """Judge every case.

    ``today`` (ISO) is the day of cases that name none; examples of a rule that has expired by then are judged
    on its last day. ``known`` fills in what a request leaves out about a tool that is here.
    """
    tested: list[Tested] = []
    met: dict[tuple[str, str], int] = {}
    rules: dict[tuple[str, str], Covered] = {}
    for suite in suites:
        for layer in suite.policy.layers:
            if layer.file.file in suite.counted:
                for rule in layer.file.rules:
                    key = (layer.file.file, rule.id)
                    name = f"{layer.title}#{rule.id}"
                    rules.setdefault(key, Covered(name, layer.file.file, rule.line, 0))
        for case in suite.cases:
            result, heard = _judge(suite.policy, case, today, known)
            tested.append(result)
            for key in heard:
                met[key] = met.get(key, 0) + 1
    coverage = (Covered(r.rule, r.file, r.line, met.get(key, 0)) for key, r in rules.items())
    return Report(tuple(tested), tuple(coverage))


def _judge(
    policy: CompiledPolicy, case: Case, today: str, known: Known
) -> tuple[Tested, set[tuple[str, str]]]:
    """The case judged, and the rules that it met by file and id."""
    try:
        request = request_from_json(case.request, today=_day(case, today), known=known)
        outcome = policy.outcome(request, shadow=True)
    except (ValueError, TypeError) as error:
        reason = f"cannot be judged: {error}"
        return _tested(case, "deny", reason, problems=(reason,)), set()
    judge = policy.decide_result if request.phase == "result" else policy.decide
    decision = judge(request)
    problems: list[str] = []
    if decision.effect != case.expect:
        problems.append(f"expected {case.expect}, but it is {decision.effect}: {decision.reason}")
    problems += _missing(case.rules, decision.rules, policy)
    if case.obligations is not None and case.obligations != decision.obligations:
        problems.append(
            f"expected the obligations {_shown(case.obligations)}, but they are {_shown(decision.obligations)}"
        )
    tested = _tested(
        case,
        decision.effect,
        decision.reason,
        rules=decision.rules,
        obligations=decision.obligations,
        problems=tuple(problems),
    )
    return tested, {(rule.layer.file.file, rule.rule.id) for rule in outcome.heard}


def _tested(
    case: Case,
    effect: Effect,
    reason: str,
    *,
    rules: tuple[str, ...] = (),
    obligations: dict[str, Any] | None = None,
    problems: tuple[str, ...] = (),
) -> Tested:
    return Tested(
        name=case.name,
        file=case.file,
        line=case.line,
        expect=case.expect,
        effect=effect,
        reason=reason,
        rules=rules,
        obligations=obligations or {},
        problems=problems,
    )


def _day(case: Case, today: str) -> str:
    day = case.today or today
    if case.expires and day >= case.expires:
        return (date.fromisoformat(case.expires) - timedelta(days=1)).isoformat()
    return day


def _missing(wanted: Iterable[str], matched: Sequence[str], policy: CompiledPolicy) -> list[str]:
    """What is to be said of rules that should have matched and did not."""
    names = [f"{layer.title}#{rule.id}" for layer in policy.layers for rule in layer.file.rules]
    problems: list[str] = []
    for rule in wanted:
        if any(name == rule or name.endswith(f"#{rule.removeprefix('#')}") for name in matched):
            continue
        if any(name == rule or name.endswith(f"#{rule.removeprefix('#')}") for name in names):
            problems.append(f"{rule} does not match; these do: {', '.join(matched) or 'none'}")
        else:
            near = nearest_name(rule, [*names, *(name.partition("#")[2] for name in names)])
            problems.append(
                f"there is no rule {rule}" + (f"; did you mean {near}?" if near else "")
            )
    return problems


def _shown(obligations: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in sorted(obligations.items())) or "none"
