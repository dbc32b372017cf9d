"""``devagent help``: what a command takes, for whoever types the word in front."""

import click


@click.command("help")
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def help_of(ctx: click.Context, words: tuple[str, ...]) -> None:
    """What devagent, or one of its commands, takes: `devagent help session verify`."""
    here = ctx.find_root()
    for word in words:
        group = here.command
        if not isinstance(group, click.Group):
            raise click.UsageError(f"{here.command_path} has no commands of its own", here)
        _, found, _ = group.resolve_command(here, [word])
        if found is None:
            raise click.UsageError(f"No such command {word!r}.", here)
        here = click.Context(found, here, word)
    click.echo(here.get_help())
