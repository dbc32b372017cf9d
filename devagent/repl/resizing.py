"""A window that gets narrower: most terminals then wrap the rows that are too long, the region's own among them.

So the region takes more rows than it was drawn in, and is taken away from where it begins now; else its upper rows
would stay above, once for each width that a window is dragged through.
"""

from typing import TYPE_CHECKING

from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Point
from prompt_toolkit.layout.screen import Screen

from devagent.repl.paper import BEGIN

if TYPE_CHECKING:
    from devagent.repl.capabilities import Capabilities


class Footprint:
    """How wide the region's rows are: what stands in them, or, where the terminal counts what was erased too, what
    has stood in them since the region was last drawn from nothing."""

    def __init__(self) -> None:
        self.widths: list[int] = []
        self.columns = 0

    def drawn(self, screen: Screen, columns: int, *, anew: bool, counts_erased: bool) -> None:
        """The region is this now."""
        found = [_width(screen, y) for y in range(screen.height)]
        if counts_erased and not anew:
            known = self.widths + [0] * (len(found) - len(self.widths))
            found += [0] * (len(known) - len(found))
            found = [max(pair) for pair in zip(known, found, strict=True)]
        self.widths, self.columns = found, columns

    def wrapped_above(self, cursor: Point, columns: int) -> int:
        """How many rows more than it was drawn in the region has above the cursor, at so many columns."""
        if not 0 < columns < self.columns:
            return 0
        above = sum((max(wide, 1) - 1) // columns for wide in self.widths[: cursor.y])
        return above + cursor.x // columns


def _width(screen: Screen, y: int) -> int:
    row = screen.data_buffer[y]
    return max((x + one.width for x, one in row.items() if one.char != " "), default=0)


class Resized(Application[None]):
    """An application whose region is taken away whole when its window gets narrower."""

    footprint: Footprint
    capabilities: "Capabilities"
    _anew = True

    def before(self) -> None:
        """The region is about to be drawn."""
        self._anew = self.renderer.last_rendered_screen is None

    def after(self) -> None:
        """It was drawn."""
        screen = self.renderer.last_rendered_screen
        if screen is not None:
            erased = self.capabilities.wraps == "cells"
            columns = self.output.get_size().columns
            self.footprint.drawn(screen, columns, anew=self._anew, counts_erased=erased)

    def _on_resize(self) -> None:
        screen = self.renderer.last_rendered_screen
        if self.capabilities.synchronized:
            self.output.write_raw(BEGIN)
        if screen is not None and self.capabilities.wraps != "no":
            cursor = screen.get_cursor_position(self.layout.current_window)
            self.output.cursor_up(
                self.footprint.wrapped_above(cursor, self.output.get_size().columns)
            )
        super()._on_resize()
