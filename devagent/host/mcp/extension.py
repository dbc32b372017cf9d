"""A third party's MCP server as an extension of a session: pinned, started or connected to at its first call, watched.

What the model is told comes from ``tools.lock``; the server and the ``mcp`` SDK are not needed for that. After each
start, and where the server says so, its tools are listed again: one whose definition is not the recorded one
is neither run nor, from the next session on, offered, until somebody approves it. A server that ends
is started again at the next call, a few times; no call is ever repeated.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from msgspec.structs import replace

from devagent.core.codec import digest
from devagent.core.events.ground import ExtensionChanged
from devagent.core.ports import MayRead, Meanwhile, Progress, ToolFailure
from devagent.core.resources import Access, Resource
from devagent.core.text import one_line
from devagent.core.tools import ExtensionReference, ToolClass, ToolResult, ToolSpec
from devagent.host.mcp.beside import Beside
from devagent.host.mcp.config import ServerSettings
from devagent.host.mcp.definitions import (
    PromptDefinition,
    ToolDefinition,
    definitions,
    prompt_definitions,
)
from devagent.host.mcp.handles import NoKeyring, Secrets
from devagent.host.mcp.lock import (
    PinnedServer,
    ToolsLock,
    identity,
    program,
)
from devagent.host.mcp.resources import mapped
from devagent.host.mcp.running import Running
from devagent.host.org_pins import OrgPins
from devagent.host.validator import TooCostly, Validator

if TYPE_CHECKING:
    from devagent.host.mcp.launch import Answers
    from devagent.host.mcp.server import McpServer
    from devagent.host.mcp.sign_in import Browser

State = Literal["pinned", "new", "other"]


class McpExtension:
    """One configured server in a session (``host.extension.Extension``).

    ``governed``: an organisation's policy is in force. Then what the person's config says of classes and
    resources widens nothing: every tool is exec, and touches its ``mcp:`` resource beside the mapped ones.
    ``browser``: the person who may sign in now; without one nobody is asked. ``answers``: who answers what the
    server asks; without, nobody does. ``org``: what an organisation pins; of what that speaks, the person's lock has no say.
    """

    def __init__(
        self,
        settings: ServerSettings,
        lock: ToolsLock,
        *,
        folder: str,
        governed: bool = False,
        secrets: Secrets | None = None,
        browser: "Browser | None" = None,
        answers: "Answers | None" = None,
        org: OrgPins | None = None,
    ) -> None:
        self.settings = settings
        self._org = org if org is not None and org.speaks_of(settings.name) else None
        self._secrets = secrets or NoKeyring()
        self._browser = browser
        self._answers = answers
        self._lock = lock
        self._folder = folder
        own = self._org is not None and settings.name in self._org.configured
        self._governed = governed and not own
        known = lock.servers().get(settings.name)
        self.program = program(settings, known.program if known else None)
        self.identity = identity(settings, self.program)
        if self._org is not None:
            known = self._org.as_here(settings, self.program, known)
        self.state: State = "new"
        self.prompts: dict[str, PromptDefinition] = {}
        """Its prompts as they were let in; one that is another now is gone from here."""
        self.running = Running(
            settings,
            self.program,
            folder=folder,
            secrets=self._secrets,
            browser=browser,
            answers=answers,
            pinned=lambda: self.pinned if self.state == "pinned" else None,
            seen=self._compare,
        )
        self.beside = Beside(settings, self.running, self.prompts)
        self._withheld: set[str] = set()
        self._changes: list[ExtensionChanged] = []
        self._outputs: dict[str, Validator] = {}
        self._take(known)

    def _take(self, known: PinnedServer | None) -> None:
        self.pinned = known
        if known is not None:
            self.state = "pinned" if known.identity == self.identity else "other"
        usable = known if known is not None and self.state == "pinned" else None
        self._outputs.clear()
        self._definitions = {tool.name: tool for tool in usable.tools} if usable else {}
        self._withheld = set(usable.pending) & set(self._definitions) if usable else set()
        self.prompts.clear()
        self.prompts.update({prompt.name: prompt for prompt in usable.prompts} if usable else {})
        self.tools = tuple(
            self._spec(tool)
            for tool in self._definitions.values()
            if tool.name not in self._withheld
        )
        if self._withheld:
            self._changed(self._withheld)

    @property
    def reference(self) -> ExtensionReference:
        pinned = self.pinned
        says = pinned.calls_itself.rpartition(" ")[2] if pinned else ""
        known = pinned.definition if pinned else digest([self.identity])
        if self._org is not None and self.state == "pinned":
            known = self._org.definition(self.settings.name)
        return ExtensionReference(self.settings.name, says, known)

    @property
    def pinned_by_org(self) -> bool:
        """Whether an organisation lets it in, and nobody here."""
        return self._org is not None

    def class_of(self, tool: str) -> ToolClass:
        """What the config says, never the server; exec without a word, or where an organisation speaks and has not configured it."""
        return "exec" if self._governed else self.settings.classes.get(tool, "exec")

    def has(self, capability: str) -> bool:
        """Whether it said so when it ran last (``resources``, ``prompts``, …)."""
        return self.state == "pinned" and bool(
            self.pinned and capability in self.pinned.capabilities
        )

    def take_changes(self) -> Sequence[ExtensionChanged]:
        """What has changed since this was asked last."""
        changes, self._changes = self._changes, []
        return changes

    async def resources(
        self, tool: str, args: Mapping[str, Any], may_read: MayRead | None = None
    ) -> tuple[Resource, ...]:
        del may_read  # a third party's server is told nothing of policy
        access: Access = "read" if self.class_of(tool) == "read" else "write"
        own = Resource(id=f"mcp:{self.settings.name}/{tool}", access=access)
        templates = self.settings.resources.get(tool)
        if templates is None:
            return (own,)
        found = mapped(templates, args, access=access, workspace=self._folder, cwd=self.running.cwd)
        return (*found, own) if self._governed else found

    async def preview(self, tool: str, args: Mapping[str, Any]) -> str:
        """A third party's server is not asked before somebody said yes."""
        del tool, args
        return ""

    async def run(
        self,
        tool: str,
        args: Mapping[str, Any],
        obligations: Mapping[str, Any],
        may_read: MayRead | None = None,
        progress: Progress | None = None,
        meanwhile: Meanwhile | None = None,
    ) -> ToolResult:
        """Carry the call out; a failure is a result, and all that the server said is tainted."""
        del may_read, progress
        limit = self.running.limit(obligations)
        taint = (f"mcp.{self.settings.name}",)
        try:
            server = await self.running.get()
            if tool in self._withheld:
                name = self.settings.name
                until = (
                    "the organisation pins it anew"
                    if self._org is not None
                    else f"the person runs `devagent ext approve {name}`"
                )
                text = (
                    f"{name}.{tool} is not what was approved any more, and is withheld until "
                    f"{until}. Do not try to get around this."
                )
                return ToolResult(text, failed=True, error="definition_changed")
            with self.running.way(meanwhile, limit) as way:
                answer = await server.call(self._wire(tool), dict(args), limit, way)
            self._check_output(tool, answer)
        except ToolFailure as failure:
            tail: Sequence[str] = getattr(failure, "tail", ())
            view = "\n".join([failure.text, *tail]) if tail else ""
            return ToolResult(
                failure.text, failed=True, error=failure.error, view=view, taint=taint
            )
        from devagent.host.mcp.results import tool_result  # noqa: PLC0415  (with the first answer)

        return tool_result(answer, self.settings.name)

    def _check_output(self, tool: str, answer: dict[str, Any]) -> None:
        """Raises ToolFailure where the server breaks its own output schema. What is too much to be checked is left out."""
        schema = self._definitions[tool].output_schema
        if schema is None or answer.get("isError") is True:
            return
        try:
            if tool not in self._outputs:
                self._outputs[tool] = Validator(schema)
            fits = self._outputs[tool].is_valid(answer.get("structuredContent"))
        except TooCostly:
            del answer["structuredContent"]
            return
        except ValueError:  # the schema cannot be used, or the answer is nested too deeply
            fits = False
        if not fits:
            text = f"The MCP server {self.settings.name} broke the output schema of {tool}"
            raise ToolFailure(text, error="bad_answer")

    def _wire(self, tool: str) -> str:
        if tool not in self._definitions:
            raise ToolFailure(f"{self.settings.name} has no tool {tool!r}", error="no_such_tool")
        return self._definitions[tool].wire

    def deny_paths(self, patterns: Sequence[str]) -> None:
        """A third party's server runs no commands of ours, and is told nothing of policy."""

    async def aclose(self) -> None:
        await self.running.close()

    async def look(self) -> PinnedServer:
        """Start the server and see what it is now; nothing is recorded. Raises ServerFailure."""
        server = await self.running.start()
        if server.notices.lists_changed:
            await server.list_again()
        tools, left_out = definitions(server.listing, self.settings.name)
        return PinnedServer(
            identity=self.identity,
            command=(self.program.path, *self.settings.args) if self.program else (),
            program=self.program,
            url=self.settings.url,
            headers=tuple(sorted(self.settings.headers)),
            variables=self.settings.variables,
            cwd=self.settings.cwd,
            calls_itself=server.calls_itself,
            legacy=server.legacy,
            tools=tuple(tools),
            capabilities=server.capabilities,
            prompts=tuple(prompt_definitions(server.prompts)),
            left_out=(*left_out, *server.left_out),
        )

    def attended(self, browser: "Browser", start_s: float) -> "McpExtension":
        """The same server for a person who may sign in now, with that much time; close it as well."""
        return McpExtension(
            replace(self.settings, start_s=max(self.settings.start_s, start_s)),
            self._lock,
            folder=self._folder,
            governed=self._governed,
            secrets=self._secrets,
            browser=browser,
            answers=self._answers,
            org=self._org,
        )

    def pin(self, server: PinnedServer, *, how: Literal["first use", "approved"], on: str) -> None:
        """Record what was seen as what is let in, on this ISO date."""
        server = replace(server, how=how, on=on)
        self._lock.put(self.settings.name, server)
        self._take(server)

    def _compare(self, server: "McpServer") -> None:
        """Withhold what is not as it was recorded, and keep what it is now for whoever approves."""
        tools, _ = definitions(server.listing, self.settings.name)
        now = {tool.name: tool for tool in tools}
        pending: dict[str, ToolDefinition | None] = {}
        for name, recorded in self._definitions.items():
            found = now.get(name)
            if found is None or found.digest != recorded.digest:
                pending[name] = found
        changed = set(pending) - self._withheld
        pending |= {name: tool for name, tool in now.items() if name not in self._definitions}
        for prompt in prompt_definitions(server.prompts):
            if prompt.name in self.prompts and self.prompts[prompt.name].digest != prompt.digest:
                del self.prompts[prompt.name]
        known = self.pinned
        has, legacy = server.capabilities, server.legacy
        if known is not None and (known.pending, known.legacy, known.capabilities) != (
            pending,
            legacy,
            has,
        ):
            self.pinned = replace(known, pending=pending, legacy=legacy, capabilities=has)
            if self._org is not None:
                # Found again from here by the next session; the pins themselves are the organisation's.
                self._lock.put(self.settings.name, self.pinned)
            else:
                self._lock.mark(
                    self.settings.name, self.identity, pending, legacy=legacy, capabilities=has
                )
        if changed:
            self._withheld |= changed
            self._changed(changed)

    def _changed(self, tools: set[str]) -> None:
        self._changes.append(ExtensionChanged(ext=self.reference, tools=tuple(sorted(tools))))

    def _spec(self, tool: ToolDefinition) -> ToolSpec:
        return ToolSpec(
            extension=self.settings.name,
            name=tool.name,
            tool_class=self.class_of(tool.name),
            description=tool.description,
            input_schema=tool.input_schema,
            can=("timeout_s", "limit_bytes"),
        )


def shown_command(settings: ServerSettings) -> str:
    """The whole command, or the URL, as a person may check it."""
    if settings.kind == "http":
        return one_line(settings.url, 4_000)
    import shlex  # noqa: PLC0415  (only where a server is shown)

    return one_line(shlex.join([settings.command, *settings.args]), 4_000)
