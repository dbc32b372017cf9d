"""The cells of a terminal that does what the chat writes to one, byte for byte: no window, no process."""

import re

from wcwidth import wcwidth

_SEQUENCE = re.compile(
    r"\x1b\[(?P<numbers>[\d;]*)(?P<letter>[A-Za-z])|\x1b\[\?[\d;]*[a-z]|\x1b\].*?(?:\x07|\x1b\\)|\x1b(?P<state>[78])"
)


class Cells:
    """``above`` has the rows that went out at the top, ``rows`` those that stand there."""

    def __init__(self, rows: int, columns: int) -> None:
        self._height, self._columns = rows, columns
        self.above: list[str] = []
        self._cells: list[list[str]] = [[" "] * columns for _ in range(rows)]
        self._x = self._y = 0
        self._kept = (0, 0)

    @property
    def rows(self) -> list[str]:
        return ["".join(row).rstrip() for row in self._cells]

    def write(self, text: str) -> None:
        """Do what it says. Fails with a sequence that is not known here."""
        at = 0
        while at < len(text):
            if found := _SEQUENCE.match(text, at):
                at = found.end()
                self._do(found["letter"] or found["state"] or "", found["numbers"] or "")
                continue
            assert text[at] != "\x1b", repr(text[at : at + 12])
            self._put(text[at])
            at += 1

    def _put(self, char: str) -> None:
        if char == "\n":
            self._down()
        elif char == "\r":
            self._x = 0
        elif char != "\a":
            wide = wcwidth(char)
            if self._x + wide > self._columns:
                self._x = 0
                self._down()
            self._cells[self._y][self._x : self._x + wide] = [char, ""][:wide]
            self._x += wide

    def _down(self) -> None:
        if self._y + 1 < self._height:
            self._y += 1
            return
        self.above.append(self.rows[0])
        self._cells = [*self._cells[1:], [" "] * self._columns]

    def _do(self, letter: str, numbers: str) -> None:
        n = int(numbers or 1) if numbers.isdecimal() or not numbers else 1
        blank = [" "] * self._columns
        match letter:
            case "A":
                self._y = max(0, self._y - n)
            case "B":
                self._y = min(self._height - 1, self._y + n)
            case "C":
                self._x = min(self._columns - 1, self._x + n)
            case "D":
                self._x = max(0, self._x - n)
            case "G":
                self._x = n - 1
            case "J" | "K":
                self._cells[self._y][self._x :] = blank[self._x :]
                if letter == "J":
                    self._cells[self._y + 1 :] = [list(blank) for _ in self._cells[self._y + 1 :]]
            case "L":
                n = min(n, self._height - self._y)
                kept = self._cells[self._y : self._height - n]
                self._cells[self._y :] = [*(list(blank) for _ in range(n)), *kept]
                self._x = 0
            case "7":
                self._kept = (self._x, self._y)
            case "8":
                self._x, self._y = self._kept
            case "m" | "":
                pass
            case _:
                raise AssertionError(f"CSI {numbers}{letter} is not known here")
