"""``devagent completion``: what bash, zsh or fish loads to complete commands and options."""

import click

from devagent.cli.entry import COMPLETION


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell; nothing is changed.

    \b
    eval "$(devagent completion bash)"    # in ~/.bashrc
    eval "$(devagent completion zsh)"     # in ~/.zshrc, after compinit
    devagent completion fish > ~/.config/fish/completions/devagent.fish
    """
    from click.shell_completion import FishComplete, ZshComplete  # noqa: PLC0415  (for this alone)

    if shell == "bash":
        click.echo(_BASH)
        return
    kind = ZshComplete if shell == "zsh" else FishComplete
    click.echo(kind(ctx.find_root().command, {}, "devagent", COMPLETION).source())


_BASH = f"""\
_devagent_completion() {{
    local kind value
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(COMP_WORDS="${{COMP_WORDS[*]}}" COMP_CWORD=$COMP_CWORD {COMPLETION}=bash_complete "$1")
}}
complete -o nosort -F _devagent_completion devagent
"""
