"""Where everything in a policy file stands, for those who ask about much of it."""

from bisect import bisect_right

from devagent.policy.positions import Path, scan


class Places:
    """Where everything of a file stands; the text is walked once, when first asked."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._offsets: dict[Path, int] = {}
        self._starts: list[int] = []

    def of(self, path: Path) -> tuple[int, int]:
        """Line and column, from 1, of the deepest part of the path that has a place of its own."""
        if not self._starts:
            scan(self._source, self._seen)
            self._starts = [0]
            self._starts += [n + 1 for n, c in enumerate(self._source) if c == "\n"]
        while path and path not in self._offsets:
            path = path[:-1]
        offset = self._offsets.get(path, 0)
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def _seen(self, path: Path, offset: int) -> None:
        self._offsets.setdefault(path, offset)
