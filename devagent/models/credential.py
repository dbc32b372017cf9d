"""The key to the service: in a header and nowhere else."""

from typing import Literal

from msgspec import Struct

from devagent.core.errors import ConfigError

Kind = Literal["api_key", "auth_token"]
OAUTH_PREFIX = "sk-ant-oat"
OAUTH_BETA = "oauth-2025-04-20"


class Credential(Struct, frozen=True):
    """An API key (sent as ``x-api-key``) or an auth token (``authorization: Bearer``).

    Its repr and its text hide ``value``.
    """

    kind: Kind
    value: str

    def __repr__(self) -> str:
        return f"Credential({self.kind}, hidden)"

    __str__ = __repr__

    @property
    def betas(self) -> tuple[str, ...]:
        """What the service wants to hear beside a token of its own OAuth."""
        return (OAUTH_BETA,) if self.value.startswith(OAUTH_PREFIX) else ()

    def header(self) -> tuple[str, str]:
        """Name and value of the request's header. Raises ConfigError, without the value, for a
        secret that no header can carry."""
        secret = self.value.strip()
        if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
            raise ConfigError(
                "the key of the model service is empty or holds characters that no key has",
                hint="Run `devagent auth login`, or set ANTHROPIC_API_KEY anew.",
            )
        if self.kind == "api_key":
            return "x-api-key", secret
        return "authorization", f"Bearer {secret}"


class FixedKey:
    """A key from the environment or the keyring (satisfies ``Keys``)."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential

    async def current(self) -> Credential:
        return self._credential

    def worked(self) -> None:
        """Nothing is to be noted."""

    def refused(self) -> bool:
        return False
