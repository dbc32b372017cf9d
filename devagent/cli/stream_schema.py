"""The JSON Schema of ``--output-format stream-json``, made from the types that the lines are made of.

    python -m devagent.cli.stream_schema > docs/stream-json.schema.json

As published it lets through what a later version may add: further fields and further types of events. The
strict one, which the tests hold every real line against, does not.
"""

import sys
from typing import Any, get_args

import msgspec

from devagent.cli.stream_lines import VERSION, Init, ResultLine
from devagent.core.events import Event
from devagent.core.events.model import ThinkingDelta

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EVENTS: tuple[type[Any], ...] = tuple(kind for kind in get_args(Event) if kind is not ThinkingDelta)
"""What stands between the first line and the last: all events but the model's unfinished thoughts."""


def stream_schema(*, strict: bool = False) -> Schema:
    """The schema of one line."""
    kinds = (Init, *EVENTS, ResultLine)
    _, definitions = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    tags = sorted(str(kind.__struct_config__.tag) for kind in kinds)
    lines: list[Schema] = [{"$ref": f"#/$defs/{kind.__name__}"} for kind in kinds]
    for kind in kinds:
        # Without its tag a line of one type would pass for another whose fields may all be left out.
        definition = definitions[kind.__name__]
        definition["required"] = ["type", *(n for n in definition["required"] if n != "type")]
    if strict:
        for definition in definitions.values():
            if "properties" in definition:
                definition["additionalProperties"] = False
    else:
        later: Schema = {"type": "string", "not": {"enum": tags}}
        lines.append(
            {
                "description": "An event of a type that a later version of devagent adds.",
                "type": "object",
                "required": ["type"],
                "properties": {"type": later},
            }
        )
    return {
        "$schema": DIALECT,
        "title": f"A line of devagent's stream-json, version {VERSION}",
        "description": "One JSON object a line: first `init`, then events, last and exactly once `result`.",
        "anyOf": lines,
        "$defs": dict(sorted(definitions.items())),
    }


if __name__ == "__main__":
    sys.stdout.buffer.write(
        msgspec.json.format(msgspec.json.encode(stream_schema()), indent=2) + b"\n"
    )
