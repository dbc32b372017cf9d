"""Five hundred synthetic secrets through every field of the record: none of them is on the disk.

And the other half: more than two hundred lines that only look like it stay as they are.
"""

import gzip
import re
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest
from click.testing import CliRunner

from devagent.audit.export.delta import Delta
from devagent.audit.export.http import Server
from devagent.audit.export.ocsf import Ocsf
from devagent.audit.export.otlp import Otlp
from devagent.audit.export.parquet import Parquet
from devagent.audit.export.telemetry import Telemetry
from devagent.audit.reader import read, read_events
from devagent.audit.redaction.redactor import Redactor
from devagent.audit.verify import verify_session
from devagent.audit.writer import SessionLog
from devagent.cli.session import session
from devagent.core.codec import canonical
from devagent.core.events import Event
from devagent.core.events.calls import (
    Approval,
    ApprovalAnswered,
    ApprovalAsked,
    ToolCalled,
    ToolFinished,
    ToolJudged,
    ToolStarted,
)
from devagent.core.events.ground import ExtensionRefused, PolicyLoaded, PolicyLocked
from devagent.core.events.model import ModelFailed, ModelReplied
from devagent.core.events.session import ErrorRaised, SessionEnded, SessionResumed
from devagent.core.events.turns import BudgetStopped, Prompt, TurnEnded, TurnStarted
from devagent.core.principal import Principal
from devagent.core.resources import Resource
from devagent.core.tools import ExtensionReference
from devagent.core.verdicts import Decision, RuleReference
from tests.support.exported import export
from tests.support.innocent_lines import innocent_lines
from tests.support.log_events import GIT, started
from tests.support.otlp_receiver import receiving
from tests.support.synthetic_secrets import TOKENS, secrets

COUNT = 500
KNOWN = {
    "correct horse battery staple": "model-key",
    'p"q\\r/+ &=%\u00e9\U0001f600long': "environment",
    "q7Tz0LxWm2": "environment",
    "plainword": "environment",
    "line one is long enough\nline two is long enough": "handle",
}


def everywhere(text: str, number: int) -> Iterator[Event]:
    """One turn in which the text stands in every field that takes text from outside."""
    call = f"c{number}"
    who = Principal(user=f"ana {text}", groups=(text,), on_behalf_of=text)
    rule = RuleReference("org/acme#r", "ask", "org", file=f"/etc/{text}", why=text, grant=text)
    decision = Decision(
        "ask",
        f"because {text}",
        rules=("org/acme#r", text),
        obligations={"filter": {text: [f"a = {text}"]}},
        determining=(rule,),
        nearest=(text,),
        grant=text,
    )
    yield TurnStarted(turn=number)
    yield Prompt(turn=number, text=f"Please look at this:\n{text}\nand mend it")
    yield ModelFailed(turn=number, model=text, err=text, attempt=1, request_id=text, reason=text)
    yield ModelReplied(
        turn=number,
        model=text,
        stop="tool_use",
        request_id=text,
        content=[
            {"type": "thinking", "thinking": f"It is {text} they mean", "signature": "c2lnbmVk"},
            {"type": "text", "text": f"I saw\t{text}"},
            {"type": "tool_use", "id": call, "name": "git__push", "input": {"x": {"y": [text]}}},
        ],
    )
    yield ToolCalled(
        turn=number,
        call=call,
        ext="git",
        tool=f"push {text}",
        args={"command": ["sh", "-c", text], text: 1, "nested": {text: {text: text}}},
    )
    yield ToolJudged(
        turn=number,
        call=call,
        principal=who,
        agent=text,
        ext=GIT,
        tool=text,
        tool_class="write",
        resources=(Resource(f"path:src/{text}.txt", "write", (text,)),),
        args_digest="ef" * 32,
        decision=decision,
        taint=(text,),
        err=text,
        args={"text": text},
        context={"prompt": text},
        facts={"args.text.@hosts": [text]},
        can=(text,),
        shadow=decision,
        reply=text,
    )
    yield ApprovalAsked(turn=number, call=call, shown=canonical({"text": text}).decode())
    yield ApprovalAnswered(
        turn=number,
        call=call,
        principal=who,
        agent=text,
        approval=Approval("yes", text, "terminal", approval_id=text),
        comment=text,
        reply=text,
    )
    yield ToolStarted(turn=number, call=call, ext=GIT, tool=text, tool_class="write")
    yield ToolFinished(
        turn=number,
        call=call,
        outcome="failed",
        err=text,
        taint=(text,),
        decision=decision,
        text=f"{text}\r\n\x1b[31m{text}\x1b[0m",
        view=f"é {text} ü",
        whole=f"before\n{text}\nafter",
        structured={"rows": [{"a": text}, [text, None, 1.5]], "log": canonical([text]).decode()},
    )
    yield BudgetStopped(turn=number, limit=text, reason=text)
    yield ErrorRaised(err=text, reason=f"Traceback (most recent call last):\n  {text}")
    yield PolicyLocked(reason=text)
    yield PolicyLoaded(layer="local", name=text, digest="ab" * 32, rules=1, file=f"/home/{text}")
    yield ExtensionRefused(ext=ExtensionReference(text, text, "ab" * 32), err=text)
    yield TurnEnded(turn=number, stop="done", reason=text)


def on_disk(folder: str) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(Path(folder).iterdir()))


def forms(secret: str) -> Iterator[bytes]:
    """The ways in which a secret may stand in a file."""
    yield secret.encode()
    once = canonical(secret)[1:-1]
    yield once
    yield canonical(once.decode())[1:-1]
    yield quote(secret, safe="").encode()
    if len(secret) >= 12:
        yield b64encode(secret.encode())[:-4]


def test_five_hundred_secrets_through_every_channel_leave_none_on_the_disk(tmp_path: Path) -> None:
    drawn = secrets(COUNT)
    assert len({kind for kind, _, _ in drawn}) > 60
    written = 0
    with SessionLog.create(str(tmp_path), redact=Redactor()) as log:
        log.write(started())
        for number, (_, _, text) in enumerate(drawn, 1):
            for event in everywhere(text, number):
                log.write(event)
                written += 1
        log.write(SessionEnded(stop="done", exit_code=0))
    disk = on_disk(log.folder)
    left = [(kind, secret) for kind, secret, _ in drawn for form in forms(secret) if form in disk]
    assert left == []
    assert log.redactions > COUNT * 40
    found = verify_session(log.folder)
    assert found.headline.startswith("verify: ok ")
    assert found.events == written + 2
    assert sum(1 for _ in read_events(log.folder)) == written + 2


def telling(secret: str) -> bytes:
    """The longest part of a secret that is the same in each of its forms in a text."""
    return max(re.findall(r"[A-Za-z0-9]*", secret), key=len).encode()


def handed_on(folder: str, place: Path) -> Iterator[tuple[str, bytes]]:
    """What becomes of a log, with all its content: each name with every byte that leaves."""
    with receiving() as receiver:
        otlp = Otlp(Server(receiver.url), Telemetry("1"))
        for target in (
            Ocsf(f"{place}/ocsf"),
            Parquet(f"{place}/parquet"),
            Delta(f"{place}/delta"),
            otlp,
        ):
            export(target, place, Path(folder).parents[1], content=True)
        yield "otlp", b"\n".join(gzip.decompress(body) for _, _, body in receiver.requests)
    yield "ocsf", b"".join(file.read_bytes() for file in place.glob("ocsf/*"))
    for kind in ("parquet", "delta"):
        files = list(place.glob(f"{kind}/**/*.parquet"))
        assert files
        with duckdb.connect() as db:
            rows = [
                db.execute(f"select columns(*)::varchar from read_parquet('{file}')").fetchall()
                for file in files
            ]
        yield (
            kind,
            "\n".join(str(value) for table in rows for row in table for value in row).encode(),
        )
        yield f"{kind} names", "\n".join(map(str, place.glob(f"{kind}/**/*"))).encode()
        yield (
            f"{kind} log",
            b"".join(file.read_bytes() for file in place.glob(f"{kind}/*/_delta_log/*")),
        )
    for command in (["report", "--format", "html"], ["report", "--format", "markdown"], ["report", "--format", "json"],
                    ["export", "--format", "jsonl"], ["export", "--format", "markdown"], ["export", "--format", "html"]):  # fmt: skip
        out = place / "written"
        done = CliRunner().invoke(session, [*command, folder, "-o", str(out), "--force"])
        assert done.exit_code == 0, done.output
        yield " ".join(command), out.read_bytes()


def test_of_the_secrets_of_a_session_none_is_in_what_is_made_of_it(tmp_path: Path) -> None:
    drawn = secrets(COUNT)
    with SessionLog.create(str(tmp_path / "sessions"), redact=Redactor()) as log:
        log.write(started())
        # A turn holds several: the record of each is the other test's subject.
        for number in range(1, COUNT // 10 + 1):
            texts = [text for _, _, text in drawn[number * 10 - 10 : number * 10]]
            for event in everywhere("\n".join(texts), number):
                log.write(event)
        log.write(SessionEnded(stop="done", exit_code=0))
    for name, data in handed_on(log.folder, tmp_path):
        left = [
            (name, kind, secret)
            for kind, secret, _ in drawn
            if telling(secret) in data  # one look each: it is much that is looked through
            for form in (*forms(secret), escape(secret).encode())
            if form in data
        ]
        assert left == []
        assert "names" in name or "log" in name or len(data) > 10_000


@pytest.mark.parametrize("secret", KNOWN)
def test_a_known_secret_is_on_the_disk_in_no_form(tmp_path: Path, secret: str) -> None:
    data = secret.encode()
    encoded = [b64encode(b"x" * n + data + b"y" * n).decode() for n in range(4)]
    url = f"https://x.example/?a={quote(secret, safe='')}&b={quote(secret)}"
    texts = [secret, f"({secret})", canonical({"k": secret}).decode(), url, data.hex(), *encoded]
    with SessionLog.create(str(tmp_path), redact=Redactor(known=KNOWN.items())) as log:
        log.write(started())
        for number, text in enumerate(texts, 1):
            for event in everywhere(text, number):
                log.write(event)
    disk = on_disk(log.folder)
    for line in secret.splitlines():
        assert [form for form in forms(line) if form in disk] == []
    assert data.hex().encode() not in disk
    middle = [b64encode(b"x" * n + data)[8:-8] for n in range(3)]
    assert [one for one in middle if len(one) > 7 and one in disk] == []
    assert verify_session(log.folder).ok


def test_a_secret_in_the_words_of_the_log_itself_leaves_the_log_readable(tmp_path: Path) -> None:
    known = dict.fromkeys(("finished", "tool.finished", "decision", "resources"), "environment")
    events = [started(), *everywhere("finished by tool.finished", 1)]
    with SessionLog.create(str(tmp_path), redact=Redactor(known=known.items())) as log:
        for event in events:
            log.write(event)
    assert verify_session(log.folder).ok
    assert [type(e) for e in read_events(log.folder)] == [type(e) for e in events]
    prompts = [e.text for e in read_events(log.folder) if isinstance(e, Prompt)]
    assert all("finished" not in text for text in prompts)


def test_what_was_redacted_is_counted_in_the_header_by_its_kind(tmp_path: Path) -> None:
    key = next(secret for kind, secret, _ in secrets(60) if kind == "aws-key")
    with SessionLog.create(str(tmp_path), redact=Redactor(["pii"])) as log:
        log.write(started())
        log.write(TurnStarted(turn=1))
        log.write(Prompt(turn=1, text=f"{key} and {key} of ana@acme.example"))
        log.write(Prompt(turn=1, text="nothing"))
    headers = [record.header for record in read(log.folder)]
    assert [header.get("redacted") for header in headers] == [
        None,
        None,
        {"aws-key": 2, "email": 1},
        None,
    ]
    assert log.redactions == 3


def test_the_same_secret_has_the_same_placeholder_in_a_session_and_another_in_the_next(
    tmp_path: Path,
) -> None:
    kinds = {kind: secret for kind, secret, _ in secrets(len(TOKENS))}
    texts: list[str] = []
    for _ in range(2):
        with SessionLog.create(str(tmp_path), redact=Redactor()) as log:
            log.write(started())
            log.write(Prompt(turn=1, text=kinds["npm-token"]))
            log.write(SessionResumed(principal=Principal(), mode=kinds["npm-token"], model="m", versions={}, policy=""))  # fmt: skip
            log.write(Prompt(turn=1, text=kinds["jwt"]))
        _, first, resumed, other = read_events(log.folder)
        assert isinstance(first, Prompt)
        assert isinstance(resumed, SessionResumed)
        assert isinstance(other, Prompt)
        assert first.text == resumed.mode
        assert first.text.startswith("[redacted:npm-token:")
        assert other.text.startswith("[redacted:jwt:")
        texts.append(first.text)
    assert texts[0] != texts[1]


def test_two_hundred_innocent_lines_stay_as_they_are(tmp_path: Path) -> None:
    lines = innocent_lines()
    assert len(lines) >= 200
    redact = Redactor()
    assert [line for line in lines if redact.text(line)[1]] == []
    event = ToolFinished(turn=1, call="c", outcome="ok", text="\n".join(lines), structured={"lines": lines})  # fmt: skip
    with SessionLog.create(str(tmp_path), redact=redact) as log:
        log.write(started())
        log.write(event)
    assert list(read_events(log.folder))[1] == event
    assert log.redactions == 0
