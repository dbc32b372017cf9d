"""A batch of prompts: sent once, waited for, written once, recorded once; at any point it can be killed and gone on with.

What was done lies beside the results, in ``OUTPUT.state``:

    sending   on disk before the request leaves: from here on the batch may exist. Whoever goes on looks for it among
              the service's batches first, and sends only where it is certain that there is none.
    created   the service's id is known. Whoever goes on waits for that one.
    results   the results lie whole in OUTPUT (moved there in one step). What is left is to record them.
    done      all is recorded. The same file and output again do nothing.

Ids are ours: a part of the digest of what is asked, and a number. A batch is ours when its results bear them.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from devagent.core.codec import canonical, digest
from devagent.core.errors import LimitError, ModelError, UsageError
from devagent.core.ports import ModelRequest
from devagent.core.usage import Usage
from devagent.disk import replace_file
from devagent.models.batches import Batch, Batches, Result, is_lost
from devagent.session.batch_costs import BatchCosts
from devagent.session.batch_files import (
    Line,
    State,
    alone,
    forget_state,
    is_there,
    keep_state,
    read_state,
)
from devagent.session.batch_record import BatchRecord
from devagent.session.ground import Ground, stand
from devagent.session.model_access import ModelAccess
from devagent.session.named_prices import named_prices
from devagent.session.options import Options

CLOCKS_APART_S = 300.0
"""The service's clock may be so far from ours."""
Tell = Callable[[str], None]


class Outcome(Struct, frozen=True):
    """How it ended: of so many prompts so many have no answer."""

    prompts: int
    failed: int
    usd_micros: int
    unpriced: bool
    sessions: tuple[str, ...] = ()


async def run_batch(
    options: Options,
    prompts: Sequence[Line],
    output: str,
    tell: Tell,
    *,
    poll_s: float = 60.0,
    time_limit: float | None = None,
) -> Outcome:
    """Have the prompts answered into ``output``, going on where it was left. ``tell`` is told how it stands.

    Raises ConfigError (78), UsageError (2), LimitError (5), ModelError (6), LogError (1).
    """
    ground = stand(options, None)
    with alone(output):
        work = _Work(ground, options, prompts, output, tell, poll_s)
        try:
            async with asyncio.timeout(time_limit):
                return await work.done()
        except TimeoutError:
            raise LimitError(
                f"time_limit: {time_limit:g} s are over, and the batch goes on",
                limit="time_limit",
                hint="The same command goes on with it.",
            ) from None
        finally:
            await work.aclose()


class _Work:
    def __init__(
        self,
        ground: Ground,
        options: Options,
        prompts: Sequence[Line],
        output: str,
        tell: Tell,
        poll_s: float,
    ) -> None:
        self._ground, self._options, self._prompts = ground, options, prompts
        self._output, self._tell, self._poll_s = output, tell, poll_s
        policy = ground.policy
        self._access = ModelAccess(
            ground.config,
            ground.environment,
            policy.compiled,
            ground.principal,
            main=options.model,
            prices=named_prices(
                ground.config, policy.compiled, governed=ground.governed, enrolled=ground.enrolled
            ),
        )
        self._model = self._access.open_for_batches()
        self._batches = Batches(self._model)
        asked = [[self._access.main, one.custom_id, one.system, one.prompt] for one in prompts]
        self._digest = digest(asked)
        self._costs = BatchCosts(self._access)
        self._record = BatchRecord(ground, options, self._access, prompts, self._digest)

    async def aclose(self) -> None:
        await self._model.aclose()
        self._record.close()

    async def done(self) -> Outcome:
        state = read_state(self._output)
        if state is None:
            if is_there(self._output):
                raise UsageError(
                    f"{self._output} is there already, and no batch of devagent's wrote it",
                    hint="Name another file with --output.",
                )
            state = await self._sent()
        elif state.digest != self._digest:
            raise UsageError(
                f"{self._output} belongs to another batch: the prompts or the model changed since",
                hint="Name another file with --output, or take the earlier prompts.",
            )
        if state.step == "sending":
            state = await self._found(state)
        if state.step == "created":
            await self._ended(state)
            state = await self._written(state)
        found = list(self._from_output())
        if state.step == "results":
            self._record.answers(state, found, self._costs)
            state = replace(state, step="done")
            keep_state(self._output, state)
        failed = sum(1 for one in found if one.status != "succeeded")
        costs = [self._costs.of(one) for one in found if one.status == "succeeded"]
        return Outcome(
            prompts=len(found),
            failed=failed,
            usd_micros=sum(cost.usd_micros for cost in costs if cost),
            unpriced=None in costs,
            sessions=(state.session,) if state.session else (),
        )

    # Sending, once.

    async def _sent(self) -> State:
        requests = [self._request(one) for one in self._prompts]
        self._tell(self._costs.within_budget(self._ground, self._options, requests))
        log = self._record.open()
        self._record.note("sending")
        state = State("sending", self._digest, self._access.main, time.time(), session=log.sid)
        keep_state(self._output, state)
        bodies = [
            (self._id(number), self._body(request)) for number, request in enumerate(requests)
        ]
        try:
            batch = await self._batches.create(bodies)
        except ModelError as error:
            if not is_lost(error):
                forget_state(self._output)  # it was refused: there is none
                self._record.end("service", 6, error.what)
                raise
            self._tell(
                f"{error.what}: whether the batch was created is not known, so it is looked for."
            )
            return await self._found(state)
        return self._created(state, batch, "created")

    async def _found(self, state: State) -> State:
        """The batch whose creation nobody saw the end of. Sends anew only where there is certainly none."""
        passed: set[str] = set()
        while True:
            earliest = state.sent_at - CLOCKS_APART_S
            listed = [
                one
                for one in await self._batches.listed()
                if one.requests == len(self._prompts) and _time(one.created) >= earliest
            ]
            for one in listed:
                if one.ended and one.id not in passed:
                    if await self._is_ours(one):
                        return self._created(state, one, "found")
                    passed.add(one.id)
            under_way = sum(not one.ended for one in listed)
            if under_way:
                self._tell(
                    f"{under_way} batches of this size are under way, and one may be ours: waiting."
                )
            elif time.time() - state.sent_at > self._poll_s:
                break  # it would be there by now
            await asyncio.sleep(self._poll_s)
        self._tell("There is no such batch: it is sent.")
        forget_state(self._output)
        return await self._sent()

    async def _is_ours(self, batch: Batch) -> bool:
        results = self._batches.results(batch.id)
        async with contextlib.aclosing(results):
            async for one in results:
                return one.custom_id.startswith(f"{self._digest[:16]}-")
        return False

    def _created(self, state: State, batch: Batch, step: Literal["created", "found"]) -> State:
        state = replace(state, step="created", batch=batch.id)
        keep_state(self._output, state)
        self._record.open(state.session)
        self._record.note(step, batch.id)
        self._tell(
            f"Batch {batch.id}: {len(self._prompts)} prompts. The same command goes on with it."
        )
        return state

    # Waiting, and what came.

    async def _ended(self, state: State) -> None:
        wait_s = min(1.0, self._poll_s)
        while not (await self._batches.get(state.batch)).ended:
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, self._poll_s)

    async def _written(self, state: State) -> State:
        """All results into the output, in the order of the prompts, in one step."""
        found: dict[str, Result] = {}
        results = self._batches.results(state.batch)
        async with contextlib.aclosing(results):
            async for one in results:
                found[one.custom_id] = one
        lines: list[bytes] = []
        for number, line in enumerate(self._prompts):
            result = found.get(self._id(number)) or Result(
                "", "missing", error="not in the results"
            )
            result = replace(result, custom_id=line.custom_id)
            lines.append(canonical(self._plain(result)))
        replace_file(self._output, b"".join(b"%b\n" % line for line in lines))
        state = replace(state, step="results")
        keep_state(self._output, state)
        return state

    def _from_output(self) -> Iterator[Result]:
        with open(self._output, "rb") as file:
            for line in file:
                plain: dict[str, Any] = msgspec.json.decode(line)
                usage = msgspec.convert(plain.get("usage", {}), Usage)
                text = plain.get("text", "")
                content = plain.get("content", [{"type": "text", "text": text}] if text else [])
                yield Result(
                    custom_id=plain["custom_id"],
                    status=plain["status"],
                    model=plain.get("model", ""),
                    stop=plain.get("stop", ""),
                    content=content,
                    usage=usage,
                    error=plain.get("error", ""),
                )

    def _plain(self, result: Result) -> dict[str, Any]:
        plain: dict[str, Any] = {"custom_id": result.custom_id, "status": result.status}
        if result.status != "succeeded":
            return {**plain, "error": result.error}
        plain |= {"text": result.text, "model": result.model, "stop": result.stop}
        if any(block.get("type") != "text" for block in result.content):
            plain["content"] = result.content
        plain["usage"] = msgspec.to_builtins(result.usage)
        cost = self._costs.of(result)
        return {**plain, "cost_usd_micros": cost.usd_micros} if cost else plain

    # What is asked, and what it costs.

    def _id(self, number: int) -> str:
        return f"{self._digest[:16]}-{number}"

    def _request(self, line: Line) -> ModelRequest:
        message = {"role": "user", "content": [{"type": "text", "text": line.prompt}]}
        return ModelRequest(turn=1, system=line.system, messages=[message], tools=[])

    def _body(self, request: ModelRequest) -> Mapping[str, Any]:
        body: dict[str, Any] = msgspec.json.decode(self._model.body_of(request))
        body.pop("stream", None)
        return body


def _time(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return time.time()  # rather one too many to look at
