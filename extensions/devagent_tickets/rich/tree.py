"""What rich text consists of: blocks, and runs of text with marks."""

from typing import TypeAlias

from msgspec import Struct

DEEPEST = 30
"""Blocks within blocks; what is deeper is read as text."""


class Run(Struct, frozen=True, omit_defaults=True):
    """Text of one kind. ``marks``: strong, em, strike, code; a line break is a run of its own, ``"\\n"``."""

    text: str
    marks: frozenset[str] = frozenset()
    href: str = ""


Runs: TypeAlias = tuple[Run, ...]


class Paragraph(Struct, frozen=True):
    runs: Runs


class Heading(Struct, frozen=True):
    level: int
    runs: Runs


class Code(Struct, frozen=True):
    text: str
    language: str = ""


class Quote(Struct, frozen=True):
    blocks: "tuple[Block, ...]"


class Items(Struct, frozen=True):
    """A list. ``done``: of each item whether it is ticked; None = no box."""

    ordered: bool
    items: "tuple[tuple[Block, ...], ...]"
    done: tuple[bool | None, ...] = ()


class Table(Struct, frozen=True):
    """Its first row is its head."""

    rows: tuple[tuple[Runs, ...], ...]


class Rule(Struct, frozen=True):
    pass


Block: TypeAlias = Paragraph | Heading | Code | Quote | Items | Table | Rule
Blocks: TypeAlias = tuple[Block, ...]


def joined(runs: Runs) -> Runs:
    """Neighbours of one kind as one run."""
    out: list[Run] = []
    for run in runs:
        if not run.text:
            continue
        last = out[-1] if out else None
        if (
            last
            and "\n" not in (last.text, run.text)
            and (last.marks, last.href) == (run.marks, run.href)
        ):
            out[-1] = Run(last.text + run.text, run.marks, run.href)
        else:
            out.append(run)
    return tuple(out)


def plain(runs: Runs) -> str:
    return "".join(run.text for run in runs)
