"""Embeddings from a folder: off by default, nothing downloaded, put together with words by rank, crash-safe."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import devagent_docs
from devagent_docs import commands, tools, vectors
from devagent_docs.contract import DocsError
from devagent_docs.embedding import Model, model_in
from devagent_docs.settings import index_folder
from devagent_docs.store import Store
from devagent_docs.wordpiece import WordPieces
from tests.support.documentation import Place, index_all, make_place
from tests.support.embedding_models import meanings_model, write_model

EXTENSIONS = str(Path(devagent_docs.__file__).parent.parent)


@pytest.fixture
def here(tmp_path: Path) -> Place:
    """The documentation, with a model configured; nothing is indexed yet."""
    place = make_place(tmp_path)
    model = meanings_model(tmp_path / "model")
    return place._replace(settings={**place.settings, "embeddings": model})


def hits(here: Place, query: str) -> list[str]:
    found = tools.search(here, query=query)
    return [hit["citation"] for hit in found.get("structured", {})["hits"]]


def stored(here: Place, name: str = "handbook") -> tuple[str, vectors.Vectors]:
    store = Store(index_folder(here.settings), name)
    current = store.current()
    assert current is not None
    found = vectors.read(store.vectors(current.vectors))
    assert found is not None
    return current.vectors, found


def test_a_section_is_found_by_its_meaning_alone(here: Place) -> None:
    index_all(here)
    bare = here._replace(settings={**here.settings, "embeddings": ""})
    assert hits(bare, "locomotive") == []
    assert any(one.endswith("travel.md#booking-a-train") for one in hits(here, "locomotive"))
    assert any(one.endswith("travel.md#claiming-costs") for one in hits(here, "reimbursement"))


def test_a_documented_symbol_is_answered_by_words_alone(here: Place) -> None:
    index_all(here)
    bare = here._replace(settings={**here.settings, "embeddings": ""})
    assert hits(here, "queue.max_depth journey") == hits(bare, "queue.max_depth journey")


def test_words_and_meaning_are_put_together_by_rank(here: Place) -> None:
    index_all(here)
    assert hits(here, "book a train with the portal")[0].endswith("travel.md#booking-a-train")


def test_meaning_shows_nothing_that_policy_hides(here: Place) -> None:
    index_all(here)

    def refused(resource: str, tags: Sequence[str]) -> bool:
        return "travel.md" in resource

    hidden = here._replace(refused=refused)
    assert not any("travel.md" in one for one in hits(hidden, "locomotive"))


def test_nothing_is_made_where_no_model_is_configured(tmp_path: Path) -> None:
    place = make_place(tmp_path)
    index_all(place)
    current = Store(index_folder(place.settings), "handbook").current()
    assert current is not None
    assert current.vectors == ""
    code = "import sys; from devagent_docs import tools, searching, commands; sys.exit('numpy' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": EXTENSIONS}, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0


def test_a_second_run_makes_vectors_of_changed_text_alone(
    here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (handbook,) = commands.chosen(here, ["handbook"])
    commands.index(here, handbook)
    name, before = stored(here)
    made: list[str] = []
    real = Model.vectors

    def watched(self: Model, texts: list[str]) -> Any:
        made.extend(texts)
        return real(self, texts)

    monkeypatch.setattr(Model, "vectors", watched)
    commands.index(here, handbook)
    assert (stored(here)[0], made) == (name, [])
    (tmp_path / "handbook/new.md").write_text("# Parking\n\nA journey ends behind the house.\n")
    commands.index(here, handbook)
    after, now = stored(here)
    assert after != name
    assert len(now.rows) == len(before.rows) + 1
    assert len(made) == 1
    assert "Parking" in made[0]
    assert sum(one.startswith("v-") for one in os.listdir(Path(index_folder(here.settings)) / "handbook")) == 1  # fmt: skip


def test_another_model_makes_all_of_them_anew_and_no_model_drops_them(
    here: Place, tmp_path: Path
) -> None:
    (handbook,) = commands.chosen(here, ["handbook"])
    commands.index(here, handbook)
    other = write_model(tmp_path / "other", ["train", "locomotive"], [[1.0, 0.0], [1.0, 0.0]])
    changed = here._replace(settings={**here.settings, "embeddings": other})
    assert hits(changed, "locomotive") == []  # until it is indexed, words alone speak
    commands.index(changed, handbook)
    assert stored(changed)[1].rows.shape[1] == 2
    assert hits(changed, "locomotive") != []
    commands.index(here._replace(settings={**here.settings, "embeddings": ""}), handbook)
    current = Store(index_folder(here.settings), "handbook").current()
    assert current is not None
    assert current.vectors == ""


KILLED = """
import json, os, signal, sys
from types import SimpleNamespace
from devagent_docs import commands, store, vectors
here = SimpleNamespace(folder=sys.argv[1], settings=json.loads(sys.argv[2]), obligations={})
def killed(*args, **more):
    os.kill(os.getpid(), signal.SIGKILL)
where = {"making": (vectors, "_digest"), "naming": (vectors.os, "rename"), "telling": (store.Store, "put")}
holder, name = where[sys.argv[3]]
setattr(holder, name, killed)
commands.index(here, commands.chosen(here, ["handbook"])[0])
"""


@pytest.mark.parametrize("step", ["making", "naming", "telling"])
def test_a_run_that_is_killed_leaves_the_vectors_that_were(
    here: Place, tmp_path: Path, step: str
) -> None:
    (handbook,) = commands.chosen(here, ["handbook"])
    commands.index(here, handbook)
    name, before = stored(here)
    (tmp_path / "handbook/new.md").write_text("# Parking\n\nA journey ends behind the house.\n")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), json.dumps(dict(here.settings)), step],
        env={**os.environ, "PYTHONPATH": EXTENSIONS}, timeout=60, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert killed.returncode == -9, killed.stderr
    assert stored(here)[0] == name
    assert (stored(here)[1].keys == before.keys).all()
    assert any("travel.md" in one for one in hits(here, "locomotive"))
    commands.index(here, handbook)
    assert len(stored(here)[1].rows) == len(before.rows) + 1
    assert len([one for one in os.listdir(Path(index_folder(here.settings)) / "handbook") if one.startswith("v-")]) == 1  # fmt: skip


def test_a_vector_is_the_mean_of_the_pieces_at_length_one(tmp_path: Path) -> None:
    rows = [[9.0, 9.0], [2.0, 0.0], [0.0, 2.0], [0.0, 4.0]]
    model = model_in(write_model(tmp_path / "m", ["[UNK]", "play", "##ing", "cafe"], rows))
    found = model.vectors(["Playing", "unknown words", "CAFÉ, play", ""])
    assert found[0] == pytest.approx([0.5**0.5, 0.5**0.5])
    assert found[1].tolist() == [0.0, 0.0]
    assert found[2] == pytest.approx(np.array([1.0, 2.0]) / 5**0.5)
    assert found[3].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", ["embeddings", "embedding.weight"])
def test_weights_and_mapping_and_half_precision_are_read(tmp_path: Path, name: str) -> None:
    more = {"mapping": np.array([1, 0, 1]), "weights": np.array([1.0, 3.0, 1.0])}
    folder = write_model(
        tmp_path / "m", ["a", "b", "c"], [[1.0, 0.0], [0.0, 1.0]], more=more, kind="F16", name=name
    )
    assert Model(folder).vectors(["a b"])[0] == pytest.approx(np.array([3.0, 1.0]) / 10**0.5)


def test_pieces_are_the_longest_from_the_left() -> None:
    table = {"model": {"vocab": {"un": 0, "##able": 1, "##a": 2, "_": 3, "cat": 4, "猫": 5}}}
    pieces = WordPieces(json.dumps(table).encode(), "here")
    assert pieces.of("unable un_cat 猫cat unxyz", 99) == [0, 1, 0, 3, 4, 5, 4]
    assert pieces.of("unable unable", 3) == [0, 1, 0]


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("model.safetensors", b"", "damaged"),
        ("model.safetensors", b"\xff" * 8 + b"{}", "damaged"),
        ("model.safetensors", (2).to_bytes(8, "little") + b"{}", "no table"),
        ("model.safetensors", (3).to_bytes(8, "little") + b"{]}", "damaged"),
        ("tokenizer.json", b"[]", "no word pieces"),
        ("tokenizer.json", b'{"model": {"type": "Unigram", "vocab": []}}', "Unigram"),
        ("tokenizer.json", b'{"model": {"vocab": {"a": 99}}}', "do not fit"),
        ("tokenizer.json", b'{"model": {"vocab": {"a": -1}}}', "do not fit"),
        ("tokenizer.json", b'{"normalizer": {"type": "Precompiled"}, "model": {"vocab": {}}}', "Precompiled"),
    ],
)  # fmt: skip
def test_what_is_no_such_model_is_refused_before_anything_changes(
    here: Place, file: str, content: bytes, says: str
) -> None:
    (Path(here.settings["embeddings"]) / file).write_bytes(content)
    with pytest.raises(DocsError) as raised:
        commands.index(here, commands.chosen(here, ["handbook"])[0])
    assert raised.value.error == "no_model"
    assert says in str(raised.value)
    assert Store(index_folder(here.settings), "handbook").current() is None


def test_a_model_that_is_not_there_is_said_and_not_fetched(here: Place, tmp_path: Path) -> None:
    gone = here._replace(settings={**here.settings, "embeddings": str(tmp_path / "none")})
    with pytest.raises(DocsError, match="Nothing is downloaded") as raised:
        index_all(gone)
    assert raised.value.error == "no_model"


def test_damaged_vectors_say_so_and_are_made_anew(here: Place) -> None:
    (handbook,) = commands.chosen(here, ["handbook"])
    commands.index(here, handbook)
    name, _ = stored(here)
    rows = Path(index_folder(here.settings)) / "handbook" / name / "rows.npy"
    rows.write_bytes(rows.read_bytes()[:40])
    os.utime(rows.parent.parent / "current.json")  # as after a start: nothing is remembered
    with pytest.raises(DocsError) as raised:
        hits(here, "locomotive")
    assert raised.value.error == "damaged"
    commands.index(here, handbook, rebuild=True)
    assert any("travel.md" in one for one in hits(here, "locomotive"))
