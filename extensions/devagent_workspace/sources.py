"""What is known of a word whose text is not."""

from typing import Literal

Source = Literal["known", "number", "word", "files", "pipe", "output"]
"""Where a field comes from: fixed text; a number; a word that begins with no hyphen and
leads nowhere (the name of a commit); names of files below here; a pipe that another
command of the line fills; anything (a variable, what a command prints)."""
ORDER: tuple[Source, ...] = ("known", "number", "word", "files", "pipe", "output")
"""From what is known best to what is known least."""
