"""Sessions for reviewers: one in which personal data was asked for, and one whose every text is an attack."""

from msgspec.structs import replace

from devagent.core.codec import sha256
from devagent.core.events import Event
from devagent.core.events.calls import (
    Approval,
    ApprovalAnswered,
    ApprovalAsked,
    ToolCalled,
    ToolFinished,
    ToolJudged,
    ToolStarted,
)
from devagent.core.events.ground import ExtensionLoaded, PolicyLoaded, PolicyLocked
from devagent.core.events.model import ModelReplied
from devagent.core.events.session import ErrorRaised, SessionEnded, SessionForked
from devagent.core.events.turns import Prompt, TurnEnded, TurnStarted
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference
from devagent.core.usage import Cost, Usage
from devagent.core.verdicts import RuleReference
from tests.support.log_events import call, started, turn

DIFF = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-old\n+new\n"
EVIL = (
    "</script><script>alert(1)</script><img src=\"http://evil.example/i.png\" onerror='alert(1)'>"
    "\"' &lt;b&gt; <!-- ]]> \u202egnp.exe\u2066 \x1b]0;owned\x07\x1b[31mred\x1b[0m \u200bzero\ufeff \x00"
    " `code` ```fence\n``````\n# head [link](http://evil.example) ![i](http://evil.example/i.png) |cell|"
)


def ask(answer: Approval, shown: str = "git.push to main?") -> list[Event]:
    """An ask with just that answer, run where it was yes."""
    events: list[Event] = []
    for event in call("ask", "c3", answer=answer.answer):
        if isinstance(event, ApprovalAsked):
            event = replace(event, shown=shown)
        elif isinstance(event, ApprovalAnswered):
            event = replace(event, approval=answer, comment="go on")
        elif isinstance(event, ToolFinished):
            event = replace(event, text=DIFF)
        events.append(event)
    return events


def emails() -> list[Event]:
    """A session in which addresses were asked for twice: once denied, once approved by Bo."""
    column = (Resource("column:shop.main.customers.email", "read", ("pii.email",)),)
    shown = "sql.query (read)\n  read column:shop.main.customers.email"
    answer = Approval("yes", "bo", "terminal", shown=sha256(shown.encode()), latency_us=400_000)
    calls = [*call("deny", "c1"), *ask(answer, shown)]
    events = [
        replace(e, resources=column, tool="query") if isinstance(e, ToolJudged) else e
        for e in calls
    ]
    reply = ModelReplied(
        turn=1, model="claude-x", stop="end_turn", content=[{"type": "text", "text": "Done."}],
        usage=Usage(1200, 34, 5, 6), cost=Cost(123_456, "ab" * 32),
    )  # fmt: skip
    who = Principal(user="ana", on_behalf_of="customer-care")
    begun = replace(started(), principal=who)
    return [begun, *turn(events)[:-1], reply, turn()[-1], SessionEnded(stop="done", exit_code=0)]


def hostile() -> list[Event]:
    """Every text that others can write is the same attack."""
    rule = RuleReference(EVIL, "deny", EVIL, EVIL, 3, EVIL, EVIL, EVIL)
    events: list[Event] = [
        replace(started(), folder=EVIL, principal=Principal(user=EVIL, on_behalf_of=EVIL), mode=EVIL, model=EVIL, versions={EVIL: EVIL})
    ]  # fmt: skip
    for event in turn(call("ask", "c1"), call("deny", "c2")):
        match event:
            case Prompt():
                event = replace(event, text=EVIL)
            case ModelReplied():
                blocks = [{"type": "text", "text": EVIL}, {"type": "thinking", "thinking": EVIL}]
                event = replace(event, model=EVIL, content=blocks, cost=Cost(1, EVIL))
            case ToolCalled():
                event = replace(event, args={EVIL: {EVIL: EVIL}}, tool=EVIL)
            case ToolJudged():
                decision = replace(event.decision, policy=EVIL, reason=EVIL, rules=(EVIL,), determining=(rule,), nearest=(EVIL,), grant=EVIL, obligations={EVIL: EVIL})  # fmt: skip
                event = replace(event, ext=ExtensionReference(EVIL, EVIL, EVIL), tool=EVIL, args={EVIL: EVIL}, decision=decision, shadow=decision, taint=(EVIL,), agent=EVIL,
                                resources=(Resource(f"path:{EVIL}", "read", (EVIL,)), Resource(f"{EVIL}:x", "read")))  # fmt: skip
            case ApprovalAsked():
                event = replace(event, shown=EVIL)
            case ApprovalAnswered():
                event = replace(
                    event, comment=EVIL, approval=replace(event.approval, by=EVIL, approval_id=EVIL)
                )
            case ToolFinished():
                event = replace(
                    event, text=EVIL, view=f"{EVIL}.", err=EVIL, structured={EVIL: [EVIL]}
                )
            case TurnEnded():
                event = replace(event, reason=EVIL)
            case TurnStarted():
                digest = ExtensionReference(EVIL, EVIL, EVIL)
                events.append(ExtensionLoaded(ext=digest, tools=(EVIL,)))
                events.append(PolicyLoaded(layer=EVIL, name=EVIL, digest=EVIL, rules=1, file=EVIL))
                events.append(SessionForked(origin=EVIL, at=1, leaf=EVIL))
                events.append(PolicyLocked(reason=EVIL))
                events.append(ErrorRaised(err=EVIL, reason=EVIL))
            case _:
                pass
        if isinstance(
            event,
            ToolCalled | ToolJudged | ApprovalAsked | ApprovalAnswered | ToolStarted | ToolFinished,
        ):
            event = replace(event, call=f"{event.call}{EVIL}")
        events.append(event)
    return [*events, SessionEnded(stop="done", exit_code=0, reason=EVIL)]
