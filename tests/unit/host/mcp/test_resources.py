"""Templates: which resources a call of a third party's tool touches, and when that cannot be known."""

from pathlib import Path
from typing import Any

import pytest

from devagent.core.ports import ToolFailure
from devagent.host.mcp.resources import mapped, template


def ids(text: str, args: dict[str, Any], folder: Path, cwd: Path | None = None) -> list[str]:
    found = mapped(
        (template(text, "odd"),), args, access="read", workspace=str(folder), cwd=str(cwd or folder)
    )
    assert {one.access for one in found} <= {"read"}
    return [one.id for one in found]


def test_a_path_is_canonical_whatever_its_spelling(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "link").symlink_to("/etc")
    for spelling in ("src/app.py", "./src//app.py", "link/../src/app.py", f"{tmp_path}/src/app.py"):
        expected = "path:src/app.py" if "link" not in spelling else "path:/src/app.py"
        assert ids("path:{args.p}", {"p": spelling}, tmp_path) == [expected]
    assert ids("path:{args.p}", {"p": "link/hosts"}, tmp_path) == ["path:/etc/hosts"]
    assert ids("path:{args.p}", {"p": "../x"}, tmp_path) == [f"path:{tmp_path.parent}/x"]
    assert ids("path:{args.p}", {"p": "."}, tmp_path) == ["path:."]
    assert ids("path:{args.p}", {"p": "a"}, tmp_path, Path("/srv")) == ["path:/srv/a"]


def test_a_list_gives_one_resource_for_each_and_texts_stay(tmp_path: Path) -> None:
    args = {"where": {"names": ["a", "b", "a"]}, "n": 3}
    assert ids("path:docs/{args.where.names}.md", args, tmp_path) == [
        "path:docs/a.md",
        "path:docs/b.md",
    ]
    assert ids("ticket:{args.where.names}/{args.n}", args, tmp_path) == ["ticket:a/3", "ticket:b/3"]
    assert ids("source:fixed", {}, tmp_path) == ["source:fixed"]


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("Example.COM", "example.com"),
        ("https://user:pw@Example.com:8443/x?y#z", None),
        ("https://Example.com:8443/x?y#z", "example.com"),
        ("http://example.com./", "example.com"),
        ("127.0.0.1", "127.0.0.1"),
        ("http://2130706433/", None),
        ("http://0x7f.1/", None),
        ("http://127.1/", None),
        ("http://example.com\\@evil.test/", None),
        ("http://[::1]/", None),
        ("http://ex\u0430mple.com", None),
        ("example.com/path", None),
        ("*.example.com", None),
    ],
)
def test_a_host_is_plain_or_not_known(value: str, host: str | None, tmp_path: Path) -> None:
    if host:
        assert ids("host:{args.u}", {"u": value}, tmp_path) == [f"host:{host}"]
    else:
        with pytest.raises(ToolFailure, match="not known"):
            ids("host:{args.u}", {"u": value}, tmp_path)


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("path:{args.p}", {}),
        ("path:{args.p}", {"p": None}),
        ("path:{args.p}", {"p": ""}),
        ("path:{args.p}", {"p": []}),
        ("path:{args.p}", {"p": [["a"]]}),
        ("path:{args.p}", {"p": True}),
        ("path:{args.p}", {"p": {"a": 1}}),
        ("path:{args.p.q}", {"p": "a"}),
        ("path:{args.p}", {"p": "~/x"}),
        ("path:{args.p}", {"p": "file:///etc/passwd"}),
        ("path:{args.p}", {"p": "C:\\x"}),
        ("path:{args.p}", {"p": "a\x00b"}),
        ("path:{args.p}", {"p": "a\u202eb"}),
        ("path:{args.p}", {"p": ["a"] * 300}),
        ("doc:{args.p}", {"p": "public/../secret"}),
        ("doc:{args.p}", {"p": "/a"}),
        ("doc:{args.p}", {"p": "a//b"}),
        ("table:{args.p}", {"p": "a..b"}),
        ("ticket:{args.p}", {"p": " A/1"}),
    ],
)
def test_what_an_argument_does_not_say_plainly_is_not_known(
    text: str, args: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ToolFailure) as caught:
        ids(text, args, tmp_path)
    assert caught.value.error == "unknown_resource"
