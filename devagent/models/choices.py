"""What the config may choose of models: roles, fallbacks, how replies are asked for, platforms."""

from typing import Literal

from msgspec import Struct, field

from devagent.core.tools import ServiceTool
from devagent.models.credential import Kind
from devagent.models.prices import Rates
from devagent.models.sampling import Sampling
from devagent.models.tls import Tls

PlatformType = Literal["messages", "openai", "bedrock", "vertex", "foundry"]
PLATFORM_TYPES: tuple[PlatformType, ...] = ("messages", "openai", "bedrock", "vertex", "foundry")
Compaction = Literal["auto", "service", "own"]
COMPACTIONS: tuple[Compaction, ...] = ("auto", "service", "own")
Role = Literal["main", "fast", "judge"]
ROLES: tuple[Role, ...] = ("main", "fast", "judge")


class KeySource(Struct, frozen=True):
    """Where a platform's key comes from: a command, a variable of the environment, or nowhere (both empty)."""

    command: tuple[str, ...] = ()
    variable: str = ""
    kind: Kind = "auth_token"


class ModelFacts(Struct, frozen=True):
    """What the config says of one model of a platform. ``price_as``: another model's price holds. ``images``: whether
    it takes any; not said, those of platforms of type ``openai`` do not."""

    context: int = 0
    price: Rates | None = None
    price_as: str = ""
    images: bool | None = None


class Platform(Struct, frozen=True):
    """A service that has models: ``name/model`` is one of them."""

    name: str
    type: PlatformType
    base_url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    key: KeySource = KeySource()
    tls: Tls = Tls()
    region: str = ""
    project: str = ""
    resource: str = ""
    profile: str = ""
    models: dict[str, ModelFacts] = field(default_factory=dict)


class Choices(Struct, frozen=True):
    """``headers``, ``key`` and ``tls`` are those of the service itself (or the gateway in its place).
    ``context`` overrides the main model's window in tokens; ``compact_at`` is the share of it that a
    conversation may fill. ``compaction``: who shortens it, the service (``auto``: where it is known to) or devagent.
    ``service_tools``: what the service may do itself, if policy grants it."""

    fast: str = ""
    judge: str = ""
    fallback: tuple[str, ...] = ()
    sampling: Sampling = Sampling()
    context: int = 0
    compact_at: float = 0.8
    headers: dict[str, str] = field(default_factory=dict)
    key: KeySource = KeySource()
    tls: Tls = Tls()
    platforms: dict[str, Platform] = field(default_factory=dict)
    compaction: Compaction = "auto"
    service_tools: tuple[ServiceTool, ...] = ()
