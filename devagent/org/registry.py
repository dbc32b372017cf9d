"""An artifact of an OCI registry as a place that signed files come from: one layer a file, as `oras push` puts it.

    oci://ghcr.io/acme/policy:prod

A registry that wants a login says where (``WWW-Authenticate``); the token is asked for there, as the person or account that
`docker login` (or `podman`, `oras`) keeps for that registry, or as nobody. Blobs often lie elsewhere: a redirect is followed, over
https, and is not told the token. What comes is verified like bytes from anywhere.
"""

import base64
import binascii
import os
import re
import subprocess
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from devagent.core.codec import parse
from devagent.core.errors import UsageError
from devagent.org.fetching import Absent, Challenged, Fetched, Moved
from devagent.org.refusals import Refused
from devagent.org.web import HttpSource
from devagent.policy.plain import is_table

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
TITLE = "org.opencontainers.image.title"
MOST = 1_000_000
MOST_MOVES = 3
HELPER_S = 15.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_NAME = re.compile(r"[A-Za-z0-9._/-]+")
_HELPER = re.compile(r"[A-Za-z0-9._-]+")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class OciSource:
    """The artifact that ``oci://HOST/NAME:TAG`` names (``oci+http`` on this machine alone)."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        name, _, reference = parts.path.strip("/").rpartition(":")
        if not name or not reference or not _NAME.fullmatch(name) or not _NAME.fullmatch(reference):
            raise UsageError(f"{url}: write oci://HOST/NAME:TAG")
        secure = parts.scheme == "oci"
        if not secure and parts.hostname not in LOOPBACK:
            raise UsageError(f"{url} is not https")
        self._host, self._name, self._reference = parts.netloc, name, reference
        self._http = HttpSource(
            f"{'https' if secure else 'http'}://{parts.netloc}/v2/{name}",
            accept=MANIFEST,
            registry=True,
        )
        self._layers: dict[str, str] = {}
        self._tag = ""

    def fetch(self, path: str, limit: int, tag: str = "") -> Fetched:
        if not self._layers:
            self._read(tag)
            if not self._layers:
                return Fetched(b"", tag, unchanged=True)
        digest = self._layers.get(path)
        if digest is None:
            raise Absent(path)
        return Fetched(self._asked(f"blobs/{digest}", limit).data, self._tag)

    def close(self) -> None:
        self._http.close()

    def _read(self, tag: str) -> None:
        fetched = self._asked(f"manifests/{self._reference}", MOST, tag)
        if fetched.unchanged:
            return
        self._tag = fetched.tag
        try:
            layers: list[Any] = parse(fetched.data)["layers"]
            self._layers = {str(one["annotations"][TITLE]): str(one["digest"]) for one in layers}
        except (ValueError, KeyError, TypeError) as e:
            raise Refused("malformed", "the registry's manifest") from e

    def _asked(self, path: str, limit: int, tag: str = "") -> Fetched:
        try:
            return self._moved(path, limit, tag)
        except Challenged as challenge:
            self._http.authorization = self._login(challenge.wanted)
        try:
            return self._moved(path, limit, tag)
        except Challenged as e:
            raise Refused("unreachable", f"{self._host} takes no login that there is here") from e

    def _moved(self, path: str, limit: int, tag: str) -> Fetched:
        try:
            return self._http.fetch(path, limit, tag)
        except Moved as e:
            address = urljoin(f"{self._http.address}/{path}", e.address)
        for _ in range(MOST_MOVES):
            parts = urlsplit(address)
            if parts.scheme != "https" and parts.hostname not in LOOPBACK:
                raise Refused(
                    "unreachable", f"{self._host} leads to {parts.scheme}://{parts.hostname}"
                )
            elsewhere = HttpSource(f"{parts.scheme}://{parts.netloc}", registry=True)
            try:
                rest = f"{parts.path.lstrip('/')}{'?' + parts.query if parts.query else ''}"
                return elsewhere.fetch(rest, limit)
            except Moved as e:
                address = urljoin(address, e.address)
            except Challenged as e:
                raise Refused("unreachable", f"{parts.hostname} wants a login") from e
            finally:
                elsewhere.close()
        raise Refused("unreachable", f"{self._host} leads from place to place")

    def _login(self, wanted: str) -> str:
        """What the registry wants to read as ``Authorization``. Raises Refused."""
        kind, _, rest = wanted.partition(" ")
        known = credentials(self._host)
        if kind.lower() == "basic" and known:
            return f"Basic {known}"
        asked: dict[str, str] = {one[1]: one[2] for one in _CHALLENGE.finditer(rest)}
        realm = urlsplit(asked.get("realm", ""))
        if kind.lower() != "bearer" or not realm.hostname:
            raise Refused("unreachable", f"{self._host} wants a login that is not known here")
        if realm.scheme != "https" and realm.hostname not in LOOPBACK:
            raise Refused("unreachable", f"{self._host} wants a login at {realm.scheme}://{realm.hostname}")  # fmt: skip
        # Never more than reading this one name, whatever the registry asks for.
        query = urlencode({"service": asked.get("service", ""), "scope": f"repository:{self._name}:pull"})  # fmt: skip
        source = HttpSource(f"{realm.scheme}://{realm.netloc}", registry=True)
        source.authorization = f"Basic {known}" if known else ""
        try:
            answer: Any = parse(source.fetch(f"{realm.path.lstrip('/')}?{query}", MOST).data)
        except (Absent, Challenged, Moved, ValueError) as e:
            raise Refused("unreachable", f"{realm.hostname} gives no token") from e
        finally:
            source.close()
        token = answer.get("token") or answer.get("access_token") if is_table(answer) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise Refused("unreachable", f"{realm.hostname} gives no token")
        return f"Bearer {token}"


def credentials(host: str) -> str:
    """What `docker login` keeps for a registry, as Basic wants it; "" where nobody has logged in."""
    folder = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    try:
        with open(os.path.join(folder, "config.json"), "rb") as file:
            config: Any = parse(file.read(MOST))
    except (OSError, ValueError):
        return ""
    if not is_table(config):
        return ""
    helper = _text(config.get("credHelpers"), host) or config.get("credsStore")
    if isinstance(helper, str) and _HELPER.fullmatch(helper):
        return _of_helper(helper, host)
    auths: Any = config.get("auths")
    found: Any = auths.get(host) if is_table(auths) else None
    auth = _text(found, "auth")
    try:
        return auth if base64.b64decode(auth, validate=True) else ""
    except (ValueError, binascii.Error):
        return ""


def _text(table: Any, key: str) -> str:
    value = table.get(key) if is_table(table) else None
    return value if isinstance(value, str) else ""


def _of_helper(helper: str, host: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603  (the person's own helper, by its checked name; the host on its input)
            [f"docker-credential-{helper}", "get"],
            input=host.encode(), capture_output=True, timeout=HELPER_S, check=True,
        )  # fmt: skip
        said: Any = parse(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    user, secret = _text(said, "Username"), _text(said, "Secret")
    return base64.b64encode(f"{user}:{secret}".encode()).decode() if user and secret else ""
