"""Rules that would have saved a person's asks, as a policy file to review.

The basis is what a person answered yes to at a terminal, often enough; or, where that is asked for, what nobody was
there to answer. Every proposal is tried out before
it is given: all recorded calls are judged again with it, and it may turn asks that were answered yes into
allow and nothing else. A rule that does more is tried narrower and then left out; so is one that does less,
because some rule asks on purpose, or the org leaves nothing to the local file there.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec import Struct

from devagent.core.text import one_line
from devagent.core.verdicts import Decision
from devagent.policy.changes import Recorded
from devagent.policy.decide import CompiledPolicy, compile_policy
from devagent.policy.generalise import Ask, Candidate, candidates, never
from devagent.policy.parse import parse
from devagent.policy.plain import is_list, is_table
from devagent.policy.syntax import PolicyFile
from devagent.policy.toml_text import toml_value

NAME = "suggested"
EXAMPLES = 3
DAYS = 90

_Key = tuple[str, int]


class Left(Struct, frozen=True):
    """Asks that no rule is proposed for, and why."""

    tool: str
    count: int
    why: str


class Suggestion(Struct, frozen=True):
    """``text`` is the whole file. ``asks`` were answered yes at a terminal, or by nobody; ``saved`` of them it would allow."""

    text: str
    rules: int
    asks: int
    saved: int
    left: tuple[Left, ...]


def suggest(
    recorded: Iterable[Recorded],
    policy: CompiledPolicy,
    *,
    today: date,
    least: int = 2,
    unanswered: bool = False,
) -> Suggestion:
    """The rules for asks answered yes at least ``least`` times, checked against everything recorded; ``unanswered``:
    for those that nobody was there to answer instead.

    ``recorded`` is gone through several times. ``policy`` is the one in force: what it would not ask today
    needs no rule. The file is a ``local`` one.
    """
    found = _Found(recorded, policy, unanswered=unanswered)
    tried, too_few = candidates(found.usable, policy, least)
    name = _free_name({layer.file.name for layer in policy.layers}, NAME)
    for ask in too_few:
        found.leave(ask, f"calls like it were {found.answered} fewer than {least} times")
    while True:  # ends: each time round there are fewer rules, or narrower ones
        trouble, saved = _Trial(tried, policy, name, today).run(recorded, found.yes)
        if not trouble:
            break
        tried = list(_repaired(tried, trouble, found))
    lines = _file(name, _tables(tried, today, found.answered), found, len(saved), today)
    return Suggestion(
        text="\n".join(lines) + "\n",
        rules=len(tried),
        asks=found.asks,
        saved=len(saved),
        left=found.left(),
    )


class _Found:
    """The asks that were answered yes. ``usable``: at a terminal (or ``unanswered``: by nobody), asked about still, and
    such as a rule may be for; ``yes``: all of them, in whatever way, for those may become allow."""

    def __init__(
        self, recorded: Iterable[Recorded], policy: CompiledPolicy, *, unanswered: bool
    ) -> None:
        self.asks = 0
        self.nobody = unanswered
        self.answered = "answered by nobody" if unanswered else "answered yes"
        self.usable: list[Ask] = []
        self.yes: set[_Key] = set()
        self._left: dict[tuple[str, str], int] = {}
        for one in recorded:
            if one.request is None or one.approval is None:
                continue
            method = one.approval.method
            nobody = unanswered and method == "unattended"
            if one.approval.answer != "yes" and not nobody:
                continue
            self.yes.add((one.session, one.seq))
            if nobody or (method == "terminal" and not unanswered):
                self._take(one, policy)

    def leave(self, ask: Ask, why: str) -> None:
        key = f"{ask.request.extension}.{ask.request.tool}", why
        self._left[key] = self._left.get(key, 0) + 1

    def left(self) -> tuple[Left, ...]:
        """The most frequent first."""
        ordered = sorted(self._left.items(), key=lambda one: (-one[1], one[0]))
        return tuple(Left(tool, count, why) for (tool, why), count in ordered)

    def _take(self, one: Recorded, policy: CompiledPolicy) -> None:
        request = one.request
        if request is None:
            return
        decision = policy.decide(request)
        if decision.effect != "ask" or one.decision.request not in ("", decision.request):
            return
        self.asks += 1
        asked = tuple(a.resource for a in policy.outcome(request).answers if a.effect == "ask")
        ask = Ask(one.session, one.seq, one.at, request, asked)
        shadow = policy.shadow(request, decision)
        if shadow is not None and shadow.effect == "deny":
            self.leave(ask, f"{_speaking(shadow)} in shadow mode would deny it")
        elif why := never(request, asked):
            self.leave(ask, why)
        else:
            self.usable.append(ask)


class _Trial:
    """The rules in force beside the policy, and what they do to everything recorded."""

    def __init__(
        self, tried: Sequence[Candidate], policy: CompiledPolicy, name: str, today: date
    ) -> None:
        self._tried = tried
        self._policy = policy
        tables = _tables(tried, today, "")
        self._numbers = {f"local/{name}#{table['id']}": n for n, table in enumerate(tables)}
        files = [layer.file for layer in policy.layers]
        self._trial = compile_policy([*files, _parsed(name, tables)])

    def run(self, recorded: Iterable[Recorded], yes: set[_Key]) -> tuple[dict[int, str], set[_Key]]:
        """For each rule that does more or less than it may, why; and the asks that are saved."""
        trouble: dict[int, str] = {}
        allowed: set[_Key] = set()
        short: dict[_Key, Decision] = {}
        wanted = {(a.session, a.seq) for one in self._tried for a in one.asks}
        for one in recorded:
            if one.request is None:
                continue
            after, key = self._trial.decide(one.request), (one.session, one.seq)
            mine = [self._numbers[rule] for rule in after.rules if rule in self._numbers]
            if key in wanted:
                if after.effect == "allow":
                    allowed.add(key)
                else:
                    short[key] = after
            if not mine:
                continue  # a rule that did not match changes nothing
            before = self._policy.decide(one.request)
            same = before.effect == after.effect and before.obligations == after.obligations
            if not same and not (key in yes and after.effect == "allow"):
                trouble |= dict.fromkeys(mine, _beyond(one))
        for number, candidate in enumerate(self._tried):
            missed = [k for a in candidate.asks if (k := (a.session, a.seq)) not in allowed]
            if missed and number not in trouble:
                trouble[number] = _kept_asking(short.get(missed[0]), self._policy)
        return trouble, allowed & wanted


def _repaired(
    tried: Sequence[Candidate], trouble: dict[int, str], found: _Found
) -> Iterator[Candidate]:
    for number, candidate in enumerate(tried):
        if number not in trouble:
            yield candidate
            continue
        yield from candidate.narrower
        kept = {(a.session, a.seq) for one in candidate.narrower for a in one.asks}
        for ask in candidate.asks:
            if (ask.session, ask.seq) not in kept:
                found.leave(ask, trouble[number])


def _beyond(one: Recorded) -> str:
    if one.approval is not None and one.approval.answer == "no":
        return "a call like it was answered no"
    return "a rule for it would change other recorded calls too"


def _kept_asking(after: Decision | None, policy: CompiledPolicy) -> str:
    if after is None or not any(rule.effect != "allow" for rule in after.determining):
        return f"{policy.layers[0].title} does not leave it to the local policy"
    return f"{_speaking(after)} asks on purpose"


def _speaking(decision: Decision) -> str:
    rules = [r.rule for r in decision.determining if r.effect == decision.effect]
    return rules[0] if rules else "a rule"


# --- the file ---


def _tables(tried: Sequence[Candidate], today: date, answered: str) -> list[dict[str, Any]]:
    """Each rule as plain data, its id one of its own."""
    taken: set[str] = set()
    return [_table(one, _free_id(one, taken), today, answered) for one in tried]


def _free_id(candidate: Candidate, taken: set[str]) -> str:
    what = candidate.folder or (candidate.resources[0] if candidate.resources else "")
    words = f"{candidate.tool}-{what.rpartition(':')[2]}"
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in words)
    name = _free_name(taken, "-".join(part for part in kept.split("-") if part)[:60])
    taken.add(name)
    return name


def _free_name(taken: set[str], base: str) -> str:
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def _table(one: Candidate, name: str, today: date, answered: str) -> dict[str, Any]:
    sessions = len({a.session for a in one.asks})
    last = _day(max(a.at for a in one.asks))
    times = f"{len(one.asks)} time{'' if len(one.asks) == 1 else 's'} in {sessions} session{'' if sessions == 1 else 's'}"
    table: dict[str, Any] = {
        "id": name,
        "effect": "allow",
        "principals": [f"user:{one.user}"],
        "tools": [one.tool],
        "classes": [one.tool_class],
    }
    if one.resources:
        table |= {"access": list(one.access), "resources": list(one.resources)}
    return {
        **table,
        "when": one.when,
        "why": f"Asked and {answered} {times}, last on {last}",
        "expires": today + timedelta(days=DAYS),
        "examples": _examples(one),
    }


def _examples(candidate: Candidate) -> list[dict[str, Any]]:
    """The last few calls that differ in what the rule looks at."""
    found: list[dict[str, Any]] = []
    for ask in reversed(candidate.asks):
        example = _example(ask, candidate)
        if example not in found:
            found.append(example)
        if len(found) == EXAMPLES:
            break
    return found


def _example(ask: Ask, candidate: Candidate) -> dict[str, Any]:
    """The call as far as the rule looks at it: other arguments (content) stay in the record."""
    request = ask.request
    args = request.args
    if "args.**" not in candidate.when:
        looked_at = {key.removeprefix("args.") for key in candidate.when if key.startswith("args.")}
        args = {name: value for name, value in args.items() if name in looked_at}
    context = {k: request.context[k] for k in ("mode", "today", "taint") if k in request.context}
    return {
        "principal": {"user": request.principal.user},
        "extension": request.extension,
        "tool": request.tool,
        "class": request.tool_class,
        "args": _without_null(args),
        "resources": [
            {"id": r.id, "access": r.access, **({"tags": list(r.tags)} if r.tags else {})}
            for r in ask.asked
            if r.id
        ],
        "context": context,
        "expect": "allow",
    }


def _without_null(value: Any) -> Any:
    """A null is absent, and TOML has none."""
    if is_table(value):
        return {k: _without_null(v) for k, v in value.items() if v is not None}
    if is_list(value):
        return [_without_null(v) for v in value if v is not None]
    return value


def _parsed(name: str, tables: Sequence[dict[str, Any]]) -> PolicyFile:
    return parse("\n".join(_rules_text(name, tables)) + "\n", f"{name}.toml")


def _rules_text(name: str, tables: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "version = 1"
    yield f'name = "{name}"'
    yield 'layer = "local"'
    for table in tables:
        yield "\n[[rule]]"
        for key, value in table.items():
            if key == "examples":
                yield "examples = ["
                yield from (f"    {toml_value(example)}," for example in value)
                yield "]"
            elif isinstance(value, date):
                yield f"{key} = {value.isoformat()}"
            else:
                yield f"{key} = {toml_value(value)}"


def _file(
    name: str, tables: Sequence[dict[str, Any]], found: _Found, saved: int, today: date
) -> Iterator[str]:
    rules = f"{len(tables)} rule" + ("" if len(tables) == 1 else "s")
    yield f"# Proposed on {today.isoformat()} by `devagent policy suggest`: {rules} that would have saved {saved} of {found.asks} asks"
    yield f"# that were {found.answered}{'' if found.nobody else ' at a terminal'}. Read each before you take it over into your own policy file."
    yield "# Checked: with these rules those recorded calls are allowed, and the answer to no other changes."
    left = found.left()
    if left:
        yield "#"
        yield "# No rule is proposed for:"
    for one in left:
        yield f"#   {one_line(f'{one.count} x {one.tool}: {one.why}', 400)}"
    yield ""
    yield from _rules_text(name, tables)


def _day(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC).date().isoformat()
