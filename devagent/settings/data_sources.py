"""Which databases there are: the organisation's word before the person's.

    [data.sources.shop]                 # in the org's policy file
    type = "postgres"
    host = "db.acme.example"
    database = "shop"
    env = "prod"
    owner = "#shop-team"
    tags = { "column:shop.public.customers.email" = ["pii.email"] }

    [data.tags]                         # for every source, whoever named it
    "column:**.password*" = ["secret.password"]

1. Where the org's file names sources, there are these and no others: a person who could name one anew
   could leave a tag away, or call production by another name.
2. To a source of the org's a person adds how they log in themselves (``user``, ``secret``), nothing else.
3. The org's tags hold for every source, beside those that it has.
"""

from collections.abc import Mapping
from typing import Any, cast

from devagent.core.errors import ConfigError
from devagent.settings.config import Config

EXTENSION = "sql"
PERSONAL = ("user", "secret")


def with_org_sources(
    config: Config, data: Mapping[str, Any], keeper: str
) -> dict[str, dict[str, Any]]:
    """The config's tables by extension, as the org's ``[data]`` has it; ``keeper`` is the org file's name.

    Raises ConfigError for a source of the config's own, or a key of one, that the org does not leave to it.
    """
    extensions = dict(config.extensions)
    if not data:
        return extensions
    own = dict(extensions.get(EXTENSION, {}))
    sources = _table(own.get("sources", {}))
    named = data.get("sources")
    if named is not None:
        sources = _joined(
            config, {name: dict(entry) for name, entry in named.items()}, sources, keeper
        )
    tags: Mapping[str, list[str]] = data.get("tags", {})
    own["sources"] = {name: _tagged(entry, tags) for name, entry in sources.items()}
    extensions[EXTENSION] = own
    return extensions


def _joined(
    config: Config, named: dict[str, dict[str, Any]], mine: Mapping[str, Any], keeper: str
) -> dict[str, Any]:
    for name, entry in mine.items():
        place = ("extensions", EXTENSION, "sources", name)
        if name not in named:
            known = ", ".join(named) or "none"
            raise _refusal(config, place, f"{keeper} says which databases there are, and {name!r} is none of them", f"There are: {known}.")  # fmt: skip
        for key, value in _table(entry).items():
            if key not in PERSONAL or key in named[name]:
                raise _refusal(config, (*place, key), f"{keeper} describes the source {name!r}; {key} is not yours to set", f"Yours: {', '.join(PERSONAL)}, where the organisation sets none.")  # fmt: skip
            named[name][key] = value
    return dict(named)


def _refusal(config: Config, place: tuple[str | int, ...], what: str, hint: str) -> ConfigError:
    return config.fault(place, what, hint)


def _tagged(entry: Any, tags: Mapping[str, list[str]]) -> Any:
    """The source's own tags and the org's; an entry that is no table is for its reader to refuse."""
    if not isinstance(entry, dict) or not tags:
        return entry  # pyright: ignore[reportUnknownVariableType]
    own: dict[str, Any] = {**entry}
    joined = dict(_table(own.get("tags", {})))
    for pattern, labels in tags.items():
        before = joined.get(pattern, [])
        joined[pattern] = [*(before if isinstance(before, list) else []), *labels]
    return {**own, "tags": joined}


def _table(value: Any) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
