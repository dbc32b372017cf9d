"""The report in a real browser: a reviewer with the page and the verifier alone, the keyboard, both colours."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from devagent.audit.device import Device
from devagent.audit.layout import CHECKPOINTS, EVENTS
from devagent.audit.writer import SessionLog
from devagent.cli.session import session
from devagent.core.events import Event
from devagent.core.events.session import SessionEnded
from devagent.settings.places import places
from tests.support.chromium import Chromium, browser, needs_chromium
from tests.support.command_line import ROOT
from tests.support.log_events import call, started, turn
from tests.support.reviewed import EVIL, emails, hostile

pytestmark = needs_chromium

TEXT = "document.body.innerText"
BRIGHTNESS = """
(colour) => {
  const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((one) => {
    const part = one / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}"""
PALE = f"""
(() => {{
  const bright = {BRIGHTNESS};
  const pale = [];
  for (const element of document.querySelectorAll("body *")) {{
    const own = [...element.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
    if (!own || !element.offsetParent || element.disabled || element.closest("script, style, .skip")) continue;
    let behind = element;
    while (behind && getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
    const page = bright(getComputedStyle(behind || document.body).backgroundColor);
    const text = bright(getComputedStyle(element).color);
    const ratio = (Math.max(page, text) + 0.05) / (Math.min(page, text) + 0.05);
    if (ratio < 4.5) pale.push(`${{element.tagName}} ${{element.className}} ${{ratio.toFixed(2)}}`);
  }}
  return pale;
}})()"""
"""Elements whose text stands out too little from what is behind it (WCAG 2.2, 1.4.3)."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with browser() as one:
        yield one


def report(events: list[Event], file: Path) -> Path:
    """The page of a session of these events, in the file; the session's folder."""
    with SessionLog.create(places().sessions, device=Device(places().data)) as log:
        for event in events:
            log.write(event)
    done = CliRunner().invoke(session, ["report", log.sid, "-o", str(file)])
    assert done.exit_code == 0, done.exception
    return Path(log.folder)


def verifier(folder: Path) -> tuple[int, str]:
    """What the second verifier, which shares no line with devagent, says of the log."""
    done = subprocess.run(
        [sys.executable, "-I", ROOT / "docs/verify_log.py", folder],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_with_the_page_and_the_verifier_alone_one_can_say_who_read_customer_emails(
    chromium: Chromium, tmp_path: Path
) -> None:
    folder = report(emails(), tmp_path / "report.html")
    page = chromium.open(tmp_path / "report.html")

    # Is what I read the record? The page's verdict, the verifier's, and one tree head in both.
    shown = page.evaluate("document.querySelector('.verdict').innerText")
    assert "The log is whole and unchanged" in shown
    code, said = verifier(folder)
    assert (code, said.startswith(f"verify: ok {folder.name}")) == (0, True)
    size, root = (folder / CHECKPOINTS).read_text().strip().split("\n\n")[-2].split("\n")[1:3]
    assert f"{size} lines, tree head {root}" in shown

    # Did this agent read customer e-mails? By the keyboard alone: to the search, the words, the first hit.
    page.press("/", "Slash", 191, "/")
    assert page.evaluate("document.activeElement.id") == "query"
    page.types("customers.email")
    page.waits_for("document.getElementById('found').textContent === '2 of 8 entries'")
    for _ in range(2):  # over the choice of what is shown, to the button that opens all
        page.press("Tab", "Tab", 9)
    page.press(" ", "Space", 32, " ")
    held_back, ran = page.waits_for(
        "(() => { const e = [...document.querySelectorAll('.entry')]; "
        "return e.every((one) => one.querySelector('.body')) && e.map((one) => one.innerText); })()"
    )
    assert "denied" in held_back
    assert "not run" in held_back
    # Yes, once; under which rule; on whose behalf; who approved, how fast, and what they saw.
    for words in (
        "ana, agent devagent",
        "read column:shop.main.customers.email tag:pii.email",
        "ask org/acme#no-force (org.toml:14)",
        "yes by bo (terminal, scope once) after 400 ms (event 10)",
        "What the person was shown\nsql.query (read)\n  read column:shop.main.customers.email",
        "ok (event 12)",
    ):
        assert words in ran.replace("\t", " "), words
    assert "ana for customer-care" in page.evaluate(TEXT)

    # And a record that was changed is told by both.
    events = folder / EVENTS
    events.write_bytes(events.read_bytes().replace(b'"by":"bo"', b'"by":"al"', 1))
    assert verifier(folder)[0] == 1
    again = CliRunner().invoke(session, ["report", str(folder), "-o", str(tmp_path / "again.html")])
    assert again.exit_code == 0
    page.go((tmp_path / "again.html").as_uri())
    assert "The log was changed or damaged" in page.evaluate(TEXT)


def test_nothing_in_a_record_runs_or_loads_anything(chromium: Chromium, tmp_path: Path) -> None:
    report(hostile(), tmp_path / "hostile.html")
    page = chromium.open(tmp_path / "hostile.html")
    page.evaluate("document.getElementById('open-all').click()")
    page.waits_for(
        "[...document.querySelectorAll('.entry')].every((one) => one.querySelector('.body'))"
    )
    assert EVIL.split("\n")[0][:40] in page.evaluate(TEXT)
    assert page.evaluate("document.querySelectorAll('img, iframe, object').length") == 0
    assert list(page.requests.values()) == [(tmp_path / "hostile.html").as_uri()]
    assert (page.complaints, page.dialogs) == ([], [])
    # That the page could not even if a record got through: its policy stops what is not its own.
    page.evaluate(
        "{ const s = document.createElement('script'); s.textContent = 'document.title = 1'; document.head.append(s); "
        "const i = document.createElement('img'); i.src = 'https://127.0.0.1:1/x'; document.body.append(i); }"
    )
    page.waits(lambda: len(page.complaints) == 2)
    assert page.evaluate("document.title") != "1"
    assert page.stopped == ["https://127.0.0.1:1/x"]
    assert len(page.requests) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_it_can_be_read_in_both_colours_and_on_a_narrow_screen(
    chromium: Chromium, tmp_path: Path, scheme: str, width: int
) -> None:
    report(emails(), tmp_path / "report.html")
    page = chromium.open(tmp_path / "report.html")
    page.colours(scheme)
    page.is_wide(width)
    page.evaluate("document.getElementById('open-all').click()")
    page.waits_for("document.querySelectorAll('.entry .body').length === 8")
    assert page.evaluate(PALE) == []
    page_colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (page_colour == "rgb(255, 255, 255)") == (scheme == "light")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_long_timeline_is_paged_filtered_and_linked_into(
    chromium: Chromium, tmp_path: Path
) -> None:
    calls = [call("deny" if n % 50 == 7 else "allow", f"c{n}") for n in range(1_000)]
    report(
        [started(), *turn(*calls), SessionEnded(stop="done", exit_code=0)], tmp_path / "long.html"
    )
    page = chromium.open(tmp_path / "long.html", "#e2039")
    assert page.waits_for("document.activeElement.closest('.entry')?.id") == "e2039"
    where = "document.querySelector('.pager .where').textContent"
    assert page.evaluate(where) == "page 6 of 11"
    assert page.evaluate("document.querySelectorAll('.entry').length") == 100
    page.evaluate("document.querySelector('.pager .after').click()")
    assert page.evaluate(where) == "page 7 of 11"
    page.evaluate(
        "{ const c = document.getElementById('choice'); c.value = 'held'; c.dispatchEvent(new Event('change')); }"
    )
    assert page.evaluate("document.getElementById('found').textContent") == "20 of 1,005 entries"
    assert page.evaluate(where) == "page 1 of 1"
