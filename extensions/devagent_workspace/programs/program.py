"""What is known of one program: the options by which it starts others, loads code or writes files."""

from typing import NamedTuple


class Program(NamedTuple):
    """Options by which a program starts others or loads code (``runs``), and that name files to write.

    ``--long`` options count when abbreviated, but for those in ``plain``, which are options of their own. ``-x`` counts
    in a cluster; ``-xy`` as a whole word. ``words``: a pattern of any word that does the same. ``verbs``: a pattern of
    words that follow each other and are no options. ``stdin``: it takes commands, or the names of files, from its
    input. ``whole``: its options are whole words behind one hyphen or two, and never a cluster. ``why``: what all
    that means of this program.
    """

    runs: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    words: str = ""
    stdin: bool = False
    whole: bool = False
    plain: tuple[str, ...] = ()
    verbs: str = ""
    why: str = "may start other programs"


def program(
    runs: str = "",
    writes: str = "",
    words: str = "",
    *,
    stdin: bool = False,
    whole: bool = False,
    plain: str = "",
    verbs: str = "",
    why: str = "may start other programs",
) -> Program:
    """One program; options are given with blanks between them."""
    return Program(
        tuple(runs.split()),
        tuple(writes.split()),
        words,
        stdin,
        whole,
        tuple(plain.split()),
        verbs,
        why,
    )
