"""The conversation as the model reads it: a fold over events.

Live and resumed sessions use the same fold, so there is no second store. Every tool call ends up
paired with a result, also where a turn was cut, and no call id stands twice.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from devagent.agent.compaction import Plan, in_words, planned, refusals_in
from devagent.core.events import Event
from devagent.core.events.calls import (
    ApprovalAnswered,
    ToolCalled,
    ToolFinished,
    ToolJudged,
    ToolStarted,
)
from devagent.core.events.ground import ResourceChanged
from devagent.core.events.model import Compacted, CompactionUndone, ModelReplied
from devagent.core.events.people import UndoDone
from devagent.core.events.turns import BudgetWarned, Prompt, TurnCut

_OWN_RESULT = "[The person ran this command themselves; what it gave:]"
OWN_CALL = "person_"
"""How the id of a call begins that the person made themselves."""
CUT = "This call was cut off before it could finish; whether it had effects is not known."
MODEL_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What the Messages API takes."""
NOT_RUN = "This call was not run: the turn ended before it."


KEPT = 3
"""Compactions that can be undone: what an earlier one took out is in the record alone, so that a conversation that
goes on for days takes no more memory."""


class _Open(Struct):
    """A call without a result yet; ``shown_as`` is its id in the messages, or with ``reading`` (what the person
    wanted read) it is told as the person's."""

    call: str
    shown_as: str
    started: bool = False
    reading: str = ""


class _Typed(Struct):
    """A prompt, and the index of the message it stands in."""

    place: int
    text: str


class _Gone(Struct):
    """What a compaction took out, to bring it back: the messages, where the prompts among them stood, what had
    been refused before, and whether the short text shares its message with what follows. In their place stand
    ``signed`` messages of the service's (one or none), and ``texts`` blocks of ours."""

    messages: list[dict[str, Any]]
    places: list[int]
    refused: list[str]
    shares: bool
    signed: int
    texts: int


class History:
    """Messages in the Messages API's shape, kept up to date by ``apply``."""

    def __init__(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._open: list[_Open] = []
        self._ids: set[str] = set()
        self._typed: list[_Typed] = []
        self._refused: list[str] = []
        self._gone: list[_Gone] = []
        self._asked = (
            -1,
            0,
            0,
        )  # where the last prompt stands: message, block, number among the typed
        self.turn = 0

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages so far; the list is the history's own, not to be changed."""
        return self._messages

    def apply(self, event: Event) -> None:
        """Take one event in. Events that the model never sees change nothing."""
        match event:
            case Prompt(text=text, turn=turn, attachments=attachments):
                self._pair_open_calls()
                self.turn = turn
                joins = bool(self._messages) and self._messages[-1]["role"] == "user"
                before = len(self._messages[-1]["content"]) if joins else 0
                self._say("user", [*attachments, {"type": "text", "text": text}])
                self._asked = (len(self._messages) - 1, before, len(self._typed))
                if not event.of_the_house:
                    self._typed.append(_Typed(len(self._messages) - 1, text))
            case ModelReplied(purpose=purpose) if purpose:
                pass  # not said in the conversation
            case ModelReplied(stop="model_context_window_exceeded"):
                self._pair_open_calls()  # cut off anywhere: it is asked for again, in a shorter conversation
            case ModelReplied(stop="refusal"):
                self._pair_open_calls()
                self._take_back_prompt()
            case ModelReplied(content=content):
                self._pair_open_calls()
                if blocks := [self._opened(block) for block in content if _is_sendable(block)]:
                    self._say("assistant", blocks)
            case ToolJudged(call=call, reply=reply, decision=decision) if reply:
                # In a dry run also a call that policy allows ends here, and nothing about it failed.
                self._tell(call, reply, failed=decision.effect != "allow")
            case ApprovalAnswered(call=call, reply=reply) if reply:
                self._tell(call, reply, failed=True)
            case ToolCalled(asked_by="person"):
                named = " ".join(str(value) for value in event.args.values())
                self._open.append(
                    _Open(event.call, "", reading=f"{event.ext}.{event.tool} {named}")
                )
            case ToolStarted(call=call):
                for one in self._open:
                    if one.call == call:
                        one.started = True
                        break
            case ToolFinished(call=call, text=text) if self._is_own(call):
                # No reply of the model asked for it, so it is no result that could be paired.
                self._say("user", [{"type": "text", "text": f"{_OWN_RESULT}\n{text}"}])
            case ToolFinished(call=call, outcome="cut"):
                self._tell(call, CUT, failed=True)
            case ToolFinished(call=call, text=text, outcome=outcome):
                self._tell(call, text, failed=outcome != "ok", images=_images(event.content))
            case ResourceChanged(uris=uris):
                told = f"[{event.ext.name}: changed since it was read: {', '.join(uris)}]"
                self._say("user", [{"type": "text", "text": told}])
            case UndoDone():
                self._say("user", [{"type": "text", "text": _undone(event)}])
            case BudgetWarned(told=told) if told:
                self._say("user", [{"type": "text", "text": told}])
            case TurnCut():
                self._pair_open_calls()
            case Compacted(gone=gone, text=text, block=block):
                self._shorten(gone, text, block)
            case CompactionUndone():
                self._bring_back()
            case _:
                pass  # shown or logged, not part of the conversation

    @property
    def compactions(self) -> int:
        """How many compactions can be undone."""
        return len(self._gone)

    @property
    def gone_by_last(self) -> int:
        """How many messages the last compaction took out; 0 where there was none."""
        return len(self._gone[-1].messages) if self._gone else 0

    def plan(self, kept_tokens: int) -> Plan | None:
        """What to put in short so that about ``kept_tokens`` stay as they are; None where nothing can."""
        plan = planned(self._messages, [(one.place, one.text) for one in self._typed], kept_tokens)
        if plan is None:
            return None
        refused = dict.fromkeys([*self._refused, *plan.refusals])
        return Plan(plan.gone, plan.prompts, tuple(refused))

    def _shorten(self, gone: int, text: str, block: dict[str, Any]) -> None:
        head, tail = self._messages[:gone], self._messages[gone:]
        shares = bool(tail) and tail[0]["role"] == "user"
        short: list[dict[str, Any]] = [{"type": "text", "text": text}]
        signed: list[dict[str, Any]] = []
        if block.get("signature"):
            signed = [{"role": "assistant", "content": [block]}]
        elif block:  # its record was redacted: it no longer says what was signed
            short.append({"type": "text", "text": in_words(block)})
        self._gone.append(
            _Gone(
                messages=head,
                places=[one.place for one in self._typed],
                refused=list(self._refused),
                shares=shares,
                signed=len(signed),
                texts=len(short),
            )
        )
        del self._gone[:-KEPT]
        if shares:
            short += tail.pop(0)["content"]
        self._refused = list(dict.fromkeys([*self._refused, *refusals_in(head)]))
        self._messages = [*signed, {"role": "user", "content": short}, *tail]
        self._asked = (-1, 0, 0)
        first = len(signed)
        for one in self._typed:
            one.place = max(one.place - gone + first + (0 if shares else 1), first)

    def _bring_back(self) -> None:
        if not self._gone:
            return
        gone = self._gone.pop()
        first, *tail = self._messages[gone.signed :]
        if gone.shares:
            tail = [{**first, "content": first["content"][gone.texts :]}, *tail]
        shift = len(gone.messages) - gone.signed - (0 if gone.shares else 1)
        self._messages = [*gone.messages, *tail]
        self._refused = gone.refused
        for number, one in enumerate(self._typed):
            known = number < len(gone.places)
            one.place = gone.places[number] if known else one.place + shift

    def _take_back_prompt(self) -> None:
        """The service goes on refusing while what it refused stands there; a turn that has called tools stays,
        or their effects would be forgotten."""
        place, blocks, typed = self._asked
        if place != len(self._messages) - 1:
            return
        kept = self._messages[place]["content"][:blocks]
        del self._typed[typed:]
        if kept:
            self._messages[place]["content"] = kept
        else:
            self._messages.pop()

    def _say(self, role: str, content: list[dict[str, Any]]) -> None:
        if self._messages and self._messages[-1]["role"] == role:
            # The API wants the roles in turn: after a cut turn two user messages would meet.
            self._messages[-1]["content"] = [*self._messages[-1]["content"], *content]
        else:
            self._messages.append({"role": role, "content": content})

    def _opened(self, block: dict[str, Any]) -> dict[str, Any]:
        """The block as it stands in the messages; a call in it waits for its result from now on."""
        if block.get("type") != "tool_use":
            return block
        call: str = block["id"]
        shown_as, repeats = call, 1
        while shown_as in self._ids:
            # The API refuses a conversation in which an id stands twice, and with it the whole session.
            repeats += 1
            shown_as = f"{call}_{repeats}"
        self._ids.add(shown_as)
        self._open.append(_Open(call, shown_as))
        return block if shown_as == call else {**block, "id": shown_as}

    def _is_own(self, call: str) -> bool:
        return call.startswith(OWN_CALL) and all(one.call != call for one in self._open)

    def _tell(
        self, call: str, text: str, *, failed: bool, images: Sequence[dict[str, Any]] = ()
    ) -> None:
        for one in self._open:
            if one.call == call:
                self._open.remove(one)
                self._pair(one, text, failed=failed, images=images)
                return

    def _pair(
        self, one: _Open, text: str, *, failed: bool, images: Sequence[dict[str, Any]] = ()
    ) -> None:
        if one.reading:
            told = f"[{one.reading}, which the person wants read, {'failed' if failed else 'is'}]\n{text}"
            self._say("user", [{"type": "text", "text": told}, *images])
            return
        block: dict[str, Any] = {
            "type": "tool_result",
            "tool_use_id": one.shown_as,
            "content": [{"type": "text", "text": text}, *images] if images else text,
        }
        if failed:
            block["is_error"] = True
        self._say("user", [block])

    def _pair_open_calls(self) -> None:
        for one in self._open:
            self._pair(one, CUT if one.started else NOT_RUN, failed=True)
        self._open.clear()


def _images(content: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The images among a result's blocks, as the Messages API takes them."""
    return [
        {
            "type": "image",
            "source": {
                "type": "base64",
                "media_type": block.get("mimeType", ""),
                "data": block.get("data", ""),
            },
        }
        for block in content
        if block.get("type") == "image" and block.get("mimeType") in MODEL_IMAGES
    ]


def _undone(event: UndoDone) -> str:
    files = ", ".join(event.changed[:50]) or "none"
    more = f" and {len(event.changed) - 50} more" if len(event.changed) > 50 else ""
    state = f" Of the repository: {', '.join(event.repository[:20])}." if event.repository else ""
    return (
        f"[The person undid changes in the workspace, so it is as it was before. Files set back: {files}{more}.{state}"
        " Read files again before you rely on what they hold.]"
    )


def _is_sendable(block: dict[str, Any]) -> bool:
    """Thinking that lost its signature (in a record that was redacted) would be refused with all the rest."""
    return block.get("type") != "thinking" or bool(block.get("signature"))
