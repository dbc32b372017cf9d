"""Whether the service takes a key, asked before it is kept."""

from collections.abc import Mapping

from devagent.core.errors import ConfigError, ModelError
from devagent.models import DEFAULT_BASE_URL
from devagent.models.attempts import Pace
from devagent.models.choices import Choices
from devagent.models.configured import configured_choices
from devagent.models.credential import Credential
from devagent.models.messages import fixed, messages_model
from devagent.settings.config import DEFAULT_MODEL, Config


async def check_key(config: Config, environment: Mapping[str, str], key: str) -> str:
    """ "" where the service (or the gateway in its place) takes the key, else why that could not be learnt.

    Raises ConfigError for a key that it refuses, and for a config that is not right.
    """
    choices = Choices()
    if config.model_table or config.platforms:
        choices = configured_choices(
            config.model_table, config.platforms, config.fault, max_tokens=config.max_tokens
        )
    model = messages_model(
        name=DEFAULT_MODEL,
        base_url=environment.get("ANTHROPIC_BASE_URL", "") or config.base_url or DEFAULT_BASE_URL,
        keys=fixed(Credential("api_key", key)),
        environment=environment,
        headers=choices.headers,
        tls=choices.tls,
        pace=Pace(stall_s=config.stall_s),
    )
    try:
        await model.check()
    except ModelError as error:
        if error.kind in ("authentication", "permission"):
            raise ConfigError(
                f"the key was not kept, because the service refuses it: {error.what}",
                hint="Look at it again, or keep it all the same with --no-check.",
            ) from None
        return error.what
    finally:
        await model.aclose()
    return ""
