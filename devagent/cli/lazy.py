"""Command groups whose commands are imported when they are run: a table of name, module, line.

``--help`` prints from the table alone, so that it imports no command.
"""

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click


class Entry(NamedTuple):
    """Where a command is, and its line in the help; without one it is not in the help."""

    module: str
    attribute: str
    help: str


class LazyGroup(click.Group):
    """A group over a table of entries."""

    def __init__(self, *arguments: Any, table: Mapping[str, Entry], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, entry in self._table.items() if entry.help]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self._table.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(importlib.import_module(entry.module), entry.attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self._table and not ctx.resilient_parsing:
            import difflib  # noqa: PLC0415  (for a mistyped name only)

            if near := difflib.get_close_matches(name, self.list_commands(ctx), 1):
                ctx.fail(f"No such command {name!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            shown = [(name, entry.help) for name, entry in self._table.items() if entry.help]
            formatter.write_dl(shown)
