"""Runs a bench of terminal agents with devagent as an organisation has it: ``python -m tests.bench.beside_peers``.

    python -m tests.bench.beside_peers --peers FOLDER [--local] -- [arguments of its bench.py]

FOLDER holds ``bench.py`` and ``adapters.py``. devagent gets its five first-party extensions (workspace, git, sql with
a database, docs with a collection, tickets with a tracker of its own), a git repository to work in, and 100 rules in
the organisation's place, which brings the echo server, pins it and says that its tool reads. The organisation's place is
in ``/etc``: as root it is made in a mount namespace of its own, which nobody else sees and which ends with the bench. ``--local`` puts the rules into the person's own file instead, and needs no root.
"""

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.shop import build_shop

RULES = 100
WITHIN = "DEVAGENT_BENCH_ETC"
ORG = Path("/etc/devagent")


def policy(layer: str) -> str:
    """A hundred rules: some that grant what the bench does, the rest about other things."""
    allowed = [
        ("own", '["workspace.*", "git.*", "sql.*", "docs.*", "tickets.*"]', '["read"]'),
        ("echo", '["echo.*"]', '["read", "exec"]'),
        ("task", '["agent.*"]', '["read"]'),
    ]
    lines = [f'layer = "{layer}"', 'name = "acme"', ""]
    if layer == "org":
        lines.insert(2, 'default = "deny"')
    for name, tools, classes in allowed:
        lines += ["[[rule]]", f'id = "{name}"', 'effect = "allow"', f"tools = {tools}", f"classes = {classes}", ""]  # fmt: skip
    kinds = ("path:secret{}/**", "branch:origin/release-{}", "table:prod.s{}.**", "host:h{}.example", "ticket:SEC{}/*")  # fmt: skip
    for number in range(RULES - len(allowed)):
        effect = ("deny", "ask")[number % 2]
        resource = kinds[number % len(kinds)].format(number)
        lines += [
            "[[rule]]",
            f'id = "rule-{number}"',
            f'effect = "{effect}"',
            f'resources = ["{resource}"]',
            f'why = "Reason {number}"',
            "",
        ]
    return "\n".join(lines)


def echo_table(echo: list[str]) -> str:
    """The echo server, as a config or an organisation has it."""
    lines = [
        "[extensions.echo]",
        'type = "stdio"',
        f"command = {json.dumps(echo[0])}",
        f"args = {json.dumps(echo[1:])}",
        'classes = { echo = "read" }',
    ]
    return "\n".join(lines) + "\n"


def config(home: Path) -> str:
    """The five extensions."""
    lines = [
        "[extensions.sql.sources.shop]",
        'type = "sqlite"',
        f"path = {json.dumps(str(home / 'shop.db'))}",
        "[extensions.docs.collections.handbook]",
        f"path = {json.dumps(str(home / 'handbook'))}",
        "[extensions.tickets.trackers.own]",
        'projects = ["WORK"]',
        'statuses = ["open", "done"]',
    ]
    return "\n".join(lines) + "\n"


def prepared(adapter: Any, context: Any) -> None:
    """One temporary home: what an adapter's ``setup`` does for the other peers."""
    home = Path(context.home)
    own = home / "devagent"
    build_shop(str(home / "shop.db"))
    (home / "handbook").mkdir(exist_ok=True)
    (home / "handbook" / "deploys.md").write_text("# Deploys\n\nOn Tuesdays.\n", encoding="utf-8")
    if not (Path(context.work) / ".git").exists():
        subprocess.run(["git", "init", "-q", str(context.work)], check=True, timeout=60)
    governed = bool(os.environ.get(WITHIN))
    echo = echo_table(context.echo) if context.mcp else ""
    context.write("devagent/config.toml", config(home) + ("" if governed else echo))
    files = ["config.toml"]
    if not governed:
        context.write("devagent/policy.toml", policy("local"))
        files.append("policy.toml")
    os.chmod(own, 0o700)
    for name in files:
        os.chmod(own / name, 0o600)
    if context.mcp:
        let_in = ["ext", "approve", "echo"]
        if governed:
            # Another run of the bench may have another server of that name.
            ORG.joinpath("tools.lock").unlink(missing_ok=True)
            ORG.joinpath("extensions.toml").write_text(echo, encoding="utf-8")
            ORG.joinpath("extensions.toml").chmod(0o644)
            let_in = ["bundle", "pin", "echo", "--content", str(ORG)]
        subprocess.run(
            [*context.exe, *let_in, "--yes"],
            env={**os.environ, "HOME": str(home), **adapter.env(context)},
            cwd=context.work,
            check=True,
            timeout=60,
            stdout=subprocess.DEVNULL,
        )


def with_own_etc(arguments: list[str]) -> int:
    """The same command where ``/etc`` has the organisation's policy, for it alone."""
    with tempfile.TemporaryDirectory() as folder:
        etc = Path(folder) / "etc"
        shutil.copytree("/etc", etc, symlinks=True, ignore_dangling_symlinks=True)
        (etc / "devagent").mkdir(mode=0o755)
        (etc / "devagent" / "policy.toml").write_text(policy("org"), encoding="utf-8")
        (etc / "devagent" / "policy.toml").chmod(0o644)
        inner = [sys.executable, "-m", "tests.bench.beside_peers", *arguments]
        mounted = 'mount --bind "$0" /etc && exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", mounted, str(etc), *inner]
        return subprocess.run(command, env={**os.environ, WITHIN: "1"}, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description="devagent beside its peers, as an organisation has it.")  # fmt: skip
    parser.add_argument("--peers", required=True, help="The folder with bench.py and adapters.py.")
    parser.add_argument("--local", action="store_true", help="The rules in the person's own place.")
    parser.add_argument("rest", nargs="*", help="For bench.py, after --.")
    options = parser.parse_args()
    if not options.local and not os.environ.get(WITHIN):
        if os.geteuid() != 0 or not shutil.which("unshare"):
            parser.error("the organisation's place is root's: run this as root on Linux, or say --local")  # fmt: skip
        return with_own_etc(sys.argv[1:])
    sys.path.insert(0, os.path.abspath(options.peers))
    adapters: Any = importlib.import_module("adapters")
    bench: Any = importlib.import_module("bench")
    adapters.Devagent.setup = prepared
    sys.argv = ["bench.py", *options.rest]
    bench.main()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
