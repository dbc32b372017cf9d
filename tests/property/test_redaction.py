"""Redaction under any surroundings: nothing slips past the quick no, nothing is done twice, nothing takes long."""

import random
import tempfile
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devagent.audit.reader import read
from devagent.audit.redaction.redactor import Redactor
from devagent.audit.redaction.spans import Placeholders
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.core.codec import canonical
from devagent.core.events import Event, Unlogged
from devagent_secrets import prefilter, shapes
from devagent_secrets.span import Span
from tests.bench.bench_redaction import ADVERSARIAL
from tests.support.innocent_lines import innocent_lines
from tests.support.log_events import any_event
from tests.support.synthetic_secrets import GIVEN, TOKENS

PARTED = st.text(
    st.characters(codec="utf-8").filter(lambda c: not (c.isascii() and c.isalnum())), max_size=12
).map(lambda text: f"{text}\n")
"""Text that ends a word and a line: what follows is not a part of something longer."""

EVERY = sorted({**TOKENS, **GIVEN}.items())


@given(st.sampled_from(EVERY), st.integers(0, 10**9), st.text(max_size=40), PARTED, PARTED)
def test_a_secret_goes_wherever_it_stands(
    named: tuple[str, object], seed: int, before: str, left: str, right: str
) -> None:
    make = {**TOKENS, **GIVEN}[named[0]]
    secret, text = make(random.Random(seed))
    whole = f"{before}\n{left}{text}\n{right}"
    redact = Redactor()
    _, body, counts = redact({"type": "prompt"}, {"text": whole, "more": [{"k": whole}]})
    assert secret not in str(body)
    assert sum(counts.values()) >= 2
    assert prefilter.may_hold_secrets(canonical(text))
    assert prefilter.may_hold_secrets(text.encode())


@pytest.mark.parametrize(
    "filler",
    ["a1-_" * 40, "a1_" * 40, "-1a_" * 40, "0a" * 70, "1A" * 30, "1a" * 11 + "." + "1a" * 11],
)
def test_the_quick_no_knows_every_token_that_a_rule_knows(filler: str) -> None:
    found = 0
    for shape in shapes.SHAPES:
        for needle in shape.needles:
            for lead in ("", "sk", "rk", "123456789"):
                text = f"{lead}{needle}{filler}"
                if list(shapes.tokens(text)):
                    found += 1
                    assert prefilter.may_hold_secrets(text.encode()), text
    assert found


@given(st.lists(st.sampled_from(innocent_lines()), max_size=6), st.text(max_size=20))
def test_innocent_lines_stay_side_by_side(lines: list[str], parted: str) -> None:
    text = f"\n{parted}\n".join(lines)
    alone = Redactor().text(parted)[1]
    assert alone or Redactor().text(text) == (text, {})


@given(st.text(), st.lists(st.sampled_from(EVERY), max_size=3), st.integers(0, 10**9))
def test_what_was_redacted_is_not_redacted_again(
    around: str, named: list[tuple[str, object]], seed: int
) -> None:
    draw = random.Random(seed)
    texts = [{**TOKENS, **GIVEN}[name](draw)[1] for name, _ in named]
    once, _ = Redactor(["pii"]).text(around.join(["", *texts, ""]))
    twice, again = Redactor(["pii"]).text(once)
    assert (twice, again) == (once, {})


@given(st.lists(any_event(), max_size=4), st.text(min_size=8, max_size=12))
@settings(max_examples=60)
def test_any_event_stays_readable_and_counted_whatever_the_known_secrets(
    events: list[Event], secret: str
) -> None:
    words = ["finished", "decision", "tool_use", "resources", "versions", secret]
    redact = Redactor(["pii"], known=[(word, "environment") for word in words])
    with tempfile.TemporaryDirectory() as folder:
        with SessionLog.create(folder, redact=redact) as log:
            for event in events:
                if not isinstance(event, Unlogged):
                    log.write(event)
        records = list(read(log.folder))
        assert (
            sum(sum(one.header.get("redacted", {}).values()) for one in records) == log.redactions
        )
        found = verify_session(log.folder)
        assert "canonical" not in found.headline
        assert "parse" not in found.headline


@given(st.data())
def test_placeholders_cover_every_span_and_keep_the_rest(data: st.DataObject) -> None:
    text = data.draw(st.text(st.characters(exclude_characters="[]"), max_size=40))
    at = st.integers(0, len(text))
    pairs = data.draw(st.lists(st.tuples(at, at), max_size=6))
    spans = [Span(min(p), max(p), f"k{n}") for n, p in enumerate(pairs) if p[0] != p[1]]
    counts: dict[str, int] = {}
    out = Placeholders(b"salt").put(text, spans, counts)
    covered = {n for one in spans for n in range(one.start, one.end)}
    kept = "".join(part.rpartition("]")[2] for part in out.split("[redacted:"))
    assert kept == "".join(c for n, c in enumerate(text) if n not in covered)
    assert sum(counts.values()) == out.count("[redacted:")


@pytest.mark.parametrize("piece", [*ADVERSARIAL.values(), "@a.", "password=`", "curl -u a:", "authorization:", "bearer a", "xoxb-", "1 ", "-u a:b ", "secret: \"", "[redacted:"])  # fmt: skip
def test_time_is_in_proportion_to_the_size_also_for_text_made_to_cost(piece: str) -> None:
    """Eight times the text takes nowhere near sixty-four times as long. The least of some runs is compared,
    with much room for a busy machine: quadratic cost would be three times beyond it."""
    redact = Redactor(["pii"], known=[("correct horse battery", "environment")])

    def seconds(size: int) -> float:
        text = (piece * size)[:size]
        best = 60.0
        for _ in range(3):
            start = time.process_time()
            redact({"type": "prompt"}, {"text": text})
            best = min(best, time.process_time() - start)
        return best

    small, large = seconds(6_250), seconds(50_000)
    assert large < max(small, 0.001) * 24
