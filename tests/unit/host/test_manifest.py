"""Manifests: what an extension says of itself, read as data and refused where it is not right."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devagent.core.errors import ConfigError
from devagent.host.manifest import FIRST_PARTY, package_folder, read_manifest

TOML = """
name = "odd"
version = "1.0"
module = "odd"
needs = ["sources"]
secrets = ["odd_token"]

[tools.work]
class = "write"
obligations = ["limit_rows"]
"""
JSON = {"work": {"description": "Works.", "input_schema": {"type": "object"}}}

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(toml: str | bytes = TOML, recorded: str | None = None) -> str:
        data = toml.encode() if isinstance(toml, str) else toml
        (tmp_path / "extension.toml").write_bytes(data)
        (tmp_path / "tools.json").write_text(json.dumps(JSON) if recorded is None else recorded)
        return str(tmp_path)

    return written


def test_a_manifest_names_its_tools_with_class_schema_and_obligations(write: Write) -> None:
    manifest = read_manifest(write())
    (tool,) = manifest.tools
    assert (tool.qualified, tool.tool_class, tool.can) == ("odd.work", "write", ("limit_rows",))
    assert (tool.description, tool.input_schema) == ("Works.", {"type": "object"})
    assert (manifest.module, manifest.needs, manifest.secrets) == (
        "odd",
        ("sources",),
        ("odd_token",),
    )
    assert (manifest.reference.name, manifest.reference.version) == ("odd", "1.0")


def test_the_digest_covers_both_files(write: Write) -> None:
    first = read_manifest(write()).reference.digest
    assert read_manifest(write()).reference.digest == first
    assert read_manifest(write(TOML + "# a word more\n")).reference.digest != first
    assert read_manifest(write(recorded=json.dumps(JSON) + " ")).reference.digest != first


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("name = ", "Invalid value"),
        (b'name = "\xff"', "utf-8"),
        (TOML.replace('name = "odd"', ""), "'name'"),
        (TOML.replace('version = "1.0"', "version = 1.0"), "version"),
        (TOML.replace('class = "write"', ""), "'class'"),
        (TOML.replace('"write"', '"look"'), "look"),
        (TOML.replace('"write"', '["write"]'), "tool_class"),
        (TOML.replace('["limit_rows"]', '"limit_rows"'), "can"),
        (TOML.replace('["sources"]', "[5]"), "needs"),
        ('tools = "work"\nname = "odd"', "disagree"),
    ],
)
def test_a_broken_manifest_is_refused_with_its_file(
    write: Write, toml: str | bytes, said: str
) -> None:
    folder = write(toml)
    with pytest.raises(ConfigError) as raised:
        read_manifest(folder)
    assert raised.value.file == f"{folder}/extension.toml"
    assert raised.value.what.startswith(f"{folder}/extension.toml: ")
    assert said in raised.value.what


@pytest.mark.parametrize("recorded", ["{", "[" * 100_000, '{"work": "\\ud800"}'])
def test_recorded_tools_that_are_not_json_are_refused_with_their_file(
    write: Write, recorded: str
) -> None:
    folder = write(recorded=recorded)
    with pytest.raises(ConfigError) as raised:
        read_manifest(folder)
    assert raised.value.file == f"{folder}/tools.json"


@pytest.mark.parametrize(
    "recorded",
    [
        "[]",
        '{"work": []}',
        '{"work": {"description": "Works."}}',
        '{"work": {"description": 5, "input_schema": {}}}',
        '{"work": {"description": "Works.", "input_schema": "any"}}',
    ],
)
def test_recorded_tools_of_another_shape_are_refused(write: Write, recorded: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read_manifest(write(recorded=recorded))
    assert raised.value.file


def test_the_two_files_must_name_the_same_tools(write: Write) -> None:
    more = json.dumps({**JSON, "extra": JSON["work"]})
    with pytest.raises(ConfigError, match="disagree about: extra"):
        read_manifest(write(recorded=more))
    with pytest.raises(ConfigError, match="disagree about: work"):
        read_manifest(write(recorded="{}"))


@pytest.mark.parametrize("missing", ["extension.toml", "tools.json"])
def test_a_missing_file_is_named(write: Write, missing: str) -> None:
    folder = Path(write())
    (folder / missing).unlink()
    with pytest.raises(ConfigError) as raised:
        read_manifest(str(folder))
    assert raised.value.file == str(folder / missing)
    assert "No such file" in raised.value.what


@pytest.mark.parametrize("module", FIRST_PARTY.values())
def test_each_package_that_ships_is_found_and_sound(module: str) -> None:
    manifest = read_manifest(package_folder(module))
    assert manifest.module == module
    assert manifest.tools


def test_a_package_is_found_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "odd"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "extension.toml").write_text(TOML)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "nothing"), str(tmp_path)])
    assert package_folder("odd") == str(package)
    with pytest.raises(ConfigError, match="devagent_missing is not installed") as raised:
        package_folder("devagent_missing")
    assert "./install.sh" in raised.value.hint
