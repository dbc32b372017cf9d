"""``/todo``: the person's own list, for as long as the chat is open."""

from devagent.cli.chat.screen import Chat
from devagent.core.errors import UsageError
from devagent.repl.style import Segment, line


async def todo(chat: Chat, rest: str) -> None:
    """Show it; add to it, tick off, take away."""
    word, _, text = rest.partition(" ")
    match word:
        case "":
            pass
        case "add" if text.strip():
            chat.todo.append((text.strip(), False))
        case "done" | "drop":
            number = int(text) if text.isdecimal() else 0
            if not 0 < number <= len(chat.todo):
                raise UsageError(f"there is no entry {text or '(none named)'}")
            if word == "drop":
                del chat.todo[number - 1]
            else:
                chat.todo[number - 1] = (chat.todo[number - 1][0], True)
        case _:
            raise UsageError("/todo add TEXT, /todo done N, /todo drop N")
    if not chat.todo:
        chat.say("nothing on the list; /todo add TEXT")
        return
    chat.print(
        [
            line(f"  {n}. ", Segment("[x] " if done else "[ ] ", "good" if done else ""), Segment(what, "quiet" if done else ""))
            for n, (what, done) in enumerate(chat.todo, 1)
        ]
    )  # fmt: skip
