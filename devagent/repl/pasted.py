"""Long pastes, folded into a short mark while they are edited, and whole when they are sent."""

MOST_LINES = 8
MOST_CHARACTERS = 1_500


class Pasted:
    """What was pasted in this session, by its mark."""

    def __init__(self) -> None:
        self._whole: dict[str, str] = {}

    def folded(self, text: str) -> str:
        """The text, or its mark where it is long."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = text.count("\n") + 1
        if lines <= MOST_LINES and len(text) <= MOST_CHARACTERS:
            return text
        size = f"{lines:,} lines" if lines > 1 else f"{len(text):,} characters"
        mark = f"[pasted #{len(self._whole) + 1}: {size}]"
        self._whole[mark] = text
        return mark

    def whole(self, text: str) -> str:
        """The text with every mark of this session as what it stands for."""
        for mark, pasted in self._whole.items():
            text = text.replace(mark, pasted)
        return text
