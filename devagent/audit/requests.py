"""The judged calls of recorded sessions, and their results, as requests that can be judged again.

Read fast and in bounded memory: of each file only the lines that matter are decoded. Content is taken
where it is open and matches what its header commits to. That the chain itself is whole is ``verify``'s
matter, not looked at here.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct, field

from devagent.audit.layout import BODIES, EVENTS
from devagent.audit.lines import Damage, lines, open_to_read, size_of
from devagent.audit.opening import Opener
from devagent.audit.record import commitment, from_base64
from devagent.audit.recorded_events import not_policy, result_of, silence
from devagent.core.errors import LogError
from devagent.core.events.calls import Approval
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference, ToolClass
from devagent.core.verdicts import Decision, Effect, Request, RuleReference
from devagent.policy.changes import Aside, Recorded, Results

# Canonical JSON: a key stands there letter for letter, and no text can hold an unescaped quote.
_JUDGED, _ANSWERED, _FINISHED, _ENDED, _CUT = (
    f'"type":"{name}"'.encode()
    for name in ("tool.judged", "approval.answered", "tool.finished", "turn.ended", "turn.cut")
)
_DECISION = b'"decision":{'
_SEQ = b'"seq":'


class _DecisionHeader(Struct):
    effect: Effect
    rules: tuple[str, ...] = ()
    obligations: dict[str, Any] = field(default_factory=dict)
    policy: str = ""
    nearest: tuple[str, ...] = ()


class _DecisionContent(Struct):
    reason: str = ""
    obligations: dict[str, Any] | None = None
    request: str = ""
    determining: tuple[RuleReference, ...] = ()
    grant: str = ""
    sticky: bool = False
    error: str = ""


class _Judged(Struct):
    type: str
    seq: int
    sid: str
    ts: int
    call: str
    principal: Principal
    ext: ExtensionReference
    tool: str
    resources: tuple[Resource, ...]
    decision: _DecisionHeader
    tool_class: ToolClass = field(name="class")
    err: str = ""
    body: str = ""


class _Answered(Struct):
    type: str
    call: str
    approval: Approval


class _Finished(Struct):
    type: str
    seq: int
    sid: str
    ts: int
    call: str
    decision: _DecisionHeader | None = None
    redacted: dict[str, int] = field(default_factory=dict)
    body: str = ""


class _BodyLine(Struct):
    content: str = ""
    salt: str = ""
    sealed: str = ""
    erased: bool = False


class _Content(Struct):
    args: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, list[Any]] = field(default_factory=dict)
    can: tuple[str, ...] | None = None
    decision: _DecisionContent = field(default_factory=_DecisionContent)
    shadow: Decision | None = None
    text: str = ""
    view: str = ""
    structured: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)


_judged = msgspec.json.Decoder(_Judged)
_finished = msgspec.json.Decoder(_Finished)
_answered = msgspec.json.Decoder(_Answered)
_body_line = msgspec.json.Decoder(_BodyLine)
_content = msgspec.json.Decoder(_Content)


def session_folders(root: str) -> Iterator[str]:
    """Every session's folder at or below a folder, the newest names first; links are not followed."""
    for folder, names, files in os.walk(root):
        names.sort(reverse=True)
        if EVENTS in files:
            names.clear()
            yield folder


def recorded(folder: str, results: Results = "none") -> Generator[Recorded, None, None]:
    """The session's judged calls, each ask with its answer, and the ``results`` that are asked for, up to a torn tail.

    An ask comes when it is answered, or when its turn ends. Raises LogError where a line cannot be read.
    """
    with ExitStack() as stack:
        events = open_to_read(os.path.join(folder, EVENTS))
        if events is None:
            raise LogError(f"There is no session in {folder}: {EVENTS} is missing.")
        stack.enter_context(events)
        bodies = open_to_read(os.path.join(folder, BODIES))
        if bodies:
            stack.enter_context(bodies)
        try:
            sid = os.path.basename(os.path.abspath(folder))
            yield from _calls(sid, events, bodies, Opener(folder), results)
        except Damage as e:
            raise LogError(
                f"The session log is damaged: {os.path.join(folder, e.file)}:{e.line}: {e.what}.",
                hint=f"`devagent session verify {folder}` says how far it stands.",
            ) from e


def recorded_at(folder: str, seq: int) -> Recorded | None:
    """The judged call of that number, or None where that event is none."""
    with closing(recorded(folder)) as calls:
        return next((one for one in calls if one.seq == seq), None)


def _calls(
    sid: str, events: BinaryIO, bodies: BinaryIO | None, opener: Opener, results: Results
) -> Iterator[Recorded]:
    contents = _Contents(bodies, opener)
    waiting: dict[str, Recorded] = {}
    running: dict[str, Recorded] = {}
    for line in lines(events, EVENTS, size_of(events)):
        if not line.whole:
            break
        data = line.data
        try:
            if _JUDGED in data:
                header = _judged.decode(data)
                if header.type != "tool.judged":
                    continue
                one = _recorded(sid, header, *contents.of(header.seq, header.sid, header.body))
                if results != "none":
                    running[header.call] = one
                if one.decision.effect == "ask":
                    waiting[header.call] = one
                else:
                    yield one
            elif waiting and _ANSWERED in data:
                answer = _answered.decode(data)
                asked = waiting.pop(answer.call, None)
                if asked is not None:
                    yield msgspec.structs.replace(asked, approval=answer.approval)
            elif running and _FINISHED in data and (results == "all" or _DECISION in data):
                ended = _finished.decode(data)
                call = running.pop(ended.call, None)
                if call is not None:
                    content, aside = contents.of(ended.seq, ended.sid, ended.body)
                    result = _result(call, ended, content, aside)
                    if result is not None:
                        yield result
            elif _ENDED in data or _CUT in data:
                yield from waiting.values()
                waiting.clear()
                running.clear()
        except (ValueError, RecursionError) as e:
            raise Damage(EVENTS, line.number, f"is no record of a call: {e}") from e
    yield from waiting.values()


class _Contents:
    """The body lines as one reads along the headers: those that nobody asks for are passed over undecoded."""

    def __init__(self, file: BinaryIO | None, opener: Opener) -> None:
        self._lines = lines(file, BODIES) if file else iter(())
        self._opener = opener
        self._seq = -1
        self._data = b""
        self._advance()

    def of(self, seq: int, sid: str, committed: str) -> tuple[_Content | None, Aside]:
        """The content of that event, or None and why."""
        if not committed:
            return _Content(), ""
        while 0 <= self._seq < seq:
            self._advance()
        if self._seq != seq:
            return None, "missing"
        return self._opened(seq, sid, committed)

    def _opened(self, seq: int, sid: str, committed: str) -> tuple[_Content | None, Aside]:
        try:
            line = _body_line.decode(self._data)
            if line.sealed:
                if not self._opener.key:
                    return None, "sealed"
                line = _body_line.decode(self._opener.line(seq, sid, line.sealed))
            if line.erased:
                return None, "erased"
            text = line.content.encode()
            if commitment(from_base64(line.salt), text) != committed:
                return None, "altered"
            return _content.decode(text), ""
        except (ValueError, RecursionError):
            return None, "altered"

    def _advance(self) -> None:
        line = next(self._lines, None)
        if line is None or not line.whole:
            self._seq = -1
            return
        data = line.data
        try:
            # Canonical: "seq" is the last key of a body's line, however it is kept.
            self._seq = int(data[data.rindex(_SEQ) + len(_SEQ) : -1])
        except ValueError as e:
            raise Damage(BODIES, line.number, "is no body") from e
        self._data = data


def _recorded(sid: str, header: _Judged, content: _Content | None, aside: Aside) -> Recorded:
    decision = _decision(header.decision, content, header.err)
    aside = not_policy(decision) or aside
    request = None
    if content is not None and not aside:
        request = Request(
            principal=header.principal,
            extension=header.ext.name,
            tool=header.tool,
            tool_class=header.tool_class,
            args=content.args,
            resources=header.resources,
            context=content.context,
            facts=content.facts,
            can=content.can,
        )
    return Recorded(
        session=sid,
        seq=header.seq,
        principal=header.principal,
        tool=f"{header.ext.name}.{header.tool}",
        resources=header.resources,
        decision=decision,
        request=request,
        at=header.ts,
        aside=aside,
        shadow=content.shadow if content else None,
    )


def _result(
    call: Recorded, header: _Finished, content: _Content | None, aside: Aside
) -> Recorded | None:
    """What came back, as the result phase judged it; None where nothing came back that it could have judged."""
    if content is not None and not content.about:
        return None
    if header.decision is not None:
        decision = _decision(header.decision, content, "")
    else:
        decision = silence(call)
    came_back = None
    if content is not None and not header.redacted:
        came_back = content.text, content.view, content.structured
    return result_of(
        call,
        seq=header.seq,
        at=header.ts,
        decision=decision,
        about=content.about if content else None,
        content=came_back,
        aside=aside,
    )


def _decision(head: _DecisionHeader, content: _Content | None, error: str) -> Decision:
    rest = content.decision if content else _DecisionContent()
    return Decision(
        head.effect,
        rest.reason,
        rules=head.rules,
        obligations=head.obligations if rest.obligations is None else rest.obligations,
        policy=head.policy,
        request=rest.request,
        determining=rest.determining,
        nearest=head.nearest,
        grant=rest.grant,
        sticky=rest.sticky,
        error=rest.error or error,
    )
