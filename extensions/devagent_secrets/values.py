"""Whether what a name was given is a secret, or code, a placeholder, a word: judged by what it looks like."""

import re
from functools import cache

_WORDS = frozenset(
    ["null", "none", "nil", "true", "false", "undefined", "string", "str", "text", "bool", "boolean", "number",
     "integer", "required", "optional", "nullable", "hidden", "input", "field", "password", "passwd", "pass",
     "pwd", "secret", "token", "empty", "missing", "invalid", "incorrect", "default", "bearer", "basic", "anonymous",
     "unset", "disabled", "enabled", "user", "username", "redacted", "removed", "masked", "prompt", "keyring",
     "write-only", "writeonly", "api-key", "apikey", "authentication", "authorization", "deprecated", "changeme"]
)  # fmt: skip
_MARKERS = ("${", "$(", "{{", "}}", "...", "\u2026", "***", "[redacted:", "<", "xxxx", "XXXX", "changeme", "placeholder", "your-", "your_", "YOUR_")  # fmt: skip
_FORMATTED = r"\A[$%@{].*\Z|%[sdr(]|\{\w*\}|\A(?:[-*.\u2022]+|[xX]{3,})\Z"
_NAME = r"[A-Za-z_$][\w$]*(?:(?:\.|->|::|/|-)[\w$]+)*"
_TYPE = r"(?:Private|Public)Key|Token|Secret|Password|Credential"
_VERSION = r"[v^~]?\d+(?:\.\d+)+[\w.+-]*|\d{4}-\d\d-\d\d.*"
_PATH = r"(?:~|\.{1,2}|[A-Za-z]:)?[/\\][\w.@/\\ -]*|https?://.*"
_RULES = r"[a-z_]+(?:[|:,][a-z0-9_]*)+"
_FIELD = (
    r"(?:current|new|old|confirm|repeat|user|db|reset|forgot|enter|your|invalid|wrong|show|hide)?[_ -]?"
    r"(?:password|passphrase|secret|token|pin)(?:[_ -]?(?:field|input|hash|reset|confirmation|again))?"
)
_SEPARATORS = frozenset("_-./: @")


def is_placeholder(value: str) -> bool:
    """A word or a sign that stands where a secret would."""
    lowered = value.lower()
    return (
        lowered in _WORDS
        or any(marker in value for marker in _MARKERS)
        or _compiled(_FORMATTED).search(value) is not None
    )


def is_secret(value: str, *, strong: bool, quoted: bool, data: bool) -> bool:
    """Whether the value given to a secret's name is one.

    ``strong``: a password's name, else a token's or a key's. ``quoted``: it stands in quotes. ``data``: it stands where
    values are and no code: JSON, XML, an environment file, a command's option.
    """
    if is_placeholder(value) or value.count(" ") > 1 or value[0] in ",;:)] \t":
        return False
    length = len(value)
    if strong and data:
        return not (_says_itself(value) or _compiled(_PATH).fullmatch(value))
    if length < (6 if strong else 8) or len(set(value)) < 4:
        return False
    if not quoted and not data and _compiled(_TYPE).search(value):
        return False
    for pattern in (_VERSION, _PATH, _RULES):
        if _compiled(pattern).fullmatch(value) and mixture(value) < 0.3:
            return False
    has_digit = any(c.isdigit() for c in value)
    if strong and not _is_name(value):
        return has_digit or any(not c.isalnum() and c not in _SEPARATORS for c in value)
    if strong and quoted:
        return has_digit or mixture(value) >= 0.2 or (length >= 16 and value.isalpha())
    if not has_digit:
        return length >= 20 and mixture(value) >= 0.25
    if data or (quoted and length >= 16):
        no_name = value.isalnum() and not value.islower()
        return mixture(value) >= (0.1 if no_name else 0.2)
    return mixture(value) >= 0.2


def trimmed(text: str, start: int, end: int, *, quoted: bool) -> tuple[int, int]:
    """Without the full stop or colon that follows a bare value in a sentence."""
    while not quoted and end - start > 1 and text[end - 1] in ".:!?":
        end -= 1
    return start, end


def mixture(value: str) -> float:
    """How often capitals, small letters, digits and signs change into each other: from 0 to 1 a character.

    Words in ``snake_case`` and ``camelCase`` change once a word, what was drawn by lot every other character.
    """
    changes = characters = 0
    before = ""
    for c in value:
        if c in _SEPARATORS:
            continue
        now = "d" if c.isdigit() else "u" if c.isupper() else "l" if c.isalpha() else "s"
        if before and now != before and (before, now) != ("u", "l"):
            changes += 1
        before = now
        characters += 1
    return changes / characters if characters else 0.0


def _is_name(value: str) -> bool:
    return _compiled(_NAME).fullmatch(value) is not None


def _says_itself(value: str) -> bool:
    """``"password": "current_password"``: a form's word for the field, not what is in it."""
    return _compiled(_FIELD).fullmatch(value.lower()) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)
