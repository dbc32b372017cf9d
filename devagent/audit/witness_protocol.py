"""Sending a checkpoint to a witness, as C2SP's tlog-witness says it (``add-checkpoint``), and the answer.

A request of some 200 bytes and a proof that grows with the logarithm of what is new: the size that the witness has,
the consistency proof from there, an empty line, the checkpoint. 200 brings the cosignature, 409 the size that
the witness has. What the standard library brings for HTTP is loaded here, after the first answer of the model.
"""

import os
import urllib.error
import urllib.request
from http.client import HTTPException

from devagent.audit.checkpoints import Note, cosigned_at, parse_key, parse_notes
from devagent.audit.layout import CHECKPOINTS, EVENTS
from devagent.audit.lines import Damage, lines, open_to_read
from devagent.audit.merkle import Leaves
from devagent.audit.record import leaf_hash, to_base64
from devagent.core.errors import LogError
from devagent.core.keeping import Witness

TIMEOUT_S = 5.0
_MOST = 1 << 16


class Unanchored(Exception):
    """The witness has not taken the checkpoint: why, in a sentence. ``refused``: it answered and said no."""

    def __init__(self, why: str, *, refused: bool = False) -> None:
        super().__init__(why)
        self.why, self.refused = why, refused


class Sender:
    """Sends checkpoints of one session. ``key`` is the device's verifier key, which introduces it."""

    def __init__(self, witness: Witness, folder: str, key: str, *, seen: int = 0) -> None:
        self._witness = witness
        self._folder = folder
        self._key = key
        self._seen = seen
        self._leaves = Leaves()
        self._offset = 0

    def send(self, note: bytes) -> bytes:
        """The note with the witness's cosignature. Raises Unanchored, and LogError for a log that cannot be read."""
        (parsed,), _ = parse_notes(note)
        status, answer = self._add(note, parsed)
        if status == 404:
            status, answer = self._post("devices", f"{self._key}\n".encode())
            if status == 200:
                status, answer = self._add(note, parsed)
        if status == 409 and answer.strip().isdigit():
            self._seen = int(answer)
            if self._seen > parsed.size:
                raise Unanchored(
                    f"it has {self._seen} lines of this session, and here are only {parsed.size}",
                    refused=True,
                )
            status, answer = self._add(note, parsed)
        if status in (409, 422):
            raise Unanchored(
                "it has other lines of this session: the log was changed here", refused=True
            )
        if status != 200:
            raise Unanchored(f"it answered {status}: {answer.strip()[:200]}", refused=True)
        cosigned = note[:-1] + answer.encode() + b"\n"
        self._check(cosigned)
        self._seen = parsed.size
        return cosigned

    def _add(self, note: bytes, parsed: Note) -> tuple[int, str]:
        proof = "".join(f"{to_base64(one)}\n" for one in self._proof(parsed.size))
        # The request ends with the note itself; the empty line after it is the file's.
        return self._post("add-checkpoint", f"old {self._seen}\n{proof}\n".encode() + note[:-1])

    def _proof(self, size: int) -> list[bytes]:
        path = os.path.join(self._folder, EVENTS)
        file = open_to_read(path)
        if file is None:
            raise LogError(f"{path} is missing.")
        with file:
            file.seek(self._offset)
            for line in lines(file, path):
                if self._leaves.size == size or not line.whole:
                    break
                self._leaves.push(bytes.fromhex(leaf_hash(line.data)))
                self._offset += len(line.data) + 1
        if self._leaves.size < size:
            raise Unanchored(f"{EVENTS} has only {self._leaves.size} of {size} lines")
        return self._leaves.consistency(min(self._seen, size), size)

    def _check(self, cosigned: bytes) -> None:
        try:
            (note,), torn = parse_notes(cosigned)
            if torn:
                raise Damage(CHECKPOINTS, 0, "it is no note")
            if self._witness.key and not cosigned_at(
                note, parse_key(self._witness.key, witness=True)
            ):
                raise Damage(
                    CHECKPOINTS, 0, "it bears no good cosignature of the witness that policy names"
                )
        except (Damage, ValueError) as e:
            what = e.what if isinstance(e, Damage) else str(e)
            raise Unanchored(f"its answer is not usable: {what}", refused=True) from e

    def _post(self, what: str, data: bytes) -> tuple[int, str]:
        url = f"{self._witness.url.rstrip('/')}/{what}"
        status, answer = _exchange(url, data, _MOST)
        return status, answer.decode("utf-8", "replace")


def get(url: str, most: int) -> bytes:
    """What lies there, of which ``most`` bytes and one are read. Raises Unanchored."""
    status, answer = _exchange(url, None, most + 1)
    if status != 200:
        said = answer[:200].decode("utf-8", "replace").strip()
        raise Unanchored(f"it answered {status}: {said}", refused=True)
    return answer


def _exchange(url: str, data: bytes | None, most: int) -> tuple[int, bytes]:
    headers = {"Content-Type": "text/plain"} if data is not None else {}
    # Policy's tables and `session verify --listing` allow http and https alone.
    request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310
    try:
        with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
            return answer.status, answer.read(most)
    except urllib.error.HTTPError as e:
        with e:
            return e.code, e.read(_MOST)
    except (OSError, HTTPException, ValueError) as e:
        reason = getattr(e, "reason", e)
        raise Unanchored(f"it cannot be reached: {reason}") from e


def _opener() -> urllib.request.OpenerDirector:
    """Proxies of the environment are used, redirects are not followed: where checkpoints go says policy."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


_OPENER = _opener()
