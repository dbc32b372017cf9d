"""A file's bytes to TOML values, every fault with its place. Policy and config files are read by it."""

from typing import Any

from devagent.core.errors import ConfigError, PolicyError
from devagent.policy.positions import line_and_column

MAX_BYTES = 10_000_000
"""A file of this size is refused."""
MAX_COST = 1_200_000
"""Of reading by the TOML library, in units of about a microsecond; a tenth of this is a large policy."""
MAX_KEY_PARTS = 100
"""Parts of one dotted key: its cost in the TOML library grows with their square."""


def decoded(data: bytes, file: str, error: type[ConfigError] = PolicyError) -> str:
    """The text of a file that must be UTF-8. Raises ``error`` with line and column where it is not."""
    if len(data) >= MAX_BYTES:
        raise error(
            f"the file has {MAX_BYTES // 1_000_000} MB or more",
            file=file,
            hint="Share it out over several files.",
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise error("the file is UTF-16", file=file, line=1, column=1, hint="Save as UTF-8.")
    if data.startswith(b"\xef\xbb\xbf"):
        raise error(
            "the file begins with a byte order mark",
            file=file,
            line=1,
            column=1,
            hint="Save it as UTF-8 without one.",
        )
    try:
        return data.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        column = e.start - data.rfind(b"\n", 0, e.start)
        raise error(
            f"byte {data[e.start]:#04x} is not UTF-8",
            file=file,
            line=line,
            column=column,
            hint="Save the file as UTF-8.",
        ) from None


def toml_values(
    source: str, file: str, error: type[ConfigError] = PolicyError, *, first_line: int = 1
) -> dict[str, Any]:
    """The values of a TOML text. Raises ``error`` with line and column where it is none.

    ``first_line`` is the file's line that the text begins with.
    """
    import tomllib  # noqa: PLC0415  (20 ms that a policy from the cache must not pay)

    if is_too_much(source):
        raise error(
            "the file holds too much to be read in good time",
            file=file,
            hint="Share it out over several files. Rules in plain lines, key = value, are read fastest.",
        )
    long_key = _long_key(source)
    if long_key >= 0:
        line, column = line_and_column(source, long_key)
        what = f"a key of more than {MAX_KEY_PARTS} parts"
        raise error(what, file=file, line=line + first_line - 1, column=column)
    try:
        return tomllib.loads(source)
    except RecursionError:
        raise error("the file is nested too deeply", file=file, line=first_line) from None
    except ValueError as e:
        what, line, column = _toml_position(str(e), source)
        line += first_line - 1
        raise error(f"not TOML: {what}", file=file, line=line, column=column) from None


def is_too_much(source: str) -> bool:
    """Whether reading this would take the TOML library more than about a second, by what it would meet."""
    if len(source) < MAX_COST // 20:  # nothing costs more than that for one character
        return False
    count = source.count
    cost = 7 * count("=") + 5 * count("[") + 2 * count(".") + 1.5 * count(",")
    return cost + 0.4 * count("\\") + 0.08 * count("\n") + 0.06 * len(source) > MAX_COST


def _long_key(source: str) -> int:
    """The offset of a dotted key with too many parts, or -1."""
    if source.count(".") <= MAX_KEY_PARTS:
        return -1
    import re  # noqa: PLC0415  (only beside tomllib, which loads it)

    part = r"(?:[\w-]+|\"[^\"\n]*\"|'[^'\n]*')[ \t]*\.[ \t]*"
    found = re.search(rf"(?m)^[ \t\[]*(?:{part}){{{MAX_KEY_PARTS}}}", source)
    inner = re.search(rf"[{{,][ \t]*(?:{part}){{{MAX_KEY_PARTS}}}", source)
    return found.start() if found else inner.start() if inner else -1


def _toml_position(message: str, source: str) -> tuple[str, int, int]:
    """tomllib puts the position into its message: ``… (at line 3, column 5)``."""
    what, _, place = message.rpartition(" (at ")
    words = place.rstrip(")").replace(",", "").split()
    if len(words) == 4 and words[1].isdigit() and words[3].isdigit():
        return what, int(words[1]), int(words[3])
    if place.startswith("end of document"):
        return what, *line_and_column(source, len(source.rstrip()))
    # The interpreter's own limits (digits of a number) speak of themselves, not of the file.
    return "a value that can not be read", 1, 1
