"""A third party's MCP server as an extension of a session: pinned, started or connected to at its first call, watched.

What the model is told comes from ``tools.lock``; the server and the ``mcp`` SDK are not needed for that. After each
start, and where the server says so, its tools are listed again: one whose definition is not the recorded one
is neither run nor, from the next session on, offered, until somebody approves it. A server that ends
is started again at the next call, a few times; no call is ever repeated.
"""

import asyncio
import os
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from msgspec.structs import replace

from devagent.core.codec import canonical, digest
from devagent.core.errors import ConfigError
from devagent.core.events import ExtensionChanged, ExtensionReference
from devagent.core.ports import MayRead, Meanwhile, Progress, ToolFailure
from devagent.core.resources import Access, Resource
from devagent.core.text import one_line
from devagent.core.tools import ToolClass, ToolResult, ToolSpec
from devagent.host.arguments import fits
from devagent.host.mcp_config import ServerSettings
from devagent.host.mcp_definitions import (
    PromptDefinition,
    ToolDefinition,
    definitions,
    prompt_definitions,
)
from devagent.host.mcp_handles import NoKeyring, Secrets
from devagent.host.mcp_lock import (
    PinnedServer,
    Program,
    ToolsLock,
    identity,
    program,
    sign_in_key,
)
from devagent.host.mcp_resources import mapped
from devagent.host.mcp_under_way import WAY, UnderWay
from devagent.host.org_pins import OrgPins

if TYPE_CHECKING:
    from mcp.types import LoggingMessageNotificationParams

    from devagent.host.mcp_server import Answers, Changed, Launch, McpServer
    from devagent.host.mcp_sign_in import Browser

MAX_STARTS, STARTS_WITHIN_S = 4, 60.0
INHERITED = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
"""The variables of devagent's own that every server gets; no key is among them."""

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
        self._server: McpServer | None = None
        self._starting = asyncio.Lock()
        self._starts: deque[float] = deque(maxlen=MAX_STARTS)
        self._closed = False
        self.asks_roots = False
        """It may ask for the folders of the client that this session serves."""
        self._under_way: list[UnderWay] = []
        self._withheld: set[str] = set()
        self._changes: list[ExtensionChanged] = []
        self._take(known)

    def _take(self, known: PinnedServer | None) -> None:
        self.pinned = known
        if known is not None:
            self.state = "pinned" if known.identity == self.identity else "other"
        usable = known if known is not None and self.state == "pinned" else None
        self._definitions = {tool.name: tool for tool in usable.tools} if usable else {}
        self._withheld = set(usable.pending) & set(self._definitions) if usable else set()
        self.prompts: dict[str, PromptDefinition] = (
            {prompt.name: prompt for prompt in usable.prompts} if usable else {}
        )
        """Its prompts as they were let in; one that is another now is gone from here."""
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
        found = mapped(
            templates, args, access=access, workspace=self._folder, cwd=self._working_folder()
        )
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
        limit = self._limit(obligations)
        taint = (f"mcp.{self.settings.name}",)
        try:
            server = await self._running()
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
            with self._way(meanwhile, limit) as way:
                answer = await server.call(self._wire(tool), dict(args), limit, way)
            self._check_output(tool, answer)
        except ToolFailure as failure:
            tail: Sequence[str] = getattr(failure, "tail", ())
            view = "\n".join([failure.text, *tail]) if tail else ""
            return ToolResult(
                failure.text, failed=True, error=failure.error, view=view, taint=taint
            )
        from devagent.host.mcp_results import tool_result  # noqa: PLC0415  (with the first answer)

        return tool_result(answer, self.settings.name)

    async def list_resources(
        self, obligations: Mapping[str, Any], meanwhile: Meanwhile | None = None
    ) -> ToolResult:
        """Its resources and templates. Raises ToolFailure, as all of these do."""
        del meanwhile
        server = await self._running()
        resources, templates = await server.resources(self._limit(obligations))
        from devagent.host.mcp_results import listed  # noqa: PLC0415  (with the first answer)

        names = ("name", "title", "description", "mimeType")
        found = listed(resources, ("uri", *names))
        patterns = listed(templates, ("uriTemplate", *names))
        lines = [
            " - ".join(
                filter(None, [one.get("uri") or one.get("uriTemplate"), one.get("description")])
            )
            for one in (*found, *patterns)
        ]
        return ToolResult(
            "\n".join(lines) or f"{self.settings.name} has nothing to read",
            rows=len(lines),
            structured={"resources": found, "resourceTemplates": patterns},
        )

    async def read_resource(
        self,
        uri: str,
        obligations: Mapping[str, Any],
        meanwhile: Meanwhile | None = None,
        *,
        watch: bool = False,
    ) -> ToolResult:
        """A resource, and with ``watch`` word of its changes (``take_updates``)."""
        server = await self._running()
        limit = self._limit(obligations)
        with self._way(meanwhile, limit) as way:
            answer = await server.read(uri, limit, way)
        if watch:
            await server.watch(uri, limit)
        from devagent.host.mcp_results import read_result  # noqa: PLC0415  (with the first answer)

        return read_result(answer, uri)

    def tell(self, uri: str, changed: "Changed | None") -> None:
        """Whom to tell of the changes of a watched resource, besides ``take_updates``."""
        if self._server is not None:
            self._server.tell(uri, changed)

    def take_updates(self) -> Sequence[str]:
        """The watched resources that have changed since this was asked last."""
        if self._server is None:
            return ()
        updated = sorted(self._server.updated)
        self._server.updated.clear()
        return updated

    async def get_prompt(
        self,
        name: str,
        args: dict[str, str],
        obligations: Mapping[str, Any],
        meanwhile: Meanwhile | None = None,
    ) -> ToolResult:
        """A prompt, filled in by the server."""
        server = await self._running()
        if name not in self.prompts:
            raise ToolFailure(
                f"{self.settings.name} has no prompt {name!r} that was let in",
                error="no_such_prompt",
            )
        limit = self._limit(obligations)
        with self._way(meanwhile, limit) as way:
            answer = await server.prompt(name, args, limit, way)
        from devagent.host.mcp_results import prompt_result  # noqa: PLC0415  (with the first answer)

        return prompt_result(answer)

    async def complete(self, args: Mapping[str, Any], obligations: Mapping[str, Any]) -> ToolResult:
        """How an argument may go on."""
        server = await self._running()
        others = {k: str(v) for k, v in args.get("arguments", {}).items()} or None
        argument = {"name": str(args["argument"]), "value": str(args["value"])}
        answer = await server.completion(args["ref"], argument, others, self._limit(obligations))
        given = answer.get("completion", {}).get("values", [])
        values = [one_line(str(value), 200) for value in given[:100]]
        return ToolResult("\n".join(values), rows=len(values), structured={"values": values})

    async def roots(self) -> ToolResult:
        """The folders that the config tells it of."""
        from pathlib import Path  # noqa: PLC0415  (where a server asks for them)

        roots = [{"uri": Path(one).as_uri()} for one in self.settings.roots]
        return ToolResult("\n".join(self.settings.roots), structured={"roots": roots})

    def _limit(self, obligations: Mapping[str, Any]) -> float:
        most = self.settings.call_s
        return min(most, float(obligations.get("timeout_s", most)))

    @contextmanager
    def _way(self, meanwhile: Meanwhile | None, limit_s: float) -> Generator[UnderWay]:
        way = UnderWay(meanwhile, limit_s)
        self._under_way.append(way)
        before = WAY.set(way)
        try:
            yield way
        finally:
            WAY.reset(before)
            self._under_way.remove(way)

    def _current(self) -> UnderWay | None:
        """The call that a question of the server is about: the last one that is under way."""
        return self._under_way[-1] if self._under_way else None

    def _check_output(self, tool: str, answer: Mapping[str, Any]) -> None:
        """Raises ToolFailure where the server breaks its own output schema."""
        schema = self._definitions[tool].output_schema
        if schema is None or answer.get("isError") is True:
            return
        if not fits(schema, answer.get("structuredContent")):
            text = f"The MCP server {self.settings.name} broke the output schema of {tool}"
            raise ToolFailure(text, error="bad_answer")

    def _wire(self, tool: str) -> str:
        if tool not in self._definitions:
            raise ToolFailure(f"{self.settings.name} has no tool {tool!r}", error="no_such_tool")
        return self._definitions[tool].wire

    def deny_paths(self, patterns: Sequence[str]) -> None:
        """A third party's server runs no commands of ours, and is told nothing of policy."""

    async def aclose(self) -> None:
        self._closed = True
        if self._server is not None:
            await self._server.close()

    async def look(self) -> PinnedServer:
        """Start the server and see what it is now; nothing is recorded. Raises ServerFailure."""
        server = await self._started()
        if server.tools_changed:
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

    async def _running(self) -> "McpServer":
        async with self._starting:
            server = self._server
            if server is not None and server.alive:
                if server.tools_changed:
                    await server.list_again()
                    self._compare(server)
                return server
            server = await self._started()
            self._compare(server)
            return server

    async def _started(self) -> "McpServer":
        loop = asyncio.get_running_loop()
        if self._closed:
            raise ToolFailure("The session is over", error="server_gone")
        if self._server is not None and self._server.alive:
            return self._server
        if self._server is not None:
            await self._server.close()
        if len(self._starts) == MAX_STARTS and loop.time() - self._starts[0] < STARTS_WITHIN_S:
            text = (
                f"The MCP server {self.settings.name} ended {MAX_STARTS} times "
                f"within {STARTS_WITHIN_S:g} s; it is left alone for a while"
            )
            raise ToolFailure(text, error="server_gone")
        self._starts.append(loop.time())
        self._check_program()
        # A second of processor time at its first import, which must not hold the event loop; nor must a keyring.
        launch = await asyncio.to_thread(self._launch)
        module = _server_module()
        self._server = server = await module.McpServer.start(launch)
        server.say = self._said
        return server

    def _said(self, params: "LoggingMessageNotificationParams") -> None:
        """A line of the server's log: shown, where a call is under way."""
        way = self._current()
        if way is not None and way.meanwhile is not None:
            said = params.data if isinstance(params.data, str) else canonical(params.data).decode()
            way.meanwhile.progress(
                text=one_line(said, 500),
                level=params.level,
                logger=one_line(params.logger or "", 80),
            )

    def _launch(self) -> "Launch":
        from devagent.host.mcp_connect import over_http, over_stdio  # noqa: PLC0415  (imports mcp)

        pinned = self.pinned if self.state == "pinned" else None
        legacy = pinned.legacy if pinned else False
        answers = self._answers or _asks_module().answers(
            self.settings.name,
            self._current,
            sampling=self.settings.sampling,
            roots=bool(self.settings.roots) or self.asks_roots,
        )
        if self.program is None:
            return over_http(
                self.settings,
                key=self.sign_in_key,
                secrets=self._secrets,
                browser=self._browser,
                answers=answers,
                legacy=legacy,
            )
        argv = (self.program.path, *self.settings.args)
        return over_stdio(
            self.settings,
            argv,
            self._environment(),
            self._working_folder(),
            answers=answers,
            legacy=legacy,
        )

    @property
    def sign_in_key(self) -> str:
        """Under which the keyring has the tokens of this server, as it is configured."""
        return sign_in_key(self.settings.name, self.identity)

    def _check_program(self) -> None:
        """Between opening the session and this start the program may have been exchanged."""
        if self.program is None:
            return
        try:
            now: Program | None = program(self.settings, self.program)
        except ConfigError:
            now = None
        if now is None or identity(self.settings, now) != self.identity:
            name = self.settings.name
            text = (
                f"The program of the MCP server {name} is another one since the session began; "
                f"the person can look at it with `devagent ext approve {name}`"
            )
            raise ToolFailure(text, error="definition_changed")

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
                # Found again from here by the next session; the pins themselves are the bundle's.
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

    def _working_folder(self) -> str:
        return self.settings.cwd or self._folder

    def _environment(self) -> dict[str, str]:
        names = (*INHERITED, *self.settings.pass_env)
        return {n: os.environ[n] for n in names if n in os.environ} | self.settings.env


def _server_module() -> ModuleType:
    from devagent.host import mcp_server  # noqa: PLC0415  (imports mcp, see above)

    return mcp_server


def _asks_module() -> ModuleType:
    from devagent.host import mcp_asks  # noqa: PLC0415  (imports mcp, see above)

    return mcp_asks


def shown_command(settings: ServerSettings) -> str:
    """The whole command, or the URL, as a person may check it."""
    if settings.kind == "http":
        return one_line(settings.url, 4_000)
    import shlex  # noqa: PLC0415  (only where a server is shown)

    return one_line(shlex.join([settings.command, *settings.args]), 4_000)
