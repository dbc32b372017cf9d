"""The keys of the live region: what each does is ``Live``'s."""

from collections.abc import Callable
from typing import Protocol

from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, has_focus, vi_insert_mode
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from devagent.repl.one_key import PASTED


class Keyed(Protocol):
    """What keys are pressed on. ``answers``: a question stands there, or is about to; ``reads``: a line is asked for."""

    buffer: Buffer
    unfold: Callable[[], None]
    planning: Callable[[], None]

    @property
    def answers(self) -> bool: ...

    @property
    def reads(self) -> bool: ...

    @property
    def works(self) -> bool: ...

    def answer(self, key: str) -> None: ...

    def send(self, *, later: bool) -> None: ...

    def escape(self) -> None: ...

    def interrupt(self) -> None: ...

    def end_of_input(self) -> None: ...

    def paste(self, text: str) -> None: ...

    async def paste_picture(self) -> None: ...

    async def edit(self) -> None: ...

    def suspend(self) -> None: ...


def bindings(live: Keyed) -> KeyBindings:
    """All of them."""
    keys = KeyBindings()
    buffer = live.buffer
    asked = Condition(lambda: live.answers)
    reading = Condition(lambda: live.reads)
    completing = Condition(lambda: buffer.complete_state is not None)
    more = Condition(lambda: bool(get_app().key_processor.input_queue))  # of the same read
    # A search has the keys for itself: Enter takes what was found.
    typing = ~asked & has_focus(buffer)

    @keys.add(Keys.Any, filter=asked, eager=True)
    @keys.add("escape", filter=asked, eager=True)
    @keys.add("enter", filter=asked, eager=True)
    @keys.add("c-c", filter=asked, eager=True)
    @keys.add("c-d", filter=asked, eager=True)
    def _answer(event: KeyPressEvent) -> None:
        key = event.key_sequence[0].key
        live.answer(str(key.value) if isinstance(key, Keys) else key.lower())

    @keys.add(Keys.BracketedPaste, filter=asked, eager=True)
    def _not_an_answer(_: KeyPressEvent) -> None:
        """What is pasted answers nothing, nor what comes right behind it: it may be of the paste."""
        live.answer(PASTED)

    @keys.add("c-z", eager=True)
    def _suspend(_: KeyPressEvent) -> None:
        live.suspend()

    @keys.add("enter", filter=typing)
    def _enter(_: KeyPressEvent) -> None:
        state = buffer.complete_state
        if state is not None and state.current_completion is not None:
            buffer.complete_state = None
            return
        if buffer.document.text_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
            return
        live.send(later=False)

    @keys.add("enter", filter=typing & more & ~reading & Condition(lambda: bool(buffer.text)))
    def _pasted_line(_: KeyPressEvent) -> None:
        """Lines that come in one go were pasted in a terminal that does not say so: one message, not many."""
        buffer.insert_text("\n")

    @keys.add("escape", "enter", filter=typing)
    @keys.add("c-j", filter=typing)
    def _new_line(_: KeyPressEvent) -> None:
        buffer.insert_text("\n")

    @keys.add("tab", filter=typing & ~completing)
    def _tab(_: KeyPressEvent) -> None:
        if live.works and buffer.text.strip() and not buffer.text.startswith("/"):
            live.send(later=True)
        else:
            buffer.start_completion(select_first=False)

    @keys.add("s-tab", filter=typing & ~completing & ~reading)
    def _plan(_: KeyPressEvent) -> None:
        live.planning()

    @keys.add("escape", filter=typing & completing & ~vi_insert_mode, eager=True)
    def _no_completion(_: KeyPressEvent) -> None:
        buffer.cancel_completion()

    # Alt and a key come together; Escape alone is acted on at once, and what is typed after it is typed.
    @keys.add("escape", filter=typing & ~completing & ~vi_insert_mode & ~more, eager=True)
    @keys.add("escape", filter=typing & ~completing & ~vi_insert_mode)
    def _escape(_: KeyPressEvent) -> None:
        live.escape()

    @keys.add("c-c", filter=typing)
    def _interrupt(_: KeyPressEvent) -> None:
        live.interrupt()

    @keys.add("c-d", filter=typing & Condition(lambda: not buffer.text))
    def _end(_: KeyPressEvent) -> None:
        live.end_of_input()

    @keys.add("c-o", filter=typing)
    def _unfold(_: KeyPressEvent) -> None:
        live.unfold()

    @keys.add("c-l", filter=typing)
    def _clear(event: KeyPressEvent) -> None:
        event.app.renderer.clear()

    @keys.add("c-x", "c-e", filter=typing & ~reading)
    def _edit(event: KeyPressEvent) -> None:
        event.app.create_background_task(live.edit())

    @keys.add("c-v", filter=typing & ~reading)
    def _picture(event: KeyPressEvent) -> None:
        event.app.create_background_task(live.paste_picture())

    @keys.add(Keys.BracketedPaste, filter=typing)
    def _paste(event: KeyPressEvent) -> None:
        live.paste(event.data)

    return keys
