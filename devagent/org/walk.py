"""The newest signed files of a repository, by python-tuf's walk from the pin on.

What comes is verified by python-tuf as far as it goes, and once more by ``in_force`` before any of it takes effect.
"""

import logging
import os
import shutil
import tempfile
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Any

from tuf.api import exceptions as tuf_errors
from tuf.ngclient import Updater, UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from devagent.core.codec import parse, sha256
from devagent.org import archive
from devagent.org.fetching import Absent, Source
from devagent.org.in_force import REVOKE, TEAM, env_role, team_path
from devagent.org.manifest import ORG_NAME
from devagent.org.pin import Pin
from devagent.org.refusals import Refused
from devagent.org.rollout import REVOCATIONS, RINGS
from devagent.org.state import State, target_name
from devagent.org.trusted import TOP_LEVEL, Target

METADATA, TARGETS = "metadata", "targets"
_MOST_TEAM = 262_144
"""Bytes of a team's role, and of its file."""
_CONFIG = UpdaterConfig(
    max_root_rotations=64,
    root_max_length=100_000,
    timestamp_max_length=16_384,
    snapshot_max_length=200_000,
    targets_max_length=1_000_000,
)
logging.getLogger("tuf").setLevel(logging.CRITICAL)  # what it finds is told by refusals


def newest(pin: Pin, state: State, source: Source) -> dict[str, bytes]:
    """The newest signed files, as python-tuf brings them. Raises Refused."""
    os.makedirs(state.tuf, mode=0o700, exist_ok=True)
    wanted = (f"{pin.environment}/{RINGS}", REVOCATIONS)
    with _told_as_refusals(), tempfile.TemporaryDirectory(prefix="devagent-") as folder:
        updater = Updater(
            state.tuf,
            f"source:/{METADATA}/",
            folder,
            f"source:/{TARGETS}/",
            _Fetcher(source),
            _CONFIG,
            bootstrap=_bootstrap(pin, state, source),
        )
        updater.refresh()
        files: dict[str, bytes] = {}
        for path in wanted:
            found = updater.get_targetinfo(path)
            if found is None:
                raise Refused("missing", path)
            local = updater.download_target(found)
            with open(local, "rb") as file:
                files[target_name(path)] = file.read()
    roles = (*TOP_LEVEL, env_role(pin.environment), REVOKE)
    files |= _metadata(state.tuf, roles)
    files |= _roots(state.tuf, pin.root_version)
    return files | _teams(state, source, files["snapshot.json"], files["targets.json"])


def _teams(state: State, source: Source, snapshot: bytes, targets: bytes) -> dict[str, bytes]:
    """The roles of the teams that verified ``targets`` delegate to, as far as the snapshot knows them, and their files as far as there
    are any. What else a snapshot names is nobody's word but CI's, and neither fetched nor a name of a file.

    Not by python-tuf, which takes no role that is over: a team's term is its own, and one that lets it pass, or signs for a file that
    is not there, must not keep the others from their policy. ``in_force`` verifies what comes, and says whom it is for.
    """
    known: dict[str, dict[str, int]] = parse(snapshot)["signed"]["meta"]
    delegations: dict[str, Any] = parse(targets)["signed"].get("delegations") or {}
    roles: list[dict[str, Any]] = delegations.get("roles", [])
    delegated = {f"{one['name']}.json" for one in roles}
    before: dict[str, bytes] = {}
    with suppress(Refused):
        before = state.generation(state.current())
    files: dict[str, bytes] = {}
    for name in sorted(delegated.intersection(known)):
        role = name.removesuffix(".json")
        if not role.startswith(TEAM) or not ORG_NAME.fullmatch(role.removeprefix(TEAM)):
            continue
        version = known[name]["version"]
        data = before.get(name)
        if data is None or _version_of(data) != version:
            try:
                data = source.fetch(f"{METADATA}/{version}.{name}", _MOST_TEAM).data
            except Absent as e:
                raise Refused("missing", f"{version}.{name}") from e
        files[name] = data
        with suppress(Refused):  # whose file it is meets it when a session begins
            path = team_path(role)
            files[target_name(path)] = _team_file(data, path, before, source)
    return files


def _version_of(data: bytes) -> object:
    with suppress(ValueError, KeyError, TypeError):
        return parse(data)["signed"]["version"]
    return None


def _team_file(data: bytes, path: str, before: Mapping[str, bytes], source: Source) -> bytes:
    """The file that a team's role signs for, as it says; nothing of the role is verified here. Raises Refused."""
    try:
        said = parse(data)["signed"]["targets"][path]
        target = Target(path, int(said["length"]), str(said["hashes"]["sha256"]))
    except (ValueError, KeyError, TypeError) as e:
        raise Refused("missing", path) from e
    kept = before.get(target_name(path), b"")
    if sha256(kept) == target.sha256:
        return kept
    if target.length > _MOST_TEAM:
        raise Refused("endless", path)
    return downloaded(source, target)


def downloaded(source: Source, target: Target) -> bytes:
    """A signed file, whole and as it was signed. Raises Refused."""
    if target.length > archive.MAX_BYTES:
        raise Refused("archive", f"{target.path} has {target.length:,} bytes")
    folder, slash, name = target.path.rpartition("/")
    path = f"{TARGETS}/{folder}{slash}{target.sha256}.{name}"
    try:
        data = source.fetch(path, target.length).data
    except Absent as e:
        raise Refused("missing", target.path) from e
    except Refused as e:
        if e.code != "endless":
            raise
        raise Refused("changed", f"{target.path} is longer than it was signed") from e
    if len(data) != target.length or sha256(data) != target.sha256:
        raise Refused("changed", target.path)
    return data


def _bootstrap(pin: Pin, state: State, source: Source) -> bytes:
    path = os.path.join(state.tuf, "root_history", f"{pin.root_version}.root.json")
    with suppress(OSError), open(path, "rb") as file:
        data = file.read()
        if sha256(data) == pin.root_sha256:
            return data
    # Another root, or none: python-tuf's cache may be of anybody.
    shutil.rmtree(state.tuf, ignore_errors=True)
    os.makedirs(state.tuf, mode=0o700)
    return _pinned_root(pin, source)


def _pinned_root(pin: Pin, source: Source) -> bytes:
    """The root that the pin names, fetched. Raises Refused where it is another."""
    try:
        data = source.fetch(
            f"{METADATA}/{pin.root_version}.root.json", _CONFIG.root_max_length
        ).data
    except Absent as e:
        raise Refused("missing", f"{pin.root_version}.root.json") from e
    if sha256(data) != pin.root_sha256:
        raise Refused(
            "root",
            f"the server's has sha256 {sha256(data)}, and {pin.root_sha256} was expected",
        )
    return data


def _metadata(folder: str, roles: Collection[str]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for role in roles:
        with open(os.path.join(folder, f"{role}.json"), "rb") as file:
            files[f"{role}.json"] = file.read()
    return files


def _roots(folder: str, first: int) -> dict[str, bytes]:
    with open(os.path.join(folder, "root.json"), "rb") as file:
        last = sha256(file.read())
    files: dict[str, bytes] = {}
    number = first
    while True:
        name = f"{number}.root.json"
        with open(os.path.join(folder, "root_history", name), "rb") as file:
            files[name] = file.read()
        if sha256(files[name]) == last:
            return files
        number += 1


class _Fetcher(FetcherInterface):
    """python-tuf's way to a source. A refusal of the source goes through it as it is."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Generator[IO[bytes]]:
        data = self._bytes(url, max_length)
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.seek(0)
            yield file

    def download_bytes(self, url: str, max_length: int) -> bytes:
        return self._bytes(url, max_length)

    def _fetch(self, url: str) -> Iterator[bytes]:
        yield self._bytes(url, _CONFIG.targets_max_length)

    def _bytes(self, url: str, limit: int) -> bytes:
        try:
            return self._source.fetch(url.removeprefix("source:/"), limit).data
        except Absent:
            raise tuf_errors.DownloadHTTPError(f"{url} is not there", 404) from None


@contextmanager
def _told_as_refusals() -> Generator[None]:
    """python-tuf's errors, translated at the edge."""
    try:
        yield
    except Refused:
        raise
    except tuf_errors.ExpiredMetadataError as e:
        text = str(e)
        raise Refused("frozen" if text.startswith("timestamp") else "expired", text) from e
    except tuf_errors.BadVersionNumberError as e:
        # "Expected targets.json version 1, got 2": the snapshot names an older one than the snapshot before.
        text = str(e)
        back = ".json version" in text or "must be >=" in text
        raise Refused("rollback" if back else "mixed", text) from e
    except tuf_errors.UnsignedMetadataError as e:
        raise Refused("signatures", str(e)) from e
    except tuf_errors.LengthOrHashMismatchError as e:
        raise Refused("mixed", str(e)) from e
    except tuf_errors.DownloadHTTPError as e:
        raise Refused("missing", str(e)) from e
    except tuf_errors.DownloadError as e:
        raise Refused("unreachable", str(e)) from e
    except tuf_errors.RepositoryError as e:
        raise Refused("malformed", str(e)) from e
    except OSError as e:
        raise Refused("unkept", str(e.strerror)) from e
    except ValueError as e:
        raise Refused("malformed", str(e)) from e
