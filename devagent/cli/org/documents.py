"""The documentation that a bundle brings, made ready to be searched on this machine."""

from collections.abc import Iterator

from devagent.cli.docs.shared import commands, failures, surroundings
from devagent.cli.governed import enrolled_here
from devagent.core.errors import DevagentError
from devagent.core.text import one_line


def indexed() -> Iterator[str]:
    """Bring the index of the bundle's own collections up to date; how each ended, for people. A failure is told and no more:
    policy is in force without it."""
    found = enrolled_here()
    brought = found.equipment if found else None
    names = tuple(brought.extensions.get("docs", {}).get("collections", {})) if brought else ()
    if not names:
        return
    try:
        with failures():
            here = surroundings()
            for collection in commands().chosen(here, names):
                done = commands().index(here, collection)
                yield f"documentation {collection.name}: {done.documents} documents indexed"
    except DevagentError as error:
        yield f"documentation is not indexed: {one_line(error.what, 300)}"
