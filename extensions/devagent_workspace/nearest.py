"""What a text that was not found comes nearest to: so that the next try can be right."""

import difflib

from devagent_workspace.shown import short_line, shown

_SHOWN_LINES = 12
_COMPARED = 40


def nearest(text: str, wanted: str) -> str:
    """A sentence, with the lines of ``text`` that are most like ``wanted`` where any are."""
    lines, sought = text.split("\n"), wanted.strip("\n").split("\n")
    if not wanted.strip():
        return "It is only white space; name some text around it."
    start = _same_but_spaces(lines, sought)
    if start is not None:
        return _told("It is there with other white space", lines, start, len(sought))
    starts = _candidates(lines, sought)
    best, likeness = 0, 0.0
    joined = "\n".join(sought)
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(joined[:4000])
    for start in starts:
        matcher.set_seq1("\n".join(lines[start : start + len(sought)])[:4000])
        if matcher.quick_ratio() > likeness and (ratio := matcher.ratio()) > likeness:
            best, likeness = start, ratio
    if likeness < 0.5:
        return "Nothing like it is in the file; read it again."
    return _told(f"Nearest ({likeness:.0%} alike)", lines, best, len(sought))


def _same_but_spaces(lines: list[str], sought: list[str]) -> int | None:
    """Where the same words stand, line by line, whatever the space between them."""
    wanted = [" ".join(line.split()) for line in sought]
    plain = [" ".join(line.split()) for line in lines]
    at = -1
    for _ in range(plain.count(wanted[0])):
        at = plain.index(wanted[0], at + 1)
        if plain[at : at + len(wanted)] == wanted:
            return at
    return None


def _candidates(lines: list[str], sought: list[str]) -> list[int]:
    """Starts of the windows that share most lines, and of the lines most like the longest one sought."""
    anchor = max(range(len(sought)), key=lambda at: len(sought[at].strip()))
    wanted = {line.strip() for line in sought if line.strip()}
    scores: dict[int, float] = {}
    for at, line in enumerate(lines):
        if line.strip() in wanted:
            for offset, one in enumerate(sought):
                if one.strip() == line.strip() and at >= offset:
                    scores[at - offset] = scores.get(at - offset, 0) + 1
    words = set(sought[anchor].split())
    for at, line in enumerate(lines):
        shared = len(words.intersection(line.split()))
        if shared and at >= anchor:
            start = at - anchor
            scores[start] = max(scores.get(start, 0), shared / (len(words) + 1))
    if not scores:
        near = difflib.get_close_matches(sought[anchor], lines[:5000], n=3, cutoff=0.5)
        scores = {max(0, lines.index(line) - anchor): 0.5 for line in near}
    return sorted(scores, key=lambda start: -scores[start])[:_COMPARED]


def _told(claim: str, lines: list[str], start: int, count: int) -> str:
    end = min(start + count, len(lines))
    shown_lines = [
        f"{at + 1}\t{short_line(shown(lines[at]), 300)}"
        for at in range(start, min(end, start + _SHOWN_LINES))
    ]
    more = f"\n[{end - start - _SHOWN_LINES} more lines]" if end - start > _SHOWN_LINES else ""
    where = f"line {start + 1}" if end - start <= 1 else f"lines {start + 1}-{end}"
    return f"{claim}, {where}:\n" + "\n".join(shown_lines) + more
