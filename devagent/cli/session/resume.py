"""``devagent session resume``: ``devagent chat --resume`` by another name."""

import click

from devagent.cli.chat import PICK, chat

_GIVEN = frozenset({"resume", "go_on"})


def _resume(session: str, **options: object) -> int:
    """Go on with a session (an id, its name, or `last`; without one, choose) in a conversation.

    What changed since it was left is said first: policy, extensions, the model, files that it touched.
    """
    code: int = click.get_current_context().invoke(chat, resume=session, **options)
    return code


resume = click.Command(
    "resume",
    callback=_resume,
    help=_resume.__doc__,
    params=[
        click.Argument(["session"], metavar="[ID|last]", default=PICK),
        *(one for one in chat.params if one.name not in _GIVEN),
    ],
)
