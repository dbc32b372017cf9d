"""Command groups whose commands are imported when they are run: a table of name, module, line.

``--help`` prints from the table alone, so that it imports no command.
"""

import importlib
from collections.abc import Mapping
from itertools import groupby
from typing import Any, NamedTuple

import click


class Entry(NamedTuple):
    """Where a command is, and its line in the help; without one it is not in the help. ``about`` is the heading that
    it stands under, where a group has so many commands that it is shown in parts."""

    module: str
    attribute: str
    help: str
    about: str = ""


class Group(click.Group):
    """A group that says, of a word that is none of its commands, which one may be meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and not self.has(ctx, name := args[0]):
            from devagent.cli.signposts import command_meant  # noqa: PLC0415  (for a slip only)

            if meant := command_meant(ctx.command_path, name, self.list_commands(ctx)):
                ctx.fail(f"No such command {name!r}.{meant}")
        return super().resolve_command(ctx, args)

    def has(self, ctx: click.Context, name: str) -> bool:
        """Whether there is such a command; it is not loaded for that."""
        return name in self.commands

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)


class LazyGroup(Group):
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

    def has(self, ctx: click.Context, name: str) -> bool:
        return name in self._table

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        shown = [(name, entry) for name, entry in self._table.items() if entry.help]
        width = max(len(name) for name, _ in shown)
        with formatter.section("Commands"):
            for number, (about, part) in enumerate(groupby(shown, lambda pair: pair[1].about)):
                if about:
                    formatter.write(
                        f"{chr(10) if number else ''}{'':>{formatter.current_indent}}{about}\n"
                    )
                    formatter.indent()
                formatter.write_dl([(name.ljust(width), entry.help) for name, entry in part])
                if about:
                    formatter.dedent()
