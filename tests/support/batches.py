"""The Message Batches endpoints on loopback, as the service's SDK has them: create, list, retrieve, results."""

from typing import Any

import msgspec

from tests.support.messages_server import Recorded, response

PATH = "/v1/messages/batches"
JSON = {"content-type": "application/json", "request-id": "req_test_batch"}


class FakeBatches:
    """Set as ``MessagesServer.batches``. A batch ends once it was asked about ``polls`` times.

    ``lose``: so many answers to creations are never sent, the batches are there all the same. ``refuse``: a status
    for creations. ``errored``: texts of prompts that are answered with an error.
    """

    def __init__(
        self, *, polls: int = 1, lose: int = 0, refuse: int = 0, errored: tuple[str, ...] = ()
    ) -> None:
        self.polls, self.lose, self.refuse, self.errored = polls, lose, refuse, errored
        self.created: dict[str, list[dict[str, Any]]] = {}
        self.asked: dict[str, int] = {}
        self.seen: list[str] = []

    def __call__(self, request: Recorded) -> bytes:
        path, _, _ = request.path.partition("?")
        self.seen.append(f"{request.method} {path}")
        if request.method == "POST":
            return self._create(request.body)
        if path == PATH:
            newest = [self.told(name) for name in reversed(self.created)]
            page = {"data": newest, "has_more": False, "first_id": None, "last_id": None}
            return response(200, JSON, page)
        name, _, rest = path.removeprefix(f"{PATH}/").partition("/")
        if rest == "results":
            lines = [msgspec.json.encode(self._result(one)) for one in reversed(self.created[name])]
            return response(200, {"content-type": "application/x-jsonl"}, b"\n".join(lines) + b"\n")
        self.asked[name] += 1
        return response(200, JSON, self.told(name))

    def add(self, requests: list[dict[str, Any]]) -> str:
        """A batch that is there."""
        name = f"msgbatch_{len(self.created) + 1:03}"
        self.created[name], self.asked[name] = requests, 0
        return name

    def told(self, name: str) -> dict[str, Any]:
        """The batch as the service tells of it (``anthropic.types.messages.MessageBatch``)."""
        ended = self.asked[name] >= self.polls
        count = len(self.created[name])
        return {
            "id": name,
            "type": "message_batch",
            "processing_status": "ended" if ended else "in_progress",
            "request_counts": {
                "processing": 0 if ended else count,
                "succeeded": count if ended else 0,
                "errored": 0,
                "canceled": 0,
                "expired": 0,
            },
            "created_at": "2099-01-01T00:00:00Z",
            "expires_at": "2099-01-02T00:00:00Z",
            "ended_at": "2099-01-01T00:10:00Z" if ended else None,
            "cancel_initiated_at": None,
            "archived_at": None,
            "results_url": f"https://results.invalid/{name}" if ended else None,
        }

    def _create(self, body: dict[str, Any]) -> bytes:
        if self.refuse:
            error = {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}
            return response(self.refuse, JSON, error)
        name = self.add(body["requests"])
        if self.lose:
            self.lose -= 1
            return b""
        return response(200, JSON, self.told(name))

    def _result(self, request: dict[str, Any]) -> dict[str, Any]:
        """A line of the results (``MessageBatchIndividualResponse``)."""
        text = request["params"]["messages"][0]["content"][0]["text"]
        if text in self.errored:
            error = {"type": "invalid_request_error", "message": "not this one"}
            whole = {"type": "error", "error": error, "request_id": None}
            return {
                "custom_id": request["custom_id"],
                "result": {"type": "errored", "error": whole},
            }
        message = {
            "id": "msg_test",
            "type": "message",
            "role": "assistant",
            "model": request["params"]["model"],
            "content": [{"type": "text", "text": f"Re: {text}", "citations": None}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1_000, "output_tokens": 100},
        }
        return {
            "custom_id": request["custom_id"],
            "result": {"type": "succeeded", "message": message},
        }
