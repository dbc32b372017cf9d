"""Platforms: which service a model's name means, where that is, and how it is opened."""

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from devagent.core import codec
from devagent.core.errors import ConfigError
from devagent.models import DEFAULT_BASE_URL, REHEARSAL, OpenModel
from devagent.models import prices as price_tables
from devagent.models.address import parse
from devagent.models.attempts import Pace
from devagent.models.choices import Choices, KeySource, ModelFacts, Platform
from devagent.models.credential import Credential, FixedKey
from devagent.models.prices import PriceTable, Rates

if TYPE_CHECKING:
    from devagent.models.dialect import Keys
    from devagent.models.sdk import Account

USUAL_WINDOW = 200_000
LONG_WINDOW = 1_000_000


class Where(Struct, frozen=True):
    """Where a model's requests go: ``host`` is empty where they leave no process (a rehearsal)."""

    platform: str
    host: str = ""
    region: str = ""


def where(name: str, choices: Choices, base_url: str = "") -> Where:
    """Where the model called ``name`` is asked. Raises ConfigError for an unknown platform or address."""
    if name.startswith(REHEARSAL):
        return Where("rehearsal")
    if "/" not in name:
        base = parse(base_url or DEFAULT_BASE_URL, "the base URL of the model service")
        return Where("anthropic" if not base_url else "gateway", base.host)
    platform, _ = _platform_of(name, choices)
    host = parse(_base_url(platform), f"the base URL of {platform.name}").host
    return Where(platform.name, host, platform.region)


def window(name: str, choices: Choices) -> int:
    """The model's context window in tokens; 0 where it is not known."""
    if "/" in name:
        platform, model = _platform_of(name, choices)
        facts = platform.models.get(model, ModelFacts())
        return facts.context or (0 if platform.type == "openai" else USUAL_WINDOW)
    if name.startswith(REHEARSAL):
        return 0
    return LONG_WINDOW if "context_1m" in choices.sampling.features else USUAL_WINDOW


def speaks_messages(name: str, choices: Choices) -> bool:
    """Whether the model is asked over the Messages API itself, of the service or of a gateway."""
    if name.startswith(REHEARSAL):
        return False
    return "/" not in name or _platform_of(name, choices)[0].type == "messages"


def can_see(name: str, choices: Choices) -> bool:
    """Whether the model takes images and PDFs. Of a chat-completions server only one of which the config says so: many
    have models of text alone, and refuse the whole conversation for one image."""
    if name.startswith(REHEARSAL) or "/" not in name:
        return True
    platform, model = _platform_of(name, choices)
    said = platform.models.get(model, ModelFacts()).images
    return platform.type != "openai" if said is None else said


def price_table(choices: Choices, table: PriceTable | None = None) -> PriceTable:
    """The price table with what the config says of its platforms' models. Raises ConfigError."""
    table = table or price_tables.load()
    own: dict[str, Rates] = {}
    for platform in choices.platforms.values():
        for model, facts in platform.models.items():
            rates = facts.price or (table.rates(facts.price_as) if facts.price_as else None)
            if facts.price_as and rates is None:
                raise ConfigError(
                    f"price_as of {platform.name}/{model}: there is no price of {facts.price_as!r}"
                )
            if rates is not None:
                own[f"{platform.name}/{model}"] = rates
    if not own:
        return table
    digest = codec.digest([table.digest, codec.to_plain(own)])
    return PriceTable(table.dated, {**table.models, **own}, digest, table.service_tools)


def keys_of(source: KeySource, environment: Mapping[str, str]) -> "Keys | None":
    """The keys of a source; None where it has none. Raises ConfigError for a variable that is not set."""
    if source.command:
        from devagent.models.keys import KeyCommand  # noqa: PLC0415 - only where there is one

        return KeyCommand(source.command, source.kind)
    if not source.variable:
        return None
    value = environment.get(source.variable, "").strip()
    if not value:
        raise ConfigError(
            f"there is no key for the model: {source.variable} is not set",
            hint=f"Set {source.variable}, or name a `key_command`.",
        )
    credential = Credential(source.kind, value)
    credential.header()
    return FixedKey(credential)


def open_on_platform(
    name: str,
    choices: Choices | None,
    *,
    environment: Mapping[str, str],
    pace: Pace,
    prices: PriceTable | None,
) -> OpenModel:
    """The model ``PLATFORM/MODEL``. Raises ConfigError."""
    choices = choices or Choices()
    platform, model = _platform_of(name, choices)
    prefix = f"{platform.name}/"
    keys = keys_of(platform.key, environment)
    prices = price_table(choices, prices)
    sampling = replace(choices.sampling, images=can_see(name, choices))
    if platform.type == "openai":
        from devagent.models.chat import ChatDialect  # noqa: PLC0415 - each kind is loaded on use
        from devagent.models.http_model import HttpModel  # noqa: PLC0415 - as above

        return HttpModel(
            name=name,
            base_url=platform.base_url,
            dialect=ChatDialect(model, sampling),
            keys=keys,
            environment=environment,
            prefix=prefix,
            headers=platform.headers,
            tls=platform.tls,
            pace=pace,
            prices=prices,
        )
    if platform.type == "messages":
        from devagent.models.messages import messages_model  # noqa: PLC0415 - as above

        return messages_model(
            name=name,
            model=model,
            base_url=platform.base_url,
            keys=keys,
            environment=environment,
            prefix=prefix,
            headers=platform.headers,
            tls=platform.tls,
            sampling=sampling,
            pace=pace,
            prices=prices,
        )
    from devagent.models.sdk import SdkModel  # noqa: PLC0415 - as above

    return SdkModel(
        name=name,
        model=model,
        account=_account(platform),
        keys=keys,
        prefix=prefix,
        headers=platform.headers,
        sampling=sampling,
        pace=pace,
        prices=prices,
    )


def _account(platform: Platform) -> "Account":
    from devagent.models.sdk import Account  # noqa: PLC0415 - only for a cloud

    assert platform.type not in ("messages", "openai")  # noqa: S101 - for the type checker
    account = Account(
        cloud=platform.type,
        region=platform.region,
        project=platform.project,
        resource=platform.resource,
        profile=platform.profile,
        base_url=platform.base_url,
    )
    # Always by name: else variables of the SDK's own could move it away from what policy was asked about.
    return (
        replace(account, base_url=_base_url(platform), resource="")
        if _placed(platform)
        else account
    )


def _placed(platform: Platform) -> bool:
    return bool(platform.base_url or platform.region or platform.resource)


def _base_url(platform: Platform) -> str:
    """Where the platform is. Raises ConfigError where the config does not say enough."""
    if platform.base_url:
        return platform.base_url
    region = platform.region
    if platform.type == "foundry":
        if platform.resource:
            return f"https://{platform.resource}.services.ai.azure.com/anthropic/"
        raise ConfigError(f"platforms.{platform.name} needs `resource` or `base_url`")
    if not region:
        raise ConfigError(f"platforms.{platform.name} needs `region`")
    if platform.type == "bedrock":
        return f"https://bedrock-runtime.{region}.amazonaws.com"
    if region == "global":
        return "https://aiplatform.googleapis.com/v1"
    if region in ("us", "eu"):
        return f"https://aiplatform.{region}.rep.googleapis.com/v1"
    return f"https://{region}-aiplatform.googleapis.com/v1"


def _platform_of(name: str, choices: Choices) -> tuple[Platform, str]:
    prefix, _, model = name.partition("/")
    platform = choices.platforms.get(prefix)
    if platform is None or not model or not model.isprintable() or " " in model:
        near = difflib.get_close_matches(prefix, choices.platforms, 1)
        known = ", ".join(choices.platforms) or "none"
        hint = f"Did you mean {near[0]}/…?" if near else f"[platforms] of the config has: {known}."
        raise ConfigError(f"unknown model {name!r}", hint=hint)
    return platform, model
