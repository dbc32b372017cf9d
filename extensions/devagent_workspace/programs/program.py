"""What is known of one program: the options by which it starts others, loads code or writes files."""

from typing import NamedTuple


class Program(NamedTuple):
    """Options by which a program starts others or loads code (``runs``), and that name files to write.

    ``--long`` options count when abbreviated. ``-x`` counts in a cluster; ``-xy`` as a whole word.
    ``words``: a pattern of any word that does the same. ``stdin``: it takes commands from its input. ``whole``: its
    options are whole words behind one hyphen or two, and never a cluster.
    """

    runs: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    words: str = ""
    stdin: bool = False
    whole: bool = False


def program(
    runs: str = "", writes: str = "", words: str = "", *, stdin: bool = False, whole: bool = False
) -> Program:
    return Program(tuple(runs.split()), tuple(writes.split()), words, stdin, whole)
