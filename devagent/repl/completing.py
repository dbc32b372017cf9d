"""What Tab and the letters offer: commands after ``/`` at the begin of the line, files after ``@``."""

import re
from collections.abc import Callable, Iterable, Mapping

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from devagent.repl.files import Files

_COMMAND = re.compile(r"/[\w-]*")
_MENTION = re.compile(r"(?:^|[\s(\"'])@([^\s@]*)$")


class Completing(Completer):
    """``commands``: name → what it does."""

    def __init__(self, commands: Callable[[], Mapping[str, str]], files: Files) -> None:
        self._commands = commands
        self._files = files

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        before = document.text_before_cursor
        if _COMMAND.fullmatch(before):
            for name, about in self._commands().items():
                if f"/{name}".startswith(before):
                    yield Completion(f"/{name}", -len(before), display_meta=about)
        elif found := _MENTION.search(before):
            for path in self._files.found(found[1]):
                yield Completion(path, -len(found[1]))
