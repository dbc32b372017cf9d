"""A developer's place of work: a repository with an origin, a shop's database, and their own policy."""

from pathlib import Path

from tests.support.command_line import own_file
from tests.support.messages_server import Call, Step
from tests.support.repositories import git, with_origin
from tests.support.shop import build_shop

POLICY = """\
version = 1
name = "mine"
layer = "local"

[[rule]]
id = "work"
effect = "allow"
tools = ["git.*", "sql.*"]

[[rule]]
id = "main-by-review"
effect = "deny"
access = ["write"]
resources = ["branch:origin/main"]
why = "main changes by reviewed pull requests only"
grant = "Open a pull request"

[[rule]]
id = "no-personal-data"
effect = "deny"
resources = ["tag:pii.**"]
why = "Customers' addresses stay in the shop"
grant = "Ask #privacy"

[[rule]]
id = "branches-are-asked"
effect = "ask"
tools = ["git.branch"]
why = "I name my branches myself"

[[rule]]
id = "no-fetch"
effect = "deny"
tools = ["git.fetch"]
why = "Nothing comes in"
"""
RULE_LINES = {
    "local/mine#" + text.split('"')[1]: number - 1
    for number, text in enumerate(POLICY.splitlines(), 1)
    if text.startswith("id = ")
}
"""Rule → the line of the policy file where it stands."""

CONFIG = """\
[extensions.sql.sources.shop]
type = "sqlite"
path = "shop.db"
env = "dev"

[extensions.sql.sources.shop.tags]
"column:shop.main.customers.email" = ["pii.email"]
"""

PUSH_MAIN = Call("git__push", {"remote": "origin", "ref": "main"})
EMAILS = Call("sql__query", {"source": "shop", "sql": "SELECT email FROM customers"})
CITIES = Call(
    "sql__query", {"source": "shop", "sql": "SELECT DISTINCT city FROM customers ORDER BY 1"}
)
ADD = Call("git__add", {"paths": ["a.txt"]})
COMMIT = Call("git__commit", {"message": "Say three"})
STATUS = Call("git__status")


def workplace(folder: Path, home: Path) -> Path:
    """``folder/work`` with a change to ``a.txt`` not staged, ``folder/origin.git`` and ``work/shop.db``."""
    (home / ".gitconfig").write_text("[user]\n\tname = Ana Roe\n\temail = ana@example.com\n")
    work = with_origin(folder)
    (work / ".git/info/exclude").write_text("shop.db\n")
    build_shop(str(work / "shop.db"))
    (work / "a.txt").write_text("one\ntwo\nthree\n")
    own_file("policy.toml", POLICY)
    own_file("config.toml", CONFIG)
    return work


def commits(work: Path, ref: str = "main") -> list[str]:
    """The subjects of a branch's commits, newest first."""
    return git(work, "log", "--format=%s", ref).splitlines()


def committing() -> list[Step]:
    """A whole task: look, stage, commit, and a last word."""
    return [
        Step(text="First a look.", calls=[STATUS]),
        Step(calls=[ADD, COMMIT]),
        Step(text="Committed."),
    ]
