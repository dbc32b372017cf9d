"""The key for the model service: environment, keyring, encrypted file, else a refusal that says where it looked."""

import threading
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from devagent.core.errors import ConfigError
from devagent.settings.key_file import VARIABLE, Ask, KeyFile, passphrase_of
from devagent.settings.places import places

KEYRING_SERVICE = "devagent"
KEYRING_NAME = "anthropic"
KEYRING_WAIT_S = 5.0
NO_ENTRY = "no entry"
NO_KEYRING = (
    "Set ANTHROPIC_API_KEY in the environment, or keep it in an encrypted file: `devagent auth login --file`; "
    "devagent never writes a key to a plain one."
)


class NoKey(ConfigError):
    """There is no key for the model service anywhere."""


class Credential(Struct, frozen=True):
    """A key and how it is sent. Its text form never shows the value."""

    kind: Literal["api_key", "auth_token"]
    value: str
    source: str

    def __repr__(self) -> str:
        return f"Credential({self.kind} from {self.source})"

    __str__ = __repr__


def find_credential(environment: Mapping[str, str], ask: Ask | None = None) -> Credential:
    """The first of: ``ANTHROPIC_API_KEY``, ``ANTHROPIC_AUTH_TOKEN``, the keyring, the encrypted file.

    ``ask`` gives the file's passphrase where no file names it and somebody can be asked. Raises ConfigError naming
    each place and the command that sets the key.
    """
    for variable, kind in (
        ("ANTHROPIC_API_KEY", "api_key"),
        ("ANTHROPIC_AUTH_TOKEN", "auth_token"),
    ):
        value = environment.get(variable, "").strip()
        if value:
            return Credential(
                kind="api_key" if kind == "api_key" else "auth_token", value=value, source=variable
            )
    stored, looked = from_keyring()
    if stored:
        return Credential(kind="api_key", value=stored, source="the keyring")
    sealed = KeyFile(places(environment).data)
    if sealed.is_there():
        passphrase = passphrase_of(environment) or (ask() if ask else "")
        if not passphrase:
            raise ConfigError(
                "the key lies in an encrypted file, and nobody can be asked for its passphrase",
                hint=f"Name a file that holds it in {VARIABLE}, or set ANTHROPIC_API_KEY.",
            )
        return Credential(
            kind="api_key", value=sealed.open(passphrase), source="the encrypted file"
        )
    raise NoKey(
        "there is no key for the model service: looked at ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN "
        f"(not set) and the keyring ({looked})",
        hint="Run `devagent auth login`, or set ANTHROPIC_API_KEY. Without a key: `devagent demo`.",
    )


def stored_secret(environment: Mapping[str, str], name: str) -> str | None:
    """A secret that an extension names by its handle: ``DEVAGENT_SECRET_NAME`` in the environment (letters
    in capitals, the rest as ``_``), else the entry ``secret:name`` of the keyring; None = there is none."""
    variable = "".join(c.upper() if c.isascii() and c.isalnum() else "_" for c in name)
    value = environment.get(f"DEVAGENT_SECRET_{variable}", "")
    return value or from_keyring(f"secret:{name}")[0] or None


def from_keyring(name: str = KEYRING_NAME) -> tuple[str, str]:
    """(what is stored by that name or "", what was found). A keyring that does not answer in time is said to."""
    found: list[tuple[str, str]] = []

    def look() -> None:
        try:
            import keyring  # noqa: PLC0415  (100 ms, and only where the environment has no key)

            value = keyring.get_password(KEYRING_SERVICE, name)
            found.append((value or "", NO_ENTRY))
        except Exception as e:  # each desktop's keyring raises what its own library raises
            found.append(("", f"not usable: {type(e).__name__}"))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(KEYRING_WAIT_S)  # a locked desktop keyring may wait for somebody who is not there
    return found[0] if found else ("", f"no answer within {KEYRING_WAIT_S:g} s")


def check_keyring() -> None:
    """Raises ConfigError where no keyring answers: to be known before anybody types a key."""
    _, looked = from_keyring()
    if looked != NO_ENTRY:
        raise ConfigError(f"no keyring can keep the key ({looked})", hint=NO_KEYRING)


def to_keyring(value: str, name: str = KEYRING_NAME) -> str:
    """Keep the key by that name; the keyring's name. Raises ConfigError where there is no usable keyring."""
    import keyring  # noqa: PLC0415
    from keyring.errors import KeyringError  # noqa: PLC0415

    try:
        keyring.set_password(KEYRING_SERVICE, name, value)
        if keyring.get_password(KEYRING_SERVICE, name) != value:
            raise KeyringError("the key was not kept")
    except Exception as e:
        raise ConfigError(
            f"no keyring can keep the key ({type(e).__name__})",
            hint=NO_KEYRING,
        ) from e
    return str(keyring.get_keyring().name)


def forget() -> bool:
    """Remove the stored key; False where there was none."""
    import keyring  # noqa: PLC0415
    from keyring.errors import PasswordDeleteError  # noqa: PLC0415

    try:
        keyring.delete_password(KEYRING_SERVICE, KEYRING_NAME)
    except PasswordDeleteError:
        return False
    except Exception as e:
        raise ConfigError(f"the keyring is not usable ({type(e).__name__})") from e
    return True
