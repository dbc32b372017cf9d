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

from msgspec import Struct

from devagent.policy.hosts import host_names, ipv4, ipv6, is_domain
from devagent.policy.readings import percent_decoded, readings

_SPECIAL = r"(?<![a-z0-9+.-])(?:https?|wss?|ftp):[/\\]*+"
_START = re.compile(rf"{_SPECIAL}|://[/\\]*+|(?<![:/\\\w])[/\\]{{2,}}+")
_WHOLE = re.compile(
    r"[\x00-\x20]*(?:[a-z][a-z0-9+.-]*+:[/\\]{2}|https?:|wss?:|ftp:|[/\\]{2})[/\\]*"
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*\Z")
_LONGEST_SCHEME = 32
_AUTHORITY = re.compile(r"[^\s<>\"/\\?#]*+")
_STRICT_AUTHORITY = re.compile(r"[^\s<>\"/?#]{0,1000}+")
_BROWSER_AUTHORITY = re.compile(r"[^/\\?#]*+")
NO_HOST = re.compile(r"[\x00-\x20#/:<>?@\[\\\]^|%\x7f]")
# Where people and link finders see the end of a host, though a browser may read on.
_SOFT_END = r"'`()\[\]{}|,;*!\u00a1-\u00bf\u2000-\u206f\u2190-\u2bff\u3001\u3003-\u303f\uff01-\uff0c\uff1a-\uff20"
_SOFT = re.compile(rf"[{_SOFT_END}]")
_HOST_END = re.compile(rf"[:@{_SOFT_END}]")
_PATH = re.compile(rf"[/\\?#][^\s<>\"{_SOFT_END}]*+")
_URL_REST = re.compile(r"[^\s<>\"`]*+")
_TRAILING = ".,;:!?'*_~|"
_PAIRS = {")": "(", "]": "[", "}": "{"}
# Letters with the marks that some scripts need.
LETTERS = r"\w\u0300-\u036f\u0591-\u05c7\u0610-\u065f\u0900-\u109f\u1780-\u17ff\u3099\u309a"
# Scripts that are written without spaces: a word of theirs may begin right behind a name.
_SPACELESS = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_BEFORE_SPACELESS = re.compile(rf"[^{_SPACELESS}]+(?=[{_SPACELESS}])")
_NAME = re.compile(rf"(?<![{LETTERS}.\-])[.\-]*+[{LETTERS}\-]++(?:\.++[{LETTERS}\-]++)++")
# Not within a word of Latin, Greek or Cyrillic letters.
_ASCII_NAME = re.compile(r"(?<![a-z0-9_.\-\u00b5-\u052f])[a-z0-9_.\-]++(?![\u00b5-\u052f])")
_LOCALHOST = re.compile(r"(?<![\w.\-])localhost(?!\.?[\w\-])")
_NUMBERS = re.compile(r"[0-9a-fx.\-]+\Z")
_IPV6 = re.compile(r"(?<![\w:.])(?<!\w\[)[0-9a-f:.]{2,}+(?!\w)")
# Read backwards from the @, so that no text is looked at twice.
_LOCAL_BACKWARDS = re.compile(rf"[{LETTERS}.!#$%&'*+^`{{|}}~\-]++|\"[^\"\n]++\"")
_PLAIN_LOCAL_BACKWARDS = re.compile(r"[a-z0-9_.+'-]++")
_LOCAL_PUNCTUATION = "!#$%&'*+^`{|}~.-"
_LONGEST_LOCAL = 320
_PORT = re.compile(r":\d*+")
_PLAIN_DOMAIN = re.compile(r"[a-z0-9.-]*[a-z0-9]")
_MAIL_DOMAIN = re.compile(rf"[{LETTERS}.\-]++|\[[0-9a-f:.]++\]|\[ipv6:[0-9a-f:.]++\]")
_AT = re.compile(
    rf"(?<=[{LETTERS}.!#$%&'*+^`{{|}}~\-\"])@(?=[{LETTERS}\-]*+\.[{LETTERS}]|localhost|\[(?:[0-9a-f]|ipv6))"
)
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


class _Scan:
    """One reading of a text, looked through once for each kind."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.hosts: list[Found] = []
        self.urls: list[Found] = []
        self.emails: list[Found] = []
        self._taken: list[tuple[int, int]] = []
        self._users: list[tuple[int, int]] = []
        self._known: dict[str, list[str]] = {}
        self._authority_ends = self._url_ends = 0
        if "//" in text or ":" in text or "\\" in text:
            self._find_urls()
        if "@" in text:
            self._find_emails()
        self._find_names()

    def _find_urls(self) -> None:
        text = self._text
        if whole := _WHOLE.match(text):
            self._add_whole(text, whole.end())
        starts = list(_START.finditer(text))
        following = [start.start() for start in starts[1:]] + [len(text)]
        for start, limit in zip(starts, following, strict=False):
            begins = start.end()
            if begins < self._authority_ends:  # begins in another's authority: that one saw its end
                ends = min(limit, self._authority_ends)
            else:
                match = _AUTHORITY.match(text, begins)
                ends = self._authority_ends = match.end() if match else begins
            if begins < ends:
                relative = start[0][0] in "/\\"
                self._add_url(start.start(), begins, ends, limit, relative=relative)

    def _add_whole(self, text: str, begins: int) -> None:
        """The whole text as one URL, as a browser takes its address: spaces and quotes do not end it."""
        authority = _BROWSER_AUTHORITY.match(text, begins)
        if authority:
            plain = re.sub(r"[\t\r\n]", "", authority[0])
            self._add_host(begins, plain.rpartition("@")[2].strip(), strict=True)

    def _add_url(self, at: int, begins: int, ends: int, limit: int, *, relative: bool) -> None:
        """One URL, its authority given; ``limit`` is where the next begins, perhaps within it."""
        text = self._text
        authority = text[begins:ends]
        soft = None if authority.startswith("[") else _SOFT.search(authority)
        short = authority[: soft.start()] if soft else authority
        users = authority.rfind("@") + 1
        named_by_user = bool(users) and "@" in short
        names = self._hosts_at(authority[users:]) if users else []
        if not named_by_user:
            # No user, or one that only a browser would read beyond the end that people see.
            names += [name for name in self._hosts_at(short) if name not in names]
            users = 0
        if text.startswith("\\", ends) and (more := _STRICT_AUTHORITY.match(text, ends)):
            # Browsers end the host at a backslash, the standard and many programs do not.
            beyond = more[0].rpartition("@")
            names += self._hosts_at(beyond[2]) if beyond[1] else []
        if relative:
            names = [n for n in names if is_domain(n) or n == "localhost" or ipv4(n) or ":" in n]
        if not names:
            return
        self.hosts += [Found(begins, name) for name in names]
        host_ends = begins + users + len(_host_part(text[begins + users : ends]))
        port = _PORT.match(text, host_ends)
        end = port.end() if port else host_ends
        self._users += [(begins, begins + users)] if users else []
        self._taken.append((begins, end))
        if path := _PATH.match(text, end, max(end, limit)):
            self._taken.append(path.span())
        if at < self._url_ends:  # within another URL, which has all the rest
            rest = text[end : max(end, limit)]
        else:
            match = _URL_REST.match(text, end)
            rest = match[0] if match else ""
            self._url_ends = end + len(rest)
        host = f"[{names[0]}]" if ":" in names[0] else names[0]
        before = self._scheme(at) + "//" + text[begins : begins + users]
        after = text[host_ends:end] + _trimmed(rest).replace("\\", "/")
        self.urls.append(Found(at, before + host + after))

    def _scheme(self, at: int) -> str:
        """The scheme and colon of the URL found here, or empty where it has none."""
        text = self._text
        if text[at] in "/\\":
            return ""
        if text[at] != ":":
            return text[at : text.index(":", at) + 1]
        named = _SCHEME.search(text[max(0, at - _LONGEST_SCHEME) : at])
        return f"{named[0]}:" if named else ""

    def _hosts_at(self, authority: str) -> list[str]:
        part = _host_part(authority)
        known = self._known.get(part)
        if known is None:
            decoded = percent_decoded(part)
            known = self._known[part] = host_names(decoded)
            if not part.isascii() and (plain := _BEFORE_SPACELESS.match(decoded)):
                known += [n for n in host_names(plain[0]) if "." in n and n not in known]
        return list(known)

    def _add_host(self, at: int, authority: str, *, strict: bool) -> None:
        """The host of an authority; ``strict``: only what a browser would take."""
        name = authority if authority.startswith("[") else authority.partition(":")[0]
        for host in host_names(percent_decoded(name)):
            if not (strict and NO_HOST.search(host) and ":" not in host):
                self.hosts.append(Found(at, host))

    def _find_emails(self) -> None:
        text = self._text
        taken = iter(sorted(self._users))
        users = next(taken, None)
        after = 0
        for match in _AT.finditer(text):
            at = match.start()
            while users and users[1] <= at:
                users = next(taken, None)
            if not (users and users[0] <= at < users[1]):
                self._add_email(max(after, at - _LONGEST_LOCAL), at)
            after = at + 1

    def _add_email(self, least: int, at: int) -> None:
        text = self._text
        local = _local_before(text, least, at)
        domain = _MAIL_DOMAIN.match(text, at + 1)
        if not local or domain is None:
            return
        literal = domain[0].startswith("[")
        name = domain[0].strip("[]").removeprefix("ipv6:") if literal else domain[0].strip("._-")
        names = [*ipv4(name)[:1], ipv6(name)] if literal else _mail_domains(name)
        names = [n for n in names if n]
        if not names:
            return
        end = at + 1 + len(domain[0].rstrip("._-"))
        locals_ = {local: None}
        if not local.isascii() and (plain := _PLAIN_LOCAL_BACKWARDS.match(local[::-1])):
            locals_[plain[0][::-1]] = None
        self.emails += [
            Found(at, f"{one}@{f'[{n}]' if literal else n}") for one in locals_ for n in names
        ]
        self._taken.append((at - len(local), end))
        if _AS_BEHIND_A_HOST.match(text, end):
            self.hosts += [Found(at, n) for n in names]

    def _find_names(self) -> None:
        self._taken.sort()
        for runs in (_NAME, _LOCALHOST, _IPV6):
            if runs is _IPV6 and self._text.count(":") < 2:
                continue
            for run in self._free(runs.finditer(self._text)):
                self.hosts += [Found(run.start(), name) for name in _bare_names(run[0])]

    def _free(self, runs: Iterator[re.Match[str]]) -> Iterator[re.Match[str]]:
        """Those that do not begin inside something taken already."""
        taken = iter(self._taken)
        span = next(taken, None)
        for run in runs:
            while span and span[1] <= run.start():
                span = next(taken, None)
            if not (span and span[0] <= run.start()):
                yield run


def _mail_domains(name: str) -> list[str]:
    """The domain of an address in running text; where letters of another script follow, also without them."""
    names = host_names(name)
    if not name.isascii() and (plain := _PLAIN_DOMAIN.match(name)):
        names += [n for n in host_names(plain[0]) if n not in names]
    return [n for n in names if is_domain(n) or n == "localhost" or ipv4(n) == [name]]


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
    end = _HOST_END.search(authority)
    return authority[: end.start()] if end else authority


def _local_before(text: str, least: int, at: int) -> str:
    """The local part that ends before ``at``, without the punctuation that only stands before it."""
    match = _LOCAL_BACKWARDS.match(text[least:at][::-1])
    if match is None:
        return ""
    local = match[0][::-1]
    return local if local.startswith('"') else local.lstrip(_LOCAL_PUNCTUATION)


def _trimmed(rest: str) -> str:
    """A URL's end without the punctuation and brackets of the sentence around it."""
    end = len(rest)
    surplus = {c: rest.count(c) - rest.count(pair) for c, pair in _PAIRS.items() if c in rest}
    while end:
        last = rest[end - 1]
        if last in _PAIRS and surplus[last] > 0:
            surplus[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return rest[:end]
