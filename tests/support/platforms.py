"""Models of the config's platforms, for tests."""

from devagent.models.attempts import Pace
from devagent.models.chat import ChatDialect
from devagent.models.http_model import HttpModel
from devagent.models.sampling import Sampling


def chat_model(base_url: str, pace: Pace, sampling: Sampling | None = None) -> HttpModel:
    """A chat-completions model on loopback, without a key."""
    return HttpModel(
        name="local/qwen",
        base_url=f"{base_url}/v1",
        dialect=ChatDialect("qwen", sampling or Sampling()),
        keys=None,
        environment={},
        prefix="local/",
        pace=pace,
    )
