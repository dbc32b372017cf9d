"""Opening the chat's session: what the folder says and who trusts it, the key, and what a first start explains."""

import asyncio
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from devagent.cli.chat.saying import greeting
from devagent.core.approvals import asking_rules
from devagent.core.errors import UsageError
from devagent.core.events.calls import ToolJudged
from devagent.core.events.session import SessionResumed
from devagent.core.ports import Question
from devagent.core.todo import in_short
from devagent.core.tools import ToolCall
from devagent.repl.forms import FormsOnScreen
from devagent.repl.messages import tr
from devagent.repl.render import render
from devagent.repl.style import Segment, line
from devagent.repl.words import counted
from devagent.settings.credentials import NoKey
from devagent.settings.folder import FolderSays, folder_says
from devagent.settings.identity import principal
from devagent.settings.places import places

if TYPE_CHECKING:
    from devagent.cli.chat.shown import Shown
    from devagent.session import Session


async def opened(chat: "Shown", *, quietly: bool = False) -> "Session":
    """The session that was asked for. Raises as ``open_session`` does, but for a key, which is asked for.
    ``quietly``: nothing is said of it."""
    if not quietly:
        await _shown_end(chat)
    # 350 ms: in a thread, so that typing goes on meanwhile.
    await asyncio.to_thread(import_module, "devagent.session")
    chat.says = await _trusted(chat)
    while True:
        try:
            session = await _open(chat)
            break
        except NoKey as error:
            from devagent.cli.chat.first_run import without_key  # noqa: PLC0415

            chat.live.hint = ""
            if not await without_key(chat, error):
                raise
    if quietly:
        return session
    chat.print(greeting(session))
    first = session.opening[0]
    if isinstance(first, SessionResumed):
        chat.say(render(first))
        if session.todo and chat.live.echoes:  # no line of the screen shows it
            chat.say(tr("to do: {how_far}").format(how_far=in_short(session.todo)))
        if session.unfinished:
            chat.say(tr("left unfinished: {what}").format(what=session.unfinished), "ask")
    return session


async def _shown_end(chat: "Shown") -> None:
    """Draw the end of the session that is to go on: the person reads it while all of it is verified."""
    if not chat.asked.resume:
        return
    from devagent.audit.layout import find_session  # noqa: PLC0415  (where one goes on)

    try:
        folder = await asyncio.to_thread(find_session, places().sessions, chat.asked.resume)
    except UsageError:
        return  # whoever opens it says so
    await chat.show_end(folder)


async def _open(chat: "Shown") -> "Session":
    from devagent.session import Options, open_session  # noqa: PLC0415

    asked = chat.asked
    plan = (chat.plan_policy(),) if chat.plan else ()
    options = Options(
        folder=asked.folder,
        mode="chat",
        interactive=True,
        approver=chat.asker,
        elicitor=FormsOnScreen(chat.live, principal().user, chat.print),
        model=asked.model,
        policies=(*asked.policies, *plan),
        extensions=asked.extensions,
        resume=asked.resume,
        ticket=asked.ticket,
        guidance=chat.guidance(),
        passphrase=asked.passphrase,
    )
    return await open_session(options, chat.environment)


async def _trusted(chat: "Shown") -> FolderSays:
    """What the folder says, where the person trusts it; they are asked once, and again when it has changed."""
    folder = chat.asked.folder  # a real path
    says = folder_says(folder)
    if not says.digest or chat.trusted.trusts(folder, says):
        return says
    if says.digest in chat.declined:
        return FolderSays({}, {}, "")
    again = tr(" and has changed since you trusted it") if chat.trusted.known(folder) else ""
    many = counted(len(says.files), "file")
    chat.print(
        [
            line(
                Segment(
                    tr("This folder has {many} for the agent{again}:").format(
                        many=many, again=again
                    ),
                    "bold",
                )
            ),
            *(line(f"  {name}") for name in says.files[:10]),
            line(
                Segment(
                    tr("They can tell it what to do; they cannot let it do more than policy does."),
                    "quiet",
                )
            ),
        ]
    )
    while True:
        key = await chat.live.ask(
            [line(Segment(tr("Use them?"), "bold"))],
            ["t", "v", "n", "escape", "c-c", "c-d"],
            [("t", tr("trust them as they are")), ("v", tr("view")), ("n", tr("not now"))],
        )
        if key == "t":
            chat.trusted.trust(folder, says)
            return says
        if key != "v":
            chat.declined.add(says.digest)
            return FolderSays({}, {}, "")
        for name, text in [*says.instructions.items(), *says.commands.items()]:
            rows = [line(Segment(name, "bold")), *(line(f"  {row}") for row in text.splitlines())]
            chat.print(rows)


async def like(
    session: "Session", calls: Sequence[ToolCall], question: Question
) -> Sequence[ToolJudged]:
    """The calls behind the one in question that are like it: the same tool, asked about by the same rules, with a
    yes that may be given ahead."""
    judged = question.judged
    ids = [one.id for one in calls]
    if (
        judged is None
        or question.needs_reason
        or judged.decision.sticky
        or question.call not in ids
    ):
        return ()
    found: list[ToolJudged] = []
    for call in calls[ids.index(question.call) + 1 :]:
        if call.name != question.tool.api_name:
            continue
        other = await session.would(call)
        if (
            other.decision.effect == "ask"
            and not other.decision.sticky
            and asking_rules(other) == asking_rules(judged)
        ):
            found.append(other)
    return found
