"""``devagent policy check``: requests judged by policy files alone."""

import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any

import click
import msgspec

from devagent.cli.policy.shared import first_party, policy_files, read_policies
from devagent.policy import CompiledPolicy, request_from_line
from devagent.policy.requests import Known
from devagent.settings.day import today

AT_ONCE = 256
"""Answers of a batch that are written together."""


@click.command()
@policy_files
@click.option(
    "--batch", is_flag=True, help="Judge JSON lines from standard input, one answer a line."
)
@click.argument("request_text", metavar="[REQUEST]", required=False)
def check(files: tuple[str, ...], batch: bool, request_text: str | None) -> None:
    """Judge requests by policy files alone; nothing is run.

    REQUEST is one JSON object; without it, one is read from standard input.
    """
    if not files:
        raise click.UsageError("name the files to judge by: --policy FILE")
    if batch and request_text is not None:
        raise click.UsageError("--batch reads its requests from standard input, not an argument")
    compiled = read_policies(files)
    day, known = today(), first_party()
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    if batch:
        lines: Iterator[bytes] = iter(stdin)
    else:
        lines = iter([stdin.read() if request_text is None else request_text.encode()])
    answers = (judge_line(compiled, line, day, known) for line in lines)
    while together := list(islice(answers, AT_ONCE)):
        stdout.write(b"".join(together))
    stdout.flush()


def judge_line(compiled: CompiledPolicy, line: bytes, today: str, known: Known) -> bytes:
    """One answer as a line of JSON. What is no request is a deny with its reason."""
    try:
        request = request_from_line(line, today=today, known=known)
    except ValueError as error:
        answer: dict[str, Any] = {"effect": "deny", "rules": [], "obligations": {}}
        answer |= {"reason": f"cannot be judged: {error}", "near": []}
    else:
        decision = compiled.decide(request)
        answer = {
            "effect": decision.effect,
            "rules": decision.rules,
            "obligations": decision.obligations,
            "reason": decision.reason,
            "near": decision.nearest,
        }
    return msgspec.json.encode(answer) + b"\n"
