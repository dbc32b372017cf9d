"""Texts as vectors, by a static embedding model that lies in a folder of this computer: numpy alone, no download.

The folder is as Model2Vec and sentence-transformers' StaticEmbedding write it: ``model.safetensors`` with a row for
each word piece (``embeddings`` or ``embedding.weight``, and perhaps ``weights`` and ``mapping``), ``tokenizer.json``,
and ``config.json``, which may be missing. A text's vector is the mean of its pieces' rows, of length 1.
"""

import hashlib
import math
import os
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from devagent_docs.contract import DocsError
from devagent_docs.wordpiece import WordPieces

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

MOST_PIECES = 512
"""Word pieces of a text that are looked at."""
MOST_BYTES = 2 << 30
_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4"}


def library() -> ModuleType:
    """numpy. Raises DocsError no_model where it is not installed."""
    try:
        import numpy  # noqa: PLC0415 - 80 ms, and only where embeddings are configured
    except ImportError:
        raise DocsError(
            "Embeddings need numpy: install devagent[embeddings].", error="no_model"
        ) from None
    return numpy


class Model:
    """A model, read whole; ``digest`` names its content."""

    def __init__(self, folder: str) -> None:
        """Raises DocsError no_model."""
        np = library()
        weights = _read(os.path.join(folder, "model.safetensors"))
        description = _read(os.path.join(folder, "tokenizer.json"))
        self.digest = hashlib.sha256(weights + description).hexdigest()[:16]
        self._pieces = WordPieces(description, folder)
        tensors = _tensors(weights, folder)
        rows = tensors.get("embeddings", tensors.get("embedding.weight"))
        if rows is None or rows.ndim != 2:
            raise _unfit(folder, "model.safetensors has no table named embeddings")
        mapping = tensors.get("mapping")
        if mapping is not None:
            if mapping.ndim != 1 or (
                mapping.size and not 0 <= mapping.min() <= mapping.max() < len(rows)
            ):
                raise _unfit(folder, "its mapping names rows that are not there")
            rows = rows[mapping]
        rows = rows.astype(np.float32)
        if (share := tensors.get("weights")) is not None:
            if share.shape != (len(rows),):
                raise _unfit(folder, "it has not one weight for each word piece")
            rows = rows * share.astype(np.float32)[:, None]
        if self._pieces.size > len(rows) or not np.isfinite(rows).all():
            raise _unfit(folder, "its rows do not fit its word pieces")
        self._rows: NDArray[numpy.float32] = rows

    @property
    def dimensions(self) -> int:
        return int(self._rows.shape[1])

    def vectors(self, texts: Sequence[str]) -> "NDArray[numpy.float32]":
        """A row for each text, of length 1; of a text without a known piece it is 0."""
        np = library()
        found = np.zeros((len(texts), self.dimensions), np.float32)
        for number, text in enumerate(texts):
            if pieces := self._pieces.of(text, MOST_PIECES):
                found[number] = self._rows[pieces].mean(axis=0)
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        return found / np.where(lengths > 0, lengths, 1)


_models: dict[str, tuple[tuple[int, int], Model]] = {}


def model_in(folder: str) -> Model:
    """The model of a folder, kept as long as its file stays as it is. Raises DocsError no_model."""
    place = os.path.realpath(os.path.expanduser(folder))
    try:
        found = os.stat(os.path.join(place, "model.safetensors"))
    except OSError as error:
        raise DocsError(
            f"There is no model in {folder}: it needs model.safetensors and tokenizer.json. "
            "Nothing is downloaded.",
            error="no_model",
        ) from error
    key = (found.st_mtime_ns, found.st_size)
    kept = _models.get(place)
    if kept is None or kept[0] != key:
        kept = (key, Model(place))
        _models[place] = kept
    return kept[1]


def _read(path: str) -> bytes:
    try:
        if os.path.getsize(path) > MOST_BYTES:
            raise _unfit(path, f"it is larger than {MOST_BYTES >> 30} GiB")
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise _unfit(path, f"it cannot be read ({error.strerror})") from error


class _Tensor(msgspec.Struct):
    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def _tensors(data: bytes, where: str) -> "dict[str, NDArray[Any]]":
    """The tables of a safetensors file: eight bytes of length, a JSON head, and the numbers."""
    np = library()
    begin = 8 + int.from_bytes(data[:8], "little")
    if len(data) < begin:
        raise _unfit(where, "model.safetensors is damaged")
    try:
        head = msgspec.json.decode(data[8:begin], type=dict[str, msgspec.Raw])
        head.pop("__metadata__", None)
        about = {name: msgspec.json.decode(raw, type=_Tensor) for name, raw in head.items()}
    except msgspec.MsgspecError as error:
        raise _unfit(where, "model.safetensors is damaged") from error
    found: dict[str, NDArray[Any]] = {}
    for name, tensor in about.items():
        kind = _KINDS.get(tensor.dtype)
        if kind is None:
            raise _unfit(where, f"{name} is of {tensor.dtype}")
        start, end = (begin + at for at in tensor.data_offsets)
        count = math.prod(tensor.shape)
        if not begin <= start <= end <= len(data) or count * int(kind[2]) != end - start:
            raise _unfit(where, "model.safetensors is damaged")
        found[name] = np.frombuffer(data, kind, count, start).reshape(tensor.shape)
    return found


def _unfit(where: str, why: str) -> DocsError:
    return DocsError(f"The model in {where} cannot be used: {why}.", error="no_model")
