"""Policy's own figures: parsing, loading, deciding, by the number of rules. Prints a table.

python tests/bench/bench_policy.py [RULES …]
"""

import gc
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.verdicts import Request
from devagent.policy import CompiledPolicy, compile_policy, from_cache, parse, to_cache

SIZES = (100, 5_000, 30_000)  # a file of more has over 10 MB of such rules, and is refused
DECISIONS = 4_000
TODAY = "2026-11-20"


def policy_text(rules: int) -> str:
    """A company's policy: many teams, tools and tables; a few rules that everybody meets."""
    parts = [
        'version = 1\nname = "acme"\nlayer = "org"\n',
        '[groups]\n"everyone" = ["user:*"]\n',
        '[[rule]]\nid = "secrets"\neffect = "deny"\nresources = ["path:**/.env", "path:**/id_rsa*"]\n',
        '[[rule]]\nid = "read"\neffect = "allow"\nclasses = ["read"]\nresources = ["path:src/**"]\n',
    ]
    parts += [
        f"""[[rule]]
id = "team-{i}"
effect = "{"allow" if i % 10 else "ask"}"
principals = ["group:team-{i % 40}"]
tools = ["{"sql.query" if i % 3 else f"service{i % 200}.*"}"]
resources = ["table:w.t{i % 40}_{i}.**"]
when = {{ mode = ["chat", "run"], "args.limit" = {{ max = 99 }} }}
obligations = {{ limit_rows = 500 }}
"""
        for i in range(rules - 2)
    ]
    return "".join(parts)


def request(number: int, rules: int) -> Request:
    """An ordinary call that one of the rules allows."""
    i = number % max(1, (rules - 2))
    return Request(
        principal=Principal(user=f"user{i % 40}", groups=(f"team-{i % 40}", "staff"), agent="main"),
        extension="sql" if i % 3 else f"service{i % 200}",
        tool="query",
        tool_class="read",
        args={"sql": "select 1", "limit": 10},
        resources=(Resource(id=f"table:w.t{i % 40}_{i}.orders", access="read"),),
        context={"mode": "chat", "interactive": True, "today": TODAY},
        can=("limit_rows",),
    )


def milliseconds(work: Callable[[], object], repeat: int = 5) -> float:
    """CPU of the best of several runs."""
    best = float("inf")
    for _ in range(repeat):
        gc.collect()
        start = time.thread_time()
        work()
        best = min(best, time.thread_time() - start)
    return best * 1000


def decisions(policy: CompiledPolicy, requests: list[Request]) -> tuple[float, float]:
    """Median and 95th percentile of ``decide`` in microseconds of CPU, every request met for the first time."""
    times: list[float] = []
    for one in requests:
        start = time.thread_time()
        policy.decide(one)
        times.append((time.thread_time() - start) * 1e6)
    return statistics.median(times), statistics.quantiles(times, n=20)[-1]


def import_milliseconds() -> float:
    """What importing the floor costs over what it stands on, in a fresh interpreter."""
    probe = (
        "import devagent.core.codec, devagent.core.verdicts, devagent.core.text, datetime, time;"
        "a = time.perf_counter(); import devagent.policy; print(time.perf_counter() - a)"
    )
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
        command = [sys.executable, "-c", probe]
        runs = [
            subprocess.run(command, capture_output=True, check=True, env=environment)
            for _ in range(6)
        ]
    return min(float(run.stdout) for run in runs) * 1000


def main() -> None:
    """Print the table."""
    print(f"import devagent.policy: {import_milliseconds():.1f} ms\n")
    print("  rules  parse ms  load ms  cache KB  allow p50 µs  p95 µs  refusal p50 µs  p95 µs")
    for rules in [int(a) for a in sys.argv[1:]] or SIZES:
        text = policy_text(rules)
        parsing = milliseconds(lambda text=text: parse(text, "org.toml", org=True), repeat=1)
        cached = to_cache(parse(text, "org.toml", org=True))
        loading = milliseconds(lambda cached=cached: compile_policy([from_cache(cached)]))
        chosen = random.Random(1)
        # Every tenth rule asks; an ordinary call is one that a rule allows.
        numbers = [chosen.randrange(rules // 10 - 1) * 10 + 1 for _ in range(DECISIONS)]
        allowed = [request(number, rules) for number in numbers]
        refused = [
            Request(
                principal=Principal(user="guest", groups=("staff",)),
                extension=r.extension,
                tool=r.tool,
                tool_class="write",
                args=r.args,
                resources=r.resources,
                context=r.context,
            )
            for r in allowed
        ]
        policy = compile_policy([from_cache(cached)])
        yes = decisions(policy, allowed)
        no = decisions(policy, refused)
        print(
            f"{rules:7,} {parsing:9.1f} {loading:8.2f} {len(cached) / 1024:9.0f}"
            f" {yes[0]:13.1f} {yes[1]:7.1f} {no[0]:15.1f} {no[1]:7.1f}"
        )


if __name__ == "__main__":
    main()
