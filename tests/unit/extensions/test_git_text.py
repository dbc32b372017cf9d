"""Escaping, quoting, paging, and the canonical names that need no repository."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devagent_git.contract import GitError
from devagent_git.names import address, branch_name, path_in, path_names, sides
from devagent_git.text import (
    file_name,
    fitted,
    one_line,
    page,
    shown,
    unquoted,
    without_credentials,
)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "caf\\xe9"),
        (b"a\x1b[31mred", "a\\x1b[31mred"),
        ("x\u202ey".encode(), "x\\u202ey"),
        ("z\u200bw".encode(), "z\\u200bw"),
        (b"tab\tline\n", "tab\tline\n"),
        ("\U000e0041".encode(), "\\U000e0041"),
    ],
)
def test_what_cannot_be_seen_is_escaped(raw: bytes, text: str) -> None:
    assert shown(raw) == text


@given(st.binary())
def test_any_bytes_become_text_that_json_can_carry(raw: bytes) -> None:
    assert shown(raw).encode().decode() == shown(raw)
    assert file_name(raw).encode().decode() == file_name(raw)
    assert "\n" not in one_line(raw)


@given(st.binary(min_size=1).filter(lambda raw: b"\0" not in raw))
def test_a_quoted_file_name_names_the_same_bytes_again(raw: bytes) -> None:
    name = file_name(raw)
    quoted = unquoted(name)
    assert (name.encode() if quoted is None else quoted) == raw


@pytest.mark.parametrize(
    ("said", "safe"),
    [
        ("fatal: https://u:secret@h/x", "fatal: https://h/x"),
        ("https://token@h/x and ssh://git@h", "https://h/x and ssh://h"),
        ("https://a@b@h/x", "https://h/x"),
        ("https://h/x@y", "https://h/x@y"),
    ],
)
def test_credentials_are_taken_out_of_urls(said: str, safe: str) -> None:
    assert without_credentials(said) == safe


@given(st.text(), st.integers(0, 300))
def test_fitted_text_never_exceeds_its_limit(text: str, limit: int) -> None:
    text = text.encode(errors="ignore").decode()
    assert len(fitted(text, limit, "more").encode()) <= max(limit, 0)


@given(st.lists(st.binary(max_size=40), max_size=60), st.integers(120, 400))
def test_pages_follow_each_other_without_gap_or_overlap(lines: list[bytes], limit: int) -> None:
    lines = [line.replace(b"\n", b"") for line in lines] + [b"end"]
    data = b"\n".join(lines) + b"\n"
    offset, seen = 0, list[str]()
    while offset < len(lines):
        text, taken = page(data, offset, limit, complete=True)
        assert len(text.encode()) <= limit
        assert taken > 0
        seen += text.split("\n")[:taken]
        offset += taken
    assert seen == [shown(line) for line in lines]


def test_a_line_longer_than_the_page_is_cut_and_passed_over() -> None:
    text, taken = page(b"x" * 5000 + b"\nnext\n", 0, 300, complete=True)
    assert taken == 1
    assert "offset=1" in text
    assert page(b"x" * 5000 + b"\nnext\n", 1, 300, complete=True)[0] == "next"


@pytest.mark.parametrize(
    ("url", "id", "host"),
    [
        ("https://github.com/acme/shop.git", "github.com/acme/shop", "github.com"),
        ("https://user:token@GitHub.com/acme/shop/", "github.com/acme/shop", "github.com"),
        ("https://github.com:443/acme/shop", "github.com/acme/shop", "github.com"),
        ("https://github.com:8443/acme/shop", "github.com:8443/acme/shop", "github.com"),
        ("https://github.com/acme/../evil/shop", "github.com/evil/shop", "github.com"),
        ("https://github.com/acme%2Fshop", "github.com/acme/shop", "github.com"),
        ("https://github.com./a/b", "github.com/a/b", "github.com"),
        ("https://github.com@evil.example/x", "evil.example/x", "evil.example"),
        ("git@github.com:acme/shop.git", "github.com/acme/shop", "github.com"),
        ("github.com:/acme/shop", "github.com/acme/shop", "github.com"),
        ("[git@host.example:2222]:acme/shop", "host.example:2222/acme/shop", "host.example"),
        ("git@[2001:db8::1]:x/y", "2001:db8::1/x/y", "2001:db8::1"),
        ("ssh://git@host.example:2222/~ana/x.git", "host.example:2222/~ana/x", "host.example"),
        ("ssh://host.example:22/x", "host.example/x", "host.example"),
        ("git+ssh://host.example/x", "host.example/x", "host.example"),
        ("git://host.example/x", "host.example/x", "host.example"),
        ("/srv/git/x.git", "localhost/srv/git/x", ""),
        ("file:///srv/git/x.git", "localhost/srv/git/x", ""),
        ("./a:b", "localhost/top/a:b", ""),
    ],
)
def test_an_address_is_named_by_host_and_path(url: str, id: str, host: str) -> None:
    found = address(url, "/top")
    assert found.id("origin") == f"remote:origin/{id}"
    assert found.host == host


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ext::sh -c evil", "bad_arguments"),
        ("ext::evil", "transport"),
        ("codecommit::eu://x", "transport"),
        ("ftp://host/x", "transport"),
        ("file://host/share", "bad_arguments"),
        ("https://a@b@host/x", "bad_arguments"),
        ("https://github.com#@evil.example/x", "bad_arguments"),
        ("https://evil.example\\@github.com/x", "bad_arguments"),
        ("https://host/x y", "bad_arguments"),
        ("https:///x", "bad_arguments"),
        ("https://host:99999/x", "bad_arguments"),
        ("-oProxyCommand=evil:x", "bad_arguments"),
        ("ssh://-oProxyCommand=evil/x", "bad_arguments"),
        ("a@-oProxyCommand=evil:x", "bad_arguments"),
        ("", "bad_arguments"),
    ],
)
def test_an_address_that_could_mean_two_things_is_refused(url: str, error: str) -> None:
    with pytest.raises(GitError) as refused:
        address(url, "/top")
    assert refused.value.error == error


@pytest.mark.parametrize(
    "name",
    ["-d", "--force", "HEAD", "@", "a..b", "a b", "a~1", "x^", "a:b", "x.lock", "a//b", "/a", "a/",
     ".a", "a/.b", "a@{1}", "a\\b", "refs/tags/x", "a\0b", "", "a.", "x?", "x*", "[x", "\ud800"],
)  # fmt: skip
def test_what_git_would_not_take_for_a_branch_is_refused(name: str) -> None:
    with pytest.raises(GitError) as refused:
        branch_name(name)
    assert refused.value.error == "bad_arguments"
    assert str(refused.value).encode()


def test_a_refspec_has_two_sides_and_no_pattern() -> None:
    assert sides("+a:b") == (True, "a", "b")
    assert sides(":b") == (False, "", "b")
    assert sides("a") == (False, "a", None)
    for spec in ("refs/heads/*:refs/heads/*", "a:", "-x", "a:-x", ":"):
        with pytest.raises(GitError):
            sides(spec)


def test_a_path_is_taken_by_name_and_kept_inside(tmp_path: Path) -> None:
    top = str(tmp_path)
    assert path_in(top, top, "a/../b") == b"b"
    assert path_in(top, top, ".") == b""
    assert path_in(f"{top}/sub", top, "../x") == b"x"
    assert path_in(top, top, f"{top}/x") == b"x"
    assert path_in(top, top, '"caf\\351"') == b"caf\xe9"
    for outside in ("..", "/etc/passwd", "a/../../x", f"{top}-other/x"):
        with pytest.raises(GitError) as refused:
            path_in(top, top, outside)
        assert refused.value.error == "outside_repository"
    for inside_git in (".git/config", ".GIT/hooks/x", "sub/.git/config"):
        with pytest.raises(GitError):
            path_in(top, top, inside_git)


def test_a_path_below_a_symlink_has_both_names(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "link").symlink_to("secret")
    assert path_names(str(tmp_path), str(tmp_path), b"link/key") == ["link/key", "secret/key"]
    assert path_names(str(tmp_path), str(tmp_path), b"link") == ["link"]
    assert path_names(str(tmp_path / "secret"), str(tmp_path), b"a") == [str(tmp_path / "a")]
