"""The schema of the tables beside the rules: budgets, models, extensions, data, the log, the modes."""

from collections.abc import Sequence

from devagent.core.approvals import SCOPES
from devagent.policy import tables
from devagent.policy.editor_schema.pieces import (
    Schema,
    choice,
    list_of,
    map_of,
    number,
    ref,
    table_of,
    text,
    texts,
)


def other_tables() -> dict[str, Schema]:
    """Each table of a policy file that is neither rules nor what these refer to, by name."""
    return {
        "budget": table_of(
            {
                **dict.fromkeys(("turn", "session"), _amounts(tables.SPENT_KEYS)),
                "day": _amounts(tables.SHARED_KEYS),
                "team": map_of(
                    _amounts(tables.SHARED_KEYS), "Group → what its members may use up."
                ),
                "prices": text("A price table in place of the shipped one."),
            },
            tables.BUDGET_KEYS,
            "What may be used up before the work stops.",
        ),
        "extensions": table_of(
            {
                "allow": texts(),
                "digests": map_of(texts(), "Extension → the digests that it may have."),
            },
            tables.EXTENSIONS_KEYS,
            "Which extensions may run.",
        ),
        "models": table_of(
            {
                "allow": texts(),
                "hosts": texts(),
                "regions": texts(),
                "zero_retention": {"const": "required"},
                "zero_retention_hosts": texts(),
                "max_tokens": {"type": "integer", "minimum": 1},
                "max_temperature": {"type": "number", "minimum": 0, "maximum": 1},
                "max_thinking_tokens": {"type": "integer", "minimum": 0},
                "only": {
                    "type": "array",
                    "items": table_of(
                        {"principals": ref("principals"), "labels": texts(), "allow": texts()},
                        tables.ONLY_KEYS,
                        "Narrower for these people, once something with one of these labels was read.",
                    ),
                },
            },
            tables.MODELS_KEYS,
            "Which models may be asked, where, and for what at most.",
        ),
        "data": table_of(
            {"sources": {"type": "object"}, "tags": {"type": "object"}},
            tables.DATA_KEYS,
            "Org only: which databases there are, and what their tables and columns are tagged with.",
        ),
        "log": table_of(
            {
                "redact": list_of(
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
                "witness": table_of(
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
        "modes": table_of(
            {
                "approvals": table_of(
                    {
                        "scope": choice(SCOPES, "How far a person's yes may reach."),
                        "days": {"type": "integer", "minimum": 1, "maximum": tables.MOST_DAYS},
                        "keys": texts(),
                        "revoked": texts(),
                    },
                    tables.APPROVALS_KEYS,
                )
            },
            tables.MODES_KEYS,
        ),
    }


def _amounts(keys: Sequence[str]) -> Schema:
    return table_of(dict.fromkeys(keys, number()), keys)


def _days(description: str) -> Schema:
    return {
        "type": "integer",
        "minimum": 1,
        "maximum": tables.MOST_KEEP_DAYS,
        "description": description,
    }
