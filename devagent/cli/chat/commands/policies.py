"""``/policy``, ``/why``, ``/permissions`` and ``/plan``: what may be done, and why."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from devagent.cli.chat.commands.cli import told
from devagent.cli.chat.saying import calls_back, words
from devagent.cli.chat.screen import Chat
from devagent.core.codec import parse
from devagent.core.errors import UsageError
from devagent.core.events.calls import ToolJudged
from devagent.core.text import one_line
from devagent.core.tools import ToolCall
from devagent.repl.folded import granted_by
from devagent.repl.render import render
from devagent.repl.style import Line, Segment, coded, line
from devagent.repl.words import pairs, rule_name


async def policy(chat: Chat, rest: str) -> None:
    """The layers in force; ``try`` asks policy about a call and runs nothing."""
    first, *more = words(rest) or [""]
    if first == "try":
        await _try(chat, more)
    elif first:
        await told(chat, ["policy", first, *more])
    else:
        rows: list[Line] = [
            line(
                Segment(f"  {one.layer}/{one.name}", "bold"),
                f"  {one.rules} rules  ",
                Segment(one.file, "quiet"),
            )
            for one in chat.session.policy.layers
        ]
        tools = ", ".join(tool.qualified for tool in chat.session.hidden)
        if tools:
            rows.append(line(Segment(f"  never granted to you, so not told to the model: {tools}", "quiet")))  # fmt: skip
        rows.append(line(Segment("  /policy try TOOL NAME=VALUE … asks about a call and runs nothing", "quiet")))  # fmt: skip
        chat.print(rows)


async def _try(chat: Chat, more: Sequence[str]) -> None:
    if not more:
        raise UsageError("name a call", hint="/policy try git.push remote=origin ref=main")
    tools = {tool.qualified: tool for tool in (*chat.session.offered, *chat.session.hidden)}
    tool = tools.get(more[0])
    if tool is None:
        from devagent.policy.names import nearest_name  # noqa: PLC0415  (for a slip)

        near = nearest_name(more[0], tools)
        raise UsageError(
            f"there is no tool {more[0]}", hint=f"Did you mean {near}?" if near else ""
        )
    args: dict[str, Any] = {}
    for one in more[1:]:
        name, equals, value = one.partition("=")
        if not equals:
            raise UsageError(f"{one!r} is no argument", hint="Arguments are NAME=VALUE.")
        try:
            args[name] = parse(value)
        except ValueError:
            args[name] = value
    judged = await chat.session.would(ToolCall(id="try", name=tool.api_name, args=args))
    chat.print([*_explained(judged), line(Segment("  nothing was run or recorded", "quiet"))])


async def why(chat: Chat, rest: str) -> None:
    """The last decision: what was asked for, what each rule said, how to be granted it."""
    folded = chat.transcript.folded
    number = calls_back(rest, len(folded))
    call = folded[-number]
    rows = _explained(call.judged)
    if call.answered is not None:
        rows.append(line(f"  {render(call.answered, chat.transcript.signs).strip()}"))
    if len(folded) > number:
        rows.append(line(Segment(f"  /why {number + 1}: the call before", "quiet")))
    chat.print(rows)


def _explained(judged: ToolJudged) -> list[Line]:
    decision = judged.decision
    word = {"allow": "allowed", "ask": "asked about", "deny": "denied"}[decision.effect]
    role = {"allow": "good", "ask": "ask", "deny": "bad"}[decision.effect]
    rows: list[Line] = [
        line(
            Segment(judged.full_name, "bold"),
            "  ",
            Segment(word, role),
            Segment(f"  as {judged.principal}", "quiet"),
        )
    ]
    if judged.args:
        rows.append(line(Segment("  with     ", "quiet"), one_line(pairs(judged.args), 300)))
    for one in judged.resources[:8]:
        tags = f"  {' '.join(one.tags)}" if one.tags else ""
        rows.append(line(Segment("  touches  ", "quiet"), f"{one.access} {one.id}{tags}"))
    for rule in {one.rule: one for one in decision.determining}.values():
        said = coded(f": {rule.why}") if rule.why else ()
        rows.append(line(Segment(f"  {rule.effect:8} ", "quiet"), Segment(rule_name(rule), "accent"), *said))  # fmt: skip
    if not decision.determining:
        rows.append(line(Segment("  because  ", "quiet"), *coded(decision.reason)))
    if decision.obligations:
        rows.append(line(Segment("  with     ", "quiet"), pairs(decision.obligations)))
    if decision.effect != "allow":
        rows += [
            line(Segment("  to get it  ", "quiet"), *coded(grant)) for grant in granted_by(decision)
        ]
    if decision.nearest and decision.effect != "allow":
        rows.append(line(Segment("  nearest  ", "quiet"), ", ".join(decision.nearest[:3])))
    if judged.taint:
        rows.append(line(Segment("  taint    ", "quiet"), ", ".join(judged.taint)))
    return rows


async def permissions(chat: Chat, rest: str) -> None:
    """What was approved beyond one call, and taking it back."""
    first, *more = words(rest) or ["list"]
    await told(chat, ["policy", "approvals", first, *more])


async def plan(chat: Chat, rest: str) -> None:
    """Only reading, by a policy layer, until it is turned off; the conversation goes on."""
    wanted = {"on": True, "off": False, "": not chat.plan}.get(rest)
    if wanted is None:
        raise UsageError("/plan on or /plan off")
    if wanted == chat.plan:
        chat.say("planning already" if wanted else "not planning")
        return
    chat.plan = wanted
    await chat.switch(replace(chat.asked, resume=chat.session.id), quietly=True)
    chat.say("Planning: policy lets nothing but reading through. /plan off ends it." if wanted else "No longer planning.", "ask")  # fmt: skip
