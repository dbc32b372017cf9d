"""``devagent run`` over images and PDFs: what the model truly gets to see."""

import base64
from pathlib import Path

from devagent.audit.verify import verify_session
from devagent.core.events.calls import ToolFinished
from tests.support.command_line import devagent, logged, logs
from tests.support.messages_server import Call, MessagesServer, Step
from tests.support.pdfs import pdf, png


async def test_an_image_and_a_pdf_that_are_read_reach_the_model_and_are_on_record(
    home: Path,
) -> None:
    work = home / "work"
    work.mkdir()
    (work / "plan.png").write_bytes(png())
    (work / "plan.pdf").write_bytes(pdf("the second floor"))
    calls = [Call("workspace__read", {"path": name}) for name in ("plan.png", "plan.pdf")]
    async with MessagesServer([Step(calls=calls), Step(text="Seen.")]) as server:
        done = await devagent("run", "Look", server=server, cwd=work)
        (picture, document) = server.requests[-1].body["messages"][-1]["content"]
    assert done.code == 0, done
    assert picture["content"][0]["text"].startswith("plan.png: [PNG image, 3 × 2 pixels")
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(png()).decode()}
    assert picture["content"][1] == {"type": "image", "source": source}
    assert document["content"] == "--- page 1 of 1 ---\nthe second floor"
    (folder,) = logs()
    finished = [event for event in logged(folder) if isinstance(event, ToolFinished)]
    assert finished[0].content[0]["data"] == source["data"]
    assert verify_session(folder).ok
