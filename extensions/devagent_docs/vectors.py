"""The vectors of a collection's chunks, beside its index.

    <index>/<collection>/v-<digest>/rows.npy     a row for each chunk, half precision
                                    keys.npy     its document's number, its place in it, what its text was
                                    about.json   which model, which documents

The folder is made whole and then named by ``current.json``: a run that is killed leaves the one before. What a row was
made of is kept with it, so that a chunk whose text is as it was is not made again.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from devagent_docs.contract import DocsError
from devagent_docs.embedding import Model, library

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

BATCH = 1000
"""Chunks that are made at once."""
FORMAT = 1


class Text(NamedTuple):
    """A chunk to make a vector of: its document's number, its place in it, and what is indexed of it."""

    number: int
    ordinal: int
    text: str


class Vectors(NamedTuple):
    """What is stored: ``rows[i]`` is that of the chunk ``keys[i]``."""

    rows: "NDArray[numpy.float32]"
    keys: "NDArray[numpy.uint64]"
    model: str
    documents: str

    def nearest(
        self, question: "NDArray[numpy.float32]", most: int
    ) -> Iterator[tuple[float, int, int]]:
        """The nearest chunks, best first: how near, the document's number, the place in it."""
        np = library()
        if not len(self.rows) or not question.any():
            return
        near = self.rows @ question
        best = np.argpartition(near, -most)[-most:] if most < len(near) else np.arange(len(near))
        for at in best[np.argsort(-near[best], kind="stable")]:
            yield float(near[at]), int(self.keys[at, 0]), int(self.keys[at, 1])


def read(folder: str, *, to_copy: bool = False) -> Vectors | None:
    """What a folder holds; None where it is not there. ``to_copy`` leaves the rows on disk, as they are there.

    Raises DocsError damaged, no_model.
    """
    np = library()
    try:
        with open(os.path.join(folder, "about.json"), encoding="utf-8") as file:
            about: dict[str, Any] = json.load(file)
        mode = "r" if to_copy else None
        rows = np.load(os.path.join(folder, "rows.npy"), mmap_mode=mode, allow_pickle=False)
        keys = np.load(os.path.join(folder, "keys.npy"), allow_pickle=False)
        if rows.ndim != 2 or keys.shape != (len(rows), 3):
            raise ValueError(keys.shape)
        rows = rows if to_copy else rows.astype(np.float32)
        return Vectors(rows, keys, str(about["model"]), str(about["documents"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise DocsError(
            f"The vectors in {folder} are damaged: run `devagent docs index --rebuild`.",
            error="damaged",
        ) from error


def write(
    folder: str,
    model: Model,
    documents: str,
    texts: Iterable[Text],
    count: int,
    before: Vectors | None,
    watch: Callable[[int], None],
) -> str:
    """Make the vectors of these ``count`` chunks below ``folder``; the name of what was made comes back.

    ``watch`` is told how many there are so far, and may raise.
    """
    np = library()
    known = _known(before, model)
    name = f"v-{hashlib.sha256(f'{FORMAT} {model.digest} {documents}'.encode()).hexdigest()[:16]}"
    place = os.path.join(folder, name)
    beside = f"{place}.new"
    shutil.rmtree(beside, ignore_errors=True)  # what a killed run left
    os.makedirs(beside, mode=0o700)
    keys: list[tuple[int, int, int]] = []
    with open(os.path.join(beside, "rows.npy"), "wb") as file:
        # Batch by batch: all rows at once would be most of the memory that the run needs.
        shape = {"descr": "<f2", "fortran_order": False, "shape": (count, model.dimensions)}
        np.lib.format.write_array_header_1_0(file, shape)
        for batch in _batches(texts):
            file.write(_made(batch, model, known, before, keys).tobytes())
            watch(len(keys))
        if len(keys) != count:
            raise DocsError(
                "The index is damaged: run `devagent docs index --rebuild`.", error="damaged"
            )
        _whole(file)
    with open(os.path.join(beside, "keys.npy"), "wb") as file:
        numbers = np.array(keys, np.uint64).reshape(len(keys), 3)
        np.save(file, numbers, allow_pickle=False)
        _whole(file)
    with open(os.path.join(beside, "about.json"), "w", encoding="utf-8") as text:
        json.dump({"model": model.digest, "documents": documents}, text)
    shutil.rmtree(place, ignore_errors=True)
    os.rename(beside, place)
    return name


def _made(
    batch: Sequence[Text],
    model: Model,
    known: dict[int, int],
    before: Vectors | None,
    keys: list[tuple[int, int, int]],
) -> "NDArray[numpy.float16]":
    """The rows of a batch, of which those of known texts are copied; its keys are put to the others."""
    np = library()
    made = np.zeros((len(batch), model.dimensions), "<f2")
    wanted: list[int] = []
    for at, one in enumerate(batch):
        digest = _digest(one.text)
        keys.append((one.number, one.ordinal, digest))
        old = known.get(digest)
        if old is None or before is None:
            wanted.append(at)
        else:
            made[at] = before.rows[old]
    if wanted:
        made[wanted] = model.vectors([batch[at].text for at in wanted])
    return made


def _whole(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _known(before: Vectors | None, model: Model) -> dict[int, int]:
    """Where the row of a text stands that was made by this very model."""
    if before is None or before.model != model.digest:
        return {}
    return {int(digest): row for row, digest in enumerate(before.keys[:, 2])}


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "replace")).digest()[:8]) >> 1


def _batches(texts: Iterable[Text]) -> Iterator[Sequence[Text]]:
    batch: list[Text] = []
    for one in texts:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
