"""``remote``: where a name leads. It changes the repository's configuration, and with it what a later push reaches."""

from typing import Literal, NamedTuple

from devagent_git.contract import GitError, Result, Surroundings
from devagent_git.names import Address, address, bad, remote_name
from devagent_git.plans import remotes_of
from devagent_git.repository import Repository
from devagent_git.text import fitted, shown, without_credentials


class Change(NamedTuple):
    """A remote's name and its addresses, those of before and the new one."""

    name: str
    before: tuple[Address, ...]
    after: Address | None


def plan_remote(repository: Repository, name: str, action: str, url: str) -> Change:
    """Raises GitError bad_arguments, no_such_remote, exists, transport."""
    remote_name(name)
    known = remotes_of(repository.settings)
    if action not in ("add", "set_url", "remove"):
        raise bad("action must be add, set_url or remove")
    if action == "add" and name in known:
        raise GitError(f"a remote {shown(name)} exists already", error="exists")
    if action != "add" and name not in known:
        there = ", ".join(map(shown, known)) or "none"
        raise GitError(
            f"no remote is called {shown(name)!r} (configured: {there})", error="no_such_remote"
        )
    if (action == "remove") != (not url):
        raise bad("url goes with add and set_url" if url else "url is empty")
    before: list[Address] = []
    for key in () if action == "add" else ("", "--push"):
        listed = repository.git("remote", "get-url", "--all", *([key] if key else []), "--", name)
        for one in listed.out.decode("utf-8", "surrogateescape").split("\n")[:-1]:
            try:
                before.append(address(one, repository.top))
            except GitError:  # one that is never used, and may be replaced
                continue
    if action == "remove":
        return Change(name, tuple(dict.fromkeys(before)), None)
    if url.startswith("-"):
        raise bad("url may not begin with '-'")
    if "://" in url and ":" in url.partition("://")[2].partition("/")[0].rpartition("@")[0]:
        raise bad("url may hold no password: git's credential helpers keep it")
    return Change(name, tuple(dict.fromkeys(before)), address(url, repository.top))


def remote(
    here: Surroundings,
    *,
    name: str,
    action: Literal["add", "set_url", "remove"],
    url: str = "",
) -> Result:
    """Add a remote, give it another URL, or remove it with its tracking branches. Nothing is fetched."""
    repository = Repository(here, "write")
    change = plan_remote(repository, name, action, url)
    if change.after is None:
        repository.git("remote", "remove", "--", name)
        text = f"removed {shown(name)}"
    elif action == "add":
        repository.git("remote", "add", "--no-tags", "--", name, url)
        text = f"added {shown(name)}: {without_credentials(shown(url))}"
    else:
        repository.git("remote", "set-url", "--", name, url)
        was = ", ".join(sorted({one.id(name) for one in change.before}))
        text = f"{shown(name)} is now {without_credentials(shown(url))} (was {was})"
    return {"text": fitted(text, repository.text_bytes, "more")}
