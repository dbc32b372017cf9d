"""Other places that signed files are fetched from: git, OCI registries (``registry``), and object stores through fsspec.

They differ in how bytes come, in nothing else. What each needs is loaded where it is named.
"""

import importlib
import os
import re
import shutil
import subprocess
import tempfile
from typing import Any
from urllib.parse import urlsplit

from devagent.core.errors import ConfigError, UsageError
from devagent.org.fetching import FILE_S, Absent, Fetched, Source
from devagent.org.refusals import Refused

FSSPEC = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "memory": "fsspec",
}
"""Scheme → the package that it needs."""
_NAME = re.compile(r"[A-Za-z0-9._/@+-]+")


def other_source(url: str) -> Source:
    """The source for a URL that is neither https nor a folder. Raises UsageError, ConfigError."""
    scheme = urlsplit(url).scheme
    if scheme in FSSPEC:
        return StoreSource(url, scheme)
    if scheme.startswith("git+"):
        return GitSource(url.removeprefix("git+"))
    if scheme in ("oci", "oci+http"):
        from devagent.org.registry import OciSource  # noqa: PLC0415  (only where a registry is the way)

        return OciSource(url)
    known = ", ".join(["https", "file", "git+https", "git+ssh", "oci", *FSSPEC])
    raise UsageError(f"a policy cannot be fetched by {scheme}", hint=f"There are {known}.")


class StoreSource:
    """An object store, through fsspec. Its credentials are those of its own configuration."""

    def __init__(self, url: str, scheme: str) -> None:
        try:
            fsspec: Any = importlib.import_module("fsspec")
            self._files, self._root = fsspec.core.url_to_fs(
                url.rstrip("/"), use_listings_cache=False
            )
        except ImportError as e:
            raise ConfigError(
                f"{scheme}: needs a package that is not installed",
                hint=f"Install it: `pip install {FSSPEC[scheme]}`.",
            ) from e

    def fetch(self, path: str, limit: int, tag: str = "") -> Fetched:
        full = f"{self._root}/{path}"
        try:
            found: dict[str, Any] = self._files.info(full)
            now = _tag(found)
            if tag and tag == now:
                return Fetched(b"", tag, unchanged=True)
            if int(found.get("size") or 0) > limit:
                raise Refused("endless", f"{path} has {found['size']:,} bytes")
            data: bytes = self._files.cat_file(full, start=0, end=limit + 1)
        except (FileNotFoundError, PermissionError) as e:
            # A store says "forbidden" of what is not there to whoever may read files and not list them. Who holds a file
            # back gains no more than who takes it away.
            raise Absent(path) from e
        except Refused:
            raise
        except Exception as e:  # each store raises what its own library raises
            raise Refused("unreachable", f"{path}: {type(e).__name__}") from e
        if len(data) > limit:
            raise Refused("endless", f"{path} has more than {limit:,} bytes")
        return Fetched(data, now)

    def close(self) -> None:
        """The library keeps its own connections."""


def _tag(found: dict[str, Any]) -> str:
    for key in (
        "ETag",
        "etag",
        "generation",
        "md5Hash",
        "content_settings",
        "LastModified",
        "mtime",
    ):
        if found.get(key):
            return str(found[key])
    return ""


class GitSource:
    """A branch of a git repository: ``git+https://host/repository?ref=main&path=published``. Git's own ways to log in."""

    def __init__(self, url: str) -> None:
        self._url, _, query = url.partition("?")
        pairs = (part.partition("=") for part in query.split("&") if part)
        wanted = {key: value for key, _, value in pairs}
        self._ref, self._path = wanted.get("ref", "HEAD"), wanted.get("path", "").strip("/")
        for name in filter(None, (self._ref, self._path)):
            if not _NAME.fullmatch(name) or name.startswith("-") or ".." in name:
                raise UsageError(f"{name!r} is no name of a branch or folder")
        self._folder = ""
        self._commit = ""

    def fetch(self, path: str, limit: int, tag: str = "") -> Fetched:
        if not self._commit:
            self._commit = self._fetched()
        if tag and tag == self._commit:
            return Fetched(b"", tag, unchanged=True)
        name = f"{self._commit}:{self._path + '/' if self._path else ''}{path}"
        size = self._git("cat-file", "-s", name, absent=path)
        if not size.strip().isdigit() or int(size) > limit:
            raise Refused("endless", f"{path} has {size.strip().decode()} bytes")
        return Fetched(self._git("cat-file", "blob", name, absent=path), self._commit)

    def close(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = self._commit = ""

    def _fetched(self) -> str:
        self._folder = tempfile.mkdtemp(prefix="devagent-git-")
        self._git("init", "--quiet", "--bare")
        self._git("fetch", "--quiet", "--depth=1", "--no-tags", "--", self._url, self._ref)
        return self._git("rev-parse", "--verify", "FETCH_HEAD^{commit}").decode().strip()

    def _git(self, *arguments: str, absent: str = "") -> bytes:
        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
        safe = ("-c", "protocol.ext.allow=never", "-c", "core.hooksPath=/dev/null")
        try:
            done = subprocess.run(  # noqa: S603  (fixed words, a URL behind --, checked names)
                ["git", *safe, "-C", self._folder, *arguments],  # noqa: S607  (git of the person's own path)
                capture_output=True, stdin=subprocess.DEVNULL, timeout=FILE_S, env=environment, check=False,
            )  # fmt: skip
        except FileNotFoundError as e:
            raise ConfigError("git is not installed") from e
        except subprocess.TimeoutExpired as e:
            raise Refused("slow", self._url) from e
        if done.returncode:
            if absent:
                raise Absent(absent)
            last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise Refused("unreachable", f"{self._url}: {''.join(last)[:200]}")
        return done.stdout
