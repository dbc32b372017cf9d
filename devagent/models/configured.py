"""The ``[model]`` and ``[platforms]`` tables of the config, read into ``Choices``.

    [model]
    main = "claude-sonnet-5-5"
    fast = "claude-haiku-5-5"           # summaries; without it, the main one
    judge = "claude-haiku-5-5"
    fallback = ["claude-opus-5-5"]      # asked in this order where the main one fails before its first word
    thinking = "adaptive"               # off | adaptive | between_tools, or a number of tokens
    effort = "medium"                   # low | medium | high | xhigh | max
    temperature = 0.5
    cache = "5m"                        # off | 5m | 1h
    features = ["context_1m"]           # see models.sampling; a beta brings its header
    context = 200_000                   # the window in tokens, where devagent cannot know it
    compact_at = 0.8                    # share of the window at which a conversation is compacted
    compaction = "auto"                 # by whom: auto | service | own
    key_command = ["corp-token", "--for", "anthropic"]
    key_kind = "auth_token"             # or api_key: how that key is sent
    headers = { x-team = "data" }
    client_certificate = "~/cert.pem"
    client_key = "~/key.pem"
    ca_file = "/etc/ssl/corp.pem"
    system_trust = true                 # the system's certificate authorities
    [model.service_tools]               # what the service may do itself, where policy allows it
    web_search = { domains = ["docs.python.org"], max_uses = 5 }
    web_fetch = {}                      # as web_search; citations are asked for
    code_execution = {}

    [platforms.local]                   # its models are local/NAME
    type = "openai"                     # messages | openai | bedrock | vertex | foundry
    base_url = "http://127.0.0.1:8000/v1"
    key_env = "LOCAL_KEY"               # a variable, or key_command; without either none is sent
    region = "eu-central-1"             # bedrock, vertex
    project = "acme-ml"                 # vertex
    resource = "acme"                   # foundry
    profile = "dev"                     # bedrock: of AWS's own files
    [platforms.local.models."qwen3-coder"]
    context = 131_072
    price = { input = 0, output = 0, cache_write = 0, cache_read = 0 }
    price_as = "claude-sonnet-5-5"      # instead: another model's price
    images = true                       # the model takes images; not said, it does but for type openai

A bad entry raises ConfigError with its place in the file.
"""

import os.path
from collections.abc import Mapping
from typing import Any

import msgspec

from devagent.core.tools import ServiceTool
from devagent.models.checked_table import Fault, Path, Table
from devagent.models.choices import (
    COMPACTIONS,
    PLATFORM_TYPES,
    Choices,
    KeySource,
    ModelFacts,
    Platform,
    PlatformType,
)
from devagent.models.credential import Kind
from devagent.models.plain import is_object
from devagent.models.prices import Rates
from devagent.models.sampling import (
    CACHE_LIVES,
    EFFORTS,
    FEATURES,
    LEAST_THINKING,
    THINKING,
    Sampling,
)
from devagent.models.tls import Tls

_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
_KINDS: tuple[Kind, ...] = ("auth_token", "api_key")
_CONNECTION = (
    "headers", "key_command", "key_kind", "client_certificate", "client_key", "ca_file", "system_trust",
)  # fmt: skip
MODEL_KEYS = (
    "main", "fast", "judge", "fallback", "thinking", "effort", "temperature", "cache", "features",
    "context", "compact_at", "compaction", "service_tools", *_CONNECTION,
)  # fmt: skip
PLATFORM_KEYS = (
    "type", "base_url", "key_env", "region", "project", "resource", "profile", "models", *_CONNECTION,
)  # fmt: skip
FACT_KEYS = ("context", "images", "price", "price_as")
SERVICE_TOOLS = {
    "web_search": "web_search_20250305",
    "web_fetch": "web_fetch_20250910",
    "code_execution": "code_execution_20250825",
}
"""What the config calls the service's tools → their type in the API."""
RATE_KEYS = ("input", "output", "cache_write", "cache_read")


def configured_choices(
    model: Mapping[str, Any],
    platforms: Mapping[str, Any],
    fault: Fault,
    *,
    max_tokens: int,
) -> Choices:
    """The choices in the two tables. Raises ConfigError."""
    table = Table(model, ("model",), fault)
    table.known(MODEL_KEYS)
    return Choices(
        fast=table.text("fast"),
        judge=table.text("judge"),
        fallback=table.texts("fallback"),
        sampling=_sampling(table, max_tokens),
        context=table.whole("context", least=1000),
        compact_at=table.number("compact_at", 0.8, least=0.1, most=0.95),
        headers=table.headers("headers"),
        key=_key(table),
        tls=_tls(table),
        platforms={name: _platform(name, value, fault) for name, value in platforms.items()},
        compaction=table.choice("compaction", COMPACTIONS, "auto"),
        service_tools=_service_tools(table, fault),
    )


def _service_tools(table: Table, fault: Fault) -> tuple[ServiceTool, ...]:
    path: Path = ("model", "service_tools")
    tools = table.values.get("service_tools", {})
    if not is_object(tools):
        raise table.bad("service_tools", "service_tools must be a table")
    Table(tools, path, fault).known(tuple(SERVICE_TOOLS))
    found: list[ServiceTool] = []
    for name, value in tools.items():
        if not is_object(value):
            raise fault(
                (*path, name), f"{name} must be a table", "For example {} or { max_uses = 5 }."
            )
        one = Table(value, (*path, name), fault)
        one.known(() if name == "code_execution" else ("domains", "max_uses"))
        settings: dict[str, Any] = {}
        if domains := one.texts("domains"):
            for domain in domains:
                host = domain.partition("/")[0]
                if not host.isascii() or "." not in host or set(host) - _HOST:
                    raise one.bad(
                        "domains", f"{domain!r} is no domain", 'For example "docs.python.org".'
                    )
            settings["allowed_domains"] = list(domains)
        if most := one.whole("max_uses", least=1):
            settings["max_uses"] = most
        if name == "web_fetch":
            settings["citations"] = {"enabled": True}
        found.append(ServiceTool(name, SERVICE_TOOLS[name], settings))
    return tuple(found)


def _sampling(table: Table, max_tokens: int) -> Sampling:
    thinking = table.values.get("thinking", "")
    budget = 0
    if isinstance(thinking, int) and not isinstance(thinking, bool):
        budget = table.whole("thinking", least=LEAST_THINKING)
        if budget >= max_tokens:
            raise table.bad("thinking", f"thinking must be below max_tokens ({max_tokens})")
    temperature = table.number("temperature", -1, least=0, most=1)
    sampling = Sampling(
        max_tokens=max_tokens,
        thinking="" if budget else table.choice("thinking", THINKING, ""),
        thinking_tokens=budget,
        effort=table.choice("effort", EFFORTS, ""),
        temperature=None if temperature < 0 else temperature,
        cache=table.choice("cache", CACHE_LIVES, "5m"),
        features=table.choices("features", FEATURES),
    )
    if sampling.thinks and sampling.temperature not in (None, 1):
        raise table.bad("temperature", "temperature must be left out (or 1) while thinking is on")
    return sampling


def _key(table: Table) -> KeySource:
    command, variable = table.texts("key_command"), table.text("key_env")
    if command and variable:
        raise table.bad("key_env", "a key comes from key_env or from key_command, not from both")
    return KeySource(command, variable, table.choice("key_kind", _KINDS, "auth_token"))


def _tls(table: Table) -> Tls:
    tls = Tls(
        ca_file=os.path.expanduser(table.text("ca_file")),
        certificate=os.path.expanduser(table.text("client_certificate")),
        key=os.path.expanduser(table.text("client_key")),
        system=table.flag("system_trust"),
    )
    if tls.key and not tls.certificate:
        raise table.bad("client_key", "client_key is of no use without client_certificate")
    if tls.system and tls.ca_file:
        raise table.bad("ca_file", "ca_file and system_trust cannot both say whom to trust")
    return tls


def _platform(name: str, value: object, fault: Fault) -> Platform:
    path: Path = ("platforms", name)
    if not is_object(value):
        raise fault(path, f"platforms.{name} must be a table", "")
    if not name or "/" in name or not name.isprintable() or name.startswith("claude-"):
        raise fault(path, f"{name!r} cannot be the name of a platform", "")
    table = Table(value, path, fault)
    table.known(PLATFORM_KEYS)
    kind: PlatformType = table.choice("type", PLATFORM_TYPES, "messages")
    if "type" not in value:
        raise fault(path, f"platforms.{name} needs a type", f"One of {', '.join(PLATFORM_TYPES)}.")
    base_url = table.text("base_url")
    if kind in ("messages", "openai") and not base_url:
        raise fault(path, f"platforms.{name} needs a base_url", "")
    tls = _tls(table)
    if kind not in ("messages", "openai") and tls != Tls():
        raise fault(
            path,
            f"a platform of type {kind!r} takes certificates from the environment alone",
            "Set SSL_CERT_FILE.",
        )
    facts = value.get("models", {})
    if not is_object(facts):
        raise fault((*path, "models"), "models must be a table", "")
    return Platform(
        name=name,
        type=kind,
        base_url=base_url,
        headers=table.headers("headers"),
        key=_key(table),
        tls=tls,
        region=table.text("region"),
        project=table.text("project"),
        resource=table.text("resource"),
        profile=table.text("profile"),
        models={
            model: _facts(one, (*path, "models", model), fault) for model, one in facts.items()
        },
    )


def _facts(value: object, path: Path, fault: Fault) -> ModelFacts:
    if not is_object(value):
        raise fault(path, f"{path[-1]} must be a table", "")
    table = Table(value, path, fault)
    table.known(FACT_KEYS)
    price = value.get("price")
    rates: Rates | None = None
    if price is not None:
        try:
            rates = msgspec.convert(price, Rates)
        except msgspec.ValidationError:
            rates = None
        if rates is None or min(rates.input, rates.output, rates.cache_write, rates.cache_read) < 0:
            hint = f"A table of {', '.join(RATE_KEYS)}, in USD per million tokens."
            raise fault((*path, "price"), "price is not as it must be", hint)
    return ModelFacts(
        context=table.whole("context", least=1000),
        images=table.flag("images") if "images" in value else None,
        price=rates,
        price_as=table.text("price_as"),
    )
