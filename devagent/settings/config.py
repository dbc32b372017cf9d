"""``config.toml``: one person's choices. Nothing in it can loosen policy.

    model = "claude-sonnet-5-5"     # or another id, PLATFORM/ID, or rehearsal:FILE; or a table [model]
    base_url = "https://…"          # a gateway that speaks the Messages API; without it, the service itself
    max_tokens = 16000              # of one reply
    stall_s = 45                    # no byte for so long = the attempt failed
    give_up_s = 60                  # all attempts together
    ticket_pattern = "([0-9]+)-"    # what of a branch's name is a ticket's key; "" = none; its first group, if it has one
    ticket_form = "acme/shop#{}"    # the key that it is part of
    undo = "required"               # a call whose effects could not be undone is refused; when-possible; off
    prices = "prices.json"          # a price table in place of the shipped one; relative to this file

    [review]                        # what `devagent review` flags beside denials and quick yeses
    production = ["tag:env.prod", "source:live"]      # data by tag or source
    break_glass = ["team/incident#*"]                 # rules

    [terminal]                      # the chat's screen
    theme = "auto"                  # or light, dark
    editing = "emacs"               # or vi
    notify = true                   # a word from the terminal where devagent waits for you
    plain = false                   # as --plain
    screen_reader = false           # as --screen-reader

    [extensions.sql]
    enabled = true
    sources = { shop = { type = "sqlite", path = "shop.db", env = "dev" } }

What ``[model]`` and ``[platforms]`` may hold, their reader says (``models.configured``). One bad entry refuses the file with file, line, column and the nearest valid name.
"""

import difflib
import re
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from devagent.core.errors import ConfigError
from devagent.settings.trusted_file import read_trusted

DEFAULT_MODEL = "claude-sonnet-5-5"
TICKET_PATTERN = r"(?<![A-Za-z0-9])[A-Z][A-Z0-9]{1,9}-[1-9][0-9]{0,6}(?![0-9])"
"""How a ticket's key looks in the name of a branch, where the config says nothing else."""
UNDO = ("required", "when-possible", "off")
"""Whether a call that may change something runs without a snapshot, or with none at all."""
MAX_NUMBER = 10_000_000
"""No number of the config has a use beyond this; `inf` and slips of the keyboard end here."""


class TerminalChoices(Struct, frozen=True):
    """How the chat looks and is typed in."""

    theme: Literal["auto", "light", "dark"] = "auto"
    editing: Literal["emacs", "vi"] = "emacs"
    notify: bool = True
    plain: bool = False
    screen_reader: bool = False


class Config(Struct, frozen=True):
    """The values with their defaults; ``source`` is the file's text.

    ``model_table``, ``platforms`` and ``extensions`` are as written: later readers check them. ``model`` is
    ``main`` of the table where that stands in the text's place.
    """

    file: str = ""
    model: str = DEFAULT_MODEL
    base_url: str = ""
    max_tokens: int = 16_000
    stall_s: float = 45.0
    give_up_s: float = 60.0
    undo: str = "required"
    ticket_pattern: str = TICKET_PATTERN
    ticket_form: str = "{}"
    prices: str = ""
    model_table: dict[str, Any] = field(default_factory=dict)
    platforms: dict[str, Any] = field(default_factory=dict)
    extensions: dict[str, dict[str, Any]] = field(default_factory=dict)
    review: dict[str, list[str]] = field(default_factory=dict)
    terminal: TerminalChoices = TerminalChoices()
    source: str = ""

    def fault(self, path: tuple[str | int, ...], what: str, hint: str = "") -> ConfigError:
        """The error for an entry that a later reader refuses, with its line and column."""
        from devagent.policy.positions import locate  # noqa: PLC0415  (only where there is a fault)

        line, column = locate(self.source, path) if self.source else (0, 0)
        return ConfigError(
            what, file=self.file or "config.toml", line=line, column=column, hint=hint
        )


_KEYS: dict[str, tuple[str, tuple[type, ...]]] = {
    "model": ("text or a table", (str, dict)),
    "base_url": ("text", (str,)),
    "max_tokens": ("a whole number", (int,)),
    "stall_s": ("a number", (int, float)),
    "give_up_s": ("a number", (int, float)),
    "undo": ("text", (str,)),
    "ticket_pattern": ("text", (str,)),
    "ticket_form": ("text", (str,)),
    "prices": ("text", (str,)),
    "platforms": ("a table", (dict,)),
    "extensions": ("a table", (dict,)),
    "review": ("a table", (dict,)),
    "terminal": ("a table", (dict,)),
}
_TERMINAL: dict[str, tuple[object, ...]] = {
    "theme": ("auto", "light", "dark"),
    "editing": ("emacs", "vi"),
    "notify": (True, False),
    "plain": (True, False),
    "screen_reader": (True, False),
}
_REVIEW = {"production": ("tag:", "source:"), "break_glass": ("",)}
"""What may stand in ``[review]``, and how its texts begin."""


def load_config(path: str) -> Config:
    """The config at ``path``; the defaults where there is no such file.

    Raises ConfigError with file:line:column for what does not parse, is not known or has another type.
    """
    try:
        data = read_trusted(path, error=ConfigError)
    except FileNotFoundError:
        return Config()
    except NotADirectoryError as e:
        raise ConfigError("is not reachable: a part of the path is not a folder", file=path) from e
    return parse_config(data, path)


def parse_config(data: bytes, path: str) -> Config:
    """The config in these bytes; see ``load_config``."""
    # A session without a config file does without the TOML parser (13 ms).
    from devagent.policy.document import decoded, toml_values  # noqa: PLC0415
    from devagent.policy.positions import locate  # noqa: PLC0415

    source = decoded(data, path, ConfigError)
    values = toml_values(source, path, ConfigError)
    for key, value in values.items():
        known = _KEYS.get(key)
        line, column = locate(source, (key,))
        if known is None:
            near = difflib.get_close_matches(key, _KEYS, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(_KEYS)}."
            raise ConfigError(
                f"unknown key {key!r}", file=path, line=line, column=column, hint=hint
            )
        if not isinstance(value, known[1]) or isinstance(value, bool):
            raise ConfigError(f"{key} must be {known[0]}", file=path, line=line, column=column)
        if isinstance(value, int | float) and not 0 < value < MAX_NUMBER:  # nan is not, either
            raise ConfigError(
                f"{key} must be above 0 and below {MAX_NUMBER:,}",
                file=path,
                line=line,
                column=column,
            )
    if values.get("undo", "required") not in UNDO:
        line, column = locate(source, ("undo",))
        hint = f"It is one of {', '.join(UNDO)}."
        raise ConfigError(
            f"undo cannot be {values['undo']!r}", file=path, line=line, column=column, hint=hint
        )
    try:
        re.compile(values.get("ticket_pattern", ""))
    except re.error as e:
        line, column = locate(source, ("ticket_pattern",))
        what = f"ticket_pattern is no regular expression: {e}"
        raise ConfigError(what, file=path, line=line, column=column) from e
    for name, entry in values.get("extensions", {}).items():
        if not isinstance(entry, dict):
            line, column = locate(source, ("extensions", name))
            raise ConfigError(
                f"extensions.{name} must be a table", file=path, line=line, column=column
            )
    if isinstance(values.get("model"), dict):
        table: dict[str, Any] = values.pop("model")
        main = table.get("main", DEFAULT_MODEL)
        if not isinstance(main, str):
            line, column = locate(source, ("model", "main"))
            raise ConfigError("main must be text", file=path, line=line, column=column)
        values.update(model=main, model_table=table)
    terminal: dict[str, Any] = values.pop("terminal", {})
    config = Config(file=path, source=source, **values)
    for name, entry in terminal.items():
        _check_terminal(config, name, entry)
    config = replace(config, terminal=TerminalChoices(**terminal))
    for name, entry in values.get("review", {}).items():
        _check_review(config, name, entry)
    return config


def _check_terminal(config: Config, name: str, entry: object) -> None:
    known = _TERMINAL.get(name)
    if known is None:
        near = difflib.get_close_matches(name, _TERMINAL, 1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(_TERMINAL)}."
        raise config.fault(("terminal", name), f"unknown key {name!r}", hint)
    if not any(entry is one or (isinstance(entry, str) and entry == one) for one in known):
        words = ", ".join(str(one).lower() for one in known)
        raise config.fault(("terminal", name), f"terminal.{name} must be one of {words}")


def _check_review(config: Config, name: str, entry: object) -> None:
    begins = _REVIEW.get(name)
    if begins is None:
        near = difflib.get_close_matches(name, _REVIEW, 1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(_REVIEW)}."
        raise config.fault(("review", name), f"unknown key {name!r}", hint)
    if not isinstance(entry, list):
        raise config.fault(("review", name), f"review.{name} must be a list of texts")
    for number, one in enumerate(entry):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        if not isinstance(one, str) or not one.startswith(begins):
            kinds = " or ".join(f"{kind}…" for kind in begins if kind)
            must = f"a text that begins {kinds}" if kinds else "a text"
            raise config.fault(("review", name, number), f"review.{name} must be {must}")
