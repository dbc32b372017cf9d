"""A JSON Schema of policy files, so that editors complete and check them while they are written.

It is made from the parser's own names. It accepts every file that the parser accepts; what it can not say
(unknown lists, ids used twice, facts beside wrong keys) the parser and ``policy lint`` find.
"""

from devagent.policy.editor_schema.definitions import definitions
from devagent.policy.editor_schema.other_tables import other_tables
from devagent.policy.editor_schema.pieces import (
    Schema,
    choice,
    if_then,
    map_of,
    ref,
    table_of,
    text,
)
from devagent.policy.parse import FILE_KEYS, ORG_KEYS, OTHER_TABLES
from devagent.policy.syntax import CLASSES, LAYERS

DIALECT = "http://json-schema.org/draft-07/schema#"
"""What taplo (Even Better TOML) reads."""


def editor_schema() -> Schema:
    """The schema, as plain JSON data."""
    return {
        "$schema": DIALECT,
        "title": "devagent policy",
        "description": "A policy file of devagent: rules over tools, arguments and data. Deny beats ask beats allow, and order never matters.",
        **table_of(_file(), FILE_KEYS),
        "allOf": [
            if_then(
                {"required": ["layer"], "properties": {"layer": {"enum": list(LAYERS[1:])}}},
                {"properties": dict.fromkeys(ORG_KEYS, False)},
            )
        ],
        "definitions": definitions(),
    }


def _file() -> Schema:
    effect_below_allow = choice(("deny", "ask"), "What happens where no rule speaks.")
    by_class = table_of(dict.fromkeys(CLASSES, effect_below_allow), CLASSES)
    return {
        "version": {"const": 1, "description": "The version of the language."},
        "name": text("Printed as layer/name#rule-id.", pattern=r"^[^#]{0,100}$"),
        "layer": choice(LAYERS, "Whose file it is. Only org may open anything; the others narrow."),
        "mode": choice(("enforce", "shadow"), "shadow: judged and reported, changes nothing."),
        "default": {
            "description": "Org only: the answer where no rule speaks, for all or by class of tool; deny where it is left out.",
            "anyOf": [effect_below_allow, by_class],
        },
        "groups": map_of(
            ref("principals"), "Org only: group → the principals that it has, as patterns."
        ),
        "lists": map_of(
            {"type": "array", "items": ref("scalar")},
            'Named values, used in conditions as "@name".',
        ),
        "rule": {"type": "array", "items": ref("rule"), "description": "The rules."},
        "delegate": {
            "type": "array",
            "items": ref("delegate"),
            "description": "Org only: what the org leaves to other layers where no rule of its own speaks.",
        },
        **{name: {"type": "object"} for name in OTHER_TABLES},
        **other_tables(),
    }
