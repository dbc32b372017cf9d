"""Policy's figures beside three other engines, on the same generated policy. Prints tables of CPU time.

python tests/bench/bench_policy_engines.py [RULES …]

The others are cedarpy (Cedar; of the development group), casbin and regopy (Rego; both of the bench group):
``pip install --group bench``. One that is not installed is left out with a word. Every engine is asked the
same calls, each has the policy in the form that suits it (Cedar by ``policy export --cedar``, Rego's data
by group), and each must give our answer, allow or not, before it is timed.
"""

import gc
import importlib
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ToolSpec
from devagent.core.verdicts import Request
from devagent.policy import CompiledPolicy, compile_policy, explain, from_cache, parse, to_cache
from devagent.policy.cedar import export_cedar

SIZES = (100, 5_000, 50_000)
DECISIONS = 4_000
PATIENCE = 4.0
"""Seconds of decisions for each engine and size."""
TEAMS = 40
SERVICES = 200
TODAY = "2026-11-20"
TARGETS = {100: (30, 3), 5_000: (60, 30), 50_000: (200, 0)}
"""Rules → microseconds of a decision (95th percentile), milliseconds of loading; 0 = none."""

Decide = Callable[[Request], bool]


def tool_of(number: int) -> str:
    """Every third rule is about a service of its own, the others about one tool that all share."""
    return "sql.query" if number % 3 else f"service{number % SERVICES}.query"


def policy_text(rules: int) -> str:
    """A company's policy: many teams, tools and tables; every tenth rule asks."""
    parts = [
        'version = 1\nname = "acme"\nlayer = "org"\n',
        '[[rule]]\nid = "secrets"\neffect = "deny"\nresources = ["path:**/.env", "path:**/id_rsa*"]\n',
        '[[rule]]\nid = "read"\neffect = "allow"\nclasses = ["read"]\nresources = ["path:src/**"]\n',
    ]
    parts += [
        f"""[[rule]]
id = "t{i}"
effect = "{"allow" if i % 10 else "ask"}"
principals = ["group:team-{i % TEAMS}"]
tools = ["{tool_of(i)}"]
resources = ["table:team{i % TEAMS}_{i}.**"]
when = {{ mode = ["chat", "run"], "args.limit" = {{ max = 1000 }} }}
"""
        for i in range(rules - 2)
    ]
    return "".join(parts)


def call(number: int, *, limit: int = 100, team: int | None = None) -> Request:
    """A call that rule ``number`` is about; another ``team`` or a higher ``limit`` is refused by silence."""
    extension, _, tool = tool_of(number).partition(".")
    own = number % TEAMS if team is None else team
    return Request(
        principal=Principal(user=f"user{own}", groups=(f"team-{own}", "staff"), agent="main"),
        extension=extension,
        tool=tool,
        tool_class="read",
        args={"sql": "select 1", "limit": limit},
        resources=(Resource(id=f"table:team{number % TEAMS}_{number}.a", access="read"),),
        context={"mode": "chat", "today": TODAY},
        can=("limit_rows",),
    )


def calls(rules: int) -> dict[str, list[Request]]:
    """Ordinary calls: most are allowed, the others refused by silence, for another team or too much at once."""
    chosen = random.Random(1)
    numbers = [chosen.randrange(rules - 2) for _ in range(DECISIONS)]
    return {
        "granted": [call(n) for n in numbers],
        "refused": [
            call(n, limit=5_000) if n % 2 else call(n, team=(n + 1) % TEAMS) for n in numbers
        ],
    }


def installed(name: str) -> Any:
    """The module, or None. Untyped: these packages leave their types open."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


# --- the engines: each gives its load time in milliseconds and how it decides ---


def cedar(policy: CompiledPolicy, rules: int) -> tuple[float, Decide] | None:
    module = installed("cedarpy")
    if module is None:
        return None
    schema = {
        "type": "object",
        "properties": {"sql": {"type": "string"}, "limit": {"type": "integer"}},
        "additionalProperties": False,
    }
    names = sorted({tool_of(i).partition(".")[0] for i in range(rules)})
    tools = [ToolSpec(name, "query", "read", "", schema, ("limit_rows",)) for name in names]
    exported = export_cedar(policy, tools)
    start = time.process_time()
    policies = module.PolicySet.from_str(exported.policies)
    parsed = module.Schema.from_str(exported.schema)
    load = (time.process_time() - start) * 1e3

    def decide(request: Request) -> bool:
        asked = exported.call(request)
        clock.start()
        answer = module.is_authorized(asked.requests[0], policies, list(asked.entities[0]), parsed)
        clock.stop()
        return answer.decision is module.Decision.Allow

    return load, decide


_CASBIN = """
[request_definition]
r = sub, obj, act, limit, mode
[policy_definition]
p = sub, obj, act, eft
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && r.act == p.act && keyMatch(r.obj, p.obj) && r.limit <= 1000 && (r.mode == "chat" || r.mode == "run")
"""


def casbin(policy: CompiledPolicy, rules: int) -> tuple[float, Decide] | None:
    module = installed("casbin")
    if module is None:
        return None
    start = time.process_time()
    model = module.Model()
    model.load_model_from_text(_CASBIN)
    enforcer = module.Enforcer(model)
    enforcer.add_policies(
        [
            [
                f"team-{i % TEAMS}",
                f"table:team{i % TEAMS}_{i}.*",
                tool_of(i),
                "allow" if i % 10 else "deny",
            ]
            for i in range(rules - 2)
        ]
    )
    enforcer.add_grouping_policies([[f"user{i}", f"team-{i}"] for i in range(TEAMS)])
    load = (time.process_time() - start) * 1e3

    def decide(request: Request) -> bool:
        act = f"{request.extension}.{request.tool}"
        clock.start()
        answer = enforcer.enforce(
            request.principal.user, request.resources[0].id, act, request.args["limit"], "chat"
        )
        clock.stop()
        return bool(answer)

    return load, decide


_REGO = """package acme
import rego.v1
default allow := false
effects contains r.effect if {
  some g in input.groups
  some r in data.by_group[g]
  startswith(input.resource, r.prefix)
  r.tool == input.tool
  input.limit <= 1000
  input.mode in ["chat", "run"]
}
refused if "ask" in effects
allow if { "allow" in effects
  not refused }
"""


def rego(policy: CompiledPolicy, rules: int) -> tuple[float, Decide] | None:
    module = installed("regopy")
    if module is None:
        return None
    by_group: dict[str, list[dict[str, str]]] = {}
    for i in range(rules - 2):
        by_group.setdefault(f"team-{i % TEAMS}", []).append(
            {
                "prefix": f"table:team{i % TEAMS}_{i}.",
                "tool": tool_of(i),
                "effect": "allow" if i % 10 else "ask",
            }
        )
    start = time.process_time()
    interpreter = module.Interpreter()
    interpreter.add_data({"by_group": by_group})
    interpreter.add_module("acme", _REGO)
    bundle = interpreter.build("data.acme.allow")
    load = (time.process_time() - start) * 1e3

    def decide(request: Request) -> bool:
        asked = {
            "groups": list(request.principal.groups),
            "resource": request.resources[0].id,
            "tool": f"{request.extension}.{request.tool}",
            "limit": request.args["limit"],
            "mode": "chat",
        }
        clock.start()
        interpreter.set_input(asked)
        answer = str(interpreter.query_bundle(bundle))
        clock.stop()
        return "true" in answer

    return load, decide


OTHERS = {"cedarpy": cedar, "casbin": casbin, "regopy": rego}


# --- measuring ---


class Clock:
    """CPU time of this thread, in microseconds, from ``start`` to ``stop``."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self._started = 0

    def start(self) -> None:
        self._started = time.thread_time_ns()

    def stop(self) -> None:
        self.times.append((time.thread_time_ns() - self._started) / 1e3)


clock = Clock()


def first_met(decide: Decide, requests: list[Request]) -> tuple[float, float]:
    """Median and 95th percentile of deciding calls that were never asked before."""
    clock.times.clear()
    for request in requests:
        decide(request)
    return statistics.median(clock.times), statistics.quantiles(clock.times, n=20)[-1]


def timed(decide: Decide, requests: list[Request]) -> tuple[float, float]:
    """Median and 95th percentile over calls, each the median of three times, as far as patience goes."""
    decide(requests[0])
    passes: list[list[float]] = []
    asked, end = requests, time.monotonic() + PATIENCE / 2
    for _ in range(3):
        clock.times.clear()
        for request in asked:
            decide(request)
            if len(clock.times) > 20 and time.monotonic() > end:
                break
        asked = requests[: len(clock.times)]
        passes.append(clock.times[:])
        if time.monotonic() > end:
            break
    each = [statistics.median(times) for times in zip(*passes, strict=False)]
    return statistics.median(each), statistics.quantiles(each, n=20)[-1]


def milliseconds(work: Callable[[], object]) -> float:
    """The median CPU time of several runs."""
    times: list[float] = []
    for _ in range(5):
        gc.collect()
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1e3)
    return statistics.median(times)


def agrees(policy: CompiledPolicy, decide: Decide, asked: dict[str, list[Request]]) -> None:
    """Raise where another engine's answer is not ours."""
    for one in (*asked["granted"][:10], *asked["refused"][:10]):
        if decide(one) is not (policy.decide(one).effect == "allow"):
            raise AssertionError(f"another answer to {one}")


def main() -> None:
    """Print the tables."""
    print("CPU time: granted and refused are decisions in µs (p50 / p95), load in ms\n")
    print(f"{'rules':>7}  {'engine':10} {'load':>9}  {'granted':>19}  {'refused':>19}  target")
    for rules in [int(a) for a in sys.argv[1:]] or SIZES:
        text = policy_text(rules)
        cached = to_cache(parse(text, "org.toml", org=True))
        load = milliseconds(lambda cached=cached: compile_policy([from_cache(cached)]))
        policy = compile_policy([from_cache(cached)])
        asked = calls(rules)

        def ours(request: Request, policy: CompiledPolicy = policy) -> bool:
            clock.start()
            decision = policy.decide(request)
            clock.stop()
            return decision.effect == "allow"

        most, loading = TARGETS.get(rules, (0, 0))
        target = f"p95 {most}, load {loading or '-'}" if most else ""
        first = {k: first_met(ours, v) for k, v in asked.items()}
        row(rules, "devagent", load, {k: timed(ours, v) for k, v in asked.items()}, target)
        row(rules, " first met", load, first, "every rule compiled when it is met")
        for name, engine in OTHERS.items():
            made = engine(policy, rules)
            if made is None:
                print(f"{rules:7,}  {name:10} not installed")
                continue
            load, decide = made
            agrees(policy, decide, asked)
            row(rules, name, load, {k: timed(decide, v) for k, v in asked.items()}, "")
    explained()


def row(
    rules: int, name: str, load: float, times: dict[str, tuple[float, float]], target: str
) -> None:
    pairs = "  ".join(f"{p50:8,.1f} / {p95:8,.1f}" for p50, p95 in times.values())
    print(f"{rules:7,}  {name:10} {load:9,.2f}  {pairs}  {target}", flush=True)


def explained(rules: int = 5_000) -> None:
    """Explaining a refusal with its near misses: once in a fresh policy, and after."""
    file = parse(policy_text(rules), "org.toml", org=True)
    refused = calls(rules)["refused"]
    first = milliseconds(lambda: explain(compile_policy([file]), refused[0]))
    policy = compile_policy([file])
    times: list[float] = []
    for one in refused[:1000]:
        start = time.thread_time_ns()
        found = explain(policy, one)
        times.append((time.thread_time_ns() - start) / 1e6)
        if not found.nearest:
            raise AssertionError(f"no near miss of {one}")
    p50, p95 = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    print(
        f"\nexplain a refusal with near misses, {rules:,} rules: first {first:.2f} ms,"
        f" then p50 {p50:.3f} ms, p95 {p95:.3f} ms  (target 2)"
    )


if __name__ == "__main__":
    main()
