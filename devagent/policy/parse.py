"""A policy file's text to plain data, or a PolicyError: one bad entry refuses the whole file.

Every error has file, line and column, says what was wrong and names the nearest valid name.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from devagent.core.codec import sha256
from devagent.core.errors import PolicyError
from devagent.core.tools import ToolClass
from devagent.core.verdicts import Effect
from devagent.policy import check_globs, checks, tables
from devagent.policy.check_conditions import conditions
from devagent.policy.check_obligations import obligations
from devagent.policy.checks import Refusal
from devagent.policy.document import decoded, is_too_much, toml_values
from devagent.policy.index import build_index
from devagent.policy.names import did_you_mean
from devagent.policy.plain import is_list, is_table
from devagent.policy.positions import Path, locate, table_lines
from devagent.policy.rule_lines import odd_rule, values_by_line
from devagent.policy.syntax import (
    ACCESSES,
    CLASSES,
    EFFECTS,
    LAYERS,
    PHASES,
    Envelope,
    LayerName,
    PolicyFile,
    Rule,
)

MAX_RULES = 50_000

ORG_KEYS = ("default", "groups", "delegate", "data")
OTHER_TABLES = ("models", "budget", "extensions", "data", "log", "modes")
FILE_KEYS = (
    *("version", "name", "layer", "mode", *ORG_KEYS, "lists", "rule"),
    *(name for name in OTHER_TABLES if name not in ORG_KEYS),
)
SCOPE_KEYS = ("principals", "tools", "classes", "access", "resources", "when")
RULE_KEYS = (
    "id",
    "effect",
    *SCOPE_KEYS,
    "phase",
    "otherwise",
    "obligations",
    "why",
    "grant",
    "sticky",
    "expires",
    "examples",
    "mode",
)
_RULE_KEYS = frozenset(RULE_KEYS)
ENVELOPE_KEYS = ("to", "effect", *SCOPE_KEYS)
EXAMPLE_KEYS = (
    "principal",
    "extension",
    "tool",
    "class",
    "phase",
    "args",
    "facts",
    "resources",
    "context",
    "can",
    "expect",
    "why",
)


def parse(text: str | bytes, file: str, *, org: bool | None = False) -> PolicyFile:
    """The file. ``org``: it is to stand in the org's place, where alone groups, default and delegate may be;
    None = where the file itself says so, by its ``layer`` or, without one, by what only the org may say.

    Raises PolicyError for anything that the policy language does not know.
    """
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    source = decoded(data, file)
    if source.count("[[rule]]") > MAX_RULES:
        raise _too_many(file)
    values = values_by_line(source, _RULE_KEYS) or _by_library(source, file)
    rules = values.get("rule")
    if is_list(rules) and len(rules) > MAX_RULES:
        raise _too_many(file)
    try:
        return _File(source, file, values, org=org).read(sha256(data))
    except Refusal as refusal:
        line, column = locate(source, refusal.path)
        raise PolicyError(
            refusal.what, file=file, line=line, column=column, hint=refusal.hint
        ) from None


def _by_library(source: str, file: str) -> dict[str, Any]:
    """All of it by the TOML library; of what is too much for that, the rule that is not plain or wrong."""
    if is_too_much(source):
        line, rule = odd_rule(source, _RULE_KEYS)
        if line and not is_too_much(rule):
            toml_values(rule, file, first_line=line)
    return toml_values(source, file)


def _too_many(file: str) -> PolicyError:
    return PolicyError(
        f"the file has more than {MAX_RULES:,} rules",
        file=file,
        hint="Share them out over several files.",
    )


class _File:
    """One file while it is read: what its entries may refer to."""

    def __init__(
        self, source: str, file: str, document: dict[str, Any], *, org: bool | None
    ) -> None:
        self._source = source
        self._file = file
        self._document = document
        self._org = _says_org(document) if org is None else org
        self._lists: dict[str, list[Any]] = {}
        self._checked: dict[tuple[str, int], Any] = {}
        self._scope_checks: dict[str, Callable[[object, Path], Any]] = {
            "principals": check_globs.principals,
            "tools": check_globs.tools,
            "classes": lambda value, path: checks.choices(value, CLASSES, path),
            "access": lambda value, path: checks.choices(value, ACCESSES, path),
            "resources": check_globs.resources,
            "when": lambda value, path: conditions(value, path, self._lists),
        }

    def read(self, digest: str) -> PolicyFile:
        document = self._document
        checks.known_keys(document, FILE_KEYS, (), "a policy file")
        if document.get("version", 1) != 1 or isinstance(document.get("version"), bool | float):
            raise Refusal(("version",), "this devagent reads policy files of version 1")
        if not self._org:
            self._refuse_org_keys()
        self._lists = _lists(document.get("lists", {}), ("lists",))
        rules = self._rules()
        others = {
            name: checks.plain(checks.table(document[name], (name,)), (name,))
            for name in OTHER_TABLES
            if name in document
        }
        for name, table in others.items():
            if name in tables.CHECKS:
                tables.CHECKS[name](table, (name,))
        return PolicyFile(
            file=self._file,
            digest=digest,
            name=_name(document.get("name", ""), ("name",)),
            layer=self._layer(),
            org=self._org,
            shadow=_shadow(document, ()),
            default=_default(document.get("default", "deny"), ("default",)),
            groups=_groups(document.get("groups", {}), ("groups",)),
            lists=self._lists,
            rules=rules,
            envelopes=self._envelopes(),
            tables=others,
            index=build_index(rules),
        )

    def _refuse_org_keys(self) -> None:
        for key in ORG_KEYS:
            if key in self._document:
                raise Refusal(
                    (key,),
                    f'"{key}" may stand in the org\'s file only',
                    "A file below it can only narrow.",
                )

    def _layer(self) -> LayerName:
        layer = checks.choice(self._document.get("layer", "local"), LAYERS, ("layer",))
        return "org" if self._org else layer

    def _tables(self, name: str) -> tuple[Sequence[Any], list[int]]:
        entries = checks.listed(self._document.get(name, []), (name,))
        return entries, table_lines(self._source, name, len(entries)) if entries else []

    def _rules(self) -> tuple[Rule, ...]:
        entries, lines = self._tables("rule")
        first: dict[str, int] = {}
        rules: list[Rule] = []
        for number, (entry, line) in enumerate(zip(entries, lines, strict=True)):
            rule = self._rule(checks.table(entry, ("rule", number)), line, ("rule", number))
            if rule.id in first:
                raise Refusal(
                    ("rule", number, "id"),
                    f'the id "{rule.id}" is taken by the rule on line {first[rule.id]}',
                    "Ids are unique in a file.",
                )
            first[rule.id] = line
            rules.append(rule)
        return tuple(rules)

    def _rule(self, entry: dict[str, Any], line: int, path: Path) -> Rule:
        checks.known_keys(entry, RULE_KEYS, path, "a rule")
        _required(entry, ("id", "effect"), path, "a rule")
        effect = checks.choice(entry["effect"], EFFECTS, (*path, "effect"))
        if effect == "deny" and "obligations" in entry:
            raise Refusal((*path, "obligations"), "a deny can not carry obligations")
        if effect != "allow" and "otherwise" in entry:
            raise Refusal((*path, "otherwise"), f'only an allow has "otherwise", not {effect}')
        return Rule(
            id=checks.identifier(entry["id"], (*path, "id")),
            effect=effect,
            line=line,
            phase=checks.choices(entry.get("phase", ["call"]), PHASES, (*path, "phase")),
            otherwise=checks.choice(entry["otherwise"], ("ask", "deny"), (*path, "otherwise"))
            if "otherwise" in entry
            else None,
            obligations=obligations(entry.get("obligations", {}), (*path, "obligations")),
            why=checks.text(entry.get("why", ""), (*path, "why")),
            grant=checks.text(entry.get("grant", ""), (*path, "grant")),
            sticky=checks.truth(entry.get("sticky", False), (*path, "sticky")),
            expires=_date(entry["expires"], (*path, "expires")) if "expires" in entry else "",
            shadow=_shadow(entry, path),
            examples=_examples(entry.get("examples", []), (*path, "examples")),
            **self._scope(entry, path),
        )

    def _envelopes(self) -> tuple[Envelope, ...]:
        entries, lines = self._tables("delegate")
        return tuple(
            self._envelope(checks.table(entry, ("delegate", n)), line, ("delegate", n))
            for n, (entry, line) in enumerate(zip(entries, lines, strict=True))
        )

    def _envelope(self, entry: dict[str, Any], line: int, path: Path) -> Envelope:
        checks.known_keys(entry, ENVELOPE_KEYS, path, "a delegate")
        _required(entry, ("to", "effect"), path, "a delegate")
        return Envelope(
            to=checks.choices(entry["to"], LAYERS[1:], (*path, "to")),
            effect=checks.choice(entry["effect"], EFFECTS, (*path, "effect")),
            line=line,
            **self._scope(entry, path),
        )

    def _scope(self, entry: dict[str, Any], path: Path) -> dict[str, Any]:
        """What rules and envelopes have in common: the requests they are about."""
        scope: dict[str, Any] = {}
        for key, check in self._scope_checks.items():
            if key in entry:
                value = entry[key]
                # Rules that are written alike share their values (``rule_lines``): one check is enough.
                known = self._checked.get((key, id(value)))
                if known is None:
                    known = self._checked[key, id(value)] = check(value, (*path, key))
                scope[key] = known
        return scope


def _says_org(document: dict[str, Any]) -> bool:
    layer = document.get("layer")
    return layer == "org" or (layer is None and any(key in document for key in ORG_KEYS))


def _required(entry: dict[str, Any], keys: Sequence[str], path: Path, what: str) -> None:
    for key in keys:
        if key not in entry:
            slip = did_you_mean(key, entry)
            raise Refusal(path, f'{what} must have "{key}"', slip if "mean" in slip else "")


def _name(value: object, path: Path) -> str:
    name = checks.text(value, path)
    if len(name) > 100 or not name.isprintable() or "#" in name:
        raise Refusal(
            path,
            f'"{checks.shortened(name)}" can not be a policy\'s name',
            "At most 100 characters, no # and no control characters.",
        )
    return name


def _shadow(entry: dict[str, Any], path: Path) -> bool:
    mode = checks.choice(entry.get("mode", "enforce"), ("enforce", "shadow"), (*path, "mode"))
    return mode == "shadow"


def _default(value: object, path: Path) -> dict[ToolClass, Effect]:
    if not is_table(value):
        return dict.fromkeys(CLASSES, checks.choice(value, ("deny", "ask"), path))
    checks.known_keys(value, CLASSES, path, "default")
    return {
        tool_class: checks.choice(
            value.get(tool_class, "deny"), ("deny", "ask"), (*path, tool_class)
        )
        for tool_class in CLASSES
    }


def _groups(value: object, path: Path) -> dict[str, tuple[str, ...]]:
    return {
        name: check_globs.principals(members, (*path, name))
        for name, members in checks.table(value, path).items()
    }


def _lists(value: object, path: Path) -> dict[str, list[Any]]:
    return {
        name: [
            checks.scalar(one, (*path, name, i))
            for i, one in enumerate(checks.listed(values, (*path, name)))
        ]
        for name, values in checks.table(value, path).items()
    }


def _date(value: object, path: Path) -> str:
    # A datetime is a date too, with an hour that nobody would look at.
    if not isinstance(value, date) or isinstance(value, datetime):
        what = f"expires must be a date, not {checks.kind_of(value)}"
        raise Refusal(path, what, "Write it without quotes: expires = 2027-06-30")
    return value.isoformat()


def _examples(value: object, path: Path) -> tuple[dict[str, Any], ...]:
    examples: list[dict[str, Any]] = []
    for number, one in enumerate(checks.listed(value, path)):
        here = (*path, number)
        example = checks.table(one, here)
        checks.known_keys(example, EXAMPLE_KEYS, here, "an example")
        if "expect" in example:
            checks.choice(example["expect"], EFFECTS, (*here, "expect"))
        examples.append(checks.plain(example, here))
    return tuple(examples)
