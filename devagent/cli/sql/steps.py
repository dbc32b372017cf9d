"""From a question to its answer by SQL, in steps: what the model is asked for in each, and what comes next.

    link     which tables and columns the question is about: the schema is read, nothing else
    draft    one statement, written down
    check    parsed, named, judged by policy, planned (``sql.explain``)
    run      the rows (``sql.query``)
    repair   once, where the engine or the parser refused: by the class of its error
    explain  the answer in words, whether it answers, and what it rests on

Each step is a turn of an ordinary session: its prompt, the model's reply, every call, its verdict and its
result are events of the log with their times. A refusal by policy is not repaired: it is the end.
"""

import json
from typing import Literal

from msgspec import Struct

from devagent.core.events import Event
from devagent.core.events.calls import ToolFinished, ToolJudged
from devagent.core.events.model import ModelReplied

Step = Literal["link", "draft", "check", "run", "repair", "explain"]

_LINK = """Question: {question}
Source: {source}

We go step by step. Step 1, the schema: find out with sql__describe (and sql__sample, where values matter) which tables and columns of \
this source the question is about, and how they join. Run no query yet. Answer with these tables, columns and joins, nothing else. If the \
question cannot be answered from this source, say NOT POSSIBLE and why."""
_DRAFT = """Step 2, the draft: write one SELECT in the source's dialect that answers the question, with columns qualified, as few columns and rows \
as it takes. Call no tool. Answer with the statement alone in a ```sql block."""
_CHECK = """Step 3, the check: call sql__explain once, with this source and exactly the drafted statement. Then say in one sentence whether its plan is \
sound."""
_RUN = """Step 4: call sql__query once, with this source and exactly the statement that was checked. Then say only how many rows came."""
_REPAIR = """That failed with the error class {error}. Repair it once: what does this class say is wrong with the statement? Look at the schema again if \
need be, write the statement anew, and call sql__explain and then sql__query with it, once each."""
_EXPLAIN = """Last step: answer the question in plain words from the rows that came. Say if they do not fully answer it (rows cut, values masked, something \
assumed). End with the statement that ran in a ```sql block. Call no tool."""
_FAILED = """Last step: there is no answer. Say in plain words what stood in the way and who could help. Call no tool."""

REPAIRABLE = frozenset(
    [
        "syntax",
        "invalid",
        "no_such_table",
        "no_such_column",
        "ambiguous_column",
        "type_mismatch",
        "bad_value",
        "grouping",
        "unsupported_syntax",
        "forbidden_function",
        "many_statements",
        "not_a_query",
        "unbounded_recursion",
        "masked_join",
        "masked_index",
        "small_group",
        "changed",
    ]
)
"""Classes of errors that another statement can mend."""


def first_prompt(question: str, source: str) -> str:
    return _LINK.format(question=question, source=json.dumps(source))


class Seen(Struct):
    """What a step came to, read from its events: the class of the last call's error, whether policy
    refused one, whether rows came."""

    text: str = ""
    error: str = ""
    refused: bool = False
    rows: bool = False

    def apply(self, event: Event) -> None:
        match event:
            case ModelReplied(text=text) if text:
                self.text = text
            case ToolJudged(decision=decision, err=error) if decision.effect != "allow":
                # What could not be named has the class of why; what policy answered has none.
                self.error = error
                self.refused = not error
            case ToolFinished(outcome=outcome, err=error):
                self.error, self.refused = error, outcome == "denied"
                self.rows = outcome == "ok"
            case _:
                pass


def next_step(step: Step, seen: Seen, *, repaired: bool) -> tuple[Step, str] | None:
    """The step after this one and its prompt; None at the end."""
    broken = seen.refused or (seen.error and (repaired or seen.error not in REPAIRABLE))
    match step:
        case "link":
            return ("explain", _FAILED) if "NOT POSSIBLE" in seen.text else ("draft", _DRAFT)
        case "draft":
            return "check", _CHECK
        case "check" | "run" | "repair" if broken:
            return "explain", _FAILED
        case "check" | "run" if seen.error:
            return "repair", _REPAIR.format(error=seen.error)
        case "check":
            return "run", _RUN
        case "run" | "repair":
            return ("explain", _EXPLAIN) if seen.rows else ("explain", _FAILED)
        case "explain":
            return None
