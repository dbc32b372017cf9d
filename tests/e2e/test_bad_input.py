"""Bad input gets a clear error and its exit code, and nothing is lost: files, names, places, surroundings."""

import os
from pathlib import Path
from typing import Any

import pytest

from devagent.audit.verify import verify_session
from tests.support.command_line import KEY, Finished, devagent, logs, own_file
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.repositories import empty, git, small
from tests.support.workplace import ADD, COMMIT, STATUS, commits, workplace

HEAD = 'version = 1\nname = "mine"\nlayer = "local"\n'
RULE = f'{HEAD}[[rule]]\nid = "a"\n'


@pytest.fixture
def repository(tmp_path: Path, home: Path) -> Path:
    (home / ".gitconfig").write_text("[user]\n\tname = Ana Roe\n\temail = ana@example.com\n")
    return small(tmp_path / "repository")


def refused(done: Finished, server: MessagesServer) -> dict[str, Any]:
    """The result of a run that ended before anything was done: 78, alone, no session, no request."""
    assert (done.code, len(done.lines), done.stderr) == (78, 1, ""), done
    assert (done.result["session"], done.result["stop"]) == ("", "config")
    assert (logs(), server.requests) == ([], [])
    return done.result


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("config.toml", 'model = "claude', ":1:16: not TOML: Unterminated string"),
        ("config.toml", 'x = 1\nmodle = "y"', ":1:1: unknown key 'x'"),
        ("config.toml", 'modle = "x"', ":1:1: unknown key 'modle'. Did you mean 'model'?"),
        ("config.toml", "\nmodel = 3", ":2:1: model must be text"),
        ("config.toml", "max_tokens = 1.5", ":1:1: max_tokens must be a whole number"),
        ("config.toml", "stall_s = nan", ":1:1: stall_s must be above 0"),
        ("config.toml", b'# caf\xe9\nmodel = "x"', ":1:6: byte 0xe9 is not UTF-8"),
        ("config.toml", "[extensions]\nsql = 4", ":2:1: extensions.sql must be a table"),
        ("config.toml", 'model = "gpt-5"', "unknown model 'gpt-5'"),
        ("policy.toml", "version = ", ":1:10: not TOML: Invalid value"),
        ("policy.toml", f'{RULE}efect = "allow"', ':6:1: a rule has no key "efect". Did you mean "effect"?'),
        ("policy.toml", f'{RULE}effect = "alow"', 'effect can not be "alow". Did you mean "allow"?'),
        ("policy.toml", f'{HEAD}[[rul]]\nid = "a"', ':4:1: a policy file has no key "rul". Did you mean "rule"?'),
        ("policy.toml", f'{RULE}effect = "deny"\nresources = ["pth:x"]', ':7:14: element 1 of resources "pth:x"'),
        ("policy.toml", f'{HEAD}default = "allow"', ":4:1:"),
        ("policy.toml", 'version = 2\nname = "x"\nlayer = "local"', ":1:1:"),
        ("policy.toml", b"# caf\xe9", ":1:6: byte 0xe9 is not UTF-8"),
    ],
)  # fmt: skip
async def test_a_broken_file_is_named_with_line_column_and_the_nearest_valid_name(
    repository: Path, name: str, text: str | bytes, said: str
) -> None:
    file = own_file(name, text)
    async with MessagesServer() as server:
        done = await devagent("run", "Hi", "--output-format", "json", server=server, cwd=repository)
    reason = refused(done, server)["reason"]
    assert said in reason
    assert str(file) in reason or said.startswith("unknown model")


@pytest.mark.parametrize("name", ["config.toml", "policy.toml"])
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("writable", "can be written by others (mode 0666). Run `chmod go-w"),
        ("link", "is a symbolic link"),
        ("folder", "is not a regular file"),
        ("pipe", "is not a regular file"),
    ],
)
async def test_a_file_that_another_could_have_written_is_refused(
    repository: Path, name: str, kind: str, said: str
) -> None:
    file = own_file(name, HEAD if name == "policy.toml" else "")
    if kind == "writable":
        file.chmod(0o666)
    else:
        file.rename(file.with_suffix(".real"))
        match kind:
            case "link":
                file.symlink_to(file.with_suffix(".real"))
            case "folder":
                file.mkdir()
            case _:
                os.mkfifo(file)
    async with MessagesServer() as server:
        done = await devagent("run", "Hi", "--output-format", "json", server=server, cwd=repository)
    reason = refused(done, server)["reason"]
    assert said in reason
    assert str(file) in reason


async def test_a_missing_key_says_where_it_was_looked_for_and_the_command_that_sets_it(
    repository: Path,
) -> None:
    async with MessagesServer() as server:
        done = await devagent(
            *("run", "Hi", "--output-format", "json"),
            server=server, cwd=repository, env={"ANTHROPIC_API_KEY": ""},
        )  # fmt: skip
    reason = refused(done, server)["reason"]
    for word in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "keyring", "`devagent auth login`"):
        assert word in reason


async def test_a_key_is_in_no_error_though_the_service_repeats_it(repository: Path) -> None:
    careless = Step(status=401, error="authentication_error", message="bad key", echo_key=True)
    async with MessagesServer([careless]) as server:
        done = await devagent(
            "run", "Hi", "--output-format", "stream-json", server=server, cwd=repository
        )
    (log,) = logs()
    files = b"".join(file.read_bytes() for file in Path(log).iterdir() if file.is_file())
    assert done.code == 6
    assert "bad key" in done.result["reason"]
    assert KEY not in done.stdout + done.stderr
    assert KEY.encode() not in files


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host", "the base URL of the model service must begin with https:// or http://"),
        ("nonsense", "the base URL of the model service must begin with"),
        ("http://127.0.0.1:99999", "the base URL of the model service has no usable port"),
    ],
)
async def test_an_address_that_cannot_be_used_is_named(
    repository: Path, url: str, said: str
) -> None:
    async with MessagesServer() as server:
        done = await devagent(
            *("run", "Hi", "--output-format", "json"),
            server=server, cwd=repository, env={"ANTHROPIC_BASE_URL": url},
        )  # fmt: skip
    assert said in refused(done, server)["reason"]


def told(server: MessagesServer) -> list[str]:
    """The tool results of the last request."""
    return [
        block["content"]
        for block in server.requests[-1].body["messages"][-1]["content"]
        if block["type"] == "tool_result"
    ]


async def tried(folder: str | bytes | Path, *calls: Call, **env: str) -> list[str]:
    """What the model is told of these calls in that folder; the run itself is fine."""
    own_file("policy.toml", f'{HEAD}[[rule]]\nid = "all"\neffect = "allow"\ntools = ["git.*"]\n')
    async with MessagesServer([Step(calls=list(calls)), Step(text="Done.")]) as server:
        done = await devagent("run", "Try", server=server, cwd=folder, env=env)
    assert (done.code, done.stdout, done.stderr) == (0, "Done.\n", "")
    return told(server)


LOG, DIFF = Call("git__log"), Call("git__diff")


async def test_a_folder_that_is_no_repository_is_said_to_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    for text in await tried(folder, STATUS, LOG, ADD, COMMIT):
        assert "not inside a git repository" in text


async def test_a_repository_without_commits_gets_its_first(repository: Path) -> None:
    folder = empty(repository.parent / "new")
    (folder / "a.txt").write_text("first\n")
    status, log, diff, staged, committed = await tried(folder, STATUS, LOG, DIFF, ADD, COMMIT)
    assert "no commits yet" in status
    assert "no commits yet" in log
    assert "no differences" in diff
    assert "staged 1 file" in staged
    assert "committed" in committed
    assert commits(folder) == ["Say three"]


async def test_a_detached_head_is_said_and_takes_a_commit(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "HEAD~1")
    (repository / "a.txt").write_text("changed\n")
    status, staged, committed = await tried(repository, STATUS, ADD, COMMIT)
    assert "HEAD detached at" in status
    assert "staged 1 file" in staged
    assert "on HEAD (detached)" in committed
    assert commits(repository) == ["Second", "First"]
    assert commits(repository, "HEAD") == ["Say three", "First"]


async def test_a_damaged_repository_is_no_traceback(repository: Path) -> None:
    (repository / ".git/HEAD").write_text("nonsense")
    for text in await tried(repository, STATUS, LOG, ADD, COMMIT):
        assert "not inside a git repository" in text


async def test_git_that_is_not_on_path_is_said_to_the_model(repository: Path) -> None:
    for text in await tried(repository, STATUS, COMMIT, PATH="/nonexistent"):
        assert "git is not installed" in text


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "new\nline",
        "ünï 日本",
        b"caf\xe9",
        'quo\'te "$(x)" `y`',
        "-dash",
        "esc\x1b[31m",
        "{brace}*?[x]",
        "\u202eevil",
    ],
)
async def test_a_workspace_of_any_name_is_worked_in(
    tmp_path: Path, home: Path, name: str | bytes
) -> None:
    folder = os.path.join(os.fsencode(tmp_path), os.fsencode(name))
    os.rename(workplace(tmp_path, home), folder)
    status, staged, committed = await tried(folder, STATUS, ADD, COMMIT)
    assert "on main" in status
    assert "staged 1 file" in staged
    assert "committed" in committed
    assert commits(Path(os.fsdecode(folder)))[0] == "Say three"
    shown = await devagent("session", "show", "last")
    assert shown.code == 0, shown.stderr
    assert "\x1b" not in shown.stdout
    assert verify_session(logs()[0]).summary == "verify: ok"


async def test_an_origin_in_a_folder_with_a_space_is_pushed_to(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "two words"
    folder.mkdir()
    work = workplace(folder, home)
    git(work, "switch", "--quiet", "--create", "mine")
    (text,) = await tried(work, Call("git__push", {"remote": "origin", "ref": "mine"}))
    assert "mine" in text
    assert commits(folder / "origin.git", "mine") == ["Second", "First"]


async def test_files_of_any_name_are_listed_and_committed(repository: Path) -> None:
    names = [b"caf\xe9.txt", b"sp ace", b"new\nline", b"-x", b"tab\t", "\u202eevil".encode()]
    for name in names:
        Path(os.fsdecode(os.path.join(os.fsencode(repository), name))).write_text("x")
    everything = Call("git__add", {"paths": ["."]})
    status, staged, committed = await tried(repository, STATUS, everything, COMMIT)
    assert "6 untracked" in status
    assert "\u202e" not in status
    assert "staged 6 files" in staged
    assert "6 files changed" in committed
    assert git(repository, "status", "--short") == ""


@pytest.mark.parametrize("command", ["run", "session list", "config show", "doctor", "demo"])
async def test_a_home_that_is_a_file_is_said(repository: Path, command: str) -> None:
    file = repository / "a.txt"
    async with MessagesServer() as server:
        done = await devagent(
            *command.split(), *(["Hi"] if command == "run" else []),
            server=server, cwd=repository, env={"DEVAGENT_HOME": str(file)},
        )  # fmt: skip
    assert done.code == {"session list": 0, "doctor": 1}.get(command, 78)
    assert "Traceback" not in done.stderr
    if command != "session list":  # where nothing can be, there is no session
        assert str(file) in done.stdout + done.stderr
    assert file.read_text() == "one\ntwo\n"
    assert server.requests == []


async def test_without_home_the_account_has_one(repository: Path) -> None:
    def without(*names: str) -> str:
        dropped = "; ".join(f"os.environ.pop({name!r}, None)" for name in names)
        return f"import os, sys; {dropped}; os.execv(sys.executable, [sys.executable, '-m', 'devagent', *sys.argv[1:]])"

    code = without("HOME", "DEVAGENT_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
    done = await devagent("config", "path", cwd=repository, program=("-c", code))
    assert done.code == 0, done.stderr
    config = done.stdout.splitlines()[0].split()[1]
    assert os.path.isabs(config)
    assert config.endswith("/.config/devagent/config.toml")


async def test_a_home_that_is_relative_still_makes_absolute_places(repository: Path) -> None:
    gone = {"HOME": "here", "XDG_CONFIG_HOME": "", "DEVAGENT_HOME": ""}
    done = await devagent("config", "path", cwd=repository, env=gone)
    assert (
        done.stdout.splitlines()[0].split()[1] == f"{repository}/here/.config/devagent/config.toml"
    )


async def test_a_current_folder_that_was_removed_is_said(repository: Path) -> None:
    code = (
        "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); "
        "os.execv(sys.executable, [sys.executable, '-m', 'devagent', *sys.argv[1:]])"
    )
    async with MessagesServer() as server:
        done = await devagent("run", "Hi", server=server, cwd=repository, program=("-c", code))
    assert (done.code, done.stdout) == (2, "")
    assert "the current folder is no longer there" in done.stderr


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["sesion"], "session"),
        (["policy", "explian"], "explain"),
        (["run", "--modle", "x"], "--model"),
    ],
)
async def test_a_mistyped_command_or_option_is_2_with_the_nearest_one(
    words: list[str], near: str
) -> None:
    done = await devagent(*words)
    assert (done.code, done.stdout) == (2, "")
    assert "Did you mean" in done.stderr
    assert f"'{near}'" in done.stderr


async def test_a_broken_cache_of_a_policy_costs_nothing_but_time(repository: Path) -> None:
    own_file("policy.toml", HEAD)
    async with MessagesServer([Step(text="Hi."), Step(text="Hi again.")]) as server:
        first = await devagent("run", "Hi", server=server, cwd=repository)
        cached = list(Path(os.environ["DEVAGENT_HOME"], "cache").glob("*.json"))
        assert cached
        for file in cached:
            file.write_bytes(file.read_bytes()[:-20])
        again = await devagent("run", "Hi", server=server, cwd=repository)
    assert (first.code, again.code, again.stdout) == (0, 0, "Hi again.\n")


async def test_a_cache_that_cannot_be_written_is_done_without(repository: Path) -> None:
    own_file("policy.toml", HEAD)
    Path(os.environ["DEVAGENT_HOME"], "cache").write_text("in the way")
    async with MessagesServer([Step(text="Hi.")]) as server:
        done = await devagent("run", "Hi", server=server, cwd=repository)
    assert (done.code, done.stdout, done.stderr) == (0, "Hi.\n", "")
