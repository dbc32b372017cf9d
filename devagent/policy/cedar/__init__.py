"""The allow/deny part of a policy as a Cedar policy set, with a schema; and calls as Cedar requests.

What is carried over exactly, what only more strictly, and what not at all: ``docs/policy-cedar.md``.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from devagent.core.tools import ToolSpec
from devagent.core.verdicts import Effect, Request
from devagent.policy.cedar.policies import Exporter
from devagent.policy.cedar.requests import CedarCall, group_entities, requests
from devagent.policy.cedar.schema import schema
from devagent.policy.cedar.shapes import NotExpressible, Shape, shape_of
from devagent.policy.cedar.values import context_types
from devagent.policy.cedar.written import Note
from devagent.policy.decide import CompiledPolicy

__all__ = ["CedarCall", "CedarPolicies", "NotExpressible", "Note", "export_cedar"]


class CedarPolicies(Struct, frozen=True):
    """An exported policy. ``entities`` are the org's groups; ``notes`` say what is not carried over as it is."""

    least: Effect
    digest: str
    policies: str
    schema: str
    entities: tuple[dict[str, Any], ...]
    notes: tuple[Note, ...]
    tools: dict[str, ToolSpec]
    shapes: dict[str, Shape]
    context: dict[str, Shape]
    facts: frozenset[str]
    policy: CompiledPolicy

    @property
    def stricter(self) -> tuple[Note, ...]:
        """Where Cedar may refuse what policy grants."""
        return tuple(note for note in self.notes if note.stricter)

    def call(self, request: Request) -> CedarCall:
        """A call as Cedar requests, one for each resource; it is granted where every one is.

        Raises NotExpressible for what the schema has no place for: such a call counts as refused.
        """
        day = self.policy.call(request).day
        return requests(request, day, self.tools, self.shapes, self.context, self.facts)


def export_cedar(
    policy: CompiledPolicy, tools: Sequence[ToolSpec], *, least: Effect = "allow"
) -> CedarPolicies:
    """The policy as Cedar. ``least``: Cedar's Allow means at least this effect, ``allow`` or ``ask``.

    It is about these tools alone; no other is ever permitted.
    """
    shapes = {tool.qualified: shape_of(tool.input_schema) for tool in tools}
    whens = [
        (source.when, layer.file.lists)
        for layer in policy.layers
        for source in (*layer.file.rules, *layer.file.envelopes)
    ]
    context = context_types(whens)
    facts = frozenset(
        part
        for when, _ in whens
        for key in when
        for part in key.split("|")
        if "@" in part and not part.endswith("@amounts")
    )
    exporter = Exporter(policy, tools, shapes, context, facts, least)
    policies = exporter.policies()
    notes = tuple(sorted(exporter.notes.values(), key=lambda note: (note.file, note.line)))
    head = [
        f"// {policy.digest}: Allow means {'allow' if least == 'allow' else 'allow or ask'}, for these tools and for calls only.",
        "// Requests must be checked against the schema: what does not fit it is refused.",
        *(f"// Not carried over as it stands: {note}" for note in notes),
    ]
    return CedarPolicies(
        least=least,
        digest=policy.digest,
        policies="\n".join([*head, "", *(f"{one}\n" for one in policies)]),
        schema=schema(tools, shapes, context, sorted(facts)),
        entities=tuple(group_entities(policy.layers[0].file.groups)),
        notes=notes,
        tools={tool.qualified: tool for tool in tools},
        shapes=shapes,
        context=context,
        facts=facts,
        policy=policy,
    )
