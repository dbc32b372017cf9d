"""Rules made ready to be asked: each compiled when a request first comes near it, and then kept."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from msgspec import Struct

from devagent.core.resources import SEPARATORS, Resource
from devagent.core.verdicts import Effect, Request, RuleReference
from devagent.policy.conditions import Condition, Lists, Truth, all_hold, compile_when
from devagent.policy.globs import Matcher, compile_glob, is_literal
from devagent.policy.index import EVERY, tool_keys
from devagent.policy.lookups import Subject
from devagent.policy.syntax import Envelope, LayerName, PolicyFile, Rule

NO_DATE = ""
PRINCIPALS_LOOKED_AT = 50
LOOKED_AT = 6
"""How many of a principal's rules and how many of a resource's are near a call, in each layer."""
MERGED = 100_000
"""How many entries of rules by tool and resource are kept at hand."""
REMEMBERED = 2_048
"""How many principals and tools are kept at hand before a memory is emptied."""

K = TypeVar("K")
V = TypeVar("V")


def remembered(memory: dict[K, V], key: K, value: V) -> V:
    """Keep a value at hand; a full memory is emptied first."""
    if len(memory) >= REMEMBERED:
        memory.clear()
    memory[key] = value
    return value


class Patterns:
    """Any of several patterns: the literal ones as a set, the others as matchers."""

    __slots__ = ("_literals", "_matchers")

    def __init__(self, patterns: Iterable[str], separator: str) -> None:
        patterns = list(patterns)
        self._literals = frozenset(p for p in patterns if is_literal(p))
        self._matchers = [compile_glob(p, separator) for p in patterns if not is_literal(p)]

    def match(self, text: str) -> bool:
        return text in self._literals or any(matches(text) for matches in self._matchers)

    def match_any(self, texts: frozenset[str]) -> bool:
        return not self._literals.isdisjoint(texts) or any(
            matches(text) for matches in self._matchers for text in texts
        )


class ResourcePatterns:
    """Any of several ``kind:pattern``; ``tag:`` patterns look at the resource's tags.

    Most patterns are one literal, perhaps with ``**`` before or behind it: those are compared together.
    """

    __slots__ = ("_ends", "_ids", "_literals", "_starts", "_tags", "kinds")

    def __init__(self, patterns: Sequence[str]) -> None:
        self.kinds = frozenset(pattern.partition(":")[0] for pattern in patterns)
        literals: list[str] = []
        starts: list[str] = []
        ends: dict[str, list[str]] = {}
        self._ids: list[tuple[str, Matcher]] = []
        self._tags: list[Matcher] = []
        for pattern in patterns:
            kind, _, rest = pattern.partition(":")
            if kind == "tag":
                self._tags.append(compile_glob(rest, SEPARATORS[kind]))
            elif is_literal(pattern):
                literals.append(pattern)
            elif rest.endswith("**") and is_literal(rest[:-2]):
                starts.append(pattern[:-2])
            elif rest.startswith("**") and is_literal(rest[2:]):
                ends.setdefault(f"{kind}:", []).append(rest[2:])
            else:
                self._ids.append((f"{kind}:", compile_glob(rest, SEPARATORS[kind])))
        self._literals = frozenset(literals)
        self._starts = tuple(starts)
        self._ends = [(kind, tuple(own)) for kind, own in ends.items()]

    def match(self, resource: Resource) -> bool:
        name = resource.id
        if name in self._literals or name.startswith(self._starts):
            return True
        for kind, ends in self._ends:
            if name.startswith(kind) and name.endswith(ends, len(kind)):
                return True
        for kind, matches in self._ids:
            if name.startswith(kind) and matches(name[len(kind) :]):
                return True
        return bool(resource.tags) and any(
            matches(tag) for matches in self._tags for tag in resource.tags
        )


class Scope:
    """Which calls a rule or an envelope is about; ``conditions`` are in the order of ``when``."""

    __slots__ = ("access", "classes", "conditions", "principals", "resources", "tools")

    def __init__(self, source: Rule | Envelope, lists: Lists) -> None:
        self.principals = (
            None if source.principals is None else Patterns(source.principals, separator="")
        )
        self.tools = None if source.tools is None else Patterns(source.tools, separator=".")
        self.classes = source.classes
        self.access = source.access
        self.resources = None if source.resources is None else ResourcePatterns(source.resources)
        self.conditions: list[Condition] = compile_when(source.when, lists)

    def concerns(self, tool_class: str, tool: str, names: frozenset[str]) -> bool:
        """Whether a call of this tool by this principal can be meant at all."""
        return (
            (self.classes is None or tool_class in self.classes)
            and (self.tools is None or self.tools.match(tool))
            and (self.principals is None or self.principals.match_any(names))
        )

    def covers(self, resource: Resource) -> bool:
        return (self.access is None or resource.access in self.access) and (
            self.resources is None or self.resources.match(resource)
        )

    def holds(self, subject: Subject) -> Truth:
        return all_hold(self.conditions, subject)


class Call:
    """A request made ready: its qualified tool, its names, its conditions' subject, its day (ISO or empty)."""

    __slots__ = ("day", "names", "request", "subject", "tool")

    def __init__(self, request: Request, names: frozenset[str], day: str) -> None:
        self.request = request
        self.names = names
        self.day = day
        self.tool = f"{request.extension}.{request.tool}"
        self.subject = Subject(request, names)


Gap = tuple[str, int]
"""What a call lacks of a rule: a part of it, and for ``when`` the number of the condition."""
Gaps = tuple[Gap, ...]


class Grant(Struct, frozen=True):
    """A rule that would have granted a call, had it had what is ``missing``; ``shown`` says both."""

    rule: str
    effect: Effect
    missing: tuple[str, ...]
    file: str
    line: int
    why: str = ""
    grant: str = ""
    shown: str = ""

    def __str__(self) -> str:
        return self.shown


class CompiledRule:
    """A rule in its layer. ``name`` is ``layer/name#id``; ``shadow`` is its own or its file's.

    ``missing`` keeps what was said of it as a near miss: few combinations, met again and again.
    """

    __slots__ = ("layer", "missing", "name", "place", "rule", "scope", "shadow")

    def __init__(self, layer: "Layer", rule: Rule) -> None:
        self.layer = layer
        self.missing: dict[Gaps, Grant] = {}
        self.rule = rule
        self.name = f"{layer.title}#{rule.id}"
        self.place = layer.position, rule.line
        self.shadow = layer.file.shadow or rule.shadow
        self.scope = Scope(rule, layer.file.lists)

    def says(self, call: Call) -> Effect | None:
        """The effect on those resources that the rule covers, or None where it does not match.

        An allow matches where its conditions are true, an ask or a deny where they are not false
        (design, section 3, rule 5). From its ``expires`` on a rule matches nothing; without a date an
        allow counts as expired and everything that narrows as in force.
        """
        rule, request = self.rule, call.request
        if request.phase not in rule.phase:
            return None
        if not self.scope.concerns(request.tool_class, call.tool, call.names):
            return None
        if rule.expires and call.day and call.day >= rule.expires:
            return None
        held = self.scope.holds(call.subject)
        if rule.effect != "allow":
            return None if held is False else rule.effect
        if held is not True:
            return rule.otherwise
        return None if rule.expires and call.day == NO_DATE else "allow"

    def reference(self, effect: Effect, resource: str) -> RuleReference:
        """For the decision's record: the rule, what it said, and where it stands."""
        return RuleReference(
            rule=self.name,
            effect=effect,
            layer=self.layer.name,
            file=self.layer.file.file,
            line=self.rule.line,
            why=self.rule.why,
            grant=self.rule.grant,
            resource=resource,
        )


NearRule = tuple[CompiledRule, int, Gaps]
"""A rule, how far a principal and tool are from it, and what they lack of it."""


class CompiledEnvelope:
    """A ``[[delegate]]`` of the org's file."""

    __slots__ = ("envelope", "scope")

    def __init__(self, envelope: Envelope, lists: Lists) -> None:
        self.envelope = envelope
        self.scope = Scope(envelope, lists)

    def opens(self, call: Call) -> bool:
        """Whether the call lies inside, resources aside. Result phases are not delegated."""
        return (
            call.request.phase == "call"
            and self.scope.concerns(call.request.tool_class, call.tool, call.names)
            and self.scope.holds(call.subject) is True
        )


Bucket = dict[str, list[int]]


class Layer:
    """One file in its place: position 0 is the org's. ``title`` is ``layer/name``.

    ``near`` keeps, by principal, tool and class, the principal's own rules as near misses.
    """

    __slots__ = (
        "_anybody", "_compiled", "_envelopes", "_merged", "file", "name", "near", "position", "title"
    )  # fmt: skip

    def __init__(self, file: PolicyFile, position: int) -> None:
        self.file = file
        self.position = position
        self.name: LayerName = "org" if position == 0 else file.layer
        self.title = f"{self.name}/{file.name}"
        self._compiled: dict[int, CompiledRule] = {}
        self._envelopes: list[CompiledEnvelope] | None = None
        self._anybody: dict[str, Bucket] = {}
        self._merged = 0
        self.near: dict[tuple[frozenset[str], str, str], list[NearRule]] = {}

    def rule(self, number: int) -> CompiledRule:
        compiled = self._compiled.get(number)
        if compiled is None:
            compiled = self._compiled[number] = CompiledRule(self, self.file.rules[number])
        return compiled

    @property
    def envelopes(self) -> list[CompiledEnvelope]:
        if self._envelopes is None:
            self._envelopes = [CompiledEnvelope(e, self.file.lists) for e in self.file.envelopes]
        return self._envelopes

    def buckets(self, names: Iterable[str], extension: str, tool: str) -> list[Bucket]:
        """Where the rules about these principals and this tool are filed, by resource."""
        keys = tool_keys(extension, tool)
        tables = (self.file.index.get(name) for name in names)
        return [t[key] for t in tables if t is not None for key in keys if key in t]

    def own_numbers(self, call: Call) -> list[int]:
        """Some rules for the call's principal and tool."""
        buckets = self.buckets((EVERY, *call.names), call.request.extension, call.request.tool)
        numbers = (n for bucket in buckets for filed in bucket.values() for n in filed)
        return list(islice(numbers, LOOKED_AT))

    def numbers_at(self, keys: Sequence[str], call: Call) -> Iterator[int]:
        """Some rules about the call's tool and a resource filed under ``keys``, whoever they are for.

        Only of some principals: what is shown beside a refusal must not cost more among many rules.
        The narrowest come first; under the empty key stands what names no resource.
        """
        anybody = self._anybody.get(call.tool)
        if anybody is None:
            anybody = self._anybodys(call)
            self._merged += len(anybody)
            if self._merged > MERGED:
                self._anybody.clear()
                self._merged = len(anybody)
            self._anybody[call.tool] = anybody
        numbers = (number for key in keys[:0:-1] for number in anybody.get(key, ()))
        return islice(numbers, LOOKED_AT)

    def _anybodys(self, call: Call) -> Bucket:
        """The rules of some principals about the call's tool, by resource."""
        tools = tool_keys(call.request.extension, call.request.tool)
        first = islice(self.file.index.values(), PRINCIPALS_LOOKED_AT)
        merged: Bucket = {}
        for bucket in [filed[t] for filed in first for t in tools if t in filed]:
            for key, numbers in bucket.items():
                known = merged.get(key)
                merged[key] = numbers if known is None else known + numbers[:LOOKED_AT]
        return merged
