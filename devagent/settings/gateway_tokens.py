"""Bearer tokens of the gateway's clients: a name each, and of the token its digest alone.

A token is 32 random bytes, so its SHA-256 says nothing of it and needs no salt.
"""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager

from devagent.core.codec import canonical, from_plain, parse, sha256
from devagent.core.errors import ConfigError, UsageError
from devagent.disk import locked, replace_file
from devagent.settings.trusted_file import read_trusted

_PREFIX = "dvg_"


class GatewayTokens:
    """The tokens on file. Raises ConfigError for a file that others could have written, or that is damaged."""

    def __init__(self, data: str) -> None:
        self._path = os.path.join(data, "gateway-tokens.json")
        self._read: tuple[tuple[int, ...], dict[str, str]] = ((), {})

    def names(self) -> list[str]:
        """The clients that have one, by name."""
        return sorted(self._load())

    def name_of(self, token: str) -> str | None:
        """The client whose token this is."""
        digest = sha256(token.encode("utf-8", "surrogatepass"))
        found = [
            name for name, known in self._now().items() if secrets.compare_digest(known, digest)
        ]
        return found[0] if found else None

    def add(self, name: str) -> str:
        """A new token for this client, which takes the place of an earlier one. It is kept nowhere."""
        if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
            raise UsageError(
                f"{name!r} is no name for a client", hint="Use letters, digits, - and _."
            )
        token = _PREFIX + secrets.token_urlsafe(32)
        with self._changing() as known:
            known[name] = sha256(token.encode())
        return token

    def remove(self, name: str) -> None:
        """Take a client's token back. Raises UsageError where it has none."""
        with self._changing() as known:
            if name not in known:
                raise UsageError(
                    f"there is no token of {name!r}", hint="`devagent mcp token list` shows them."
                )
            del known[name]

    def _now(self) -> dict[str, str]:
        """What is on file; read again when the file is another one, or its mode or owner."""
        try:
            found = os.stat(self._path)
        except OSError:
            return self._load()
        state = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if state != self._read[0]:
            self._read = (state, self._load())
        return self._read[1]

    def _load(self) -> dict[str, str]:
        try:
            data = read_trusted(self._path, error=ConfigError)
        except FileNotFoundError:
            return {}
        try:
            return from_plain(parse(data), dict[str, str])
        except (TypeError, ValueError) as e:
            raise ConfigError(
                "is damaged", file=self._path, hint="Remove it, and add the tokens anew."
            ) from e

    @contextmanager
    def _changing(self) -> Generator[dict[str, str]]:
        """What is on file, read again, to be changed; then it is what is on file."""
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            with locked(f"{self._path}.lock"):
                known = self._load()
                yield known
                replace_file(self._path, canonical(known))
        except OSError as e:
            raise ConfigError(
                f"the tokens cannot be kept ({os.strerror(e.errno or 0)})", file=self._path
            ) from e
