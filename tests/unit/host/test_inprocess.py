"""First-party extensions in this process: whatever they do, the house gets plain data or a failure."""

import asyncio
import importlib
import sys
import threading
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest

from devagent.core.ports import ToolFailure
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference, ToolSpec
from devagent.host import inprocess
from devagent.host.inprocess import InProcess, Surroundings
from devagent.host.manifest import Manifest
from devagent.host.toolbox import MAX_TEXT_BYTES, Extensions

SECRET = "4111-1111-1111-1111"


class Refused(Exception):
    """How an extension fails on purpose."""

    def __init__(self, text: str, error: Any) -> None:
        super().__init__(text)
        self.error = error


class Tools(ModuleType):
    """The code of an extension ``odd``; ``says`` is called for whatever is asked of it."""

    def __init__(self) -> None:
        super().__init__("odd.tools")
        self.says: Any = lambda: {"text": "done"}
        self.given: list[tuple[Surroundings, Mapping[str, Any]]] = []

    def resources(self, tool: str, args: Mapping[str, Any], here: Surroundings) -> Any:
        self.given.append((here, {"tool": tool, **args}))
        return self.says()

    def work(self, here: Surroundings, **args: Any) -> Any:
        self.given.append((here, args))
        return self.says()


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Tools:
    module = Tools()
    monkeypatch.setitem(sys.modules, "odd", ModuleType("odd"))
    monkeypatch.setitem(sys.modules, "odd.tools", module)
    return module


@pytest.fixture
def extension(tools: Tools) -> Iterator[InProcess]:
    del tools
    spec = ToolSpec("odd", "work", "read", "Works.", {"type": "object"})
    manifest = Manifest(ExtensionReference("odd", "1.0", "ab" * 32), "odd", (spec,))
    made = InProcess(manifest, folder="/work", settings={"a": 1}, secret=lambda _: None)
    yield made
    made.close()


def raising(error: BaseException) -> Any:
    def says() -> None:
        raise error

    return says


async def test_a_tool_gets_its_surroundings_and_its_arguments(
    extension: InProcess, tools: Tools
) -> None:
    result = await extension.run("work", {"n": 3}, {"limit_rows": 10})
    assert (result.text, result.failed) == ("done", False)
    ((here, args),) = tools.given
    assert args == {"n": 3}
    assert (here.folder, here.settings, here.obligations) == ("/work", {"a": 1}, {"limit_rows": 10})
    assert here.time_limit_s == inprocess.DEFAULT_TIME_LIMIT_S


async def test_what_is_kept_for_a_session_is_kept_by_its_owner_alone(
    extension: InProcess, tools: Tools
) -> None:
    for _ in range(2):
        await extension.run("work", {}, {})
    manifest = extension.manifest
    other = InProcess(manifest, folder="/work", settings={"a": 1}, secret=lambda _: None)
    try:
        await other.run("work", {}, {})
    finally:
        other.close()
    first, second, third = [here.owner for here, _ in tools.given]
    assert first is second
    assert first is not third
    assert None not in (first, third)


async def test_a_call_runs_in_a_thread_of_its_extension(extension: InProcess, tools: Tools) -> None:
    tools.says = lambda: {"text": threading.current_thread().name}
    assert (await extension.run("work", {}, {})).text.startswith("odd")


async def test_a_whole_result_comes_through(extension: InProcess, tools: Tools) -> None:
    tools.says = lambda: {
        "text": "2 rows",
        "failed": True,
        "view": "a table",
        "error": "conflict",
        "rows": 2,
        "taint": ["web"],
        "structured": {"rows": [(1, None)]},
        "a key of a later version": 1,
    }
    result = await extension.run("work", {}, {})
    assert (result.text, result.failed, result.view, result.error) == (
        "2 rows",
        True,
        "a table",
        "conflict",
    )
    assert (result.rows, result.taint, result.structured) == (2, ("web",), {"rows": [[1, None]]})


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "done",
        [],
        {},
        {"text": 5},
        {"text": None},
        {"text": "a", "failed": "no"},
        {"text": "a", "view": 5},
        {"text": "a", "rows": "3"},
        {"text": "a", "taint": "web"},
        {"text": "a", "taint": [5]},
        {"text": "a", "structured": []},
        {"text": "a", "structured": {"when": object()}},
    ],
)
async def test_a_result_of_the_wrong_shape_is_a_failure_of_the_extension(
    extension: InProcess, tools: Tools, raw: Any
) -> None:
    tools.says = lambda: raw
    result = await extension.run("work", {}, {})
    assert (result.failed, result.error) == (True, "extension_bug")
    assert "wrong shape" in result.text


async def test_text_that_utf8_cannot_carry_is_mended(extension: InProcess, tools: Tools) -> None:
    tools.says = lambda: {"text": "a\udcffb", "structured": {"\ud800": ["\udcff"]}}
    result = await extension.run("work", {}, {})
    assert (result.text, result.structured) == ("a�b", {"�": ["�"]})


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"bad row {SECRET}"),
        KeyError(SECRET),
        RecursionError(SECRET),
        StopIteration(SECRET),
        SystemExit(SECRET),
        KeyboardInterrupt(SECRET),
        Refused(SECRET, error=5),
    ],
)
async def test_what_an_extension_raises_by_accident_is_told_by_its_type_alone(
    extension: InProcess, tools: Tools, error: BaseException
) -> None:
    tools.says = raising(error)
    result = await extension.run("work", {}, {})
    assert (result.failed, result.error) == (True, "extension_bug")
    assert result.text == f"the tool failed ({type(error).__name__})"
    with pytest.raises(ToolFailure) as raised:
        await extension.resources("work", {})
    assert SECRET not in raised.value.text


async def test_what_an_extension_refuses_on_purpose_is_told(
    extension: InProcess, tools: Tools
) -> None:
    tools.says = raising(Refused("there is no branch a\udcff", error="not_found"))
    result = await extension.run("work", {}, {})
    assert (result.text, result.failed, result.error) == (
        "there is no branch a�",
        True,
        "not_found",
    )


async def test_a_tool_that_the_code_does_not_have_is_a_failure(extension: InProcess) -> None:
    result = await extension.run("missing", {}, {})
    assert (result.failed, result.error) == (True, "extension_bug")


async def test_code_that_cannot_be_imported_is_a_failure_of_the_tool(
    extension: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> ModuleType:
        raise ImportError(f"no module {name}")

    monkeypatch.setattr(importlib, "import_module", broken)
    result = await extension.run("work", {}, {})
    assert (result.text, result.error) == ("the tool failed (ImportError)", "extension_bug")


async def test_no_code_is_imported_before_the_first_call(
    extension: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported: list[str] = []
    real = importlib.import_module

    def noted(name: str) -> ModuleType:
        imported.append(name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", noted)
    assert imported == []
    await extension.run("work", {}, {})
    await extension.run("work", {}, {})
    assert imported == ["odd.tools"]


async def test_a_tool_that_hangs_is_given_up_and_told_that_nobody_waits(
    extension: InProcess, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inprocess, "GRACE_S", 0.01)
    noticed = threading.Event()

    def hang() -> dict[str, str]:
        here, _ = tools.given[-1]
        if here.cancelled.wait(timeout=10):
            noticed.set()
        return {"text": "too late"}

    tools.says = hang
    result = await extension.run("work", {}, {"timeout_s": 0.02})
    assert (result.failed, result.error) == (True, "timeout")
    assert result.text == "no answer within 0.02 s"
    assert noticed.wait(timeout=10)


async def test_a_call_that_is_cut_has_ended_before_anybody_says_so(
    extension: InProcess, tools: Tools
) -> None:
    began, order = threading.Event(), list[str]()

    def work() -> dict[str, str]:
        here, _ = tools.given[-1]
        began.set()
        here.cancelled.wait(timeout=10)
        order.append("the tool ended")
        return {"text": "too late"}

    tools.says = work
    task = asyncio.ensure_future(extension.run("work", {}, {}))
    assert await asyncio.to_thread(began.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    order.append("the call was cut")
    assert order == ["the tool ended", "the call was cut"]


async def test_a_call_that_does_not_notice_that_it_is_cut_holds_nobody_up(
    extension: InProcess, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inprocess, "NOTICE_S", 0.01)
    began, go_on = threading.Event(), threading.Event()

    def work() -> dict[str, str]:
        began.set()
        go_on.wait(timeout=10)
        raise ValueError

    tools.says = work
    task = asyncio.ensure_future(extension.run("work", {}, {}))
    assert await asyncio.to_thread(began.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()


async def test_a_call_that_is_over_needs_no_answer_any_more(
    extension: InProcess, tools: Tools
) -> None:
    await extension.run("work", {}, {"timeout_s": 7})
    ((here, _),) = tools.given
    assert here.cancelled.is_set()
    assert here.time_limit_s == 7


async def test_resources_come_as_the_extension_names_them(
    extension: InProcess, tools: Tools
) -> None:
    tools.says = lambda: (
        {"id": "path:src/a.py", "access": "read"},
        {"id": "table:dev.shop.a\udcff", "access": "write", "tags": ["pii.email"]},
    )
    assert await extension.resources("work", {"n": 1}) == (
        Resource("path:src/a.py", "read"),
        Resource("table:dev.shop.a�", "write", ("pii.email",)),
    )
    assert tools.given[0][1] == {"tool": "work", "n": 1}


@pytest.mark.parametrize(
    "named",
    [
        None,
        5,
        "path:a",
        {"id": "path:a", "access": "read"},
        [None],
        ["path:a"],
        [{"access": "read"}],
        [{"id": "path:a"}],
        [{"id": 5, "access": "read"}],
        [{"id": "path:a", "access": "look"}],
        [{"id": "src/a.py", "access": "read"}],
        [{"id": ":a", "access": "read"}],
        [{"id": "path:a", "access": "read", "tags": "pii"}],
    ],
)
async def test_resources_that_are_named_wrongly_are_no_resources(
    extension: InProcess, tools: Tools, named: Any
) -> None:
    tools.says = lambda: named
    with pytest.raises(ToolFailure) as raised:
        await extension.resources("work", {})
    assert raised.value.error == "extension_bug"


async def test_a_closed_extension_takes_no_more_calls(extension: InProcess, tools: Tools) -> None:
    extension.close()
    with pytest.raises(RuntimeError, match="shutdown"):
        await extension.run("work", {}, {})
    assert tools.given == []


class TestToolbox:
    """Every extension of the session behind one door."""

    @pytest.fixture
    def toolbox(self, extension: InProcess) -> Extensions:
        return Extensions([extension])

    def spec(self, toolbox: Extensions) -> ToolSpec:
        found = toolbox.find("odd__work")
        assert found is not None
        return found

    def test_tools_are_found_by_the_name_that_the_model_uses(self, toolbox: Extensions) -> None:
        assert [tool.qualified for tool in toolbox.specs()] == ["odd.work"]
        assert toolbox.find("odd.work") is None
        assert toolbox.find("work") is None
        assert toolbox.reference(self.spec(toolbox)).name == "odd"
        assert toolbox.references() == (toolbox.reference(self.spec(toolbox)),)

    async def test_a_result_is_never_larger_than_what_a_model_may_get(
        self, toolbox: Extensions, tools: Tools
    ) -> None:
        tools.says = lambda: {"text": "x" * (MAX_TEXT_BYTES + 1), "taint": ["web"], "rows": 9}
        result = await toolbox.run(self.spec(toolbox), {}, {})
        kept, _, note = result.text.partition("\n")
        assert len(kept) == MAX_TEXT_BYTES
        assert note == "[cut: 400,001 bytes, of which the first 400,000 are here]"
        assert (result.taint, result.rows) == (("web",), 9)

    async def test_an_obligation_bounds_what_everyone_sees(
        self, toolbox: Extensions, tools: Tools
    ) -> None:
        long = "ä" * 100
        tools.says = lambda: {"text": "short", "view": long, "structured": {"rows": [long]}}
        result = await toolbox.run(self.spec(toolbox), {}, {"limit_bytes": 51})
        assert result.text == "short"
        assert result.view.partition("\n")[0] == "ä" * 25
        assert result.structured == {}

    async def test_a_result_that_fits_is_untouched(self, toolbox: Extensions, tools: Tools) -> None:
        tools.says = lambda: {"text": "x" * 51, "structured": {"n": 1}}
        result = await toolbox.run(self.spec(toolbox), {}, {"limit_bytes": 51})
        assert (result.text, result.structured) == ("x" * 51, {"n": 1})

    async def test_closing_it_closes_its_extensions(self, toolbox: Extensions) -> None:
        await toolbox.aclose()
        with pytest.raises(RuntimeError, match="shutdown"):
            await toolbox.run(self.spec(toolbox), {}, {})
