"""A JSON Schema of policy files, so that editors complete and check them while they are written.

It is made from the parser's own names. It accepts every file that the parser accepts; what it can not say
(unknown lists, ids used twice, facts beside wrong keys) the parser and ``policy lint`` find.
"""

from collections.abc import Sequence
from typing import Any

from devagent.core.approvals import SCOPES
from devagent.core.resources import SEPARATORS
from devagent.policy import tables
from devagent.policy.check_conditions import OPERATORS, PRINCIPAL_KEYS
from devagent.policy.check_globs import PRINCIPALS
from devagent.policy.obligations import FLAGS, MASKS, NAMES
from devagent.policy.parse import (
    ENVELOPE_KEYS,
    EXAMPLE_KEYS,
    FILE_KEYS,
    ORG_KEYS,
    OTHER_TABLES,
    RULE_KEYS,
)
from devagent.policy.syntax import ACCESSES, CLASSES, EFFECTS, LAYERS, PHASES

Schema = dict[str, Any]

DIALECT = "http://json-schema.org/draft-07/schema#"
"""What taplo (Even Better TOML) reads."""


def editor_schema() -> Schema:
    """The schema, as plain JSON data."""
    return {
        "$schema": DIALECT,
        "title": "devagent policy",
        "description": "A policy file of devagent: rules over tools, arguments and data. Deny beats ask beats allow, and order never matters.",
        **_table(_file(), FILE_KEYS),
        "allOf": [
            _if(
                {"required": ["layer"], "properties": {"layer": {"enum": list(LAYERS[1:])}}},
                {"properties": dict.fromkeys(ORG_KEYS, False)},
            )
        ],
        "definitions": _definitions(),
    }


def _amounts(keys: Sequence[str]) -> Schema:
    return _table(dict.fromkeys(keys, _number()), keys)


def _file() -> Schema:
    effect_below_allow = _choice(("deny", "ask"), "What happens where no rule speaks.")
    by_class = _table(dict.fromkeys(CLASSES, effect_below_allow), CLASSES)
    return {
        "version": {"const": 1, "description": "The version of the language."},
        "name": _text("Printed as layer/name#rule-id.", pattern=r"^[^#]{0,100}$"),
        "layer": _choice(
            LAYERS, "Whose file it is. Only org may open anything; the others narrow."
        ),
        "mode": _choice(("enforce", "shadow"), "shadow: judged and reported, changes nothing."),
        "default": {
            "description": "Org only: the answer where no rule speaks, for all or by class of tool; deny where it is left out.",
            "anyOf": [effect_below_allow, by_class],
        },
        "groups": _map(
            _ref("principals"), "Org only: group → the principals that it has, as patterns."
        ),
        "lists": _map(
            {"type": "array", "items": _ref("scalar")},
            'Named values, used in conditions as "@name".',
        ),
        "rule": {"type": "array", "items": _ref("rule"), "description": "The rules."},
        "delegate": {
            "type": "array",
            "items": _ref("delegate"),
            "description": "Org only: what the org leaves to other layers where no rule of its own speaks.",
        },
        **{name: {"type": "object"} for name in OTHER_TABLES},
        "budget": _table(
            {
                **dict.fromkeys(("turn", "session"), _amounts(tables.SPENT_KEYS)),
                "day": _amounts(tables.SHARED_KEYS),
                "team": _map(_amounts(tables.SHARED_KEYS), "Group → what its members may use up."),
                "prices": _text("A price table in place of the shipped one."),
            },
            tables.BUDGET_KEYS,
            "What may be used up before the work stops.",
        ),
        "extensions": _table(
            {
                "allow": _texts(),
                "digests": _map(_texts(), "Extension → the digests that it may have."),
            },
            tables.EXTENSIONS_KEYS,
            "Which extensions may run.",
        ),
        "models": _table({"allow": _texts()}, tables.MODELS_KEYS, "Which models may be asked."),
        "data": _table(
            {"sources": {"type": "object"}, "tags": {"type": "object"}},
            tables.DATA_KEYS,
            "Org only: which databases there are, and what their tables and columns are tagged with.",
        ),
        "log": _table(
            {
                "redact": _list(
                    tables.REDACTED, "What the record does not keep; secrets it never keeps."
                ),
                "reviewers": {
                    "type": "array",
                    "items": {"type": "string", "pattern": tables.AGE_KEY},
                    "description": "Content is sealed, for these age keys and the person's own.",
                },
                "keep_content_days": _days("Content is erased by `session prune` after so long."),
                "keep_days": _days("Sessions are removed by `session prune` after so long."),
                "hold": {
                    "type": "boolean",
                    "description": "Legal hold: nothing is erased or removed.",
                },
                "witness": _table(
                    {
                        "url": {"type": "string", "pattern": tables.WITNESS_URL},
                        "key": {"type": "string", "pattern": tables.VERIFIER_KEY},
                        "deny_writes_after_minutes": {
                            "type": "integer",
                            "minimum": 1,
                            "maximum": tables.MOST_MINUTES,
                        },
                    },
                    tables.WITNESS_KEYS,
                    "Where checkpoints are sent, and how long they may wait.",
                ),
            },
            tables.LOG_KEYS,
        ),
        "modes": _table(
            {
                "approvals": _table(
                    {
                        "scope": _choice(SCOPES, "How far a person's yes may reach."),
                        "days": {"type": "integer", "minimum": 1, "maximum": tables.MOST_DAYS},
                        "keys": _texts(),
                        "revoked": _texts(),
                    },
                    tables.APPROVALS_KEYS,
                )
            },
            tables.MODES_KEYS,
        ),
    }


def _days(description: str) -> Schema:
    return {
        "type": "integer",
        "minimum": 1,
        "maximum": tables.MOST_KEEP_DAYS,
        "description": description,
    }


def _definitions() -> Schema:
    kinds = "|".join(SEPARATORS)
    return {
        "scalar": {"type": ["string", "number", "boolean"]},
        "glob": {"type": "string", "minLength": 1, "description": "* is any run inside a segment, ** any run at all."},
        "principals": _patterns(rf"^(({'|'.join(PRINCIPALS)}):.+|\*.*)$", "Who: user:, group:, agent:, ci: or for: with a pattern. Any of them; left out = everyone."),
        "tools": _patterns(r"\.|\*\*", "Tools as extension.tool patterns. Any of them; left out = every tool."),
        "classes": _list(CLASSES, "Classes of tools. Any of them; left out = every class."),
        "access": _list(ACCESSES, "Access to the resource. Any of them; left out = both."),
        "resources": _patterns(rf"^({kinds}):.+$", "What the call touches, as kind:pattern. Any of them; left out = every resource, and calls that touch none."),
        "when": _when(),
        "condition": _condition(),
        "operators": _operators(),
        "obligations": _obligations(),
        "example": _table(_example(), EXAMPLE_KEYS, "A call and the answer that is expected; `devagent policy test` runs it."),
        "rule": {
            **_table(_rule(), RULE_KEYS, "One rule."),
            "required": ["id", "effect"],
            "allOf": [
                _if(_effect("deny"), {"properties": {"obligations": False}}),
                _if(_effect("deny", "ask"), {"properties": {"otherwise": False}}),
            ],
        },
        "delegate": {
            **_table(_delegate(), ENVELOPE_KEYS, "Where the org is silent, these layers may speak, at most with this effect."),
            "required": ["to", "effect"],
        },
    }  # fmt: skip


SCOPE = ("principals", "tools", "classes", "access", "resources", "when")


def _rule() -> Schema:
    return {
        "id": _text("Unique in the file: letters, digits, - _ and .", pattern=r"^[A-Za-z0-9_.-]+$"),
        "effect": _choice(EFFECTS, "Deny beats ask beats allow."),
        **{key: _ref(key) for key in SCOPE},
        "phase": _list(PHASES, "When it is asked: before the call (left out), or of its result."),
        "otherwise": _choice(
            ("ask", "deny"), "The effect where the rest matches and `when` does not hold."
        ),
        "obligations": _ref("obligations"),
        "why": _text("The reason, shown to whoever is refused."),
        "grant": _text("How to be granted, or what to do instead."),
        "sticky": {"type": "boolean", "description": "No approval on file answers this ask."},
        "expires": {
            "type": "string",
            "format": "date",
            "description": "From this date on the rule matches nothing. Written without quotes.",
        },
        "examples": {"type": "array", "items": _ref("example")},
        "mode": _choice(("enforce", "shadow"), "shadow: judged and reported, changes nothing."),
    }


def _delegate() -> Schema:
    return {
        "to": _list(LAYERS[1:], "The layers that may speak."),
        "effect": _choice(EFFECTS, "The strongest effect that they may give."),
        **{key: _ref(key) for key in SCOPE},
    }


def _example() -> Schema:
    text = {"type": "string"}
    access = _choice(ACCESSES, "read or write")
    resource = {"id": text, "access": access, "tags": _texts()}
    return {
        "principal": {
            "type": "object",
            "properties": {key: text for key in PRINCIPAL_KEYS if key != "groups"}
            | {"groups": _texts()},
        },
        "extension": text,
        "tool": text,
        "class": _choice(CLASSES, "The tool's class."),
        "phase": _choice(PHASES, "call or result"),
        "args": {"type": "object"},
        "facts": {"type": "object"},
        "resources": {
            "type": "array",
            "items": {"anyOf": [text, {"type": "object", "properties": resource}]},
        },
        "context": {"type": "object"},
        "can": _texts(),
        "expect": _choice(EFFECTS, "The answer that is expected."),
        "why": text,
    }


def _when() -> Schema:
    own = "|".join(PRINCIPAL_KEYS)
    one = rf"(mode|args\..+|context\..+|principal\.({own}))"
    return {
        "type": "object",
        "description": "Conditions, all of which must hold: on args.*, context.*, principal.*, mode and taint. An allow matches where they are true, an ask or a deny where they are not false.",
        "properties": {
            "mode": _ref("condition"),
            "taint_none": {**_globs(), "description": "No source of such a label was read in this session."},
            "taint_any": {**_globs(), "description": "A source of such a label was read in this session."},
        },
        "propertyNames": {"pattern": rf"^(taint_none|taint_any|{one}(\|{one})*)$"},
        "additionalProperties": _ref("condition"),
    }  # fmt: skip


def _condition() -> Schema:
    return {
        "anyOf": [
            _ref("scalar"),
            {"type": "array", "items": _ref("scalar"), "description": "One of these."},
            _ref("operators"),
        ]
    }


def _operators() -> Schema:
    options = {
        "anyOf": [
            {"type": "array", "items": _ref("scalar")},
            {"type": "string", "pattern": "^@"},
        ]
    }
    count = {"type": "integer", "minimum": 0}
    said: dict[str, tuple[Schema, str]] = {
        "eq": (_ref("scalar"), "Equal; true is not 1."),
        "in": (options, 'One of these, or of "@name".'),
        "not_in": (options, "None of these."),
        "min": ({"type": "number"}, "At least."),
        "max": ({"type": "number"}, "At most."),
        "prefix": ({"type": "string"}, "Begins with."),
        "suffix": ({"type": "string"}, "Ends with."),
        "glob": (_ref("glob"), "Matches; * stays between slashes."),
        "not_glob": (_ref("glob"), "Does not match."),
        "mentions": (options, "One of these words stands in the text, whatever the case."),
        "contains": (_ref("scalar"), "The list has this element, or the text this part."),
        "len_min": (count, "The list or text has at least so many."),
        "len_max": (count, "The list or text has at most so many."),
        "origin_in": (_globs(), "The value first stood in one of these: prompt, result:extension.tool."),
        "either": ({"type": "array", "items": _ref("condition")}, "At least one of these holds."),
        "any": (_ref("condition"), "Holds for at least one element."),
        "not": (_ref("condition"), "The opposite of the whole: on a list, not every."),
        "absent": ({"type": "boolean"}, "The key is absent (true) or there (false)."),
    }  # fmt: skip
    properties = {
        name: {"allOf": [schema], "description": meaning}
        for name, (schema, meaning) in said.items()
    }
    return {
        **_table(properties, OPERATORS, "All of these. On a list each element must pass."),
        "minProperties": 1,
    }


def _obligations() -> Schema:
    whole = {"type": "integer", "minimum": 0}
    special: dict[str, Schema] = {
        "timeout_s": _number(),
        "max_cost_usd": _number(),
        "mask": {
            "type": "object",
            "propertyNames": {"pattern": "^(column|tag|table):.+$"},
            "additionalProperties": _choice(MASKS, "From the weakest to the strongest: range, partial, tokenise, hash, null."),
        },
        "filter": {
            "type": "object",
            "propertyNames": {"pattern": "^table:.+$"},
            "additionalProperties": _text("An SQL expression.", pattern=r"\S"),
        },
        "redact": {"type": "array", "items": {"type": "string", "minLength": 1}},
        **{name: {"type": "boolean"} for name in FLAGS},
    }  # fmt: skip
    properties = {name: special.get(name, whole) for name in NAMES}
    return _table(properties, NAMES, "What an allowed call owes; several rules' are joined, the stricter wins.")  # fmt: skip


# --- small pieces ---


def _table(properties: Schema, keys: Sequence[str], description: str = "") -> Schema:
    """A table of known keys. Raises KeyError where one of ``keys`` is not described, or one too many is."""
    if set(properties) != set(keys):
        raise KeyError(f"not described, or not known: {sorted(set(properties) ^ set(keys))}")
    out: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**out, "description": description} if description else out


def _if(condition: Schema, then: Schema) -> Schema:
    return {"if": condition, "then": then}


def _effect(*effects: str) -> Schema:
    return {"required": ["effect"], "properties": {"effect": {"enum": list(effects)}}}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _choice(values: Sequence[str], description: str) -> Schema:
    return {"enum": list(values), "description": description}


def _list(values: Sequence[str], description: str) -> Schema:
    return {"type": "array", "items": {"enum": list(values)}, "description": description}


def _patterns(pattern: str, description: str) -> Schema:
    items = {"type": "string", "pattern": pattern}
    return {"type": "array", "items": items, "description": description}


def _map(values: Schema, description: str) -> Schema:
    return {"type": "object", "additionalProperties": values, "description": description}


def _text(description: str, pattern: str = "") -> Schema:
    out: Schema = {"type": "string", "description": description}
    return {**out, "pattern": pattern} if pattern else out


def _texts() -> Schema:
    return {"type": "array", "items": {"type": "string"}}


def _globs() -> Schema:
    return {"type": "array", "items": _ref("glob")}


def _number() -> Schema:
    return {"type": "number", "minimum": 0}
