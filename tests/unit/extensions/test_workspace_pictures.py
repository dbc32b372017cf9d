"""Images and PDFs: looked at where that can be done, described with the reason where not."""

import base64
import struct
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from devagent_workspace import pdf as pdf_module
from devagent_workspace import tools
from devagent_workspace.contract import Result, WorkspaceError
from tests.support.pdfs import pdf, png
from tests.support.workspaces import Place

GIF = b"GIF89a\x10\0\x20\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x10\0\x20\0\0\x02\x02D\x01\0;"
JPEG = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08\0\x64\0\xc8\x03" + b"\0" * 10 + b"\xff\xda\0\0\xff\xd9"  # fmt: skip
WEBP = b"RIFF" + struct.pack("<I", 26) + b"WEBPVP8L" + struct.pack("<I", 13) + b"\x2f" + struct.pack("<I", 9 | 4 << 14) + bytes(9)  # fmt: skip


def read(folder: Path, data: bytes, name: str = "x", *, here: Place | None = None, **more: Any) -> Result:  # fmt: skip
    (folder / name).write_bytes(data)
    return tools.read(here or Place(str(folder)), path=name, **more)


@pytest.mark.parametrize(
    ("data", "mime", "said"),
    [
        (png(), "image/png", "PNG image, 3 × 2 pixels"),
        (GIF, "image/gif", "GIF image, 16 × 32 pixels"),
        (JPEG, "image/jpeg", "JPEG image, 200 × 100 pixels"),
        (WEBP, "image/webp", "WebP image, 10 × 5 pixels"),
    ],
)
def test_a_whole_image_is_given_as_an_image(
    tmp_path: Path, data: bytes, mime: str, said: str
) -> None:
    result = read(tmp_path, data)
    assert said in result["text"]
    (block,) = result.get("content", [])
    assert (block["type"], block["mimeType"]) == ("image", mime)
    assert base64.b64decode(block["data"]) == data


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (png()[:-5], "cut off or damaged"),
        (png().replace(b"IDAT", b"IDAX"), "cut off or damaged"),
        (png()[:60] + b"\0" + png()[61:], "cut off or damaged"),
        (png(9000, 1), "8000 pixels on a side"),
        (GIF[:-1], "cut off or damaged"),
        (JPEG[:-2], "cut off or damaged"),
        (WEBP[:-3], "cut off or damaged"),
        (b"\x89PNG\r\n\x1a\n\0", "cut off or damaged"),
        (b"\xff\xd8\xff\xd9", "cut off or damaged"),
        (b"BM" + bytes(60), "PNG, JPEG, GIF and WebP can be"),
        (png() + bytes(4_000_000), "3.9 MB is the most"),
    ],
)
def test_what_a_service_would_refuse_is_described_with_the_reason(
    tmp_path: Path, data: bytes, why: str
) -> None:
    result = read(tmp_path, data)
    assert why in result["text"]
    assert "content" not in result


def test_an_image_by_its_name_alone_is_none(tmp_path: Path) -> None:
    assert "content" not in read(tmp_path, b"hello\n", "a.png")
    assert read(tmp_path, b"hello\n", "a.png")["text"] == "1\thello"


def test_a_byte_limit_of_policy_holds_for_images(tmp_path: Path) -> None:
    result = read(tmp_path, png(), here=Place(str(tmp_path), {"limit_bytes": 50}))
    assert "content" not in result
    assert "the policy's byte limit" in result["text"]


def test_a_pdf_is_read_page_by_page_and_says_how_to_go_on(tmp_path: Path) -> None:
    data = pdf(*(f"this is {n}" for n in range(1, 31)))
    first = read(tmp_path, data)
    assert first["text"].startswith("--- page 1 of 30 ---\nthis is 1\n--- page 2 of 30 ---\n")
    assert first["text"].endswith("this is 20\n[pages 1-20 of 30; go on with pages=21-]")
    assert first.get("structured", {})["pages"] == 30
    assert read(tmp_path, data, pages="29-")["text"] == (
        "--- page 29 of 30 ---\nthis is 29\n--- page 30 of 30 ---\nthis is 30"
    )
    assert read(tmp_path, data, pages="31")["text"] == "[no page 31: there are 30]"
    for pages in ("0", "3-2", "x", "1,2", "-3"):
        with pytest.raises(WorkspaceError) as refused:
            read(tmp_path, data, pages=pages)
        assert refused.value.error == "bad_arguments"
    with pytest.raises(WorkspaceError, match="is for PDFs"):
        read(tmp_path, b"text\n", pages="1")


def test_a_pdf_stays_within_the_bytes_of_a_result(tmp_path: Path) -> None:
    text = read(tmp_path, pdf("w " * 30_000, "second", ""))["text"]
    assert len(text.encode()) <= 50_000
    assert "the rest of this page is too long" in text
    assert text.endswith("[cut: pages 1-1 of 3; go on with pages=2-]")
    rest = read(tmp_path, pdf("w", "second", ""), pages="2-")["text"]
    assert rest.endswith("second\n--- page 3 of 3 ---\n[no text: a scan or a drawing]")
    small = read(tmp_path, pdf("w " * 200), here=Place(str(tmp_path), {"limit_bytes": 200}))
    assert len(small["text"].encode()) <= 200


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (pdf("x", password="secret"), "it is encrypted"),
        (pdf("x", "y")[:300], "it is damaged"),
        (b"%PDF-1.7\n" + bytes(range(256)) * 20, "it is damaged"),
    ],
)
def test_a_pdf_that_cannot_be_read_is_described_with_the_reason(
    tmp_path: Path, data: bytes, why: str
) -> None:
    result = read(tmp_path, data)
    assert "PDF document" in result["text"]
    assert why in result["text"]
    assert result.get("structured", {})["text"] is False


def test_a_huge_pdf_and_one_without_its_reader_are_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_module, "MOST_BYTES", 100)
    assert "too large to read: 100 B is the most" in read(tmp_path, pdf("x"))["text"]
    monkeypatch.undo()
    monkeypatch.setattr(pdf_module, "find_spec", dict[str, object]().get)
    assert "pypdf is not installed" in read(tmp_path, pdf("x"))["text"]


def test_a_reader_that_hangs_is_ended_and_one_that_dies_costs_the_document_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = tmp_path / "hostile"
    (hostile / "pypdf").mkdir(parents=True)
    spec = type("Spec", (), {"origin": str(hostile / "pypdf/__init__.py")})
    monkeypatch.setattr(pdf_module, "find_spec", {"pypdf": spec}.get)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    with pytest.raises(WorkspaceError) as ended:
        read(tmp_path, pdf("x"), here=Place(str(tmp_path), time_limit_s=0.3))
    assert ended.value.error == "timeout"
    program.write_text(
        textwrap.dedent("""\
        #!/bin/sh
        echo '{"pages": 3}'; echo '{"page": 1, "text": "first"}'; printf '{"page": 2, "te'; kill -9 $$
        """)
    )
    told = read(tmp_path, pdf("x"))["text"]
    assert told == "--- page 1 of 3 ---\nfirst\n[cut: pages 1-1 of 3; go on with pages=2-]"
