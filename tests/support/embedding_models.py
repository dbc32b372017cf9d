"""Static embedding models made by code: a row for each word piece, in the files that real ones have."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def write_model(
    folder: Path,
    vocabulary: Sequence[str],
    rows: Sequence[Sequence[float]],
    *,
    more: Mapping[str, Any] = {},
    kind: str = "F32",
    name: str = "embeddings",
    **description: Any,
) -> str:
    """A model's folder. ``more``: tables beside that of the rows; ``description``: other words of tokenizer.json."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {name: np.array(rows, {"F32": "<f4", "F16": "<f2", "F64": "<f8"}[kind])}
    tables |= {key: np.array(value) for key, value in more.items()}
    kinds = {"<f4": "F32", "<f2": "F16", "<f8": "F64", "<i8": "I64", "|b1": "BOOL"}
    head: dict[str, Any] = {"__metadata__": {"made": "by a test"}}
    data = b""
    for key, table in tables.items():
        start = len(data)
        data += table.tobytes()
        head[key] = {"dtype": kinds[table.dtype.str], "shape": list(table.shape), "data_offsets": [start, len(data)]}  # fmt: skip
    encoded = json.dumps(head).encode()
    (folder / "model.safetensors").write_bytes(len(encoded).to_bytes(8, "little") + encoded + data)
    tokenizer = {
        "normalizer": {"type": "BertNormalizer", "lowercase": True, "strip_accents": None},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {"type": "WordPiece", "vocab": {piece: at for at, piece in enumerate(vocabulary)}},
        **description,
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return str(folder)


MEANINGS = {
    "travel": ("train", "rail", "locomotive", "journey"),
    "money": ("receipts", "costs", "claiming", "reimbursement"),
    "queue": ("queue", "queues", "jobs", "backlog"),
}
"""Words that mean one thing to the model of ``meanings_model``; the second half of each stands in no document."""


def meanings_model(folder: Path) -> str:
    """A model to which the words of one group are the same, and all others unknown."""
    words = [word for group in MEANINGS.values() for word in group]
    rows = [
        [float(number == place) for place in range(len(MEANINGS))]
        for number, group in enumerate(MEANINGS.values())
        for _ in group
    ]
    return write_model(folder, words, rows)
