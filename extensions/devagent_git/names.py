"""Canonical names: of paths, branches, refspecs and remote addresses. No process, and no file but by lstat."""

import os
import posixpath
import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from devagent_git.contract import GitError
from devagent_git.real_paths import real_path
from devagent_git.text import shown, unquoted, without_credentials

_DEFAULT_PORTS = {"http": 80, "https": 443, "ssh": 22, "git": 9418}
_SSH = {"ssh": "ssh", "git+ssh": "ssh", "ssh+git": "ssh"}
_BAD_IN_REF = re.compile(
    r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|^\.|\.lock(?:/|$)|\.$|^/|/$|\.lock$"
)
_BAD_IN_URL = re.compile(r"[\x00-\x1f\x7f\\]")


def bad(text: str) -> GitError:
    """The error for arguments that mean nothing here."""
    return GitError(text, error="bad_arguments")


def encoded(text: str, name: str) -> bytes:
    """The file system's bytes for an argument. Raises GitError for NUL and for what is not Unicode."""
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise bad(f"{name} is not valid Unicode text") from None
    if b"\0" in data or not data:
        raise bad(f"{name} may not be empty or hold NUL")
    return data


def path_in(folder: str, top: str, path: str) -> bytes:
    """The path below ``top`` that an argument, relative to the workspace ``folder``, names.

    Empty for ``top`` itself. Git follows no symlink inside a work tree, so ``..`` is taken away by name;
    only where that leaves the repository is the containing folder resolved. Quoted names, as results
    show odd ones, are understood. Raises GitError outside_repository, bad_arguments.
    """
    given = encoded(path, "path")
    raw = unquoted(path)
    given = given if raw is None else raw
    if b"\0" in given:
        raise bad("path may not hold NUL")
    root = os.fsencode(top)
    lexical = os.path.normpath(os.path.join(os.fsencode(folder), given))
    resolved = os.path.join(real_path(os.path.dirname(lexical)), os.path.basename(lexical))
    for candidate in (lexical, os.path.normpath(resolved)):
        if candidate == root:
            return b""
        if candidate.startswith(os.path.join(root, b"")):
            relative = os.path.relpath(candidate, root)
            if b".git" in (part.lower() for part in relative.split(b"/")):
                raise bad("paths inside .git are not for these tools")
            return relative
    raise GitError(f"{shown(given)} is outside the repository", error="outside_repository")


def path_names(folder: str, top: str, relative: bytes) -> list[str]:
    """Resource names (without kind) of a path below ``top``: as git takes it, and where that differs,
    with its containing folder's symlinks resolved.

    Relative to the workspace with ``/``, absolute when outside it, ``.`` for the workspace itself.
    """
    lexical = os.path.normpath(os.path.join(os.fsencode(top), relative))
    resolved = os.path.join(real_path(os.path.dirname(lexical)), os.path.basename(lexical))
    names = [place_name(folder, os.fsdecode(lexical)), place_name(folder, os.fsdecode(resolved))]
    return list(dict.fromkeys(names))


def place_name(folder: str, absolute: str) -> str:
    """A real path relative to the workspace, or absolute when it lies outside; escaped like all text."""
    if absolute == folder:
        return "."
    inside = os.path.join(folder, "")
    name = absolute[len(inside) :] if absolute.startswith(inside) else absolute
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def shown_from(folder: str, top: str, relative: bytes) -> bytes:
    """A path below ``top`` as a person in the workspace would write it (``../x`` where needed)."""
    if folder == top:
        return relative
    slash = b"/" if relative.endswith(b"/") else b""
    return os.path.relpath(os.path.join(os.fsencode(top), relative), os.fsencode(folder)) + slash


def branch_name(text: str, name: str = "branch") -> str:
    """A valid branch name; ``refs/heads/`` before it is taken away. Raises GitError bad_arguments."""
    short = text.removeprefix("refs/heads/")
    encoded(short, name)
    if short.startswith(("-", "refs/")) or short in ("HEAD", "@") or _BAD_IN_REF.search(short):
        raise bad(f"{shown(text)!r} is not a branch name")
    return short


def full_ref(text: str) -> str:
    """A valid full reference name for a push's destination, from ``refs/…``, ``heads/…``, ``tags/…``."""
    full = text if text.startswith("refs/") else f"refs/{text}"
    encoded(full, "ref")
    if full.count("/") < 2 or _BAD_IN_REF.search(full):
        raise bad(f"{shown(text)!r} is not a reference name")
    if full.startswith("refs/heads/"):
        branch_name(full)
    return full


def branch_id(remote: str, full: str) -> str:
    """``branch:origin/main``; a reference that is no branch keeps its full name after the remote's."""
    return f"branch:{remote}/{full.removeprefix('refs/heads/')}"


def remote_name(text: str) -> str:
    """The name of a configured remote; addresses are not names. Raises GitError bad_arguments."""
    encoded(text, "remote")
    if (
        text.startswith("-")
        or text == "."
        or "/" in text
        or ":" in text
        or _BAD_IN_REF.search(text)
    ):
        raise bad(
            f"remote must be the name of a configured remote, not {without_credentials(shown(text))!r}"
        )
    return text


class Address(NamedTuple):
    """Where a remote lives. ``host`` is empty and ``folder`` set for one on this machine."""

    host: str
    port: int | None
    path: str
    folder: str | None

    def id(self, remote: str) -> str:
        """``remote:origin/github.com/acme/shop``; a port that is not the protocol's own stays."""
        host = self.host or "localhost"
        place = host if self.port is None else f"{host}:{self.port}"
        return f"remote:{remote}/{place}/{self.path}"


def address(url: str, top: str) -> Address:
    """What git would connect to for a URL, ``host:path`` or a local path (relative to ``top``).

    Credentials are dropped; host lower case; ``.git`` and slashes at the ends taken away, ``..`` resolved.
    Raises GitError ``transport`` for what may not be used, bad_arguments for what could be read two ways.
    """
    safe = without_credentials(shown(url))
    colon, slash = url.find(":"), url.find("/")
    local = "://" not in url and (colon < 0 or 0 <= slash < colon)
    if not url or _BAD_IN_URL.search(url) or (" " in url and not local):
        raise bad(f"the remote's URL is malformed: {safe!r}")
    if re.match(r"[A-Za-z0-9+.-]*::", url):
        raise GitError(
            "remotes with a transport of their own (x::y) are not used", error="transport"
        )
    if "://" in url:
        return _of_url(url, safe, top)
    return _local(url, top) if local else _of_ssh(url, safe)


def _of_url(url: str, safe: str, top: str) -> Address:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise bad(f"the remote's URL is malformed: {safe!r}") from None
    scheme = _SSH.get(parts.scheme, parts.scheme)
    if scheme == "file":
        if parts.netloc not in ("", "localhost"):
            raise bad(f"a file URL with a host is not used: {safe!r}")
        return _local(unquote(parts.path), top)
    if scheme not in _DEFAULT_PORTS:
        raise GitError(f"the protocol of {safe!r} is not used", error="transport")
    if "#" in url or parts.netloc.count("@") > 1 or "%" in parts.netloc.rpartition("@")[2]:
        raise bad(f"the remote's URL could be read in two ways: {safe!r}")
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return _at(parts.hostname or "", None if port == _DEFAULT_PORTS[scheme] else port, path, safe)


def _of_ssh(url: str, safe: str) -> Address:
    """``user@host:path``, ``[host]:path`` and ``[user@host:port]:path``."""
    bracketed = re.fullmatch(r"(?:[^@\[]*@)?\[([^\]]*)\]:(.*)", url)
    if bracketed:
        where, path = bracketed.groups()
        host = where.rpartition("@")[2]
        name, _, digits = host.partition(":") if host.count(":") == 1 else (host, "", "")
        port = int(digits) if digits.isdigit() else None
        return _at(name, None if port == 22 else port, path, safe)
    where, _, path = url.partition(":")
    if where.count("@") > 1:
        raise bad(f"the remote's URL could be read in two ways: {safe!r}")
    return _at(where.rpartition("@")[2], None, path, safe)


def _at(host: str, port: int | None, path: str, safe: str) -> Address:
    host = host.lower().rstrip(".")
    if not host or host.startswith("-") or not re.fullmatch(r"[\w.:\[\]-]+", host):
        raise bad(f"the remote's URL has no usable host: {safe!r}")
    return Address(host, port, _tidy(unquote(path)), None)


def _local(path: str, top: str) -> Address:
    folder = real_path(os.path.join(top, path))
    if not os.path.isdir(folder) and os.path.isdir(f"{folder}.git"):  # as git itself looks for it
        folder = real_path(f"{folder}.git")
    return Address("", None, _tidy(folder), folder)


def _tidy(path: str) -> str:
    tidy = posixpath.normpath("/" + path.strip("/")).strip("/").removesuffix(".git").rstrip("/")
    return shown(tidy)


def sides(refspec: str) -> tuple[bool, str, str | None]:
    """``+src:dst`` as (forced, src, dst); dst is None where there is no colon. Refuses patterns."""
    encoded(refspec, "ref")
    forced = refspec.startswith("+")
    source, colon, target = refspec.removeprefix("+").partition(":")
    if "*" in refspec or source.startswith("-") or target.startswith("-"):
        raise bad(f"{shown(refspec)!r}: one branch or tag by name, no patterns and no options")
    if colon and not target:
        raise bad(f"{shown(refspec)!r} names no destination")
    return forced, source, target if colon else None
