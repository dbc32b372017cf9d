"""A captured screen (``tmux capture-pane -e -p``) as a page of HTML, to be looked at as a picture.

python -m tests.support.screen_pictures dark < captured > screen.html
"""

import html
import re
import sys

_SGR = re.compile(
    r"\x1b\[([0-9;:]*)m|\x1b\]8;[^;]*;([^\x1b\x07]*)(?:\x1b\\|\x07)|\x1b[()][A-Z0-9]|[\x0e\x0f]"
)
_NAMED = (
    "#000000", "#cd3131", "#0f9d58", "#b58900", "#2472c8", "#bc3fbc", "#11a8cd", "#c0c0c0",
    "#808080", "#f14c4c", "#23d18b", "#d7ba00", "#3b8eea", "#d670d6", "#29b8db", "#ffffff",
)  # fmt: skip
GROUNDS = {"dark": ("#16181d", "#d8dbe2"), "light": ("#ffffff", "#1f2328")}


def colour(number: int) -> str:
    """A colour of the palette of 256."""
    if number < 16:
        return _NAMED[number]
    if number >= 232:
        grey = 8 + 10 * (number - 232)
        return f"rgb({grey},{grey},{grey})"
    red, green, blue = (number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6
    return "rgb({},{},{})".format(*(55 + 40 * n if n else 0 for n in (red, green, blue)))


def page(captured: str, ground: str = "dark") -> str:
    """The screen as a whole page."""
    back, fore = GROUNDS[ground]
    shape: dict[str, str] = {}  # goes on from row to row
    rows = "\n".join(_row(row, shape) for row in captured.rstrip("\n").split("\n"))
    style = (
        f"body{{background:{back};color:{fore};margin:12px}}"
        "pre{font:15px/1.25 'DejaVu Sans Mono','Noto Sans Mono CJK SC',monospace;margin:0}"
    )
    return f"<!doctype html><meta charset=utf-8><style>{style}</style><pre>{rows}</pre>\n"


def _row(row: str, shape: dict[str, str]) -> str:
    out: list[str] = []
    at = 0
    for found in _SGR.finditer(row):
        out.append(_span(row[at : found.start()], shape))
        at = found.end()
        if found[1] is not None:
            _apply(found[1], shape)
    return "".join([*out, _span(row[at:], shape)])


def _span(text: str, shape: dict[str, str]) -> str:
    if not text:
        return ""
    shown = html.escape(text)
    css = ";".join(f"{name}:{value}" for name, value in shape.items())
    return f'<span style="{css}">{shown}</span>' if css else shown


def _apply(codes: str, shape: dict[str, str]) -> None:
    numbers = [int(one or 0) for one in re.split("[;:]", codes)] or [0]
    while numbers:
        code = numbers.pop(0)
        if code == 0:
            shape.clear()
        elif code in (38, 48) and numbers[:1] == [5]:
            shape["color" if code == 38 else "background"] = colour(numbers[1])
            del numbers[:2]
        elif 30 <= code <= 37 or 90 <= code <= 97:
            shape["color"] = colour(code - 30 if code < 90 else code - 82)
        elif code in (39, 49):
            shape.pop("color" if code == 39 else "background", None)
        elif code in (1, 2, 3, 4, 7, 9):
            name, value = {
                1: ("font-weight", "bold"),
                2: ("opacity", ".6"),
                3: ("font-style", "italic"),
                4: ("text-decoration", "underline"),
                7: ("filter", "invert(1)"),
                9: ("text-decoration", "line-through"),
            }[code]
            shape[name] = value
        elif code in (22, 23, 24, 27, 29):
            for name in {
                22: ("font-weight", "opacity"),
                23: ("font-style",),
                24: ("text-decoration",),
                27: ("filter",),
                29: ("text-decoration",),
            }[code]:
                shape.pop(name, None)


if __name__ == "__main__":
    sys.stdout.write(page(sys.stdin.read(), *sys.argv[1:]))
