"""What was probably meant: the nearest valid name to one that is not."""

from collections.abc import Iterable


def nearest_name(name: str, valid: Iterable[str]) -> str:
    """The valid name with the fewest edits, where that is few enough to be a slip; else empty."""
    if len(name) > 64:
        return ""
    best, fewest = "", max(1, len(name) // 3) + 1
    for candidate in sorted(valid):
        edits = _edits(name.casefold(), candidate.casefold(), fewest)
        if edits < fewest:
            best, fewest = candidate, edits
    return best


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """A hint: the nearest valid name, or all of them where none is near."""
    names = list(valid)
    near = nearest_name(name, names)
    if near:
        return f'Did you mean "{near}"?'
    return f"Valid here: {', '.join(names)}." if names else ""


def _edits(a: str, b: str, limit: int) -> int:
    """Insertions, deletions, changes and swaps of neighbours from a to b (counted to ``limit``)."""
    if abs(len(a) - len(b)) >= limit:
        return limit
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if last and i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
