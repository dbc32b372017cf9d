"""Rules made ready to be asked: each compiled when a request first comes near it, and then kept."""

from collections.abc import Iterable, Iterator
from itertools import islice

from devagent.core.resources import SEPARATORS, Resource
from devagent.core.verdicts import Effect, Request, RuleReference
from devagent.policy.conditions import Condition, Lists, Truth, all_hold, compile_when
from devagent.policy.globs import Matcher, compile_glob, is_literal
from devagent.policy.index import EVERY, resource_keys, tool_keys
from devagent.policy.lookups import Subject
from devagent.policy.syntax import Envelope, LayerName, PolicyFile, Rule

NO_DATE = ""
PRINCIPALS_LOOKED_AT = 50


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

    __slots__ = ("_ends", "_ids", "_literals", "_starts", "_tags")

    def __init__(self, patterns: Iterable[str]) -> None:
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


class CompiledRule:
    """A rule in its layer. ``name`` is ``layer/name#id``; ``shadow`` is its own or its file's."""

    __slots__ = ("layer", "name", "place", "rule", "scope", "shadow")

    def __init__(self, layer: "Layer", rule: Rule) -> None:
        self.layer = layer
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
    """One file in its place: position 0 is the org's. ``title`` is ``layer/name``."""

    __slots__ = ("_compiled", "_envelopes", "file", "name", "position", "title")

    def __init__(self, file: PolicyFile, position: int) -> None:
        self.file = file
        self.position = position
        self.name: LayerName = "org" if position == 0 else file.layer
        self.title = f"{self.name}/{file.name}"
        self._compiled: dict[int, CompiledRule] = {}
        self._envelopes: list[CompiledEnvelope] | None = None

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

    def near_numbers(self, call: Call, resource: Resource, limit: int) -> Iterator[int]:
        """Some rules near a call: its principal's for this tool, and anybody's for this resource.

        At most ``limit`` of either, and of the principals only so many are looked at: what is shown
        beside a refusal must not cost more among many rules than among few.
        """
        extension, tool = call.request.extension, call.request.tool
        own = self.buckets((EVERY, *call.names), extension, tool)
        yield from islice((n for bucket in own for filed in bucket.values() for n in filed), limit)
        tools, resources = tool_keys(extension, tool), resource_keys(resource)[:0:-1]
        anybody = (
            bucket[key]
            for tables in islice(self.file.index.values(), PRINCIPALS_LOOKED_AT)
            for bucket in (tables[t] for t in tools if t in tables)
            for key in resources
            if key in bucket
        )
        yield from islice((number for filed in anybody for number in filed), limit)
