"""``devagent session diff``: what two sessions did differently."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import click

from devagent.audit.comparison import Pair, Step, line_up, step
from devagent.audit.summary import Summary, Touched
from devagent.cli.session.report import review_of
from devagent.cli.session.report_words import dollars, facts, figures
from devagent.cli.session.reviewing import Review
from devagent.cli.session.shared import WIDTH, Format, format_option, write
from devagent.core.codec import canonical, to_plain
from devagent.core.text import one_line

_OWN = frozenset({"Name", "Forked from", "Lasted", "State"})
"""What is each session's own anyway, and no difference between what they did."""

_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--all", "every", is_flag=True, help="Steps that are the same in both, too.")
@click.option("--exit-code", is_flag=True, help="End with 1 where they differ.")
@format_option
def diff(first: str, second: str, every: bool, exit_code: bool, output_format: Format) -> None:
    """What two sessions did differently: who and under what, steps, decisions, data touched, cost.

    Steps are lined up by what they are about (a prompt's text, a call's tool and arguments): `-` stands in A
    alone, `+` in B alone, `!` in both with another answer or result. Of a session and its fork, only the
    steps after the fork are lined up.
    """
    sides = review_of(first), review_of(second)
    before, after = ([one for e in side.entries() if (one := step(e))] for side in sides)
    pairs = list(line_up(_after_fork(before, *sides), _after_fork(after, *reversed(sides))))
    differences = list(_differences(*sides))
    touched = list(_touched(sides[0].summary, sides[1].summary))
    differ = any(pair.where != "both" for pair in pairs)
    if output_format == "json":
        _write_json(sides, differences, touched, pairs, every=every)
    else:
        for line in _text(sides, differences, touched, pairs, every=every):
            write(one_line(line, WIDTH) if line.strip() == line else f"  {one_line(line, WIDTH)}")
    if exit_code and (differ or differences or touched):
        raise click.exceptions.Exit(1)


def _after_fork(steps: list[Step], side: Review, other: Review) -> list[Step]:
    """The steps; where the other session is a fork of this one, those after the fork."""
    origin, _, at = other.summary.forked_from.partition(", event ")
    if origin != side.sid or not at.isdecimal():
        return steps
    return [one for one in steps if one.seq > int(at)]


def _text(
    sides: tuple[Review, Review],
    differences: Sequence[tuple[str, str, str]],
    touched: Sequence[tuple[str, str, str]],
    pairs: Sequence[Pair],
    *,
    every: bool,
) -> Iterator[str]:
    for letter, side in zip("AB", sides, strict=True):
        name = f" “{side.name}”" if side.name else ""
        yield f"{letter} {side.sid}{name}: {side.verified.headline}"
    yield "Who and under what"
    if not differences:
        yield "  the same"
    for what, before, after in differences:
        yield f"  {what}: {_short(before) or 'none'} → {_short(after) or 'none'}"
    yield "Steps"
    counts = {where: sum(p.where == where for p in pairs) for where in _SIGNS}
    yield (
        f"  {counts['both']:,} the same, {counts['otherwise']:,} otherwise, {counts['first']:,} in A alone, "
        f"{counts['second']:,} in B alone"
    )
    for pair in pairs:
        if every or pair.where != "both":
            yield from _lines(pair)
    yield "Data touched"
    if not touched:
        yield "  the same"
    for name, before, after in touched:
        yield f"  {name}: {before} → {after}"


def _short(text: str) -> str:
    """Digests by their first letters, as elsewhere on the screen; ``--format json`` has them whole."""
    return _DIGEST.sub(lambda found: found[0][:12], text)


_SIGNS = {"both": "=", "otherwise": "!", "first": "-", "second": "+"}


def _lines(pair: Pair) -> Iterator[str]:
    one = pair.first or pair.second
    if one is None:
        return
    numbers = "/".join(str(s.seq) for s in (pair.first, pair.second) if s)
    yield f"  {_SIGNS[pair.where]} {numbers} {one.kind} {one.line}{_became(pair)}"


def _became(pair: Pair) -> str:
    before, after = pair.first, pair.second
    if before and after:
        if before.came_to != after.came_to:
            return f": {before.came_to} → {after.came_to}"
        said = f": {before.came_to}" if before.came_to else ""
        return f"{said}, with another result" if before.result != after.result else said
    one: Step | None = before or after
    return f": {one.came_to}" if one and one.came_to else ""


def _differences(first: Review, second: Review) -> Iterator[tuple[str, str, str]]:
    """Facts and figures that are not the same: (what, in A, in B)."""
    before, after = (dict(facts(side)) for side in (first, second))
    for name in dict.fromkeys([*before, *after]):
        ours, theirs = (set(side.get(name, ())) for side in (before, after))
        if name in _OWN or ours == theirs:
            continue
        more, less = not ours <= theirs, not theirs <= ours
        yield (  # what only one has, or where that is nothing, all
            name.lower(),
            ", ".join(v for v in before.get(name, ()) if v not in theirs or not more),
            ", ".join(v for v in after.get(name, ()) if v not in ours or not less),
        )
    for (name, number), (_, other) in zip(
        figures(first.summary), figures(second.summary), strict=True
    ):
        if number != other:
            yield name, f"{number:,}", f"{other:,}"
    for model in dict.fromkeys([*first.summary.models, *second.summary.models]):
        ours, theirs = (side.summary.models.get(model) for side in (first, second))
        before_cost, after_cost = (dollars(use) if use else "" for use in (ours, theirs))
        if before_cost != after_cost:
            yield f"cost of {model}", before_cost, after_cost


def _touched(first: Summary, second: Summary) -> Iterator[tuple[str, str, str]]:
    """Resources that only one session reached, or that one was kept from."""
    for name in dict.fromkeys([*first.touched, *second.touched]):
        before, after = (_reach(side.touched.get(name)) for side in (first, second))
        if before != after:
            yield name, before, after


def _reach(one: Touched | None) -> str:
    if one is None:
        return "not touched"
    access = ", ".join(sorted(one.access))
    if one.ran and one.refused:
        return f"{access}, partly held back"
    return access if one.ran else f"{access}, held back"


def _write_json(
    sides: tuple[Review, Review],
    differences: Sequence[tuple[str, str, str]],
    touched: Sequence[tuple[str, str, str]],
    pairs: Sequence[Pair],
    *,
    every: bool,
) -> None:
    plain: dict[str, Any] = {
        "v": 1,
        "sessions": [
            {"session": one.sid, "name": one.name, "ok": one.verified.ok} for one in sides
        ],
        "differences": [
            {"what": what, "first": before, "second": after} for what, before, after in differences
        ],
        "touched": [
            {"resource": name, "first": before, "second": after} for name, before, after in touched
        ],
        "counts": {where: sum(p.where == where for p in pairs) for where in _SIGNS},
        "steps": [to_plain(pair) for pair in pairs if every or pair.where != "both"],
    }
    write(canonical(plain).decode())
