"""What a third party's server asks the person, at the terminal: a form field by field, or a page's address.

The server is named first, by the name that the config gives it. Nothing is opened here: the address is shown
whole with its host, and whoever agrees opens it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from devagent.core.ports import Filled, Form
from devagent.core.text import one_line, visible
from devagent.policy.plain import is_list, is_table
from devagent.repl.choices import Option
from devagent.repl.style import Line, line


class FormsOnScreen:
    """Asks in the live region (``core.ports.Elicitor``); what is asked, and by whom, goes to ``print``, to stay.
    Escape and Ctrl+C cancel."""

    def __init__(self, live: "Asking", user: str, print: Callable[[Sequence[Line]], None]) -> None:
        self._live = live
        self._print = print
        self._by = f"user:{user}"

    async def fill(self, form: Form) -> Filled:
        self._print([line(row) for row in introduction(form).rstrip("\n").split("\n")])
        await self._live.quiet()
        with self._live.questions():
            what = "Go there yourself and then go on?" if form.url else "Fill it in?"
            options = [("y", "yes"), ("n", "no"), ("esc", "cancel")]
            key = await self._live.ask([line(what)], ["y", "n", "escape", "c-c", "c-d"], options)
            if key != "y":
                return Filled("decline" if key == "n" else "cancel", by=self._by)
            content: dict[str, Any] = {}
            if not form.url:
                for name, field in form.schema.get("properties", {}).items():
                    if not await self._field(name, field, form, content):
                        return Filled("cancel", by=self._by)
        return Filled("accept", content, by=self._by)

    async def _field(
        self, name: str, field: Mapping[str, Any], form: Form, content: dict[str, Any]
    ) -> bool:
        """Have one field filled in; whether it was."""
        required = name in form.schema.get("required", ())
        question = asked(name, field, required=required).strip().removesuffix(":")
        label = question
        while True:
            typed = await self._live.read(label)
            if typed is None:
                return False
            if typed := typed.strip():
                try:
                    content[name] = meant(typed, field)
                except ValueError as e:
                    label = f"{question} ({e})"
                else:
                    return True
            elif "default" in field:
                content[name] = field["default"]
                return True
            elif not required:
                return True


class Asking(Protocol):
    """The part of the live region that questions stand in (``repl.live.Live``)."""

    def questions(self) -> AbstractContextManager[None]: ...

    async def quiet(self) -> None: ...

    async def ask(
        self, rows: Sequence[Line], keys: Sequence[str], options: Sequence[Option] = ()
    ) -> str: ...

    async def read(self, label: str) -> str | None: ...


def introduction(form: Form) -> str:
    """Who asks, and for what."""
    lines = [f"? The MCP server {form.server} asks you:", *visible(form.message).splitlines()]
    if form.url:
        odd = " (its name is in another script)" if "xn--" in form.host else ""
        lines += [f"to open a page of {form.host}{odd}:", form.url]
    return "\n  ".join(lines) + "\n"


def asked(name: str, field: Mapping[str, Any], *, required: bool) -> str:
    """The question for one field."""
    label = one_line(str(field.get("title") or name))
    about = f" ({one_line(str(field['description']))})" if field.get("description") else ""
    options = [value for value, _ in choices(field)]
    among = f" [{', '.join(options)}]" if options else ""
    default = f" = {field['default']}" if "default" in field else ""
    return f"  {label}{about}{among}{default}{'' if required else ', or nothing'}: "


def choices(field: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What may be chosen, each with its title; empty where it is free."""
    items = field.get("items")
    if is_table(items):
        return choices(items)
    if is_list(options := field.get("enum")):
        titles = field.get("enumNames")
        names = titles if is_list(titles) and len(titles) == len(options) else options
        return [(str(a), str(b)) for a, b in zip(options, names, strict=True)]
    for key in ("oneOf", "anyOf"):
        if is_list(options := field.get(key)):
            return [(str(o["const"]), str(o.get("title", ""))) for o in options if is_table(o)]
    return []


def meant(typed: str, field: Mapping[str, Any]) -> Any:
    """The value that was typed. Raises ValueError, which says what fits."""
    options = [value for value, _ in choices(field)]
    kind = field.get("type")
    if kind == "array":
        chosen = [one.strip() for one in typed.split(",") if one.strip()]
        if not set(chosen) <= set(options):
            raise ValueError(f"one or more of: {', '.join(options)}")
        return chosen
    if options and typed not in options:
        raise ValueError(f"one of: {', '.join(options)}")
    if kind == "boolean":
        if typed.lower() not in ("y", "yes", "true", "n", "no", "false"):
            raise ValueError("yes or no")
        return typed.lower() in ("y", "yes", "true")
    if kind in ("number", "integer"):
        read: Callable[[str], float] = int if kind == "integer" else float
        try:
            return read(typed)
        except ValueError:
            raise ValueError("a number") from None
    return typed
