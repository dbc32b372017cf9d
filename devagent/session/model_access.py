"""Model access: which models one person may ask under one config and policy, and how they are opened.

Policy is asked about each by its name, its host and its region; where a budget in dollars is in force a
model without a known price is refused, before anything is sent.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from devagent.agent.fitting import Window
from devagent.core.errors import ConfigError, UsageError
from devagent.core.ports import Model
from devagent.core.principal import Principal
from devagent.core.tools import ServiceTool
from devagent.models import (
    DEFAULT_BASE_URL,
    REHEARSAL,
    OpenModel,
    known_models,
    needs_credential,
    open_model,
)
from devagent.models import Credential as ModelCredential
from devagent.models import prices as price_tables
from devagent.models.catalogue import COMPACTING
from devagent.models.choices import ROLES, Choices
from devagent.models.prices import PriceTable, Rates
from devagent.models.sampling import Sampling, within
from devagent.policy.decide import CompiledPolicy
from devagent.policy.model_bounds import (
    ModelAsked,
    binds_labels,
    forbids_model,
    keeps_nothing,
    sampling_bounds,
)
from devagent.settings.config import Config
from devagent.settings.credentials import Credential, find_credential

if TYPE_CHECKING:
    from devagent.models.http_model import HttpModel


class Offer(Struct, frozen=True):
    """One model as ``devagent models`` lists it. ``forbidden`` says by whom and why; ``context`` 0 and no
    ``rates``: not known."""

    name: str
    roles: tuple[str, ...]
    platform: str
    host: str
    region: str
    zero_retention: bool
    context: int
    rates: Rates | None
    forbidden: str = ""


class ModelAccess:
    """The models of one config for one principal. Raises ConfigError for tables that are not right."""

    def __init__(
        self,
        config: Config,
        environment: Mapping[str, str],
        policy: CompiledPolicy,
        who: Principal,
        *,
        main: str = "",
        prices: PriceTable | None = None,
        credential: Callable[[Mapping[str, str]], Credential] = find_credential,
    ) -> None:
        self.main = main or config.model
        self._config, self._environment = config, environment
        self._files, self._principal = policy.files, policy.names(who)
        self._find = credential
        self._found: Credential | None = None
        self._base_url = environment.get("ANTHROPIC_BASE_URL", "") or config.base_url
        self._table = prices
        self._whole: PriceTable | None = None
        self.choices = self._choices()
        self._opened: list[Model] = []

    def credential(self) -> Credential | None:
        """The key of the environment or the keyring; None where the main model is asked without it."""
        return self._credential() if needs_credential(self.main, self.choices) else None

    def open(self, *, dollars_limited: bool) -> OpenModel:
        """The main model, with the fallbacks that policy allows behind it.

        While ``dollars_limited``, only those whose price is known; the main one's is looked at before each
        request. Raises ConfigError where policy does not allow the main one, or it has no key.
        """
        self._must_be_allowed(self.main)
        if self.main.startswith(REHEARSAL):
            return self._one(self.main, 1)
        chain = [self.main]
        for name in self.choices.fallback:
            usable = name not in chain and not self.forbids(name)
            if usable and (not dollars_limited or self.is_priced(name)):
                chain.append(name)
        share = len(chain)
        if share == 1 and not binds_labels(self._files):
            return self._one(self.main, 1)
        from devagent.models.router import Router  # noqa: PLC0415 - only where there is a choice

        return Router(chain, lambda name: self._one(name, share), self.forbids)

    def open_for_batches(self) -> "HttpModel":
        """The main model, where its service takes batches. Raises ConfigError where policy does not allow the model,
        it has no key, or the service has none."""
        self._must_be_allowed(self.main)
        from devagent.models.http_model import HttpModel  # noqa: PLC0415 - for batches alone

        model = None if self.main.startswith(REHEARSAL) else self._one(self.main, 1)
        if not isinstance(model, HttpModel) or not model.speaks_messages:
            raise ConfigError(
                f"{self.main!r} is asked where there are no message batches",
                hint="Batches are a matter of the Messages API itself: name a model of it with --model.",
            )
        return model

    def window(self, model: OpenModel) -> Window:
        """The window that a conversation with the main model, opened as ``model``, has to fit."""
        choices = self.choices
        if self.main.startswith(REHEARSAL):
            return Window()
        if self._has_tables or "/" in self.main:
            from devagent.models.platforms import window  # noqa: PLC0415 - only where the config says more

            tokens = choices.context or window(self.main, choices)
        else:
            tokens = _USUAL_WINDOW
        summariser: list[Model] = []

        def fast() -> Model:
            if not summariser:
                summariser.append(self._summariser(model))
            return summariser[0]

        by_service = (lambda: model) if self._compacts_by_service(self.main) else None
        return Window(
            tokens, choices.sampling.max_tokens, choices.compact_at, fast, model.count, by_service
        )

    def service_tools(self, *, dollars_limited: bool) -> tuple[ServiceTool, ...]:
        """What the config would let the service do itself, where the main model's service has such tools. Raises
        ConfigError for one whose price is not known, while ``dollars_limited``."""
        tools = self.choices.service_tools
        if not tools:
            return ()
        from devagent.models.platforms import speaks_messages  # noqa: PLC0415 - only where the config names some

        if not speaks_messages(self.main, self.choices):
            return ()
        unpriced = [one.name for one in tools if one.name not in self.prices().service_tools]
        if dollars_limited and unpriced:
            raise ConfigError(
                f"the price of {', '.join(unpriced)} is not known, and a budget is in dollars",
                hint='Give it in the price table ("service_tools"), or leave it out of [model.service_tools].',
            )
        return tools

    def must_see(self, attachments: Sequence[Mapping[str, Any]]) -> None:
        """Raises UsageError where there are images or PDFs among them, and the main model takes none."""
        texts = [block.get("source", {}).get("type") == "text" for block in attachments]
        if "/" not in self.main or all(texts):
            return
        from devagent.models.platforms import can_see  # noqa: PLC0415 - only for what is attached

        if not can_see(self.main, self.choices):
            raise UsageError(
                f"{self.main!r} takes text alone: no images and no PDFs",
                hint="Name another model with --model, or say `images = true` of it in [platforms].",
            )

    def _compacts_by_service(self, name: str) -> bool:
        """Whether the service shortens conversations with this model itself, and is to."""
        choice = self.choices.compaction
        if choice == "own" or name.startswith(REHEARSAL):
            return False
        if choice == "service":
            from devagent.models.platforms import speaks_messages  # noqa: PLC0415 - only where asked for

            return speaks_messages(name, self.choices)
        own = self._base_url.rstrip("/") in ("", DEFAULT_BASE_URL)
        return own and name in COMPACTING  # what a gateway lets through nobody knows

    async def aclose(self) -> None:
        """Close what was opened besides the main model."""
        for model in self._opened:
            await model.aclose()

    def forbids(self, name: str, labels: Sequence[str] = ()) -> str:
        """Who keeps the policy that does not allow the model, or ""."""
        return self._forbidden(name, labels)[0]

    def prices(self) -> PriceTable:
        """The table in force, with the prices that the config gives to its platforms' models."""
        if self._whole is None:
            self._whole = self._table or price_tables.load()
            if self.choices.platforms:
                from devagent.models.platforms import price_table  # noqa: PLC0415 - only where there are any

                self._whole = price_table(self.choices, self._whole)
        return self._whole

    def is_priced(self, name: str) -> bool:
        """Whether what the model costs is known."""
        return self.prices().rates(name) is not None

    def offers(self) -> list[Offer]:
        """All models that are known here: of the roles, of the service, of the config's platforms."""
        chosen = [self.main, self.choices.fast, self.choices.judge, *self.choices.fallback]
        named = [
            f"{platform.name}/{model}"
            for platform in self.choices.platforms.values()
            for model in platform.models
        ]
        names = dict.fromkeys([*(name for name in chosen if name), *named, *known_models()])
        return [self._offer(name) for name in names]

    def _offer(self, name: str) -> Offer:
        from devagent.models.platforms import where, window  # noqa: PLC0415 - for the list alone

        place = where(name, self.choices, self._base_url)
        keeper, why = self._forbidden(name, ())
        roles = [role for role in ROLES if name == self._of_role(role)]
        if name in self.choices.fallback:
            roles.append("fallback")
        context = window(name, self.choices)
        return Offer(
            name=name,
            roles=tuple(roles),
            platform=place.platform,
            host=place.host,
            region=place.region,
            zero_retention=keeps_nothing(self._files, place.host),
            context=(self.choices.context or context) if name == self.main else context,
            rates=self.prices().rates(name),
            forbidden=f"{keeper} ({why})" if keeper else "",
        )

    def _of_role(self, role: str) -> str:
        own = {"fast": self.choices.fast, "judge": self.choices.judge}
        return own.get(role) or self.main

    def _forbidden(self, name: str, labels: Sequence[str]) -> tuple[str, str]:
        if name.startswith(REHEARSAL) or not any("models" in f.tables for f in self._files):
            return "", ""
        from devagent.models.platforms import where  # noqa: PLC0415 - only where policy speaks of models

        place = where(name, self.choices, self._base_url)
        asked = ModelAsked(name, place.host, place.region, self._principal)
        return forbids_model(self._files, asked, labels)

    def _must_be_allowed(self, name: str) -> None:
        keeper, why = self._forbidden(name, ())
        if keeper:
            raise ConfigError(
                f"policy {keeper} does not allow the model {name!r} ({why})",
                hint=f"`devagent models` lists those that it allows. Name one with --model, or ask whoever keeps {keeper}.",
            )

    def _one(self, name: str, share: int) -> OpenModel:
        found = self._credential() if needs_credential(name, self.choices) else None
        return open_model(
            name,
            environment=self._environment,
            credential=ModelCredential(kind=found.kind, value=found.value) if found else None,
            base_url=self._base_url,
            stall_s=self._config.stall_s,
            give_up_s=self._config.give_up_s / share,
            prices=self._table,
            choices=self._choices_for(name),
        )

    def _choices_for(self, name: str) -> Choices:
        if not self._compacts_by_service(name):
            return self.choices
        sampling = self.choices.sampling
        features = (*sampling.features, "compaction")
        return replace(self.choices, sampling=replace(sampling, features=features))

    def _summariser(self, main: Model) -> Model:
        """The fast model; the main one, which looks at policy itself, where that may not always be asked."""
        fast = self.choices.fast
        if not fast or fast == self.main or self.forbids(fast) or binds_labels(self._files):
            return main
        if self.is_priced(self.main) and not self.is_priced(fast):
            return main  # a budget in dollars could not be kept any more
        model = self._one(fast, 1)
        self._opened.append(model)
        return model

    def _credential(self) -> Credential:
        if self._found is None:
            self._found = self._find(self._environment)
        return self._found

    @property
    def _has_tables(self) -> bool:
        return bool(self._config.model_table or self._config.platforms)

    def _choices(self) -> Choices:
        config = self._config
        choices = Choices(sampling=Sampling(max_tokens=config.max_tokens))
        if self._has_tables:
            from devagent.models.configured import (  # noqa: PLC0415 - only where the config has more
                configured_choices,
            )

            choices = configured_choices(
                config.model_table, config.platforms, config.fault, max_tokens=config.max_tokens
            )
        bounds = sampling_bounds(self._files)
        return replace(choices, sampling=within(choices.sampling, bounds))


_USUAL_WINDOW = 200_000
