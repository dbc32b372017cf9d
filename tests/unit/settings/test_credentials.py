"""The key for the model service: where it is looked for, and that it is never shown."""

import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from keyring.errors import KeyringLocked, NoKeyringError

from devagent.core.errors import ConfigError
from devagent.settings import credentials
from devagent.settings.credentials import (
    Credential,
    find_credential,
    forget,
    from_keyring,
    to_keyring,
)
from tests.support.keyrings import Ring, in_memory

KEY = "sk-ant-test-0123456789"


@pytest.fixture
def ring() -> Iterator[Ring]:
    with in_memory() as made:
        yield made


def refusal(environment: dict[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        find_credential(environment or {})
    return raised.value


def test_the_api_key_of_the_environment_comes_first(ring: Ring) -> None:
    ring.kept["devagent", "anthropic"] = "from the keyring"
    environment = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_AUTH_TOKEN": "token"}
    found = find_credential(environment)
    assert (found.kind, found.value, found.source) == ("api_key", KEY, "ANTHROPIC_API_KEY")
    assert ring.asked == 0


def test_then_the_auth_token(ring: Ring) -> None:
    found = find_credential({"ANTHROPIC_API_KEY": " ", "ANTHROPIC_AUTH_TOKEN": f" {KEY}\n"})
    assert (found.kind, found.value, found.source) == ("auth_token", KEY, "ANTHROPIC_AUTH_TOKEN")
    assert ring.asked == 0


def test_then_the_keyring(ring: Ring) -> None:
    ring.kept["devagent", "anthropic"] = KEY
    found = find_credential({})
    assert (found.kind, found.value, found.source) == ("api_key", KEY, "the keyring")


def test_where_there_is_none_each_place_is_named_and_what_to_do(ring: Ring) -> None:
    error = refusal({"ANTHROPIC_API_KEY": ""})
    assert ring.asked == 1
    for place in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "the keyring (no entry)"):
        assert place in error.what
    assert "devagent auth login" in error.hint
    assert error.exit_code == 78


@pytest.mark.parametrize(
    "failure",
    [
        NoKeyringError("no backend"),
        KeyringLocked("locked"),
        RuntimeError("no D-Bus"),
        OSError("no socket"),
        ValueError("a backend's own kind of error"),
        ImportError("a backend without its library"),
    ],
)
def test_a_keyring_that_cannot_be_used_is_told_by_its_kind_of_failure(
    ring: Ring, failure: Exception
) -> None:
    ring.fails = failure
    error = refusal()
    assert f"the keyring (not usable: {type(failure).__name__})" in error.what
    assert "devagent auth login" in error.hint  # which then keeps it in an encrypted file
    assert "ANTHROPIC_API_KEY" in error.hint


def test_a_keyring_that_does_not_answer_is_not_waited_for(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "KEYRING_WAIT_S", 0.02)
    ring.waits = threading.Event()
    before = set(threading.enumerate())
    try:
        assert from_keyring() == ("", "no answer within 0.02 s")
    finally:
        ring.waits.set()
        for thread in set(threading.enumerate()) - before:
            thread.join(timeout=10)


def test_without_a_keyring_library_the_environment_still_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert find_credential({"ANTHROPIC_API_KEY": KEY}).value == KEY
    assert "not usable: ModuleNotFoundError" in refusal().what


def test_a_key_is_kept_found_and_forgotten(ring: Ring) -> None:
    assert to_keyring(KEY) == ring.name
    assert find_credential({}).value == KEY
    assert forget()
    assert not forget()
    assert "no entry" in refusal().what


FAILING: list[Callable[[], object]] = [lambda: to_keyring(KEY), forget]


@pytest.mark.parametrize("change", FAILING)
@pytest.mark.parametrize("failure", [KeyringLocked("locked"), ValueError("its own kind")])
def test_a_keyring_that_keeps_nothing_is_an_error_and_no_other_place_is_taken(
    ring: Ring, change: Callable[[], object], failure: Exception
) -> None:
    ring.fails = failure
    with pytest.raises(ConfigError, match=type(failure).__name__):
        change()


def test_a_keyring_that_only_says_it_keeps_the_key_is_found_out(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgets(service: str, username: str, password: str) -> None:
        del service, username, password

    monkeypatch.setattr(ring, "set_password", forgets)
    with pytest.raises(ConfigError, match="no keyring can keep the key") as raised:
        to_keyring(KEY)
    assert KEY not in str(raised.value)
    assert "ANTHROPIC_API_KEY" in raised.value.hint


def test_the_value_is_in_no_text_form() -> None:
    credential = Credential(kind="api_key", value=KEY, source="keyring")
    texts = [
        repr(credential),
        str(credential),
        f"{credential}",
        f"{credential!r}",
        f"{[credential]}",
    ]
    for text in texts:
        assert KEY not in text
        assert "keyring" in text


def test_the_value_is_in_no_error(ring: Ring) -> None:
    ring.fails = RuntimeError(f"could not keep {KEY}")
    for change in FAILING:
        with pytest.raises(ConfigError) as raised:
            change()
        assert KEY not in str(raised.value)
    assert KEY not in str(refusal())
