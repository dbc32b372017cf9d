"""The sandbox of commands, each kind for real: what a command cannot write, read, reach or outlive."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devagent_workspace import tools
from devagent_workspace.contract import Result, WorkspaceError
from devagent_workspace.jobs import stop_all
from devagent_workspace.sandbox import bounds, landlock, sandbox_by, seatbelt, system_calls
from devagent_workspace.sandbox.bounds import Bounds, bounds_of
from devagent_workspace.sandbox.network import Network
from tests.support import sandboxes
from tests.support.workspaces import Place

PYTHON = sys.executable


class Ground:
    """A home with devagent's own folder and a key in it, and a workspace below that."""

    def __init__(self, root: Path, kind: str) -> None:
        self.kind = kind
        self.root = root.resolve()
        self.home = self.root / "home"
        self.own = self.home / ".config/devagent"
        self.folder = self.home / "shop"
        for folder in (self.own, self.folder, self.home / ".ssh"):
            folder.mkdir(parents=True)
        (self.own / "policy.toml").write_text("version = 1\n")
        (self.home / ".ssh/id_ed25519").write_text("the key\n")
        (self.home / "notes.txt").write_text("may be read\n")
        self.here = Place(str(self.folder), own=(str(self.own),))

    def run(self, command: str, hosts: str = "", *, judged: bool = False) -> Result:
        if judged:
            tools.resources("shell", {"command": command, "hosts": hosts}, self.here)
        return tools.shell(self.here, command=command, timeout_s=20, hosts=hosts)


@pytest.fixture(params=sandboxes.KINDS)
def ground(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Ground]:
    sandboxes.use(monkeypatch, request.param)
    made = Ground(tmp_path, request.param)
    monkeypatch.setenv("HOME", str(made.home))
    # The tests' own folders lie in the true one, which may be written.
    temporary = made.root / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(bounds, "_TEMPORARY", str(temporary))
    monkeypatch.setenv("TMPDIR", str(temporary))
    yield made
    stop_all(str(made.folder))


def test_the_workspace_is_written_and_the_rest_only_read(ground: Ground) -> None:
    result = ground.run(
        "mkdir -p a/b && echo x > a/b/c && mv a/b/c d && rm -r a && cat d ../notes.txt"
    )
    assert result["text"] == "x\nmay be read"
    assert result.get("structured", {})["sandbox"] == ground.kind
    for command in (
        "echo x > ../new.txt",
        "echo x >> ../notes.txt",
        "truncate -s 0 ../notes.txt",
        "rm ../notes.txt",
        "mv ../notes.txt .",
        "ln ../notes.txt linked",
        "mkdir ../new",
        "ln -s /etc ../new",
        f"touch {ground.root}/new",
        "touch /usr/local/new",
    ):
        result = ground.run(command)
        assert result.get("failed"), command
        assert "the sandbox lets nothing be written outside" in result["text"] or "cross-device" in result["text"], command  # fmt: skip
    assert sorted(os.listdir(ground.home)) == [".config", ".ssh", "notes.txt", "shop"]
    assert (ground.home / "notes.txt").read_text() == "may be read\n"


@pytest.mark.parametrize(
    "code",
    [
        "open('{own}/policy.toml','a').write('x')",
        "open('{own}/policy.toml').read()",
        "open('{own}/new.toml','w')",
        "import os; os.truncate('{own}/policy.toml', 0)",
        "import os; os.rename('{own}/policy.toml', '{folder}/p')",
        "import os; os.link('{own}/policy.toml', '{folder}/p')",
        "import os; os.rename('{own}', '{folder}/own')",
        "import os; os.unlink('{own}/policy.toml')",
        "import os; os.symlink('{own}', '{folder}/s'); open('{folder}/s/policy.toml','a')",
        "open('/proc/self/root{own}/policy.toml','a')",
        "import os; os.chdir('{own}'); open('policy.toml','a')",
        "import os; d=os.open('{home}', os.O_RDONLY); os.open('.config/devagent/policy.toml', os.O_RDWR, dir_fd=d)",
        "open('/proc/{pid}/root{own}/policy.toml','a')",
        "open('/proc/{pid}/cwd/../policy.toml')",
        "open('{home}/.ssh/id_ed25519').read()",
        "open('/proc/{pid}/environ').read()",
        "open('/proc/{pid}/mem','r+b')",
        "import ctypes, os; c=ctypes.CDLL(None, use_errno=True); r=c.mount(b'none', b'{home}', b'tmpfs', 0, None); assert r == 0",
        "import ctypes, os; c=ctypes.CDLL(None, use_errno=True); r=c.umount2(b'{own}', 2); assert r == 0; open('{own}/policy.toml')",
        "import os; os.kill({pid}, 0) if {kills} else 1/0",
    ],
)
def test_no_code_reaches_devagents_own_files_keys_or_process(ground: Ground, code: str) -> None:
    kills = ground.kind == "bubblewrap" or landlock_version() >= 6
    filled = code.format(
        own=ground.own, folder=ground.folder, home=ground.home, pid=os.getpid(), kills=kills
    )
    (ground.folder / "code.py").write_text(filled)
    before = os.stat(ground.own / "policy.toml")
    result = ground.run(f"{PYTHON} code.py")
    assert result.get("failed"), result["text"]
    assert "the key" not in result["text"]
    assert "version = 1" not in result["text"]
    after = os.stat(ground.own / "policy.toml")
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)  # fmt: skip
    assert os.listdir(ground.own) == ["policy.toml"]


def landlock_version() -> int:
    return landlock._version()  # pyright: ignore[reportPrivateUsage]


def test_own_files_inside_the_workspace_are_out_of_reach_too(ground: Ground) -> None:
    inner = ground.folder / "conf"
    inner.mkdir()
    (inner / "policy.toml").write_text("version = 1\n")
    (ground.folder / "src").mkdir()
    place = Place(str(ground.folder), own=(str(inner), str(ground.folder / "later")))
    for command in (
        "echo x >> conf/policy.toml",
        "cat conf/policy.toml",
        "rm -rf conf/policy.toml; test ! -e conf/policy.toml && cat conf/policy.toml",
        "mv conf other",
        "mkdir -p later && echo x > later/config.toml",
    ):
        result = tools.shell(place, command=command)
        assert result.get("failed"), (command, result["text"])
    assert tools.shell(place, command="echo y > src/a && cat src/a")["text"] == "y"
    assert (inner / "policy.toml").read_text() == "version = 1\n"
    assert not (ground.folder / "later/config.toml").exists()


def test_there_is_no_network_unless_hosts_are_named(ground: Ground) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        server.settimeout(5)
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5); print('there')"
        (ground.folder / "call.py").write_text(code)
        refused = ground.run(f"{PYTHON} call.py")
        assert refused.get("failed")
        assert ground.run(f"{PYTHON} call.py", hosts="localhost")["text"] == "there"
    told = ground.run("getent hosts no-such-host.example || echo cannot resolve; false")
    assert "name in hosts what it must reach" in told["text"]


def test_sockets_of_other_programs_are_no_way_out(ground: Ground) -> None:
    path = ground.folder / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        code = "import socket\na, b = socket.socketpair()\nprint('pair')\nsocket.socket(socket.AF_UNIX).connect('s')"
        (ground.folder / "call.py").write_text(code)
        for hosts in ("", "example.com"):
            result = ground.run(f"{PYTHON} call.py", hosts=hosts)
            assert result["text"].startswith("pair\n")
            assert "PermissionError" in result["text"]


def test_what_a_line_was_judged_to_write_outside_can_be_written(ground: Ground) -> None:
    out = ground.home / "out"
    out.mkdir()
    command = f"echo x > {out}/new; echo x > {out}; ls {out}"
    assert ground.run(f"echo x > {out}/new").get("failed")
    (out / "new").write_text("old")
    assert not ground.run(f"echo x > {out}/new", judged=True).get("failed")
    assert (out / "new").read_text() == "x\n"
    assert ground.run(command).get("failed") is not None


def test_a_setting_lets_caches_be_written_but_never_own_files(ground: Ground) -> None:
    cache = ground.home / ".cache/go-build"
    cache.mkdir(parents=True)
    settings = {"writable": ["~/.cache/go-build", "~/.config", "relative", 3]}
    place = Place(str(ground.folder), own=(str(ground.own),), settings=settings)
    assert tools.shell(place, command=f"echo x > {cache}/a && cat {cache}/a")["text"] == "x"
    assert tools.shell(place, command=f"echo x >> {ground.own}/policy.toml").get("failed")
    assert (ground.own / "policy.toml").read_text() == "version = 1\n"


def test_temporary_files_devices_and_git_work(ground: Ground) -> None:
    result = ground.run(
        "git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git log --format=%s"
        " && echo ok > /dev/null && head -c 3 /dev/urandom | wc -c && cat <<'E'\ndoc\nE\n"
    )
    assert result["text"] == "x\n3\ndoc"


def test_the_git_folder_of_a_workspace_in_a_repository_can_be_written(ground: Ground) -> None:
    for command in (
        "git init -q .",
        "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x",
    ):
        assert not ground.run(command).get("failed")
    sub = ground.folder / "sub"
    sub.mkdir()
    place = Place(str(sub), own=(str(ground.own),))
    assert not tools.shell(place, command="git branch topic").get("failed")
    assert tools.shell(place, command="touch ../beside").get("failed")
    tree = ground.home / "tree"
    subprocess.run(["git", "-C", str(ground.folder), "worktree", "add", "-q", str(tree), "topic"], check=True)  # fmt: skip
    linked = Place(str(tree), own=(str(ground.own),))
    done = tools.shell(linked, command="git -c user.name=a -c user.email=a@b commit -q --allow-empty -m y")  # fmt: skip
    assert not done.get("failed"), done["text"]


def test_a_dot_git_that_names_a_foreign_folder_makes_nothing_writable(ground: Ground) -> None:
    for target in (str(ground.home / ".config"), "..", str(ground.root)):
        (ground.folder / ".git").write_text(f"gitdir: {target}\n")
        found = bounds_of(
            str(ground.folder), own=(), settings={}, written=(), network=Network(whole=False)
        )
        assert set(found.writable) == {str(ground.folder), str(ground.root / "tmp")}


def test_jobs_are_held_too_and_end_when_stopped(ground: Ground) -> None:
    marker = f"{time.time_ns()}.5"
    command = f"cat {ground.own}/policy.toml; echo ready; sleep {marker}"
    started = tools.shell(ground.here, command=command, background=True)
    number = started.get("structured", {})["job"]
    limit = time.monotonic() + 10
    while "ready" not in (text := tools.job(ground.here, action="read", id=number)["text"]):
        assert time.monotonic() < limit
        threading.Event().wait(0.01)
    assert "version = 1" not in text
    assert "[stopped" in tools.job(ground.here, action="stop", id=number)["text"]


def test_a_process_with_a_session_of_its_own_does_not_outlive_namespaces(ground: Ground) -> None:
    if ground.kind != "bubblewrap":
        pytest.skip("only namespaces hold what leaves its session")
    marker = f"{time.time_ns()}.5"
    ground.run(f"setsid -f sleep {marker} >/dev/null 2>&1; echo ok")
    limit = time.monotonic() + 10
    while any(marker in _command_line(pid) for pid in os.listdir("/proc") if pid.isdigit()):
        assert time.monotonic() < limit, "it is still there"
        threading.Event().wait(0.01)


def _command_line(pid: str) -> str:
    try:
        return Path("/proc", pid, "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_this_process_stays_free(ground: Ground) -> None:
    ground.run("true")
    (ground.own / "policy.toml").write_text("still ours\n")
    with socket.socket(socket.AF_UNIX):
        assert (ground.own / "policy.toml").read_text() == "still ours\n"


# -- which sandbox, and what rules see of it


def test_what_runs_a_command_is_named_to_policy(ground: Ground) -> None:
    found = tools.resources("shell", {"command": "python3 -c 1; ls | x", "hosts": "pypi.org,b.example"}, ground.here)  # fmt: skip
    commands = [one for one in found if one["id"].startswith("command:")]
    assert len(commands) >= 3
    assert all(f"sandbox.{ground.kind}" in one["tags"] for one in commands)
    assert "command.interpreter" in commands[0]["tags"]
    hosts = [one for one in found if one["id"].startswith("host:")]
    whole = [] if ground.kind == "bubblewrap" else ["host:?"]
    assert [one["id"] for one in hosts] == ["host:pypi.org", "host:b.example", *whole]
    assert all(one["access"] == "write" for one in hosts)


@pytest.mark.parametrize(
    "hosts", ["https://a.example", "a.example:80", "a/b", "*", "*.example", "a;b"]
)
def test_what_is_no_host_is_refused(tmp_path: Path, hosts: str) -> None:
    with pytest.raises(WorkspaceError) as refused:
        tools.resources("shell", {"command": "true", "hosts": hosts}, Place(str(tmp_path)))
    assert refused.value.error == "bad_arguments"


def test_without_a_sandbox_it_is_said_and_where_one_is_required_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandboxes.use(monkeypatch, "none")
    place = Place(str(tmp_path))
    (found,) = tools.resources("shell", {"command": "touch ran"}, place)
    assert "sandbox.none" in found["tags"]
    required = Place(str(tmp_path), settings={"sandbox": "required"})
    for call in (
        lambda: tools.resources("shell", {"command": "touch ran"}, required),
        lambda: tools.shell(required, command="touch ran"),
    ):
        with pytest.raises(
            WorkspaceError, match=r"a sandbox is required .* none in this test"
        ) as refused:
            call()
        assert refused.value.error == "no_sandbox"
    assert os.listdir(tmp_path) == []
    assert tools.checks(required)[0][2].startswith("Install bubblewrap")
    assert tools.checks(place)[0][2] == ""


def test_a_person_may_switch_it_off_and_an_unknown_word_is_refused(tmp_path: Path) -> None:
    off = Place(str(tmp_path), settings={"sandbox": "off"})
    assert "sandbox.none" in tools.resources("shell", {"command": "true"}, off)[0]["tags"]
    assert tools.shell(off, command="true").get("structured", {})["sandbox"] == "none"
    with pytest.raises(WorkspaceError, match="auto, required, off"):
        sandbox_by({"sandbox": "of"})


def test_a_sandbox_that_cannot_be_set_up_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandboxes.use(monkeypatch, "landlock")
    monkeypatch.setattr(landlock, "_RESTRICT", 0xFFFF)
    with pytest.raises(WorkspaceError) as refused:
        tools.shell(Place(str(tmp_path)), command="touch ran")
    assert refused.value.error == "no_sandbox"
    assert os.listdir(tmp_path) == []


def test_a_temporary_folder_that_is_a_home_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for named in ("/", str(tmp_path), str(tmp_path / "home"), "relative"):
        monkeypatch.setenv("TMPDIR", named)
        assert bounds._temporary(str(tmp_path / "home")) == [bounds._TEMPORARY]  # pyright: ignore[reportPrivateUsage]


def test_the_filter_is_whole_instructions_and_knows_this_machine() -> None:
    assert system_calls.is_known_machine()
    for internet in (True, False):
        assert len(system_calls.program(internet=internet)) % 8 == 0


def test_the_profile_for_macos_denies_what_the_others_deny() -> None:
    text = seatbelt.profile(Bounds(("/Users/ana/shop",), ('/Users/ana/.config/dev"agent',)))
    lines = text.split("\n")
    assert lines[0] == "(version 1)"
    assert lines.index("(deny file-write*)") < lines.index('(allow file-write* (subpath "/Users/ana/shop"))')  # fmt: skip
    assert '(deny file-read* file-write* (subpath "/Users/ana/.config/dev\\"agent"))' in lines[-2:]
    assert lines[-1] == "(deny network*)"
    assert "(deny network*)" not in seatbelt.profile(Bounds((), (), network=True))
