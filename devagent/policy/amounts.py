"""Amounts in a text: its numbers, whatever way they are written in.

Every number counts, with a currency or without: ``pay 5000`` moves as much money as ``pay $5,000``. Left
out are dates, times of day, and digits in words of more than three letters. Signs are left out too: -5000
is 5000. A number that two readers may read differently stands there both ways (``1.234`` is 1234 and
1.234), the greater first, so that a limit holds for either. Numbers in words are not seen.
"""

import re
from collections.abc import Iterator

from devagent.policy.readings import as_shown, unescaped, with_ascii_digits

# Spaces that group digits and never end a number, and the marks that do the same.
_GROUPING = str.maketrans(
    dict.fromkeys("\u00a0\u2007\u2009\u202f\u2019\u066c", "'") | {"\u066b": "."}
)
_MARKS = re.compile(r"(?<=\d)[\u0300-\u036f\u20d0-\u20ff]+")
_DATES = re.compile(
    r"(?<![\d-])(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?![\d-])"
    r"|(?<![\d./])\d{1,2}([./])\d{1,2}\1(?:19|20)\d\d(?!\d)"
    r"|(?<![\d:])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?![\d:])"
)
_LETTER = r"a-z\u00b5-\u052f"
_POWERS = {
    "k": 3, "tsd": 3, "thousand": 3, "tausend": 3, "mille": 3, "mil": 3, "lakh": 5, "lakhs": 5, "lac": 5,
    "m": 6, "mm": 6, "mn": 6, "mio": 6, "million": 6, "millions": 6, "millionen": 6, "crore": 7, "crores": 7,
    "cr": 7, "b": 9, "bn": 9, "billion": 9, "billions": 9, "mrd": 9, "milliarden": 9, "milliards": 9,
    "t": 12, "tn": 12, "trillion": 12, "trillions": 12,
    "千": 3, "万": 4, "萬": 4, "百万": 6, "億": 8, "亿": 8,
}  # fmt: skip
_UNCERTAIN = frozenset({"m", "mm", "b", "t"})
_POWER = rf"\s?(?:{'|'.join(sorted(_POWERS, key=len, reverse=True))})(?![{_LETTER}\d])"
_NUMBER = re.compile(
    rf"(?<![{_LETTER}\d])(?:[{_LETTER}]{{1,3}}(?=\d))?+"
    r"((?<![\d.,'])\d{1,3}(?: \d{3}(?!\d))++(?:[.,]\d++)?+|\d++(?:[.,'_]\d++)*+)"
    rf"({_POWER}|e\+?\d{{1,2}}(?!\d))?+"
)
_MOST_DIGITS = 30
"""A longer number counts as 10^30."""
_EXACT_DIGITS = 15

Amount = int | float


def amounts(text: str) -> list[Amount]:
    """The amounts of a text, in order and each once. Linear in its length."""
    shown = _plain(text)
    written: dict[tuple[str, str], None] = {}
    for reading in dict.fromkeys((shown, _plain(unescaped(shown)))):
        written.update(dict.fromkeys(_NUMBER.findall(_DATES.sub(" ; ", reading))))
    found: dict[Amount, None] = {}
    for number, suffix in written:
        for value in _readings(number, suffix.strip()):
            found[value] = None
    return list(found)


def amount_of(number: float) -> list[Amount]:
    """A number as it stands in arguments: its magnitude."""
    return [_rounded(abs(number))] if number == number and abs(number) != float("inf") else []


def _plain(text: str) -> str:
    """Lower case, with ASCII digits and nothing that hides between them."""
    if not text.isascii():
        text = _MARKS.sub("", text.translate(_GROUPING))
    return with_ascii_digits(as_shown(text).lower())


def _readings(number: str, suffix: str) -> Iterator[Amount]:
    *others, last = number.split(" ")
    if others:  # "5 300" is one number, or two
        yield from _scaled(_values(number.replace(" ", "'")), suffix)
        for other in others:
            yield from _values(other)
    yield from _scaled(_values(last), suffix)


def _scaled(values: list[Amount], suffix: str) -> list[Amount]:
    if not suffix:
        return values
    if suffix not in _POWERS:
        return [_rounded(v * 10.0 ** int(suffix[1:])) for v in values] + values
    scaled = [_rounded(v * 10 ** _POWERS[suffix]) for v in values]
    # "5 million" is certain; "5m" may be metres or minutes.
    return scaled + values if suffix in _UNCERTAIN else scaled


def _values(number: str) -> list[Amount]:
    plain = number.replace("'", "").replace("_", "")
    groups = re.split(r"[.,]", plain)
    if len(groups) == 1:
        return [_value(plain)]
    points, commas = plain.count("."), plain.count(",")
    whole, fraction = groups[:-1], groups[-1]
    joined = _value("".join(whole))
    if points and commas:
        last = max(plain.rfind("."), plain.rfind(","))
        if plain.count(plain[last]) == 1 and _is_grouped(whole):
            return [_value("".join(whole), fraction)]
        return [_value(group) for group in groups]
    if len(groups) > 2:
        if _is_grouped(groups):
            return [_value("".join(groups))]
        return [_value(group) for group in groups]
    decimal = _value(whole[0], fraction)
    if len(fraction) == 3 and len(whole[0]) <= 3 and not whole[0].startswith("0"):
        return [_value("".join(groups)), decimal]
    if commas and len(fraction) > 2:
        return [decimal, joined, _value(fraction)]  # "5000,6000" may be two numbers
    return [decimal]


def _is_grouped(groups: list[str]) -> bool:
    """Whether these are one number's groups: by three, or as in India by two and last three."""
    first, *rest = groups
    return (
        1 <= len(first) <= 3
        and all(len(g) in (2, 3) for g in rest)
        and (not rest or len(rest[-1]) == 3)
    )


def _value(whole: str, fraction: str = "") -> Amount:
    whole = whole.lstrip("0") or "0"
    if len(whole) > _MOST_DIGITS:
        return 1e30
    if len(whole) > _EXACT_DIGITS:
        return float(whole)
    return _rounded(float(f"{whole}.{fraction[:_EXACT_DIGITS]}")) if fraction else int(whole)


def _rounded(value: Amount) -> Amount:
    """A whole number where it is one; and rid of the last digits that multiplying leaves."""
    if isinstance(value, int):
        return value if value < 10**_EXACT_DIGITS else min(float(value), 1e30)
    value = round(value, 6) if value >= 1e-6 else value
    return int(value) if value == int(value) and value < 10**_EXACT_DIGITS else min(value, 1e30)
