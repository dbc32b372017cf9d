"""Tools: what is offered, what was asked, what came back."""

from typing import Any, Literal

from msgspec import Struct, field

ToolClass = Literal["read", "write", "exec", "net", "secret"]


class ToolSpec(Struct, frozen=True):
    """A tool as the model, the policy and the host know it.

    ``input_schema`` is JSON Schema 2020-12 of an object. ``can`` lists the obligations that the
    extension declares it can carry out (the request's ``can``). ``asks_itself``: carrying it out is asking
    the person, so where policy asks, that is the question.
    """

    extension: str
    name: str
    tool_class: ToolClass
    description: str
    input_schema: dict[str, Any]
    can: tuple[str, ...] = ()
    asks_itself: bool = False

    @property
    def qualified(self) -> str:
        """``git.push``: the name that rules and people use."""
        return f"{self.extension}.{self.name}"

    @property
    def api_name(self) -> str:
        """``git__push``: the name that the model uses (the API allows no dot)."""
        return f"{self.extension}__{self.name}"


SERVICE = "service"
"""What stands for the extension of a tool of the model service. No extension of a third party may be called so."""


class ServiceTool(Struct, frozen=True):
    """A tool that the model service carries out itself while it answers, as a request offers it. ``kind`` is the
    Messages API's dated type; ``settings`` are its bounds in that API's words (``allowed_domains``, ``max_uses``)."""

    name: str
    kind: str
    settings: dict[str, Any] = field(default_factory=dict)


class ToolCall(Struct, frozen=True):
    """A call as the model wrote it: ``id`` is the provider's, ``name`` the API name."""

    id: str
    name: str
    args: dict[str, Any]


class ToolResult(Struct, frozen=True, omit_defaults=True):
    """What came back. A tool's failure is a result that the model reads, never an exception.

    ``text`` is for the model; ``view`` for the person where it differs. ``error`` is an error
    *class* (``not_found``, ``conflict``), never raw text of an engine. ``taint`` labels an untrusted
    or private source. ``accessed`` names what was truly touched where that is known only afterwards.
    ``content`` are the result's blocks in the names of MCP where it has more than text; ``text`` tells of them in words.
    ``whole`` is the text as it was before the tool cut it for the model, where it did: for the record alone.
    """

    text: str
    failed: bool = False
    view: str = ""
    error: str = ""
    rows: int = 0
    taint: tuple[str, ...] = ()
    structured: dict[str, Any] = field(default_factory=dict)
    content: list[dict[str, Any]] = field(default_factory=list)
    whole: str = ""


class ExtensionReference(Struct, frozen=True):
    """Which code would run a call. ``digest`` covers the manifest and the tool definitions."""

    name: str
    version: str
    digest: str
