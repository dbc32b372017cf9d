"""What Cedar can not say exactly is bounded from both sides.

A ``Reach`` is one fact as two expressions: ``sure`` holds only where the fact does, ``may`` wherever it
does. A grant is written with ``sure``, a refusal with ``may``: whatever is lost on the way, the exported
policy is never more permissive. ``Truths`` is a three-valued condition as two facts, that it is true and
that it is false; where neither holds it is unknown.
"""

from collections.abc import Iterable

from msgspec import Struct

from devagent.policy.cedar import text
from devagent.policy.cedar.text import FALSE, TRUE


class Reach(Struct, frozen=True):
    """One fact between two expressions; exact where they are the same."""

    sure: str
    may: str

    @property
    def is_exact(self) -> bool:
        return self.sure == self.may

    @property
    def opposite(self) -> "Reach":
        return Reach(text.negated(self.may), text.negated(self.sure))


class Truths(Struct, frozen=True):
    """A condition: that it is true, that it is false."""

    true: Reach
    false: Reach

    @property
    def opposite(self) -> "Truths":
        """Unknown stays unknown."""
        return Truths(self.false, self.true)

    def where(self, present: Reach) -> "Truths":
        """The condition on something that may be absent: absent is unknown."""
        return Truths(every([present, self.true]), every([present, self.false]))


def exactly(expression: str) -> Reach:
    return Reach(expression, expression)


ALWAYS, NEVER, PERHAPS = exactly(TRUE), exactly(FALSE), Reach(FALSE, TRUE)
TRUE_ALWAYS, FALSE_ALWAYS = Truths(ALWAYS, NEVER), Truths(NEVER, ALWAYS)
UNKNOWN = Truths(NEVER, NEVER)
"""A condition that is neither true nor false: an operator on a type it does not know."""
UNSAID = Truths(PERHAPS, PERHAPS)
"""A condition of which Cedar can say nothing."""


def every(facts: Iterable[Reach]) -> Reach:
    facts = list(facts)
    return Reach(text.all_of(f.sure for f in facts), text.all_of(f.may for f in facts))


def some(facts: Iterable[Reach]) -> Reach:
    facts = list(facts)
    return Reach(text.any_of(f.sure for f in facts), text.any_of(f.may for f in facts))


def where_there(present: Reach, fact: Reach) -> Reach:
    """A fact about something that may be absent, where absence satisfies it.

    Written as a condition: Cedar's validator sees that ``fact`` reads what is there, which it does not in
    ``!present || fact``.
    """
    if not present.is_exact or present.sure in (TRUE, FALSE):
        return some([present.opposite, fact])
    return Reach(
        text.if_then(present.sure, fact.sure, TRUE), text.if_then(present.sure, fact.may, TRUE)
    )


def all_true(conditions: Iterable[Truths]) -> Truths:
    """All of: false beats unknown beats true."""
    conditions = list(conditions)
    return Truths(every(c.true for c in conditions), some(c.false for c in conditions))


def one_true(conditions: Iterable[Truths]) -> Truths:
    """Any: true beats unknown beats false."""
    conditions = list(conditions)
    return Truths(some(c.true for c in conditions), every(c.false for c in conditions))


def two_valued(fact: Reach) -> Truths:
    """A condition that is never unknown."""
    return Truths(fact, fact.opposite)
