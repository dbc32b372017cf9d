"""The schema of rules, envelopes and examples, and of the conditions and obligations in them."""

from devagent.core.resources import SEPARATORS
from devagent.policy.check_conditions import OPERATORS, PRINCIPAL_KEYS
from devagent.policy.check_globs import PRINCIPALS
from devagent.policy.editor_schema.pieces import (
    Schema,
    choice,
    globs,
    has_effect,
    if_then,
    list_of,
    number,
    patterns,
    ref,
    table_of,
    text,
    texts,
)
from devagent.policy.obligations import FLAGS, MASKS, NAMES
from devagent.policy.parse import ENVELOPE_KEYS, EXAMPLE_KEYS, RULE_KEYS, SCOPE_KEYS
from devagent.policy.syntax import ACCESSES, CLASSES, EFFECTS, LAYERS, PHASES


def definitions() -> Schema:
    """What rules and envelopes are made of, by the names that ``ref`` refers to."""
    kinds = "|".join(SEPARATORS)
    return {
        "scalar": {"type": ["string", "number", "boolean"]},
        "glob": {"type": "string", "minLength": 1, "description": "* is any run inside a segment, ** any run at all."},
        "principals": patterns(rf"^(({'|'.join(PRINCIPALS)}):.+|\*.*)$", "Who: user:, group:, agent:, ci: or for: with a pattern. Any of them; left out = everyone."),
        "tools": patterns(r"\.|\*\*", "Tools as extension.tool patterns. Any of them; left out = every tool."),
        "classes": list_of(CLASSES, "Classes of tools. Any of them; left out = every class."),
        "access": list_of(ACCESSES, "Access to the resource. Any of them; left out = both."),
        "resources": patterns(rf"^({kinds}):.+$", "What the call touches, as kind:pattern. Any of them; left out = every resource, and calls that touch none."),
        "when": _when(),
        "condition": _condition(),
        "operators": _operators(),
        "obligations": _obligations(),
        "example": table_of(_example(), EXAMPLE_KEYS, "A call and the answer that is expected; `devagent policy test` runs it."),
        "rule": {
            **table_of(_rule(), RULE_KEYS, "One rule."),
            "required": ["id", "effect"],
            "allOf": [
                if_then(has_effect("deny"), {"properties": {"obligations": False}}),
                if_then(has_effect("deny", "ask"), {"properties": {"otherwise": False}}),
            ],
        },
        "delegate": {
            **table_of(_delegate(), ENVELOPE_KEYS, "Where the org is silent, these layers may speak, at most with this effect."),
            "required": ["to", "effect"],
        },
    }  # fmt: skip


def _rule() -> Schema:
    return {
        "id": text("Unique in the file: letters, digits, - _ and .", pattern=r"^[A-Za-z0-9_.-]+$"),
        "effect": choice(EFFECTS, "Deny beats ask beats allow."),
        **{key: ref(key) for key in SCOPE_KEYS},
        "phase": list_of(PHASES, "When it is asked: before the call (left out), or of its result."),
        "otherwise": choice(
            ("ask", "deny"), "The effect where the rest matches and `when` does not hold."
        ),
        "obligations": ref("obligations"),
        "why": text("The reason, shown to whoever is refused."),
        "grant": text("How to be granted, or what to do instead."),
        "sticky": {"type": "boolean", "description": "No approval on file answers this ask."},
        "expires": {
            "type": "string",
            "format": "date",
            "description": "From this date on the rule matches nothing. Written without quotes.",
        },
        "examples": {"type": "array", "items": ref("example")},
        "mode": choice(("enforce", "shadow"), "shadow: judged and reported, changes nothing."),
    }


def _delegate() -> Schema:
    return {
        "to": list_of(LAYERS[1:], "The layers that may speak."),
        "effect": choice(EFFECTS, "The strongest effect that they may give."),
        **{key: ref(key) for key in SCOPE_KEYS},
    }


def _example() -> Schema:
    string = {"type": "string"}
    access = choice(ACCESSES, "read or write")
    resource = {"id": string, "access": access, "tags": texts()}
    return {
        "principal": {
            "type": "object",
            "properties": {key: string for key in PRINCIPAL_KEYS if key != "groups"}
            | {"groups": texts()},
        },
        "extension": string,
        "tool": string,
        "class": choice(CLASSES, "The tool's class."),
        "phase": choice(PHASES, "call or result"),
        "args": {"type": "object"},
        "facts": {"type": "object"},
        "resources": {
            "type": "array",
            "items": {"anyOf": [string, {"type": "object", "properties": resource}]},
        },
        "context": {"type": "object"},
        "can": texts(),
        "expect": choice(EFFECTS, "The answer that is expected."),
        "why": string,
    }


def _when() -> Schema:
    own = "|".join(PRINCIPAL_KEYS)
    one = rf"(mode|args\..+|context\..+|principal\.({own}))"
    return {
        "type": "object",
        "description": "Conditions, all of which must hold: on args.*, context.*, principal.*, mode and taint. An allow matches where they are true, an ask or a deny where they are not false.",
        "properties": {
            "mode": ref("condition"),
            "taint_none": {**globs(), "description": "No source of such a label was read in this session."},
            "taint_any": {**globs(), "description": "A source of such a label was read in this session."},
        },
        "propertyNames": {"pattern": rf"^(taint_none|taint_any|{one}(\|{one})*)$"},
        "additionalProperties": ref("condition"),
    }  # fmt: skip


def _condition() -> Schema:
    return {
        "anyOf": [
            ref("scalar"),
            {"type": "array", "items": ref("scalar"), "description": "One of these."},
            ref("operators"),
        ]
    }


def _operators() -> Schema:
    options = {
        "anyOf": [
            {"type": "array", "items": ref("scalar")},
            {"type": "string", "pattern": "^@"},
        ]
    }
    count = {"type": "integer", "minimum": 0}
    said: dict[str, tuple[Schema, str]] = {
        "eq": (ref("scalar"), "Equal; true is not 1."),
        "in": (options, 'One of these, or of "@name".'),
        "not_in": (options, "None of these."),
        "min": ({"type": "number"}, "At least."),
        "max": ({"type": "number"}, "At most."),
        "prefix": ({"type": "string"}, "Begins with."),
        "suffix": ({"type": "string"}, "Ends with."),
        "glob": (ref("glob"), "Matches; * stays between slashes."),
        "not_glob": (ref("glob"), "Does not match."),
        "mentions": (options, "One of these words stands in the text, whatever the case."),
        "contains": (ref("scalar"), "The list has this element, or the text this part."),
        "len_min": (count, "The list or text has at least so many."),
        "len_max": (count, "The list or text has at most so many."),
        "origin_in": (globs(), "The value first stood in one of these: prompt, result:extension.tool."),
        "either": ({"type": "array", "items": ref("condition")}, "At least one of these holds."),
        "any": (ref("condition"), "Holds for at least one element."),
        "not": (ref("condition"), "The opposite of the whole: on a list, not every."),
        "absent": ({"type": "boolean"}, "The key is absent (true) or there (false)."),
    }  # fmt: skip
    properties = {
        name: {"allOf": [schema], "description": meaning}
        for name, (schema, meaning) in said.items()
    }
    return {
        **table_of(properties, OPERATORS, "All of these. On a list each element must pass."),
        "minProperties": 1,
    }


def _obligations() -> Schema:
    whole = {"type": "integer", "minimum": 0}
    special: dict[str, Schema] = {
        "timeout_s": number(),
        "max_cost_usd": number(),
        "mask": {
            "type": "object",
            "propertyNames": {"pattern": "^(column|tag|table):.+$"},
            "additionalProperties": choice(MASKS, "From the weakest to the strongest: range, partial, tokenise, hash, null."),
        },
        "filter": {
            "type": "object",
            "propertyNames": {"pattern": "^table:.+$"},
            "additionalProperties": text("An SQL expression.", pattern=r"\S"),
        },
        "redact": {"type": "array", "items": {"type": "string", "minLength": 1}},
        **{name: {"type": "boolean"} for name in FLAGS},
    }  # fmt: skip
    properties = {name: special.get(name, whole) for name in NAMES}
    return table_of(properties, NAMES, "What an allowed call owes; several rules' are joined, the stricter wins.")  # fmt: skip
