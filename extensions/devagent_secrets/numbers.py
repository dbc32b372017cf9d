"""Numbers of persons in a text, by form alone: account numbers, payment cards, telephones.

- ``phone``: ``+`` or ``00`` and 8 to 15 digits, or a national number written with its area code apart.
- ``iban``: of a country that has them, of its length, with right check digits (mod 97).
- ``card``: 13 to 19 digits of a payment network, with a right check digit (Luhn).
"""

import re
from collections.abc import Callable, Iterator

_SPACE = r"[ \u2010-\u2015./-]?"
_IBAN = re.compile(r"(?<![a-z0-9])[a-z]{2}\d\d(?:[ -]?[a-z0-9]){11,30}+")
_IBAN_LENGTHS = {
    "ad": 24, "ae": 23, "al": 28, "at": 20, "az": 28, "ba": 20, "be": 16, "bg": 22, "bh": 22, "br": 29,
    "by": 28, "ch": 21, "cr": 22, "cy": 28, "cz": 24, "de": 22, "dk": 18, "do": 28, "ee": 20, "eg": 29,
    "es": 24, "fi": 18, "fo": 18, "fr": 27, "gb": 22, "ge": 22, "gi": 23, "gl": 18, "gr": 27, "gt": 28,
    "hr": 21, "hu": 28, "ie": 22, "il": 23, "iq": 23, "is": 26, "it": 27, "jo": 30, "kw": 30, "kz": 20,
    "lb": 28, "lc": 32, "li": 21, "lt": 20, "lu": 20, "lv": 21, "ly": 25, "mc": 27, "md": 24, "me": 22,
    "mk": 19, "mr": 27, "mt": 31, "mu": 30, "nl": 18, "no": 15, "om": 23, "pk": 24, "pl": 28, "ps": 29,
    "pt": 25, "qa": 29, "ro": 24, "rs": 22, "sa": 24, "sc": 31, "sd": 18, "se": 24, "si": 19, "sk": 24,
    "sm": 27, "st": 25, "sv": 28, "tl": 23, "tn": 24, "tr": 26, "ua": 29, "va": 22, "vg": 24, "xk": 20,
}  # fmt: skip
_CARD = re.compile(r"(?<![\w.])[2-6]\d{3}(?:[ -]?\d){9,15}+(?![\w])")
_NETWORKS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11,16}|6(?:011|4[4-9]\d|5\d\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12}"
    r"|62\d{14,17}|(?:5[06789]|6[0-9])\d{10,17}"
)
_PHONE = re.compile(
    rf"(?<![\w+.:])(?:\+|00){_SPACE}[1-9](?:[ ./-]?\(?\d\)?){{7,14}}+(?!\w)"
    r"|(?<![\w+.:])\(?0\d{1,4}\)?[ /-]\d(?:[ -]?\d){4,9}+(?!\w)"
    r"|(?<![\w+.:])(?:1[ .-])?\(?[2-9]\d\d\)?[ .-][2-9]\d\d[ .-]\d{4}(?!\w)"
)
_DATES = re.compile(
    r"(?<!\d)(?:\d{1,2}[-./ ]\d{1,2}[-./ ]\d{4}|\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2})(?!\d)"
)


def numbers(text: str) -> Iterator[tuple[str, int, int]]:
    """The kind, begin and end of each number of a person, in a text of small letters and ASCII digits."""
    for kind, pattern, length in NUMBERS:
        rest: list[str] = []
        done = 0
        for match in pattern.finditer(text):
            if size := length(match[0]):
                start, end = match.start(), match.start() + size
                rest += [text[done:start], ";" * size]
                done = end
                if kind:
                    yield kind, start, end
        text = "".join([*rest, text[done:]])


def _iban_length(text: str) -> int:
    """How many characters an IBAN at the text's begin takes, or 0; words may follow it."""
    wanted = _IBAN_LENGTHS.get(text[:2], 0)
    plain = ""
    for end, character in enumerate(text, 1):
        plain += character if character.isalnum() else ""
        if len(plain) == wanted:
            number = int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4]))
            return end if number % 97 == 1 else 0
    return 0


def _card_length(text: str) -> int:
    digits = re.sub(r"[ -]", "", text)
    if _NETWORKS.fullmatch(digits) is None:
        return 0
    doubled = sum(sum(divmod(2 * int(d), 10)) for d in digits[-2::-2])
    return len(text) if (doubled + sum(map(int, digits[-1::-2]))) % 10 == 0 else 0


NUMBERS: tuple[tuple[str, re.Pattern[str], Callable[[str], int]], ...] = (
    ("", _DATES, len),
    ("iban", _IBAN, _iban_length),
    ("card", _CARD, _card_length),
    ("phone", _PHONE, len),
)
"""In this order: what is one kind is no other, and the groups of an account's number look like telephones."""
