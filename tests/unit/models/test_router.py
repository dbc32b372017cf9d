"""The router: policy first, another model before the first word only, rest for one that keeps failing."""

from collections.abc import AsyncGenerator, Sequence

import pytest

from devagent.core.errors import ModelError, ModelNotAllowed
from devagent.core.events.model import ModelFailed, ModelReplied, TextDelta
from devagent.core.ports import ModelEvent, ModelRequest
from devagent.models.router import REST_S, Router
from tests.support.agent_parts import reply, said
from tests.support.model_client import ToldTime, ask

WORD = TextDelta(turn=1, text="So ")


class Scripted:
    """A model that does as it is told, request by request: events, and an error's kind after them."""

    def __init__(self, name: str, *steps: tuple[list[ModelEvent], str]) -> None:
        self.name = name
        self._steps = list(steps)
        self.asked = 0
        self.closed = False

    async def connect(self) -> bool:
        return True

    async def aclose(self) -> None:
        self.closed = True

    async def count(self, request: ModelRequest) -> int | None:
        del request
        return len(self.name)

    async def reply(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        self.asked += 1
        seen, kind = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        for event in seen:
            yield event
        if kind:
            yield ModelFailed(turn=request.turn, model=self.name, err=kind, attempt=1)
            raise ModelError(f"{self.name} is {kind}", kind=kind)
        yield reply(said(f"{self.name} here"))


def router(
    *models: Scripted, forbidden: dict[str, str] | None = None, time: ToldTime | None = None
) -> Router:
    """``forbidden``: model → the label that forbids it ("" = always)."""

    def forbids(name: str, labels: Sequence[str]) -> str:
        label = (forbidden or {}).get(name)
        return "acme" if label is not None and (not label or label in labels) else ""

    known = {model.name: model for model in models}
    clock = (time or ToldTime()).clock
    return Router([model.name for model in models], known.__getitem__, forbids, clock=clock)


async def seen_of(model: Router, request: ModelRequest | None = None) -> list[ModelEvent]:
    return [event async for event in model.reply(request or ask())]


def text_of(seen: list[ModelEvent]) -> str:
    last = seen[-1]
    assert isinstance(last, ModelReplied)
    return last.text


@pytest.mark.parametrize("kind", ["overloaded", "server", "connection", "stalled", "rate_limited", "not_found"])  # fmt: skip
async def test_the_next_model_is_asked_where_one_failed_before_its_first_word(kind: str) -> None:
    first, second = Scripted("a", ([], kind)), Scripted("b", ([], ""))
    seen = await seen_of(router(first, second))
    assert text_of(seen) == "b here"
    failed = seen[0]
    assert isinstance(failed, ModelFailed)
    assert (failed.retry_in_ms, failed.reason.endswith("b is asked instead")) == (0, True)


async def test_after_the_first_word_no_other_model_is_asked() -> None:
    first, second = Scripted("a", ([WORD], "overloaded")), Scripted("b", ([], ""))
    with pytest.raises(ModelError, match="a is overloaded"):
        await seen_of(router(first, second))
    assert second.asked == 0


@pytest.mark.parametrize("kind", ["invalid_request", "too_large"])
async def test_what_another_model_would_refuse_too_ends_the_request(kind: str) -> None:
    first, second = Scripted("a", ([], kind)), Scripted("b", ([], ""))
    with pytest.raises(ModelError):
        await seen_of(router(first, second))
    assert second.asked == 0


async def test_where_all_fail_the_last_failure_is_final_and_told_as_such() -> None:
    models = [Scripted(name, ([], "server")) for name in "abc"]
    chain = router(*models)
    seen: list[ModelEvent] = []

    async def read() -> None:
        async for event in chain.reply(ask()):
            seen.append(event)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(ModelError, match="c is server"):
        await read()
    assert [f.retry_in_ms for f in seen if isinstance(f, ModelFailed)] == [0, 0, None]


async def test_a_model_that_keeps_failing_rests_and_is_then_tried_once() -> None:
    time = ToldTime()
    first, second = Scripted("a", ([], "server")), Scripted("b", ([], ""))
    chain = router(first, second, time=time)
    for _ in range(5):
        assert text_of(await seen_of(chain)) == "b here"
    assert first.asked == 3
    time.at += REST_S + 1
    await seen_of(chain)
    await seen_of(chain)
    assert first.asked == 4


async def test_after_its_rest_one_request_tries_a_model_and_the_others_meanwhile_do_not() -> None:
    time = ToldTime()
    first = Scripted("a", ([], "server"), ([], "server"), ([], "server"), ([WORD], ""))
    model = router(first, Scripted("b", ([], "")), time=time)
    for _ in range(3):
        await seen_of(model)
    time.at += REST_S + 1
    trying = model.reply(ask())
    assert await anext(trying) == WORD
    assert text_of(await seen_of(model)) == "b here"
    assert text_of([event async for event in trying]) == "a here"
    assert text_of(await seen_of(model)) == "a here"


async def test_a_model_that_works_again_is_preferred_again() -> None:
    time = ToldTime()
    fails: tuple[list[ModelEvent], str] = ([], "server")
    first = Scripted("a", fails, fails, fails, ([], ""))
    second = Scripted("b", ([], ""))
    chain = router(first, second, time=time)
    for _ in range(3):
        await seen_of(chain)
    time.at += REST_S + 1
    assert text_of(await seen_of(chain)) == "a here"
    assert text_of(await seen_of(chain)) == "a here"


async def test_the_last_one_left_is_asked_however_often_it_failed() -> None:
    only = Scripted("a", ([], "server"))
    for _ in range(5):
        with pytest.raises(ModelError):
            await seen_of(router(only))
    assert only.asked == 5


async def test_policy_is_asked_first_with_the_labels_of_what_was_read() -> None:
    first, second = Scripted("a", ([], "")), Scripted("b", ([], ""))
    chain = router(first, second, forbidden={"a": "pii"})
    assert text_of(await seen_of(chain)) == "a here"
    assert text_of(await seen_of(chain, ask(labels=("pii",)))) == "b here"
    assert await chain.count(ask(labels=("pii",))) == 1
    assert first.asked == 1


async def test_where_policy_allows_none_nobody_is_asked() -> None:
    first, second = Scripted("a", ([], "")), Scripted("b", ([], ""))
    chain = router(first, second, forbidden={"a": "pii", "b": ""})
    with pytest.raises(ModelNotAllowed) as caught:
        await seen_of(chain, ask(labels=("pii",)))
    assert (caught.value.stop, caught.value.exit_code) == ("policy", 3)
    assert "acme" in caught.value.what
    assert "pii" in caught.value.what
    assert first.asked == second.asked == 0


async def test_closing_closes_all_that_were_opened() -> None:
    first, second = Scripted("a", ([], "server")), Scripted("b", ([], ""))
    chain = router(first, second)
    await seen_of(chain)
    await chain.aclose()
    assert first.closed
    assert second.closed
