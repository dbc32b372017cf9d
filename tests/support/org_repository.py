"""An organisation's repository and its machines, in process: keys in memory, any server that a test can think of.

org = Organisation(tmp_path)            # keys, roles, a first bundle in prod
machine = org.machine(tmp_path / "m")
assert machine.sync().outcome == "updated"
"""

import copy
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct

from devagent.core.codec import sha256
from devagent.org import approving, building, delegating, publishing, release, revoking
from devagent.org.approving import Evidence
from devagent.org.building import Built
from devagent.org.client import Client, Keeper, Synced
from devagent.org.fetching import Absent, Fetched
from devagent.org.in_force import Machine, env_role
from devagent.org.libraries import CryptoSigner, Signer
from devagent.org.manifest import Manifest
from devagent.org.marks import Marks
from devagent.org.pin import Pin
from devagent.org.repository import Repository
from devagent.org.sources import FileSource
from devagent.org.terms import Terms
from devagent.settings.trusted_file import read_trusted

POLICY = """\
version = 1
name = "acme"
layer = "org"
default = "deny"

[[rule]]
id = "{id}"
effect = "allow"
classes = ["read", "write"]
"""
VERSION = "0.5.0"
DEVICE = "1f0e2a91"


def signer(owner: str) -> Signer:
    made = CryptoSigner.generate_ed25519()
    made.public_key.unrecognized_fields["x-devagent-owner"] = owner
    return made


class Organisation:
    """Ana, Bo and Cy sign; root 2 of 3, prod 2 of 3, the rest 1. ``now`` is the moment that all is signed at."""

    def __init__(
        self,
        folder: Path,
        *,
        terms: Terms | None = None,
        now: datetime | None = None,
        publish: bool = True,
    ) -> None:
        self.folder = folder / "repository"
        self.terms = terms or Terms()
        self.now = now or datetime.now(UTC)
        self.roots = {name: signer(name) for name in ("ana", "bo", "cy")}
        self.people = {name: signer(name) for name in ("ana", "bo", "cy")}
        self.online = {role: signer("ci") for role in ("snapshot", "timestamp")}
        self.revision = 0
        delegating.found(
            self.repository,
            [one.public_key for one in self.roots.values()],
            root_threshold=2,
            people=[one.public_key for one in self.people.values()],
            targets_threshold=2,
            online={role: one.public_key for role, one in self.online.items()},
            environments={"dev": 1, "test": 1, "prod": 2},
            client={"poll_s": 60},
        )
        revoking.set_revocations(
            self.repository, revoking.revocations(self.repository, "acme"), signer=None
        )
        self.sign_all()
        if publish:
            self.promote(self.build("first"))
            self.publish()

    def copied(self, folder: Path) -> "Organisation":
        """The same organisation with a repository of its own in ``folder``: quicker than one from nothing."""
        made = copy.copy(self)
        made.folder = folder / "repository"
        made.roots, made.people, made.online = (
            dict(self.roots),
            dict(self.people),
            dict(self.online),
        )
        shutil.copytree(self.folder, made.folder)
        return made

    @property
    def repository(self) -> Repository:
        return Repository(str(self.folder), self.terms, now=self.now)

    @property
    def published(self) -> Path:
        return self.folder / "published"

    @property
    def root_sha256(self) -> str:
        return sha256((self.published / "metadata/1.root.json").read_bytes())

    def after(self, **time: float) -> "Organisation":
        """Let time go by."""
        self.now += timedelta(**time)
        return self

    def sign_all(self, *people: str) -> None:
        """Sign what is put up by these people, or by as many as it needs."""
        for one in self.repository.pending():
            keys = self.roots if one.role == "root" else self.people
            for name in people or list(keys)[: max(one.threshold, one.before[1])]:
                if name not in one.signed_by:
                    approving.sign(self.repository, one.role, keys[name])

    def publish(self) -> list[str]:
        return publishing.publish(self.repository, self.online)

    def build(
        self, id: str, *, author: str = "ana", policy: str = POLICY, **described: Any
    ) -> Built:
        """The next revision, with one rule of that id."""
        self.revision += 1
        files = {
            "policy/org.toml": policy.replace("{id}", id).encode(),
            **described.pop("files", {}),
        }
        fields: dict[str, Any] = {
            "schema": 1,
            "org": "acme",
            "revision": self.revision,
            "author": author,
        }
        return building.build(files, Manifest(**fields | described, files={}))

    def promote(
        self,
        built: Built,
        *,
        by: Iterable[str] = ("ana", "bo"),
        environment: str = "prod",
        **named: Any,
    ) -> None:
        """Put up, signed by the first and approved by the others."""
        first, *others = by
        evidence = Evidence({}, {"passed": 1, "failed": 0}, {})
        release.promote(
            self.repository, environment, built, evidence, signer=self.people[first], **named
        )
        for name in others:
            approving.sign(self.repository, env_role(environment), self.people[name])

    def rolled_out(self, id: str, **named: Any) -> Built:
        """The next bundle, approved and published."""
        built = self.build(id)
        self.promote(built, **named)
        self.publish()
        return built

    def server(self) -> "Server":
        return Server(self.published)

    def pin(self, **changes: Any) -> Pin:
        fields: dict[str, Any] = {
            "schema": 1,
            "org": "acme",
            "url": str(self.published),
            "root_sha256": self.root_sha256,
        }
        return Pin(**fields | changes)

    def machine(self, folder: Path, **named: Any) -> "Enrolled":
        return Enrolled(self, folder, **named)


class Server:
    """A server with the files as they are when it is made; ``put`` and ``on_fetch`` change what it gives."""

    def __init__(self, folder: Path | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.bytes = 0
        self.on_fetch: dict[str, Callable[[], bytes]] = {}
        if folder is not None:
            self.files = {
                path.relative_to(folder).as_posix(): path.read_bytes()
                for path in folder.rglob("*")
                if path.is_file()
            }

    def with_files(self, files: Mapping[str, bytes]) -> "Server":
        changed = Server()
        changed.files = {**self.files, **files}
        return changed

    def fetch(self, path: str, limit: int, tag: str = "") -> Fetched:
        self.fetched.append(path)
        if path in self.on_fetch:
            data = self.on_fetch[path]()
        elif path in self.files:
            data = self.files[path]
        else:
            raise Absent(path)
        if tag and tag == sha256(data):
            return Fetched(b"", tag, unchanged=True)
        if len(data) > limit:
            from devagent.org.refusals import Refused

            raise Refused("endless", path)
        self.bytes += len(data)
        return Fetched(data, sha256(data))

    def close(self) -> None:
        pass


class Ring(Struct):
    """A keyring that remembers one text."""

    text: str = ""

    def write(self, text: str) -> None:
        self.text = text


class Enrolled:
    """A machine that belongs to the organisation; its clock is the organisation's until it is set."""

    def __init__(
        self,
        org: Organisation,
        folder: Path,
        *,
        device: str = DEVICE,
        names: Collection[str] = ("user:ana",),
        client: str = VERSION,
        seen: Collection[Marks] = (),
        keyring: bool = False,
        **pin: Any,
    ) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self.org, self.folder = org, folder
        self.clock: float | None = None
        self.ring = Ring()
        self.client = Client(
            org.pin(**pin),
            cache=str(folder / "cache"),
            data=str(folder / "data"),
            read=read_trusted,
            machine=Machine(device, frozenset(names), client),
            seen=seen,
            keeper=Keeper(lambda: self.ring.text, self.ring.write) if keyring else None,
            clock=lambda: self.org.now.timestamp() if self.clock is None else self.clock,
        )

    def sync(self, server: Server | None = None) -> Synced:
        return self.client.sync(server or self.org.server())

    def rules(self) -> str:
        """The text of the org's policy in force."""
        return self.client.in_force().read("policy/org.toml").decode()

    @property
    def source(self) -> FileSource:
        return FileSource(str(self.org.published))
