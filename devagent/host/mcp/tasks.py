"""Calls that a server turns into tasks: watched until they are done, in the person's sight, ended with the call.

1. The newer protocol's extension ``io.modelcontextprotocol/tasks``: the server answers a call with a handle, and
   is asked for it (``tasks/get``) no more often than it wants. What it asks for meanwhile (``inputRequests``) goes the
   way of every question of a server, once each, and back by ``tasks/update``.
2. In the handshake era (2025-11-25) a tool may say that it runs as a task alone: it is called as one, and its
   result waited for (``tasks/result``).
3. A call that is cut, by its limit or by the person, has its task cancelled.
4. The limit of the call holds for the task; nothing is kept of it beyond the call.

Imports ``mcp``: only for use when a server is started.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from mcp import Client, MCPError
from mcp.client import ClientRequestContext
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.session import ClientSession
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    CreateTaskResult,
    ErrorData,
    InputRequest,
    Request,
    Result,
    TaskMetadata,
)
from pydantic import Field

from devagent.core.text import one_line
from devagent.host.mcp.under_way import WAY
from devagent.policy.plain import is_table

IDENTIFIER = "io.modelcontextprotocol/tasks"
LEAST_POLL_S, MOST_POLL_S, POLL_S = 0.1, 60.0, 1.0
"""How often a task is asked for: what the server wants, within these; without a word of it, the last."""
CANCEL_S = 1.0
"""How long a server is given to take note that a task is not wanted any more."""
MAX_REQUESTS = 100
"""Questions of one task."""
MAX_TOLD, MAX_ID = 500, 1_000
_FOR_EVER_S = 1e6
"""The call's limit is kept by who makes it."""


class Handle(Result):
    """A task in place of a call's result."""

    result_type: Literal["task"] = "task"
    task_id: str
    status: str = "working"
    status_message: str | None = None
    poll_interval_ms: float | None = None


class Task(Result):
    """A task as it is now, with what its status brings."""

    status: Literal["working", "input_required", "completed", "failed", "cancelled"]
    status_message: str | None = None
    poll_interval_ms: float | None = None
    input_requests: dict[str, InputRequest] = Field(default_factory=dict[str, InputRequest])
    result: dict[str, Any] = Field(default_factory=dict[str, Any])
    error: ErrorData | None = None


class _Asked(Request[dict[str, Any], str]):
    """``tasks/get``, ``tasks/update``, ``tasks/cancel``."""

    name_param = "taskId"


class Tasks(ClientExtension):
    """The extension as ``mcp.Client`` takes it."""

    identifier = IDENTIFIER

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return (ResultClaim(result_type="task", model=Handle, resolve=_finished),)


async def _finished(handle: Handle, context: ClaimContext) -> CallToolResult:
    """What the task comes to. Raises MCPError where it fails, or is cancelled by the server."""
    session, task_id = context.session, handle.task_id
    if len(task_id) > MAX_ID or not task_id.isprintable():
        raise MCPError(INVALID_REQUEST, "its task has a name that is none")
    async with _cancelled_with_the_call(session, task_id):
        task = await _followed(session, handle)
    match task.status:
        case "completed":
            return CallToolResult.model_validate(task.result)
        case "cancelled":
            why = f": {task.status_message}" if task.status_message else ""
            raise MCPError(INVALID_REQUEST, f"the server cancelled the task{why}")
        case _:
            unsaid = ErrorData(code=INTERNAL_ERROR, message="the task failed")
            raise MCPError.from_error_data(task.error or unsaid)


async def _followed(session: ClientSession, handle: Handle) -> Task:
    """The task at its end; what it asks for on the way is answered."""
    answered: set[str] = set()
    _tell(handle.status_message)
    poll_s = _poll_s(handle.poll_interval_ms)
    while True:
        await asyncio.sleep(poll_s)
        request = _Asked(method="tasks/get", params={"taskId": handle.task_id})
        task = await session.send_request(request, Task)
        if task.status not in ("working", "input_required"):
            return task
        new = {k: v for k, v in task.input_requests.items() if k not in answered}
        answered |= set(new)
        if len(answered) > MAX_REQUESTS:
            raise MCPError(INVALID_REQUEST, f"it asked more than {MAX_REQUESTS} times")
        if new:
            await _answer(session, handle.task_id, new)
        _tell(task.status_message)
        poll_s = _poll_s(task.poll_interval_ms)


async def _answer(
    session: ClientSession, task_id: str, questions: Mapping[str, InputRequest]
) -> None:
    answers: dict[str, Any] = {}
    for key, question in questions.items():
        context = ClientRequestContext(session=session, request_id=key, meta=None)
        answer = await session.dispatch_input_request(context, question)
        if isinstance(answer, ErrorData):
            raise MCPError.from_error_data(answer)
        answers[key] = answer.model_dump(by_alias=True, mode="json", exclude_none=True)
    params = {"taskId": task_id, "inputResponses": answers}
    await session.send_request(_Asked(method="tasks/update", params=params), Result)


async def called_as_task(
    client: Client, wire: str, args: dict[str, Any], limit_s: float
) -> CallToolResult:
    """A call of a tool that the older protocol runs as a task alone. Raises MCPError."""
    params = CallToolRequestParams(
        name=wire, arguments=args, task=TaskMetadata(ttl=int(limit_s * 1000))
    )
    session = client.session
    created = await session.send_request(CallToolRequest(params=params), CreateTaskResult)
    task_id = created.task.task_id
    _tell(created.task.status_message)
    async with _cancelled_with_the_call(session, task_id):
        # Not `tasks/get` before: while this waits the server may ask, and the answer comes as soon as there is one.
        request = _Asked(method="tasks/result", params={"taskId": task_id})
        return await session.send_request(request, CallToolResult, _FOR_EVER_S)


def needs_a_task(listing: Sequence[Any], wire: str) -> bool:
    """Whether the tool says that it runs as a task of the older protocol alone."""
    for tool in listing:
        if is_table(tool) and tool.get("name") == wire:
            how = tool.get("execution")
            return is_table(how) and how.get("taskSupport") == "required"
    return False


@asynccontextmanager
async def _cancelled_with_the_call(session: ClientSession, task_id: str) -> AsyncGenerator[None]:
    """Where the call ends before its task, cut or because of an answer that it does not get, the server is told so; what it
    says to that is not waited for long."""
    try:
        yield
    except BaseException:
        await _within(
            CANCEL_S,
            lambda: session.send_request(
                _Asked(method="tasks/cancel", params={"taskId": task_id}), Result, CANCEL_S
            ),
        )
        raise


async def _within(limit_s: float, ask: Callable[[], Awaitable[Any]]) -> None:
    """Ask in a task of its own: the one that was cancelled only waits for it."""

    async def asked() -> None:
        with contextlib.suppress(MCPError, ValueError, RuntimeError):
            await ask()

    task = asyncio.get_running_loop().create_task(asked())
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait([task], timeout=limit_s)
    task.cancel()


def _tell(message: str | None) -> None:
    """How far the task is, to whoever follows the call."""
    way = WAY.get(None)
    if message and way is not None and way.meanwhile is not None:
        way.meanwhile.progress(text=one_line(message, MAX_TOLD))


def _poll_s(wanted_ms: float | None) -> float:
    # No number at all, which the SDK's parser takes, would be a time that never comes.
    wanted_s = wanted_ms / 1000 if wanted_ms is not None and math.isfinite(wanted_ms) else POLL_S
    return min(max(wanted_s, LEAST_POLL_S), MOST_POLL_S)
