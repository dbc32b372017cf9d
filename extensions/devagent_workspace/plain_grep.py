"""Search without ripgrep: reads a question as JSON, prints what ripgrep would. Runs as a program.

Patterns are compiled by Python, after what the two dialects do not share was refused or translated.
"""

import json
import os
import re
import sys
from typing import Any

_UNSHARED = re.compile(r"\(\?(?:=|!|<=|<!|\(|P=|>)|(?<!\\)(?:\\\\)*\\(?:[1-9]|[ZR])")
_CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "upper": "A-Z", "lower": "a-z",
    "space": r"\s", "xdigit": "0-9A-Fa-f", "word": r"\w", "punct": r"!-/:-@\[-`{-~", "blank": r" \t",
}  # fmt: skip


def expression(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    """The pattern as Python reads it. Raises ValueError for what ripgrep would refuse too."""
    if _UNSHARED.search(pattern):
        raise ValueError("look-around and back references are not supported")
    pattern = re.sub(r"\[:(\w+):\]", lambda m: _CLASSES.get(m[1], m[0]), pattern)
    pattern = pattern.replace(r"\z", r"\Z").replace("(?<", "(?P<").replace("(?P<=", "(?<=")
    return re.compile(pattern, re.IGNORECASE if ignore_case else 0)


def main() -> int:
    """Answer one question. Exit status 0: something was found; 1: nothing; 2: the pattern is no good."""
    asked: dict[str, Any] = json.load(sys.stdin)
    sys.path.insert(0, asked["packages"])
    from devagent_workspace.content import MOST_BYTES, decode  # noqa: PLC0415 - needs the path above
    from devagent_workspace.finding import entries  # noqa: PLC0415
    from devagent_workspace.places import located  # noqa: PLC0415

    try:
        fits = expression(asked["pattern"], asked["ignore_case"]).search
    except (ValueError, re.error, RecursionError) as e:
        sys.stderr.write(f"regex: {e}\n")
        return 2
    out, found = sys.stdout.buffer, False
    target = os.path.realpath(asked["target"])
    if os.path.isdir(target):
        below = entries(located(target, target), 200)
        names = (entry.path for entry in below if entry is not None and not entry.is_folder)
        start = target
    else:
        names, start = iter([os.path.basename(target)]), os.path.dirname(target)
    for name in names:
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with open(os.open(os.path.join(start, name), flags), "rb") as file:
                data = file.read(10 * MOST_BYTES)
        except OSError:
            continue
        text = decode(data)
        if text is None:
            continue
        # As ripgrep does: text without a mark is UTF-8, and a stray byte fits nothing.
        plain = text.text if text.mark else data.decode("utf-8", "surrogateescape")
        lines = plain.split("\n")
        if lines[-1] == "":
            lines.pop()
        hits = [at for at, line in enumerate(lines) if fits(_seen(line))]
        if hits:
            found = True
            label = b"./" + os.fsencode(name) + b"\0"
            out.write(_printed(label, lines, hits, asked))
    out.flush()
    return 0 if found else 1


def _seen(line: str) -> str:
    """The line as it is matched: a byte that is no UTF-8 fits nothing, not even a dot."""
    line = line.removesuffix("\r")
    return line if line.isascii() else re.sub("[\udc80-\udcff]", "\n", line)


def _printed(label: bytes, lines: list[str], hits: list[int], asked: dict[str, Any]) -> bytes:
    if asked["mode"] == "files":
        return label
    if asked["mode"] == "count":
        return label + b"%d\n" % len(hits)
    context, out, last = asked["context"], bytearray(), -1
    wanted = set(hits)
    shown = sorted({near for at in hits for near in range(max(0, at - context), at + context + 1)})
    for at in shown:
        if at >= len(lines):
            break
        if context and last >= 0 and at > last + 1:
            out += b"--\n"
        last = at
        sign = b":" if at in wanted else b"-"
        line = lines[at][:2000].encode("utf-8", "surrogateescape")
        out += label + b"%d%s%s\n" % (at + 1, sign, line)
    return bytes(out)


if __name__ == "__main__":
    sys.exit(main())
