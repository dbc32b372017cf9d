"""The policy in force: there is no way to "no policy"."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from devagent.core.errors import PolicyError
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ToolClass
from devagent.core.verdicts import Effect, Request
from devagent.policy import from_cache, parse, to_cache
from devagent.settings import places as places_module
from devagent.settings.places import Places, places
from devagent.settings.policies import EffectivePolicy, effective_policy, is_enrolled
from tests.support.owners import ME, owned_by

ORG = """version = 1
name = "acme"
[[rule]]
id = "read"
effect = "allow"
classes = ["read"]
[[rule]]
id = "push"
effect = "ask"
tools = ["git.push"]
"""
NARROW = """version = 1
name = "careful"
[[rule]]
id = "no-push"
effect = "deny"
tools = ["git.push"]
"""
WIDE = """version = 1
name = "wide"
[[rule]]
id = "all"
effect = "allow"
"""


@pytest.fixture
def here() -> Places:
    return places()


@pytest.fixture(autouse=True)
def org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The organisation's folder, not there yet; what it will hold may belong to this process's user."""
    folder = tmp_path / "etc"
    monkeypatch.setattr(places_module, "ORG_FOLDER", str(folder))
    return folder


Enrol = Callable[..., Path]


@pytest.fixture
def enrol(org: Path, monkeypatch: pytest.MonkeyPatch) -> Enrol:
    """Put the organisation's policy there, as root would."""

    def enrolled(text: str = ORG, mode: int = 0o644) -> Path:
        org.mkdir(mode=0o755)
        file = org / "policy.toml"
        file.write_text(text)
        file.chmod(mode)
        owned_by(0, monkeypatch, org, file)
        return file

    return enrolled


def written(path: str | Path, text: str) -> str:
    file = Path(path)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o600)
    return str(file)


def effect(
    policy: EffectivePolicy,
    tool: str = "push",
    tool_class: ToolClass = "net",
    resource: str = "branch:main",
) -> Effect:
    request = Request(
        principal=Principal(user="ana"),
        extension="git",
        tool=tool,
        tool_class=tool_class,
        resources=(Resource(resource, "read" if tool_class == "read" else "write"),),
        context={"mode": "run", "interactive": False, "today": "2026-11-20"},
    )
    return policy.compiled.decide(request).effect


def layers(policy: EffectivePolicy) -> list[str]:
    return [f"{layer.layer}/{layer.name}" for layer in policy.layers]


class TestNobodyEnrolled:
    def test_the_baseline_stands_in_the_organisations_place(self, org: Path, here: Places) -> None:
        assert not is_enrolled()
        policy = effective_policy(here)
        assert layers(policy) == ["org/baseline"]
        assert not policy.locked
        assert effect(policy) == "ask"
        assert effect(policy, "log", "read", "path:src/a.py") == "allow"
        assert not org.exists()

    def test_whoever_owns_the_laptop_may_allow_more(self, here: Places) -> None:
        written(here.policy, WIDE)
        policy = effective_policy(here)
        assert layers(policy) == ["org/baseline", "local/wide"]
        assert effect(policy) == "allow"

    def test_and_may_narrow(self, here: Places) -> None:
        written(here.policy, NARROW)
        assert effect(effective_policy(here)) == "deny"


class TestEnrolled:
    def test_the_organisations_file_is_the_policy(self, enrol: Enrol, here: Places) -> None:
        file = enrol()
        policy = effective_policy(here)
        assert is_enrolled()
        assert (layers(policy), policy.locked) == (["org/acme"], "")
        assert policy.layers[0].file == str(file)
        assert policy.layers[0].rules == 2
        assert effect(policy) == "ask"

    def test_the_persons_file_may_narrow_it(self, enrol: Enrol, here: Places) -> None:
        enrol()
        written(here.policy, NARROW)
        policy = effective_policy(here)
        assert layers(policy) == ["org/acme", "local/careful"]
        assert effect(policy) == "deny"

    def test_the_persons_file_never_loosens_it(self, enrol: Enrol, here: Places) -> None:
        enrol()
        written(here.policy, WIDE)
        policy = effective_policy(here)
        assert effect(policy) == "ask"
        assert effect(policy, "commit", "write") == "deny"

    def test_nothing_in_the_environment_takes_it_away(
        self, enrol: Enrol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        enrol()
        for name in ("DEVAGENT_HOME", "XDG_CONFIG_HOME", "HOME"):
            monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
        assert layers(effective_policy(places())) == ["org/acme"]

    @pytest.mark.parametrize(
        "text",
        [
            "not toml",
            ORG + "\n[[rule]]\nid = 5\n",
            ORG + "\nodd = 1\n",
            "a = " + "[" * 20_000,
            "\0",
        ],
    )
    def test_a_damaged_file_locks(self, enrol: Enrol, here: Places, text: str) -> None:
        file = enrol(text)
        written(here.policy, WIDE)
        self.is_locked(effective_policy(here), str(file))

    def test_an_empty_file_allows_nothing_at_all(self, enrol: Enrol, here: Places) -> None:
        enrol("")
        written(here.policy, WIDE)
        policy = effective_policy(here)
        assert effect(policy) == "deny"
        assert effect(policy, "log", "read", "path:src/a.py") == "deny"

    def test_a_missing_file_locks_where_the_folder_is_there(self, org: Path, here: Places) -> None:
        org.mkdir()
        written(here.policy, WIDE)
        policy = effective_policy(here)
        self.is_locked(policy, str(org / "policy.toml"))
        assert "governed by an organisation" in policy.locked

    def test_a_folder_that_leads_nowhere_locks(self, org: Path, here: Places) -> None:
        org.symlink_to(org.with_name("a share that is not mounted"))
        written(here.policy, WIDE)
        self.is_locked(effective_policy(here), str(org / "policy.toml"))

    def test_a_file_in_the_folders_place_locks(self, org: Path, here: Places) -> None:
        org.write_text("")
        self.is_locked(effective_policy(here), str(org / "policy.toml"))

    def test_a_folder_in_the_files_place_locks(self, org: Path, here: Places) -> None:
        (org / "policy.toml").mkdir(parents=True)
        self.is_locked(effective_policy(here), str(org / "policy.toml"))

    @pytest.mark.parametrize("mode", [0o664, 0o646])
    def test_a_file_that_others_can_write_locks(
        self, enrol: Enrol, here: Places, mode: int
    ) -> None:
        file = enrol(mode=mode)
        self.is_locked(effective_policy(here), str(file))

    def test_a_link_in_its_place_locks(self, org: Path, here: Places) -> None:
        org.mkdir()
        (org / "policy.toml").symlink_to(written(org.with_name("mine.toml"), WIDE))
        self.is_locked(effective_policy(here), str(org / "policy.toml"))

    def test_a_file_that_is_not_roots_locks(
        self, org: Path, here: Places, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = Path(written(org / "policy.toml", ORG))
        owned_by(ME or 12345, monkeypatch, org, file)
        self.is_locked(effective_policy(here), str(file))

    def test_an_unreadable_file_locks(
        self, enrol: Enrol, here: Places, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = enrol(mode=0o000)
        real = os.open

        def denied(path: str, flags: int, mode: int = 0o777) -> int:
            if path == str(file):  # root may read everything; told as a person would be
                raise PermissionError(13, "Permission denied")
            return real(path, flags, mode)

        monkeypatch.setattr(os, "open", denied)
        self.is_locked(effective_policy(here), str(file))

    def is_locked(self, policy: EffectivePolicy, file: str) -> None:
        assert file in policy.locked
        assert layers(policy)[0] == "org/locked"
        assert effect(policy, "log", "read", "path:src/a.py") == "allow"
        assert effect(policy) == "deny"
        assert effect(policy, "commit", "write") == "deny"
        assert effect(policy, "x", "exec", "command:ls") == "deny"


class TestFilesBelow:
    def test_a_damaged_local_file_is_an_error_and_never_skipped(self, here: Places) -> None:
        file = written(here.policy, "version = 1\nodd = 1\n")
        with pytest.raises(PolicyError) as raised:
            effective_policy(here)
        assert (raised.value.file, raised.value.line) == (file, 2)
        assert raised.value.exit_code == 78

    def test_a_local_file_that_others_can_write_is_an_error(self, here: Places) -> None:
        Path(written(here.policy, NARROW)).chmod(0o666)
        with pytest.raises(PolicyError, match="can be written by others"):
            effective_policy(here)

    def test_a_narrowing_file_is_one_more_layer(self, enrol: Enrol, here: Places) -> None:
        enrol()
        narrow = written(Path(here.data) / "a.toml", NARROW)
        policy = effective_policy(here, narrowing=[narrow])
        assert layers(policy) == ["org/acme", "narrowing/careful"]
        assert effect(policy) == "deny"

    def test_a_narrowing_file_never_widens(self, enrol: Enrol, here: Places) -> None:
        enrol()
        wide = written(Path(here.data) / "a.toml", WIDE)
        policy = effective_policy(here, narrowing=[wide, wide])
        assert effect(policy) == "ask"
        assert effect(policy, "commit", "write") == "deny"

    def test_a_narrowing_file_takes_nothing_of_what_is_left_to_the_person(
        self, here: Places
    ) -> None:
        wide = written(Path(here.data) / "a.toml", WIDE)
        for text in (WIDE, f'layer = "local"\n{WIDE}', f'layer = "team"\n{WIDE}'):
            Path(wide).write_text(text)
            assert effect(effective_policy(here, narrowing=[wide])) == "ask"
        written(here.policy, WIDE)
        assert effect(effective_policy(here)) == "allow"
        assert effect(effective_policy(here, narrowing=[wide])) == "allow"

    def test_the_persons_file_takes_nothing_that_is_left_to_another_layer(
        self, enrol: Enrol, here: Places
    ) -> None:
        enrol(ORG.replace("[[rule]]", '[[delegate]]\nto = ["team"]\neffect = "allow"\n[[rule]]', 1))
        written(here.policy, f'layer = "team"\n{WIDE}')
        policy = effective_policy(here)
        assert effect(policy, "commit", "write") == "deny"
        assert layers(policy) == ["org/acme", "narrowing/wide"]

    def test_a_missing_narrowing_file_is_an_error(self, here: Places) -> None:
        with pytest.raises(PolicyError, match="there is no such policy file") as raised:
            effective_policy(here, narrowing=["/no/such/policy.toml"])
        assert raised.value.file == "/no/such/policy.toml"
        assert raised.value.exit_code == 78

    def test_a_narrowing_file_of_a_shared_checkout_is_taken(self, here: Places) -> None:
        narrow = written(Path(here.data) / "a.toml", NARROW)
        Path(narrow).chmod(0o664)
        assert effect(effective_policy(here, narrowing=[narrow])) == "deny"

    def test_the_digest_names_the_files_bytes(self, here: Places) -> None:
        narrow = written(Path(here.data) / "a.toml", NARROW)
        first = effective_policy(here, narrowing=[narrow])
        written(narrow, NARROW + "# a word more\n")
        second = effective_policy(here, narrowing=[narrow])
        assert first.layers[1].digest != second.layers[1].digest
        assert first.compiled.digest != second.compiled.digest

    def test_the_demos_company_stands_in_the_organisations_place(
        self, enrol: Enrol, here: Places
    ) -> None:
        enrol()
        sample = written(Path(here.data) / "org.toml", ORG.replace("acme", "sample"))
        local = written(Path(here.data) / "local.toml", NARROW)
        policy = effective_policy(here, org_file=sample, local_file=local)
        assert layers(policy) == ["org/sample", "local/careful"]
        missing = effective_policy(here, org_file=f"{sample}.gone")
        assert layers(missing)[0] == "org/locked"


class TestCache:
    """Parsing is kept; what is kept is never more trusted than what it was made of."""

    def kept(self, here: Places) -> list[Path]:
        return sorted(Path(here.cache).glob("*.json"))

    def test_a_second_start_parses_nothing(
        self, here: Places, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written(here.policy, NARROW)
        first = effective_policy(here)

        def unwanted(*_: object, **__: object) -> None:
            raise AssertionError("parsed again")

        monkeypatch.setattr("devagent.settings.policies.parse", unwanted)
        second = effective_policy(here)
        assert second.layers == first.layers
        assert second.compiled.digest == first.compiled.digest
        assert len(self.kept(here)) == 2

    def test_it_is_for_its_person_alone(self, here: Places) -> None:
        effective_policy(here)
        assert stat.S_IMODE(os.stat(here.cache).st_mode) == 0o700
        (kept,) = self.kept(here)
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600

    @pytest.mark.parametrize(
        "poison",
        [
            b"",
            b"\x00\xff",
            b"null",
            b'{"format": 1}',
            b'{"format": 99, "policy": {"file": "", "digest": ""}}',
            b"[" * 100_000,
        ],
    )
    def test_rubbish_in_it_is_parsed_anew_and_replaced(self, here: Places, poison: bytes) -> None:
        effective_policy(here)
        (kept,) = self.kept(here)
        right = kept.read_bytes()
        kept.write_bytes(poison)
        assert effect(effective_policy(here)) == "ask"
        assert kept.read_bytes() == right

    def test_another_policy_under_this_ones_name_is_no_cache(self, org: Path, here: Places) -> None:
        effective_policy(here)
        (kept,) = self.kept(here)
        kept.write_bytes(to_cache(parse(WIDE.encode(), "wide.toml", org=True)))
        assert effect(effective_policy(here)) == "ask"
        assert from_cache(kept.read_bytes()).name == "baseline"

    def test_one_that_others_can_write_is_not_read(
        self, here: Places, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        effective_policy(here)
        (kept,) = self.kept(here)
        self.widen(kept)
        kept.chmod(0o666)
        assert effect(effective_policy(here)) == "ask"
        self.widen(kept)
        owned_by(ME + 12345, monkeypatch, kept)
        assert effect(effective_policy(here)) == "ask"

    def test_a_link_in_it_is_not_followed(self, here: Places) -> None:
        effective_policy(here)
        (kept,) = self.kept(here)
        self.widen(kept)
        kept.rename(kept.with_suffix(".moved"))
        kept.symlink_to(kept.with_suffix(".moved"))
        assert effect(effective_policy(here)) == "ask"

    def widen(self, kept: Path) -> None:
        """What a poisoner would write: a whole cache, of the right file, with another rule."""
        was = from_cache(kept.read_bytes())
        wide = parse(WIDE.encode(), "wide.toml", org=True)
        kept.write_bytes(to_cache(replace(wide, file=was.file, digest=was.digest)))

    def test_a_folder_that_cannot_be_written_costs_only_time(self, here: Places) -> None:
        Path(here.cache).parent.mkdir(mode=0o700, parents=True)
        Path(here.cache).write_text("a file in its place")
        assert effect(effective_policy(here)) == "ask"
        assert Path(here.cache).read_text() == "a file in its place"

    def test_a_folder_in_a_kept_files_place_costs_only_time(self, here: Places) -> None:
        effective_policy(here)
        (kept,) = self.kept(here)
        kept.unlink()
        kept.mkdir()
        assert effect(effective_policy(here)) == "ask"
        assert os.listdir(here.cache) == [kept.name]

    def test_the_organisations_file_is_never_kept(self, enrol: Enrol, here: Places) -> None:
        enrol()
        effective_policy(here)
        assert self.kept(here) == []

    def test_the_locked_policy_is_never_kept(self, org: Path, here: Places) -> None:
        org.mkdir()
        assert effective_policy(here).locked
        assert self.kept(here) == []


def test_a_first_run_makes_ones_folder_private_whatever_the_umask(home: Path) -> None:
    before = os.umask(0)
    try:
        effective_policy(places())
    finally:
        os.umask(before)
    assert [(home / name).stat().st_mode & 0o777 for name in ("devagent", "devagent/cache")] == [
        *(0o700, 0o700),
    ]
