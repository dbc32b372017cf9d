"""Which servers of third parties a session has, and who lets them in."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from devagent.core.errors import ConfigError
from devagent.host.mcp.extension import McpExtension
from devagent.host.third_party import Refusal, admit, third_party
from devagent.host.toolbox import Extensions
from tests.support.mcp_servers import NAME, fault, hostile, lock_in


def found(folder: Path, governed: bool = False, **tables: Any) -> list[McpExtension]:
    return third_party(
        tables,
        folder=os.path.realpath(folder),
        only=(),
        lock=lock_in(folder / "data"),
        fault=fault,
        governed=governed,
    )


async def let_in(extensions: Sequence[McpExtension], first_use: bool = True) -> list[Refusal]:
    try:
        return await admit(extensions, first_use=first_use, today="2026-11-20", fault=fault)
    finally:
        for extension in extensions:
            await extension.aclose()


async def test_a_new_server_is_pinned_on_first_use_and_not_started_the_next_time(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state"
    table = hostile("grows", state)  # it counts how often it is started
    assert await let_in(found(tmp_path, odd=table)) == []
    pinned = lock_in(tmp_path / "data").servers()[NAME]
    assert (pinned.how, pinned.on) == ("first use", "2026-11-20")
    starts = state.read_text()
    (again,) = found(tmp_path, odd=table)
    assert await let_in([again]) == []
    assert [tool.qualified for tool in again.tools] == ["odd.echo"]
    assert again.reference.digest == pinned.definition
    assert state.read_text() == starts


async def test_several_that_are_needed_are_started_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    one, other = (hostile("in-company", tmp_path / name) for name in ("a", "b"))
    extensions = found(tmp_path, a=one, b=other)
    assert await let_in(extensions) == []
    assert [one.state for one in extensions] == ["pinned", "pinned"]


async def test_where_an_organisation_governs_nothing_is_let_in_on_first_use(tmp_path: Path) -> None:
    state = tmp_path / "state"
    extensions = found(tmp_path, odd=hostile("grows", state))
    (refusal,) = await let_in(extensions, first_use=False)
    assert (refusal.event.ext.name, refusal.event.err) == (NAME, "not_approved")
    assert "never approved" in refusal.error.what
    assert f"devagent ext approve {NAME}" in refusal.error.hint
    assert not state.exists()


async def test_another_server_under_a_known_name_is_refused_and_not_started(tmp_path: Path) -> None:
    assert await let_in(found(tmp_path, odd=hostile("ok"))) == []
    state = tmp_path / "state"
    extensions = found(tmp_path, odd=hostile("grows", state))
    assert extensions[0].tools == ()
    (refusal,) = await let_in(extensions)
    assert refusal.event.err == "changed"
    assert "is not the one that was approved" in refusal.error.what
    assert not state.exists()


async def test_a_server_that_does_not_start_is_refused_with_its_last_words(tmp_path: Path) -> None:
    extensions = found(tmp_path, odd=hostile("cannot-start"), even=hostile("ok"))
    (refusal,) = await let_in(extensions)
    assert (refusal.event.ext.name, refusal.event.err) == (NAME, "not_started")
    assert "ModuleNotFoundError" in refusal.error.hint
    assert [e.state for e in extensions] == ["new", "pinned"]


async def test_a_toolbox_knows_only_what_was_let_in(tmp_path: Path) -> None:
    extensions = found(tmp_path, odd=hostile("cannot-start"), even=hostile("ok"))
    toolbox = Extensions([], extensions)
    try:
        assert toolbox.specs() == ()
        await toolbox.admit(first_use=True, today="2026-11-20", fault=fault)
        assert [tool.api_name for tool in toolbox.specs()] == ["even__echo"]
        assert [reference.name for reference in toolbox.references()] == ["even"]
        assert [event.ext.name for event in toolbox.take_news()] == [NAME]
        assert toolbox.take_news() == []
    finally:
        await toolbox.aclose()


async def test_classes_and_resources_are_the_persons_and_never_the_servers(tmp_path: Path) -> None:
    table = hostile("ok", classes={"echo": "read"}, resources={"echo": ["path:{args.text}"]})
    await let_in(found(tmp_path, odd=table))
    (own,) = found(tmp_path, odd=table)
    assert own.tools[0].tool_class == "read"
    (resource,) = await own.resources("echo", {"text": "a.txt"})
    assert (resource.id, resource.access) == ("path:a.txt", "read")


async def test_under_an_organisation_the_config_widens_neither_class_nor_resources(
    tmp_path: Path,
) -> None:
    table = hostile("ok", classes={"echo": "read"}, resources={"echo": ["path:{args.text}"]})
    await let_in(found(tmp_path, odd=table))
    (governed,) = found(tmp_path, governed=True, odd=table)
    assert governed.tools[0].tool_class == "exec"
    resources = await governed.resources("echo", {"text": "a.txt"})
    assert [(r.id, r.access) for r in resources] == [
        ("path:a.txt", "write"),
        ("mcp:odd/echo", "write"),
    ]


async def test_a_tool_that_is_not_mapped_is_its_own_resource(tmp_path: Path) -> None:
    await let_in(found(tmp_path, odd=hostile("ok")))
    (extension,) = found(tmp_path, odd=hostile("ok"))
    assert extension.tools[0].tool_class == "exec"
    (resource,) = await extension.resources("echo", {"text": "a.txt"})
    assert (resource.id, resource.access) == ("mcp:odd/echo", "write")


@pytest.mark.parametrize("key", ["classes", "resources"])
async def test_a_setting_for_a_tool_that_is_not_there_is_a_slip(key: str, tmp_path: Path) -> None:
    await let_in(found(tmp_path, odd=hostile("ok")))
    settings: dict[str, Any] = {key: {"ecko": "read" if key == "classes" else ["path:{args.x}"]}}
    with pytest.raises(ConfigError, match=f"extensions.odd.{key}.ecko: .*no such tool") as caught:
        found(tmp_path, odd=hostile("ok", **settings))
    assert "echo" in caught.value.hint


def test_a_command_that_is_not_there_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"extensions\.odd\.command: .*'nowhere-server' is not there"
    ):
        found(tmp_path, odd={"type": "stdio", "command": "nowhere-server"})


def test_one_that_is_switched_off_or_not_asked_for_is_left_alone(tmp_path: Path) -> None:
    nowhere = {"type": "stdio", "command": "nowhere-server"}
    assert found(tmp_path, odd={**nowhere, "enabled": False}) == []
    one = third_party(
        {"odd": nowhere, "even": hostile("ok")}, folder=str(tmp_path), only=("even",),
        lock=lock_in(tmp_path / "data"), fault=fault, governed=False,
    )  # fmt: skip
    assert [extension.settings.name for extension in one] == ["even"]
