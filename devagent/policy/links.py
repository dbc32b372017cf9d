"""Hosts, URLs and e-mail addresses in a text of any kind.

- A URL has a scheme and ``//``, or is one that browsers take all the same: ``http:host``, backslashes
  for slashes, ``//host`` alone. Its host is what follows the last ``@`` of its authority.
- A bare name is a domain by its form (``hosts.is_domain``), an IPv4 address by four numbers, an IPv6
  address by its colons. Names in a URL's path are no hosts; URLs in it are URLs.
- An e-mail address is a local part, ``@`` and a name with a dot, an address in brackets, or
  ``localhost``. Its domain is a host only where something follows as behind a host:
  ``git@host:path``.

Where it is not certain which characters belong to a host, it stands there both ways: a name too many
makes policy ask, a name too few lets something out.
"""

import re
from collections.abc import Iterator
from itertools import chain

from msgspec import Struct

from devagent.policy.hosts import host_names, ipv4, ipv6, is_domain
from devagent.policy.readings import percent_decoded, readings

_SPECIAL = r"(?<![a-z0-9+.-])(?:https?|wss?|ftp):[/\\]*+"
_START = re.compile(rf"{_SPECIAL}|://[/\\]*+|(?<![:/\\\w])[/\\]{{2,}}+")
_WHOLE = re.compile(r"[\x00-\x20]*(?:[a-z][a-z0-9+.-]*+:[/\\]{2}|https?:|wss?:|ftp:|[/\\]{2})[/\\]*")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*\Z")
_LONGEST_SCHEME = 32
_AUTHORITY = re.compile(r"[^\s<>\"/\\?#]*+")
_BROWSER_AUTHORITY = re.compile(r"[^/\\?#]*+")
_NO_HOST = re.compile(r"[\x00-\x20#/:<>?@\[\\\]^|%\x7f]")
# Where people and link finders see the end of a host, though a browser may read on.
_SOFT_END = r"'`()\[\]{}|,;*!\u00a1-\u00bf\u2000-\u206f\u2190-\u2bff\u3001\u3003-\u303f\uff01-\uff0c\uff1a-\uff20"
_SOFT = re.compile(rf"[{_SOFT_END}]")
_PATH = re.compile(rf"[/\\?#][^\s<>\"{_SOFT_END}]*+")
_URL_REST = re.compile(r"[^\s<>\"`]*+")
_TRAILING = ".,;:!?'*_~|"
_PAIRS = {")": "(", "]": "[", "}": "{"}
# Letters with the marks that some scripts need.
_L = r"\w\u0300-\u036f\u0591-\u05c7\u0610-\u065f\u0900-\u109f\u1780-\u17ff\u3099\u309a"
_NAME = re.compile(rf"(?<![{_L}.\-])[.\-]*+[{_L}\-]++(?:\.++[{_L}\-]++)++")
_ASCII_NAME = re.compile(r"[a-z0-9_.-]+")
_LOCALHOST = re.compile(r"(?<![\w.\-])localhost(?![\w\-])")
_NUMBERS = re.compile(r"[0-9a-fx.\-]+\Z")
_IPV6 = re.compile(r"(?<![\w:.])[0-9a-f:.]{2,}+(?!\w)")
_LOCAL = re.compile(rf"[{_L}.!#$%&'*+^`{{|}}~\-]+\Z|\"[^\"\n]+\"\Z")
_LOCAL_PUNCTUATION = "!#$%&'*+^`{|}~.-"
_LONGEST_LOCAL = 320
_MAIL_DOMAIN = re.compile(rf"[{_L}.\-]++|\[[0-9a-f:.]++\]|\[ipv6:[0-9a-f:.]++\]")
_AS_BEHIND_A_HOST = re.compile(r"[:/\\][^\s<>\"]")


class Links(Struct):
    """What one text holds, each kind in order and each once; all lower case."""

    hosts: list[str]
    urls: list[str]
    emails: list[str]


class Found(Struct):
    """Something found: at which character, and what."""

    at: int
    name: str


def links(text: str) -> Links:
    """All hosts, URLs and addresses of a text, in any of its readings. Linear in its length."""
    hosts: dict[str, None] = {}
    urls: dict[str, None] = {}
    emails: dict[str, None] = {}
    for reading in readings(text):
        scan = _Scan(reading)
        for kind, found in ((hosts, scan.hosts), (urls, scan.urls), (emails, scan.emails)):
            found.sort(key=lambda one: one.at)
            kind.update((one.name, None) for one in found)
    return Links(list(hosts), list(urls), list(emails))


def email_domain(text: str) -> str:
    """The domain of a text that is exactly one e-mail address (with a name before it in words), or ``?``."""
    text = text.strip()
    if text.count("@") != 1:
        return "?"
    if text.endswith(">"):
        words, _, text = text[:-1].partition("<")
        if any(c in words for c in "<>()\\;:"):
            return "?"
    match = _ONE_ADDRESS.match(text)
    if match is None:
        return "?"
    domain = match[1]
    if domain.startswith("["):
        inner = domain[1:-1].lower().removeprefix("ipv6:")
        return "".join(ipv4(inner)[:1]) or ipv6(inner) or "?"
    names = host_names(domain)
    if len(names) != 1 or _NO_HOST.search(names[0]) or ".." in names[0]:
        return "?"
    return names[0]


# A local part with ``%`` or ``!`` may be a route to somewhere else.
_ONE_ADDRESS = re.compile(
    rf"(?:[{_L}.+=/&#$'*^`{{|}}~?\-]+|\"[^\"\\@,<>\x00-\x1f]+\")@"
    rf"([{_L}](?:[{_L}.\-]*[{_L}])?\.?|\[[0-9a-fA-F:.]+\]|\[(?i:ipv6):[0-9a-fA-F:.]+\])\Z"
)


class _Scan:
    """One reading of a text, looked through once for each kind."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.hosts: list[Found] = []
        self.urls: list[Found] = []
        self.emails: list[Found] = []
        self._taken: list[tuple[int, int]] = []
        self._users: list[tuple[int, int]] = []
        if "//" in text or ":" in text or "\\" in text:
            self._find_urls()
        if "@" in text:
            self._find_emails()
        self._taken.sort()
        self._find_names()

    def _find_urls(self) -> None:
        text = self._text
        if whole := _WHOLE.match(text):
            self._add_whole(text, whole.end())
        for start in _START.finditer(text):
            authority = _AUTHORITY.match(text, start.end())
            if authority is None or not authority[0]:
                continue
            begins, ends = authority.span()
            relative = start[0][0] in "/\\"
            self._add_url(start.start(), begins, ends, relative=relative)

    def _add_whole(self, text: str, begins: int) -> None:
        """The whole text as one URL, as a browser takes its address: spaces and quotes do not end it."""
        authority = _BROWSER_AUTHORITY.match(text, begins)
        if authority:
            plain = re.sub(r"[\t\r\n]", "", authority[0])
            self._add_host(begins, plain.rpartition("@")[2].strip(), strict=True)

    def _add_url(self, at: int, begins: int, ends: int, *, relative: bool) -> None:
        text = self._text
        authority = text[begins:ends]
        soft = _SOFT.search(authority.removeprefix("["))
        short = authority[: soft.start()] if soft and not authority.startswith("[") else authority
        users = authority.rfind("@") + 1
        names: list[str] = []
        if users:
            names = self._hosts_at(authority[users:])
            if "@" in short:
                self._users.append((begins, begins + users))
        if not users or "@" not in short:
            names += [name for name in self._hosts_at(short) if name not in names]
        if relative:
            names = [n for n in names if is_domain(n) or n == "localhost" or ipv4(n) or ":" in n]
        if not names:
            return
        self.hosts += [Found(begins, name) for name in names]
        end = begins + (users if users and "@" in short else 0)
        end += len(_host_part(text[end:ends]))
        self._taken.append((begins, end))
        port = re.compile(r":\d*").match(text, end)
        end = port.end() if port else end
        if path := _PATH.match(text, end):
            self._taken.append(path.span())
        self._add_url_text(at, begins, end, names[0])

    def _hosts_at(self, authority: str) -> list[str]:
        return host_names(percent_decoded(_host_part(authority)))

    def _add_host(self, at: int, authority: str, *, strict: bool) -> None:
        """The host of an authority; ``strict``: only what a browser would take."""
        name = authority if authority.startswith("[") else authority.partition(":")[0]
        for host in host_names(percent_decoded(name)):
            if not (strict and _NO_HOST.search(host) and ":" not in host):
                self.hosts.append(Found(at, host))

    def _add_url_text(self, at: int, begins: int, ends: int, host: str) -> None:
        """The URL as written, but with ``://`` and its host in the canonical form."""
        text = self._text
        before = text[max(0, at - _LONGEST_SCHEME) : at]
        if text.startswith("://", at):
            named = _SCHEME.search(before)
            scheme = named[0] if named else ""
        else:
            scheme = text[at:begins].partition(":")[0] if text[at] not in "/\\" else ""
        rest = _URL_REST.match(text, ends)
        tail = _trimmed(rest[0]) if rest else ""
        users = next((text[a:b] for a, b in self._users[-1:] if a == begins), "")
        port = text[text.rfind(":", begins, ends) : ends] if text[ends - 1].isdigit() else ""
        port = port if re.fullmatch(r":\d+", port) and not host.endswith(port) else ""
        shown = f"[{host}]" if ":" in host else host
        lead = f"{scheme}://" if scheme else "//"
        self.urls.append(Found(at, f"{lead}{users}{shown}{port}{tail.replace(chr(92), '/')}"))

    def _find_emails(self) -> None:
        text = self._text
        taken = iter(sorted(self._users))
        users = next(taken, None)
        after = 0
        at = text.find("@")
        while at >= 0:
            while users and users[1] <= at:
                users = next(taken, None)
            if not (users and users[0] <= at < users[1]):
                self._add_email(max(after, at - _LONGEST_LOCAL), at)
            after = at + 1
            at = text.find("@", after)

    def _add_email(self, least: int, at: int) -> None:
        text = self._text
        local = _local_before(text, least, at)
        domain = _MAIL_DOMAIN.match(text, at + 1)
        if not local or domain is None:
            return
        literal = domain[0].startswith("[")
        name = domain[0].strip("[]").removeprefix("ipv6:") if literal else domain[0].strip("._-")
        names = (ipv4(name) or [n for n in [ipv6(name)] if n]) if literal else host_names(name)
        names = [n for n in names if literal or "." in n or n == "localhost"]
        if not names:
            return
        end = at + 1 + len(domain[0].rstrip("._-"))
        self.emails += [Found(at, f"{local}@{f'[{n}]' if literal else n}") for n in names]
        self._taken.append((at - len(local), end))
        if _AS_BEHIND_A_HOST.match(text, end):
            self.hosts += [Found(at, n) for n in names]

    def _find_names(self) -> None:
        taken = iter(self._taken)
        span = next(taken, None)
        text = self._text
        for run in chain(_NAME.finditer(text), _LOCALHOST.finditer(text), _addresses(text)):
            if span is None or run.start() < span[0]:
                taken = iter(self._taken)  # the next kind begins at the front again
                span = next(taken, None)
            while span and span[1] <= run.start():
                span = next(taken, None)
            if not (span and span[0] <= run.start()):
                self.hosts += [Found(run.start(), name) for name in _bare_names(run[0])]


def _addresses(text: str) -> Iterator[re.Match[str]]:
    return _IPV6.finditer(text) if text.count(":") > 1 else iter(())


def _bare_names(run: str) -> Iterator[str]:
    """The hosts in a run of letters, digits, dots and hyphens."""
    if ":" in run:
        found = ipv6(run.rstrip("."))
        if found and run.strip(":."):
            yield found
        return
    for piece in re.split(r"\.{2,}", run):
        name = piece.strip(".-_")
        if name == "localhost":
            yield name
        elif _NUMBERS.match(name):
            yield from _numeric(name)
        elif name.isascii():
            if is_domain(name):
                yield name
        else:
            yield from _mixed(name)


def _numeric(name: str) -> Iterator[str]:
    for part in name.split("-"):
        if part.count(".") == 3:
            yield from ipv4(part)
    if is_domain(name):
        yield name


def _mixed(name: str) -> Iterator[str]:
    """A name with letters beyond ASCII; in scripts without spaces a plain name may stand inside it."""
    last = name.rpartition(".")[2]
    if last.isascii() or not any(c.isascii() for c in last):
        yield from (n for n in host_names(name) if is_domain(n))
    for plain in _ASCII_NAME.findall(name):
        inner = plain.strip(".-_")
        if is_domain(inner):
            yield inner
        elif inner.count(".") == 3:
            yield from ipv4(inner)


def _host_part(authority: str) -> str:
    """Up to the port, or to where a host ends in running text."""
    if authority.startswith("["):
        return authority[: authority.find("]") + 1] or authority
    end = re.search(rf"[:@{_SOFT_END}]", authority)
    return authority[: end.start()] if end else authority


def _local_before(text: str, least: int, at: int) -> str:
    """The local part that ends before ``at``, without the punctuation that only stands before it."""
    match = _LOCAL.search(text, least, at)
    if match is None:
        return ""
    return match[0] if match[0].startswith('"') else match[0].lstrip(_LOCAL_PUNCTUATION)


def _trimmed(rest: str) -> str:
    """A URL's end without the punctuation and brackets of the sentence around it."""
    while rest:
        last = rest[-1]
        if last in _PAIRS:
            if rest.count(_PAIRS[last]) >= rest.count(last):
                break
        elif last not in _TRAILING:
            break
        rest = rest[:-1]
    return rest
