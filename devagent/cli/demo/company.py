"""Acme Tea, the sample company of the demo: a repository with history, its origin, a database, two policies."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import date, timedelta

from msgspec import Struct

from devagent.core.errors import ConfigError
from devagent.settings.config import Config

LIMIT_S = 20
"""How long one git command may take; each takes milliseconds."""

_COMMITS = (
    ("Mira Lund", "Start the shop", {"README.md": "# Acme Tea\n\nThe shop's code.\n"}),
    (
        "Tom Reyes",
        "Add delivery",
        {
            "src/delivery.py": "FREE_FROM_CENTS = 5000\nPRICE_CENTS = 490\n\n\n"
            "def price_cents(total_cents: int) -> int:\n"
            "    return 0 if total_cents >= FREE_FROM_CENTS else PRICE_CENTS\n"
        },
    ),
    ("Mira Lund", "Say where to ask", {"README.md": "# Acme Tea\n\nThe shop's code. Ask #shop.\n"}),
)
_CITIES = ("Lisbon", "Oslo", "Lagos", "Turin")
_NAMES = ("Ana", "Bo", "Chidi", "Dara", "Elif", "Femi", "Gita", "Hugo", "Ines", "Jun")
_SCHEMA = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, city TEXT NOT NULL
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    placed TEXT NOT NULL,
    total_cents INTEGER NOT NULL,
    delivery_cents INTEGER NOT NULL
);
CREATE VIEW customers_by_city AS SELECT city, count(*) AS customers FROM customers GROUP BY city;
"""


class Company(Struct, frozen=True):
    """Where the parts lie, all below one folder; ``config`` names the database to the SQL extension."""

    repository: str
    org_policy: str
    local_policy: str
    rehearsal: str
    config: Config


def build(folder: str, config: Config) -> Company:
    """Build the company below an empty folder; ``config`` is the person's own, kept but for the extensions.

    Raises ConfigError where git is missing or fails.
    """
    repository = os.path.join(folder, "shop")
    database = os.path.join(folder, "shop.db")
    _repository(repository, os.path.join(folder, "origin.git"))
    _database(database)
    copies = {name: os.path.join(folder, f"{name}.toml") for name in ("acme", "mine", "rehearsal")}
    for name, path in copies.items():
        shutil.copyfile(os.path.join(os.path.dirname(__file__), f"{name}.toml"), path)
        os.chmod(path, 0o600)
    source = {
        "type": "sqlite",
        "path": database,
        "env": "dev",
        "owner": "#shop",
        "tags": {
            "column:shop.main.customers.name": ["pii.name"],
            "column:shop.main.customers.email": ["pii.email"],
        },
    }
    return Company(
        repository=repository,
        org_policy=copies["acme"],
        local_policy=copies["mine"],
        rehearsal=copies["rehearsal"],
        config=Config(
            file=config.file,
            model=config.model,
            base_url=config.base_url,
            max_tokens=config.max_tokens,
            stall_s=config.stall_s,
            give_up_s=config.give_up_s,
            model_table=config.model_table,
            platforms=config.platforms,
            extensions={"git": {}, "sql": {"sources": {"shop": source}}},
        ),
    )


def _repository(folder: str, origin: str) -> None:
    os.mkdir(folder)
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "fast-import", "--quiet", stdin=_history())
    _git(folder, "reset", "--quiet", "--hard", "main")
    _git(folder, "clone", "--quiet", "--bare", ".", origin)
    for name, value in (
        ("user.name", "Sample Developer"),
        ("user.email", "developer@acme.example"),
        ("remote.origin.url", origin),
        ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"),
        ("branch.main.remote", "origin"),
        ("branch.main.merge", "refs/heads/main"),
    ):
        _git(folder, "config", name, value)
    _git(folder, "update-ref", "refs/remotes/origin/main", "main")
    path = os.path.join(folder, "src", "delivery.py")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace("FREE_FROM_CENTS = 5000", "FREE_FROM_CENTS = 3000"))


def _history() -> bytes:
    """The commits as a stream for ``git fast-import``: one process for all of them."""
    out: list[bytes] = []
    for day, (author, message, files) in enumerate(_COMMITS):
        email = f"{author.split()[0].lower()}@acme.example"
        who = f"{author} <{email}> {1_790_000_000 + day * 86_400} +0000"
        out.append(f"commit refs/heads/main\nauthor {who}\ncommitter {who}\n".encode())
        out.append(_data(message))
        for path, text in files.items():
            out.append(f"M 100644 inline {path}\n".encode() + _data(text))
    return b"".join(out)


def _data(text: str) -> bytes:
    data = text.encode()
    return b"data %d\n%s\n" % (len(data), data)


def _git(folder: str, *arguments: str, stdin: bytes = b"") -> None:
    # Nothing of the person's git configuration may change what the sample looks like.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    try:
        subprocess.run(  # noqa: S603  (fixed arguments, no shell)
            ["git", *arguments],  # noqa: S607  (git is where PATH says, as for the extension)
            cwd=folder,
            env=environment,
            input=stdin,
            capture_output=True,
            timeout=LIMIT_S,
            check=True,
        )
    except FileNotFoundError as e:
        raise ConfigError("git is not on PATH", hint="Install git; the demo needs it.") from e
    except subprocess.SubprocessError as e:
        said = getattr(e, "stderr", b"") or b""
        raise ConfigError(
            f"git {arguments[0]} failed: {said.decode(errors='replace').strip() or e}"
        ) from e


def _database(path: str) -> None:
    first = date(2026, 9, 1)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(_SCHEMA)
        connection.executemany(
            "INSERT INTO customers VALUES (?, ?, ?, ?)",
            [
                (number, name, f"{name.lower()}@mail.example", _CITIES[number % len(_CITIES)])
                for number, name in enumerate(_NAMES, 1)
            ],
        )
        totals = [1200 + number * 733 % 6100 for number in range(120)]
        connection.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?)",
            [
                (
                    number,
                    1 + number * 7 % len(_NAMES),
                    (first + timedelta(days=number % 60)).isoformat(),
                    total,
                    0 if total >= 5000 else 490,
                )
                for number, total in enumerate(totals, 1)
            ],
        )
