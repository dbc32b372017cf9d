"""``tag``: create one, or delete one (its object is kept)."""

from typing import Literal

from devagent_git.contract import GitError, Result, Surroundings
from devagent_git.kept import keep_object, said_of
from devagent_git.names import bad, full_ref
from devagent_git.repository import Repository
from devagent_git.text import fitted, shown


def tag_ref(name: str) -> str:
    """``refs/tags/<name>``. Raises GitError bad_arguments."""
    if name.startswith("-"):
        raise bad(f"{shown(name)!r} is not a tag name")
    return full_ref(f"refs/tags/{name.removeprefix('refs/tags/')}")


def tag(
    here: Surroundings,
    *,
    name: str,
    action: Literal["create", "delete"] = "create",
    ref: str = "HEAD",
    message: str = "",
) -> Result:
    """Tag ``ref``; with a message the tag is annotated. An existing tag is never moved."""
    repository = Repository(here, "write")
    full = tag_ref(name)
    short = full.removeprefix("refs/tags/")
    oid = repository.ref_oid(full)
    if action == "delete":
        if message:
            raise bad("message goes with action=create only")
        if oid is None:
            raise GitError(f"there is no tag {shown(short)}", error="no_such_ref")
        keep_object(repository, oid)
        repository.git("update-ref", "-d", full, oid)
        lines = [
            f"deleted the tag {shown(short)}, which was at {oid[:10]}",
            *said_of(oid, "git.tag with ref={} names it again"),
        ]
    elif action == "create":
        if oid is not None:
            raise GitError(f"a tag {shown(short)} exists already", error="exists")
        target = repository.commit(ref)
        if message.strip():
            if "\0" in message:
                raise bad("message may not hold NUL")
            repository.git("tag", "--annotate", "--cleanup=whitespace", "--file=-", "--", short, target, stdin=message.encode("utf-8", "replace"))  # fmt: skip
        else:
            repository.git("tag", "--no-sign", "--", short, target)
        oid = repository.ref_oid(full) or ""
        lines = [f"tagged {target[:10]} as {shown(short)}"]
    else:
        raise bad("action must be create or delete")
    return {
        "text": fitted("\n".join(lines), repository.text_bytes, "more"),
        "structured": {"object": oid},
    }
