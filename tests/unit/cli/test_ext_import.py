"""``devagent ext import``: servers from other programs' files, their secrets left out, nothing started."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devagent.cli.ext.import_ import import_servers
from tests.support.command_line import own_file

SECRET = "ghp_0123456789abcdefghijABCDEFGHIJ012345"


def imported(folder: Path, content: Any, name: str = "file.json", *options: str) -> Result:
    file = folder / name
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return CliRunner().invoke(import_servers, [str(file), *options], standalone_mode=False)


def tables(result: Result) -> dict[str, Any]:
    return tomllib.loads(result.stdout)["extensions"]


def test_claudes_files_become_tables_without_their_secrets(tmp_path: Path) -> None:
    result = imported(
        tmp_path,
        {
            "mcpServers": {
                "GitHub Server": {
                    "command": "npx",
                    "args": ["-y", "@modelcontextprotocol/server-github"],
                    "env": {"GITHUB_TOKEN": SECRET, "LEVEL": "info", "OTHER_KEY": "${OTHER_KEY}"},
                },
                "tracker": {
                    "type": "http",
                    "url": "https://mcp.example.com/mcp",
                    "headers": {"Authorization": f"Bearer {SECRET}"},
                    "disabled": True,
                },
            }
        },
    )
    assert SECRET not in result.output
    assert "GITHUB_TOKEN" in result.stderr
    assert tables(result) == {
        "github-server": {
            "type": "stdio",
            "command": "npx",
            "args": ["-y", "@modelcontextprotocol/server-github"],
            "env": {"LEVEL": "info"},
            "pass_env": ["GITHUB_TOKEN", "OTHER_KEY"],
        },
        "tracker": {
            "type": "http",
            "url": "https://mcp.example.com/mcp",
            "headers": {"Authorization": "Bearer env:TRACKER_AUTHORIZATION"},
            "enabled": False,
        },
    }
    assert "Nothing was started" in result.stderr


def test_what_is_printed_is_a_config_that_is_read(tmp_path: Path) -> None:
    result = imported(
        tmp_path, {"mcpServers": {"git": {"command": "uvx", "args": ["mcp-server-git"]}}}
    )
    assert list(tables(result)) == ["git-server"]  # git is devagent's own
    again = imported(tmp_path, {"mcpServers": {"their git": {"command": "uvx"}}})
    own_file("config.toml", again.stdout)
    other = imported(tmp_path, {"mcpServers": {"their git": {"command": "uvx"}}})
    assert list(tables(other)) == ["their-git-2"]


def test_codex_and_goose_are_understood(tmp_path: Path) -> None:
    codex = (
        '[mcp_servers.papers]\ncommand = "docs-server"\nenv_vars = ["DOCS_TOKEN"]\ntool_timeout_sec = 20\n'
        '[mcp_servers.web]\nurl = "https://mcp.example.com/"\nbearer_token_env_var = "WEB_TOKEN"\n'
    )
    found = tables(imported(tmp_path, codex, "config.toml"))
    assert found["papers"]["pass_env"] == ["DOCS_TOKEN"]
    assert found["papers"]["call_s"] == 20
    assert found["web"]["headers"] == {"Authorization": "Bearer env:WEB_TOKEN"}
    goose = (
        "extensions:\n  developer: {type: builtin, name: developer}\n"
        "  mem: {type: stdio, cmd: npx, args: [memory], env_keys: [MEM_KEY], envs: {A: b}, enabled: false}\n"
    )
    found = tables(imported(tmp_path, goose, "config.yaml"))
    assert found == {
        "mem": {
            "type": "stdio",
            "command": "npx",
            "args": ["memory"],
            "env": {"A": "b"},
            "pass_env": ["MEM_KEY"],
            "enabled": False,
        }
    }


def test_a_registrys_server_is_its_remote_or_its_package_by_version(tmp_path: Path) -> None:
    package = {
        "registryType": "npm",
        "identifier": "@example/files",
        "version": "1.2.3",
        "environmentVariables": [{"name": "FILES_TOKEN", "isSecret": True}],
    }
    (found,) = tables(
        imported(tmp_path, {"name": "io.example/files", "packages": [package]})
    ).values()
    assert found["args"] == ["-y", "@example/files@1.2.3"]
    assert found["pass_env"] == ["FILES_TOKEN"]
    remote = {"type": "streamable-http", "url": "https://mcp.example.com/mcp"}
    (found,) = tables(imported(tmp_path, {"name": "a/b", "remotes": [remote]})).values()
    assert found == {"type": "http", "url": "https://mcp.example.com/mcp"}
    latest = imported(tmp_path, {"name": "a/b", "packages": [{**package, "version": "latest"}]})
    assert "one version" in latest.stderr


def test_a_packages_arguments_and_variables_are_those_that_the_registry_says(
    tmp_path: Path,
) -> None:
    package = {
        "registryType": "npm",
        "identifier": "@acme/weather",
        "version": "1.2.0",
        "runtimeArguments": [{"type": "named", "name": "--yes"}],
        "packageArguments": [
            {"type": "positional", "value": "serve"},
            {"type": "named", "name": "--units", "value": "metric"},
            {"type": "named", "name": "--quiet"},
            {"type": "named", "name": "--city", "description": "Where.", "isRequired": True},
        ],
        "environmentVariables": [
            {"name": "WEATHER_API_KEY", "isSecret": True, "default": "s3cr3t"},
            {"name": "LANGUAGE", "default": "en"},
        ],
    }
    done = imported(tmp_path, {"name": "io.acme/weather", "packages": [package]})
    (found,) = tables(done).values()
    assert found["args"] == [
        *("-y", "@acme/weather@1.2.0", "serve", "--units", "metric", "--quiet"),
    ]
    assert (found["env"], found["pass_env"]) == ({"LANGUAGE": "en"}, ["WEATHER_API_KEY"])
    assert "it needs --city among its args" in done.stdout
    assert "runtimeArguments were not taken over" in done.stdout
    assert "s3cr3t" not in done.output
    image: dict[str, Any] = {"registryType": "oci", "identifier": "ghcr.io/acme/weather:1.2.0"}
    image["environmentVariables"] = package["environmentVariables"]
    (found,) = tables(imported(tmp_path, {"name": "a/b", "packages": [image]})).values()
    assert (found["command"], found["args"][-5:]) == (
        *("docker", ["-e", "WEATHER_API_KEY", "-e", "LANGUAGE", "ghcr.io/acme/weather:1.2.0"]),
    )


def test_a_registrys_remote_is_taken_with_its_places_filled_in_or_not_at_all(
    tmp_path: Path,
) -> None:
    remote: dict[str, Any] = {
        "type": "streamable-http",
        "url": "https://{region}.acme.example/mcp",
        "variables": {"region": {"default": "eu"}},
        "headers": [{"name": "Authorization", "value": "Bearer {token}", "isSecret": True}],
    }
    (found,) = tables(imported(tmp_path, {"name": "a/b", "remotes": [remote]})).values()
    assert found["url"] == "https://eu.acme.example/mcp"
    assert found["headers"] == {"Authorization": "Bearer env:AUTHORIZATION"}
    del remote["variables"]
    refused = imported(tmp_path, {"name": "a/b", "remotes": [remote]})
    assert "{region}" in refused.stderr
    assert "[extensions" not in refused.stdout


def test_what_is_not_taken_over_is_said(tmp_path: Path) -> None:
    raw = {"command": "npx", "args": ["${HOME}/docs"], "autoApprove": ["all"], "timeout": 60}
    done = imported(tmp_path, {"mcpServers": {"odd": raw}})
    assert "# autoApprove was not taken over" in done.stdout
    assert "# ${HOME}/docs: nothing is filled in here" in done.stdout


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ({"command": "x", "args": [f"--token={SECRET}"]}, "looks like a secret"),
        ({"command": "./x"}, "absolute path"),
        ({"url": "http://mcp.example.com/mcp"}, "url"),
        ({"type": "sse", "url": "https://mcp.example.com/sse"}, "HTTP+SSE"),
        ({}, "neither a command nor a URL"),
        (7, "no table"),
    ],
)
def test_what_cannot_be_is_left_out_with_the_reason(tmp_path: Path, raw: Any, why: str) -> None:
    content = {"mcpServers": {"odd": raw, "good": {"command": "good"}}}
    result = imported(tmp_path, content)
    assert result.return_value == 1
    assert list(tables(result)) == ["good"]
    assert why in result.stderr
    assert SECRET not in result.output


@pytest.mark.parametrize("content", ["", "[", "[1]", '{"mcpServers": 3}', "{}", '{"a":' * 3000])
def test_a_file_that_is_none_is_refused_in_words(tmp_path: Path, content: str) -> None:
    result = imported(tmp_path, content)
    assert result.exception is not None
    assert type(result.exception).__name__ == "UsageError"
