"""``[extensions.NAME]`` of an MCP server: what is read, and what is refused with its place."""

import pytest

from devagent.core.errors import ConfigError
from devagent.host.mcp.config import ServerSettings, check_names, parse_server
from devagent.settings.config import parse_config

FILE = "/home/ana/config.toml"


def read(text: str, name: str = "files") -> ServerSettings:
    config = parse_config(f"[extensions.{name}]\n{text}".encode(), FILE)
    check_names([name], config.fault)
    return parse_server(name, config.extensions[name], config.fault)


def test_all_that_can_be_said_of_a_server() -> None:
    settings = read(
        'type = "stdio"\ncommand = "files-server"\nargs = ["--root", "/srv"]\ncwd = "/srv"\n'
        'env = { LEVEL = "low" }\npass_env = ["FILES_TOKEN"]\nstart_s = 5\ncall_s = 1.5\nenabled = true\n'
        'classes = { read_file = "read" }\nresources = { read_file = ["path:{args.path}"] }\n'
    )
    assert (settings.command, settings.args, settings.cwd) == (
        *("files-server", ("--root", "/srv"), "/srv"),
    )
    assert settings.variables == ("FILES_TOKEN", "LEVEL")
    assert (settings.start_s, settings.call_s) == (5.0, 1.5)
    assert settings.classes == {"read_file": "read"}
    assert [t.kind for t in settings.resources["read_file"]] == ["path"]


def test_a_command_is_enough() -> None:
    settings = read('type = "stdio"\ncommand = "x"')
    assert (settings.args, settings.env, settings.classes, settings.resources) == ((), {}, {}, {})


@pytest.mark.parametrize(
    ("text", "place", "said", "hint"),
    [
        ('comand = "x"', "3:1", "unknown key 'comand'", "'command'"),
        ('args = "x"', "3:1", "args must be a list", ""),
        ('args = ["a",\n  3]', "4:3", "args must hold texts only", ""),
        ('args = ["a\\u0000"]', "3:9", "args must hold texts only", ""),
        ("env = { A = 3 }", "3:9", "env.A must be text", ""),
        ('env = { "A B" = "x" }', "3:9", "'A B' is no name of a variable", ""),
        ('env = { GITHUB_TOKEN = "x" }', "3:9", "looks like a secret", "pass_env"),
        ('pass_env = ["A=B"]', "3:13", "'A=B' is no name of a variable", ""),
        ('cwd = "srv"', "3:1", "cwd must be an absolute path", ""),
        ("start_s = 0", "3:1", "start_s must be above 0", ""),
        ("call_s = nan", "3:1", "call_s must be above 0", ""),
        ("call_s = 1e9", "3:1", "at most 3600", ""),
        ("call_s = true", "3:1", "call_s must be a number", ""),
        ('classes = { a = "safe" }', "3:13", "classes.a is no class", "read, write, exec"),
        ('classes = ["a"]', "3:1", "classes must be a table", ""),
        ("resources = { a = [] }", "3:15", "resources.a must be a list", ""),
        ('resources = { a = ["path:{args.p"] }', "3:20", "has a brace", ""),
        ('resources = { a = ["command:{args.c}"] }', "3:20", "must begin with one of path:", ""),
        ('resources = { a = ["path:"] }', "3:20", "names nothing", ""),
        ('resources = { a = ["mcp:other/x"] }', "3:20", "its own server", ""),
    ],
)
def test_a_slip_is_refused_with_its_place(text: str, place: str, said: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(f'command = "x"\n{text}\ntype = "stdio"')
    assert str(caught.value).startswith(f"{FILE}:{place}: extensions.files: "), str(caught.value)
    assert said in caught.value.what
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('type = "stdio"', "command is missing"),
        ('type = "stdio"\ncommand = ""', "command is missing"),
        ('type = "stdio"\ncommand = "./server"', "a name on PATH or an absolute path"),
        ('command = "x"', 'type must be "stdio"'),
        ('type = "sse"\ncommand = "x"', 'type must be "stdio"'),
    ],
)
def test_what_is_missing_or_would_run_a_program_of_the_workspace_is_refused(
    text: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        read(text)


@pytest.mark.parametrize(
    "name",
    [
        "git",
        "g1t",
        "gi-t",
        "sq1",
        "workspace",
        "work_space",
        "mcp",
        "a__b",
        "a_",
        "-a",
        "Files",
        "1a",
        "a" * 33,
    ],
)
def test_a_name_that_is_none_or_looks_like_one_of_devagents_own_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="name"):
        read('type = "stdio"\ncommand = "x"', name=f'"{name}"' if name == "-a" else name)


def test_two_servers_may_not_look_alike() -> None:
    config = parse_config(b"", FILE)
    with pytest.raises(ConfigError, match="looks like, 'mail1'"):
        check_names(["mail1", "mail", "maill"], config.fault)


def http(text: str) -> ServerSettings:
    return read(f'type = "http"\n{text}')


def test_all_that_can_be_said_of_a_server_behind_http() -> None:
    settings = http(
        """
        url = "https://mcp.example.com/mcp?team=a"
        headers = { Authorization = "Bearer env:FILES_TOKEN", X-Key = "keyring:files" }
        start_s = 5
        classes = { read_file = "read" }
        """
    )
    assert (settings.kind, settings.url) == ("http", "https://mcp.example.com/mcp?team=a")
    assert {name: str(one) for name, one in settings.headers.items()} == {
        "Authorization": "Bearer env:FILES_TOKEN",
        "X-Key": "keyring:files",
    }
    assert (settings.start_s, settings.classes) == (5, {"read_file": "read"})
    signed = http(
        'url = "https://a.example/"\noauth = { client_id = "me", issuer = "https://i.example" }'
    )
    assert (signed.oauth.client_id, signed.oauth.grant) == ("me", "authorization_code")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "url is missing"),
        ('url = "http://mcp.example.com/"', "url must be https"),
        ('url = "ftp://localhost/"', "url must be https"),
        ('url = "https:///mcp"', "url must be a URL with a host"),
        ('url = "https://me:secret@a.example/"', "url may not hold a user"),
        ('url = "https://a.example/#x"', "url may not hold a fragment"),
        ('url = "https://a.example/?api_key=1"', "url has what looks like a secret"),
        ('url = "https://\u0430.example/"', "url must be a plain URL"),
        ('url = "https://a.example\\\\@b.example/"', "url must be a plain URL"),
        ('url = "https://a.example:99999/"', "url must be a URL"),
        ('url = "http://localhost.evil.example/"', "url must be https"),
        ('url = "https://a/"\ncommand = "x"', "unknown key 'command'"),
        ('url = "https://a/"\nheaders = { Authorization = "Bearer abc123" }', "never its value"),
        ('url = "https://a/"\nheaders = { Authorization = "env:A B" }', "never its value"),
        ('url = "https://a/"\nheaders = { Host = "env:A" }', "headers.Host is a header that"),
        ('url = "https://a/"\nheaders = { Mcp-Session-Id = "env:A" }', "is a header that"),
        ('url = "https://a/"\nheaders = { "A b" = "env:A" }', "is no name of a header"),
        ('url = "https://a/"\nheaders = { X = "env:A", x = "env:B" }', "one name twice"),
        ('url = "https://a/"\noauth = { id = "x" }', "oauth has no key 'id'"),
        ('url = "https://a/"\noauth = { client_id = "x", client_secret = "abc" }', "never its value"),
        ('url = "https://a/"\noauth = { client_id = "x", client_secret = "env:A" }', "no issuer"),
        ('url = "https://a/"\noauth = { grant = "client_credentials" }', "needs client_id"),
        ('url = "https://a/"\noauth = { grant = "password" }', "for grant"),
        ('url = "https://a/"\noauth = { client_metadata_url = "https://a" }', "https and a path"),
        ('url = "https://a/"\nheaders = { authorization = "env:A" }\noauth = {}', "exclude each other"),
    ],
)  # fmt: skip
def test_a_server_behind_http_is_read_as_strictly(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        http(text)
    assert said in caught.value.what, caught.value.what
    assert "abc" not in str(caught.value)
    assert "abc" not in caught.value.hint
