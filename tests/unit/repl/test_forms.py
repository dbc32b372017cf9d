"""What a server asks the person, on the live screen: who asks, a field at a time, and nothing is opened."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from devagent.core.ports import Filled, Form
from devagent.repl.choices import Option
from devagent.repl.forms import FormsOnScreen
from devagent.repl.style import Line, text_of

FORM = Form(
    "tracker",
    "Which project?",
    {
        "properties": {
            "project": {"type": "string", "title": "Project"},
            "count": {"type": "integer", "default": 3},
            "level": {"type": "string", "enum": ["low", "high"]},
        },
        "required": ["project", "level"],
    },
)


class Scripted:
    """A live region at which somebody presses these keys and types these lines."""

    def __init__(self, keys: Sequence[str], typed: Sequence[str | None] = ()) -> None:
        self.keys, self.typed = list(keys), list(typed)
        self.labels: list[str] = []
        self.within = False
        self.was_quiet = False

    @contextmanager
    def questions(self) -> Generator[None]:
        self.within = True
        yield
        self.within = False

    async def quiet(self) -> None:
        self.was_quiet = True

    async def ask(
        self, rows: Sequence[Line], keys: Sequence[str], options: Sequence[Option] = ()
    ) -> str:
        assert {key for key, _ in options} <= {*keys, "esc"}
        assert self.was_quiet, "what was typed before the question is no answer"
        assert self.within
        key = self.keys.pop(0)
        assert key in keys
        return key

    async def read(self, label: str) -> str | None:
        self.labels.append(label)
        return self.typed.pop(0)


async def filled(live: Scripted, form: Form = FORM) -> tuple[Filled, str]:
    printed: list[Line] = []
    done = await FormsOnScreen(live, "ana", printed.extend).fill(form)
    return done, "\n".join(map(text_of, printed))


async def test_a_form_is_filled_in_field_by_field_and_what_does_not_fit_is_asked_again() -> None:
    live = Scripted(["y"], ["", "PAY", "many", "", "loud", "high"])
    done, printed = await filled(live)
    assert done == Filled("accept", {"project": "PAY", "count": 3, "level": "high"}, by="user:ana")
    assert "? The MCP server tracker asks you:" in printed
    assert "Which project?" in printed
    assert live.labels[3].endswith("(a number)")
    assert live.labels[5].endswith("(one of: low, high)")


async def test_no_is_no_and_escape_cancels_at_any_field() -> None:
    assert (await filled(Scripted(["n"])))[0] == Filled("decline", by="user:ana")
    assert (await filled(Scripted(["escape"])))[0] == Filled("cancel", by="user:ana")
    assert (await filled(Scripted(["y"], ["PAY", None])))[0] == Filled("cancel", by="user:ana")


async def test_a_page_is_named_with_its_host_and_nothing_is_opened() -> None:
    page = Form("tracker", "Sign in", url="https://login.example/x?y=1", host="login.example")
    done, printed = await filled(Scripted(["y"]), page)
    assert done == Filled("accept", by="user:ana")
    assert "to open a page of login.example:" in printed
    assert "https://login.example/x?y=1" in printed
