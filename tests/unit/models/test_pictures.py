"""Images in a request: for those who can see, and not too many."""

from typing import Any

import msgspec
import pytest

from devagent.models.attempts import Pace
from devagent.models.chat_body import encode_chat
from devagent.models.choices import Choices, ModelFacts, Platform
from devagent.models.estimate import IMAGE_BYTES, Estimate
from devagent.models.messages_body import encode_request
from devagent.models.pictures import MOST, with_images
from devagent.models.platforms import open_on_platform
from devagent.models.prices import load
from devagent.models.sampling import Sampling
from tests.support.messages_server import MessagesServer, Step
from tests.support.model_client import ask, events
from tests.support.other_wires import chat_answer


def image(data: str) -> dict[str, Any]:
    return {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": data},
    }


def conversation(count: int, size: int = 4) -> list[dict[str, Any]]:
    """A prompt with an image, and calls whose results are images."""
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": [image("FIRST"), {"type": "text", "text": "Look"}]}
    ]
    for number in range(1, count):
        call: dict[str, Any] = {"type": "tool_use", "id": f"c{number}", "name": "read", "input": {}}
        found = [{"type": "text", "text": "x.png"}, image(f"{number:0{size}}")]
        result = {"type": "tool_result", "tool_use_id": f"c{number}", "content": found}
        messages += [
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ]
    return messages


def sent(messages: Any, *, takes: bool = True) -> str:
    return msgspec.json.encode(with_images(messages, takes_images=takes)).decode()


def test_a_model_that_takes_no_images_is_told_that_one_stood_there() -> None:
    messages = conversation(3)
    for encode in (encode_request, encode_chat):
        body = encode(ask(messages=messages), "m", Sampling(images=False)).decode()
        assert "FIRST" not in body
        assert '"0001"' not in body
        assert "base64" not in body
        assert body.count("this model takes none") == 3
        assert "x.png" in body
        seen = encode(ask(messages=messages), "m", Sampling()).decode()
        assert "FIRST" in seen
        assert "0002" in seen
    assert "FIRST" in str(messages)  # another model of the same session may take them


def test_of_many_images_the_oldest_go_in_steps_and_none_where_all_fit() -> None:
    few = conversation(MOST)
    assert with_images(few, takes_images=True) is few
    text = sent(conversation(MOST + 1))
    assert "FIRST" not in text
    assert text.count("newer ones took its place") == 5
    assert text.count("base64") == MOST - 4
    again = sent(conversation(MOST + 5))
    assert again.startswith(text[:-2].rpartition('{"role":"assistant"')[0])


def test_images_stay_within_the_size_of_a_request() -> None:
    text = sent(conversation(6, size=5_000_000))
    assert text.count("newer ones took its place") == 5
    assert len(text) < 6_000_000


def test_a_budget_counts_an_image_by_what_it_is_and_not_by_its_bytes() -> None:
    estimate = Estimate("claude-sonnet-5-5", load)
    message = [{"role": "user", "content": [image("A" * 4_000_000)]}]
    assert estimate(ask(messages=message), None).tokens < IMAGE_BYTES


@pytest.mark.parametrize(
    ("facts", "kind", "arrives"),
    [
        (ModelFacts(), "openai", False),
        (ModelFacts(images=True), "openai", True),
        (ModelFacts(), "messages", True),
        (ModelFacts(images=False), "messages", False),
    ],
)
async def test_the_config_says_which_models_take_images(
    facts: ModelFacts, kind: Any, arrives: bool
) -> None:
    answers = chat_answer if kind == "openai" else None
    async with MessagesServer([Step(text="A cat.")], answers=answers) as server:
        table = Platform(name="there", type=kind, base_url=server.base_url, models={"m": facts})
        model = open_on_platform(
            "there/m", Choices(platforms={"there": table}), environment={}, pace=Pace(stall_s=20, give_up_s=20), prices=None,
        )  # fmt: skip
        await events(model, ask(messages=conversation(1)))
        await model.aclose()
        assert ("FIRST" in str(server.requests[0].body)) is arrives
