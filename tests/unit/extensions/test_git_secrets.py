"""Secrets in what is committed and pushed: found by file and line, never shown, let through by name only."""

from pathlib import Path
from typing import Any

import pytest

from devagent_git import scanning, tools
from devagent_git.contract import GitError
from tests.support.repositories import Place, commit, git, person, small, with_origin, write

KEY = "ghp_" + "A1b2C3d4E5" * 3 + "F6g7H8"
AWS = "AKIA" + "Z7QK3M5NBV2XCD4W"
PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\n" + "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n" * 4 + "-----END OPENSSH PRIVATE KEY-----\n"  # fmt: skip


@pytest.fixture(autouse=True)
def config(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return person(home, monkeypatch)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return small(tmp_path / "work")


def here(folder: Path) -> Place:
    return Place(str(folder))


def refusal(work: Path, **args: Any) -> str:
    before = git(work, "rev-parse", "HEAD")
    with pytest.raises(GitError) as failed:
        tools.commit(here(work), message=args.pop("message", "x"), **args)
    assert failed.value.error == "secret", str(failed.value)
    assert git(work, "rev-parse", "HEAD") == before
    text = str(failed.value)
    for value in (KEY, AWS, KEY[:12], "b3BlbnNzaC1rZXk"):
        assert value not in text
    return text


def test_a_commit_is_refused_by_file_and_line_and_nothing_is_staged(work: Path) -> None:
    write(work, {"a.txt": f"one\ntwo\ntoken: {KEY}\n", "src/b.py": f'x = 1\nKEY = "{AWS}"\n'})
    text = refusal(work, all=True)
    assert "a.txt:3 (github-token)" in text
    assert "src/b.py:2 (aws-key)" in text
    assert git(work, "diff", "--cached", "--name-only") == ""


def test_what_is_staged_is_looked_through_as_it_is_staged(work: Path) -> None:
    write(work, {"a.txt": f"{KEY}\n"})
    git(work, "add", "a.txt")
    write(work, {"a.txt": "harmless\n"})
    assert "a.txt:1" in refusal(work)


def test_named_lines_pass_and_others_do_not(work: Path) -> None:
    write(work, {"a.txt": f"one\n{KEY}\n", "b.txt": f"{AWS}\n"})
    git(work, "add", ".")
    assert "b.txt:1" in refusal(work, allow_secrets=["a.txt:2"])
    text = tools.commit(here(work), message="x", allow_secrets=["a.txt:2", "b.txt:1"])["text"]
    assert text.startswith("committed")


def test_what_is_to_pass_is_a_fact_that_policy_sees(work: Path) -> None:
    args = {"message": "x", "allow_secrets": ["a.txt:2", '"odd\\nname":3', "message:1"]}
    found = tools.resources("commit", args, here(work))
    assert [(r["id"], r["tags"]) for r in found[1:]] == [
        ("branch:main", ["git.secret"]),
        ("path:a.txt", ["git.secret"]),
        ("path:odd\nname", ["git.secret"]),
    ]
    found = tools.resources("commit", {"message": "x", "allow_secrets": ["*"]}, here(work))
    assert [(r["id"], r["tags"]) for r in found[1:]] == [("branch:main", ["git.secret"])]
    with pytest.raises(GitError):
        tools.resources("commit", {"message": "x", "allow_secrets": ["everything"]}, here(work))
    with pytest.raises(GitError):
        tools.resources("commit", {"message": "x", "allow_secrets": ["../x:1"]}, here(work))


@pytest.mark.parametrize(
    ("attributes", "content"),
    [
        ("* -diff\n", KEY.encode()),
        ("* binary\n", KEY.encode()),
        ("* diff=odd\n", KEY.encode()),
        ("", b"\0\0" + KEY.encode()),
        ("", KEY.encode("utf-16")),
        ("", b"\xff\xfe bytes " + KEY.encode()),
        ("", b"x" * 300_000 + b"\n" + KEY.encode()),
        ("", b"+++ b/other\n@@ -1 +1 @@\n" + KEY.encode()),
        ("", b"\\ No newline at end of file\r\n" + KEY.encode()),
    ],
    ids=["no diff", "binary", "driver", "nul", "utf-16", "not utf-8", "long", "patch", "note"],
)
def test_nothing_hides_a_secret(work: Path, attributes: str, content: bytes) -> None:
    git(work, "config", "diff.odd.binary", "true")
    git(work, "config", "core.bigFileThreshold", "1")
    git(work, "config", "diff.noprefix", "true")
    git(work, "config", "diff.context", "5")
    git(work, "config", "diff.renames", "copies")
    write(work, {'f "odd"\t.bin': content} | ({".gitattributes": attributes} if attributes else {}))
    git(work, "add", "--all")
    assert '"f \\"odd\\"\\t.bin":' in refusal(work)


def test_private_keys_passwords_and_known_values_are_found(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_API_TOKEN", "correct-horse-battery")
    write(
        work,
        {
            "id": PEM,
            "settings.py": 'DATABASE = "postgres://shop:Tr0ub4dor@db/shop"\n',
            "notes": "said\ncorrect-horse-battery\n",
        },
    )
    git(work, "add", "--all")
    text = refusal(work)
    assert "id:1 (private-key)" in text
    assert "settings.py:1 (url-password)" in text
    assert "notes:2 (environment)" in text
    assert "correct-horse" not in text


def test_a_message_is_looked_through_too(work: Path) -> None:
    write(work, {"a.txt": "x\n"})
    assert "message:3" in refusal(work, message=f"Fix\n\nwith {KEY}", all=True)


def test_everyday_changes_pass(work: Path) -> None:
    everyday = {
        "code.py": "password = get_password()\ntoken: str = os.environ['TOKEN']\nkey = 'primary_key'\n",
        "lock.json": '{"integrity": "sha512-' + "QmFzZTY0" * 10 + '=="}\n',
        "docs.md": "Set `AKIAIOSFODNN7EXAMPLE` and `password: <your password>`.\n",
        "sums": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  file\n",
        "img.bin": bytes(range(256)) * 50,
        "test_x.py": "assert login('user', password='secret') is None\n",
    }
    commit(work, "Had one already", {"old": f"{KEY}\n"})
    write(work, {**everyday, "old": f"{KEY}\nmore\n"})
    git(work, "add", "--all")
    assert tools.commit(here(work), message="Everyday")["text"].startswith("committed")


def test_a_merge_is_asked_for_its_own_lines_only(work: Path) -> None:
    git(work, "switch", "--quiet", "-c", "side", "HEAD~1")
    commit(work, "Side", {"theirs": f"{KEY}\n", "a.txt": "side\n"})
    git(work, "switch", "--quiet", "main")
    commit(work, "Main", {"a.txt": "main\n"})
    git(work, "merge", "--quiet", "side", check=False)
    write(work, {"a.txt": f"{AWS}\n"})
    git(work, "add", "a.txt")
    text = refusal(work)
    assert "a.txt:1" in text
    assert "theirs" not in text
    with pytest.raises(GitError, match=r"a\.txt:1"):
        tools.integrate(here(work), how="continue")
    write(work, {"a.txt": "both\n"})
    tools.add(here(work), paths=["a.txt"])
    tools.integrate(here(work), how="continue")


def test_amending_does_not_launder_what_the_commit_held(work: Path) -> None:
    commit(work, "Bad", {"k": f"{KEY}\n"})
    write(work, {"a.txt": "x\n"})
    git(work, "add", "a.txt")
    assert "k:1" in refusal(work, amend=True)


def test_a_push_looks_through_every_commit_that_is_new_there(tmp_path: Path) -> None:
    work = with_origin(tmp_path)
    first = commit(work, "With a key", {"k": f"one\n{KEY}\n"})
    commit(work, "Without it", {"k": "one\n"})
    with pytest.raises(GitError) as failed:
        tools.push(here(work))
    assert failed.value.error == "secret"
    name = f"k:2@{first[:10]}"
    assert f"{name} (github-token)" in str(failed.value)
    assert KEY not in str(failed.value)
    found = tools.resources("push", {"allow_secrets": [name]}, here(work))
    assert [r["id"] for r in found if "git.secret" in r["tags"]] == ["path:k", "branch:origin/main"]
    tools.push(here(work), allow_secrets=[name])
    commit(work, "More", {"more": "m\n"})
    assert "updated" in tools.push(here(work))["text"]


def test_a_push_looks_into_messages_merges_and_first_pushes(tmp_path: Path) -> None:
    work = with_origin(tmp_path)
    git(work, "switch", "--quiet", "-c", "side", "HEAD~1")
    commit(work, "Side", {"s": "s\n"})
    git(work, "switch", "--quiet", "main")
    git(work, "merge", "--quiet", "--no-commit", "side")
    write(work, {"slipped": f"{AWS}\n"})
    git(work, "add", "slipped")
    git(work, "commit", "--quiet", "-m", f"Merge\n\n{KEY}")
    merge = git(work, "rev-parse", "HEAD")[:10]
    with pytest.raises(GitError) as failed:
        tools.push(here(work))
    assert {line.split()[0] for line in str(failed.value).splitlines()[1:3]} == {
        f"slipped:1@{merge}", f"message:3@{merge}",
    }  # fmt: skip
    with pytest.raises(GitError, match="message:3"):
        tools.push(here(work), ref="main:elsewhere")
    tools.push(here(work), ref="side:side")


def test_what_is_too_much_to_look_through_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = with_origin(tmp_path)
    commit(work, "Much", {"f": "line\n" * 1000})
    monkeypatch.setattr(scanning, "SCAN_BYTES", 1000)
    with pytest.raises(GitError, match=r"allow_secrets=\['\*'\]") as failed:
        tools.push(here(work))
    assert failed.value.error == "secret"
    write(work, {"g": "line\n" * 1000})
    git(work, "add", "g")
    with pytest.raises(GitError, match="looked through"):
        tools.commit(here(work), message="x")
    tools.push(here(work), allow_secrets=["*"])
    monkeypatch.setattr(scanning, "COMMITS", 0)
    commit(work, "One more", {"h": "h"})
    with pytest.raises(GitError, match="more than 0 commits"):
        tools.push(here(work))
