"""The Cedar schema: the tools as actions, with the types that their recorded JSON schemas give."""

from collections.abc import Iterator, Mapping, Sequence

from devagent.core.tools import ToolSpec
from devagent.policy.cedar.principals import ENTITIES
from devagent.policy.cedar.shapes import Shape
from devagent.policy.cedar.text import NAMESPACE, declared, text
from devagent.policy.cedar.written import KNOWN_TOOLS

LIST_OF_TEXTS = "Set<String>"


def schema(
    tools: Sequence[ToolSpec],
    shapes: Mapping[str, Shape],
    context: Mapping[str, Shape],
    facts: Sequence[str],
) -> str:
    """The schema's text."""
    return "\n".join(_lines(tools, shapes, context, facts)) + "\n"


def _lines(
    tools: Sequence[ToolSpec],
    shapes: Mapping[str, Shape],
    context: Mapping[str, Shape],
    facts: Sequence[str],
) -> Iterator[str]:
    yield f"namespace {NAMESPACE} {{"
    yield "  entity OrgGroup;"
    names = ", ".join(ENTITIES.values())
    yield f"  entity {names} in [OrgGroup];"
    yield f"  entity Principal in [{names}] {{"
    yield "    user?: String, agent?: String, ci?: String, on_behalf_of?: String, groups: Set<String>"
    yield "  };"
    yield "  entity Resource {"
    yield "    id: String, kind: String, last: String, access: String, tags: Set<String>, tag_globs: Set<String>"
    yield "  };"
    yield f"  type Facts = {{ {_record(dict.fromkeys(facts, LIST_OF_TEXTS))} }};"
    known = {name: shape.declared() for name, shape in sorted(context.items())}
    yield f"  type Session = {{ {_record(known)} }};"
    yield ""
    yield f'  action "{KNOWN_TOOLS}";'
    for tool_class in sorted({tool.tool_class for tool in tools}):
        yield f'  action "class:{tool_class}" in ["{KNOWN_TOOLS}"];'
    for tool in tools:
        yield ""
        yield f'  action {text(tool.qualified)} in ["{KNOWN_TOOLS}", "class:{tool.tool_class}"] appliesTo {{'
        yield "    principal: Principal,"
        yield "    resource: Resource,"
        yield "    context: {"
        yield f"      args: {shapes[tool.qualified].declared()},"
        yield "      facts: Facts, session: Session, taint: Set<String>, taint_globs: Set<String>,"
        yield "      can?: Set<String>, day?: datetime"
        yield "    }"
        yield "  };"
    yield "}"


def _record(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{declared(name)}?: {kind}" for name, kind in fields.items())
