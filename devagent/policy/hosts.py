"""One name for a host, however it is written: what a browser would connect to.

Lower case, without port, brackets and final dots; letters beyond ASCII as punycode (UTS 46, near
enough: compatibility forms and case folded); an IPv4 address as four decimal numbers, also from the
octal, hexadecimal and shortened forms that browsers take; an IPv6 address in its compressed form, and
one that maps an IPv4 address as that address.
"""

import ipaddress
import unicodedata

_KEPT = "ßς"
"""Letters that have punycode of their own in browsers of today, and were folded away by older ones."""
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
_LONGEST_LABEL = 63
_LONGEST_NAME = 1000
"""Characters before they are folded; nothing longer is a host's name, and none of it is looked at."""

FILE_ENDINGS = frozenset({
    "avi", "bak", "bmp", "cfg", "class", "conf", "cpp", "css", "csv", "dll", "dmg", "doc", "docx", "eml", "exe",
    "gif", "git", "gz", "hpp", "htm", "html", "ico", "ics", "ini", "ipynb", "iso", "jar", "java", "jpeg", "jpg",
    "js", "json", "jsonl", "jsx", "lock", "log", "mjs", "mkv", "odp", "ods", "odt", "orig", "patch", "pdf",
    "php", "png", "ppt", "pptx", "pyc", "pyi", "rar", "rpm", "rtf", "scss", "sql", "sqlite", "svg", "swp",
    "tar", "tex", "tgz", "tmp", "toml", "ts", "tsv", "tsx", "ttf", "txt", "wav", "webm", "webp", "whl", "woff",
    "xhtml", "xls", "xlsx", "xml", "xz", "yaml", "yml",
})  # fmt: skip
"""Last parts of bare names that are files, not hosts. None of them is a top-level domain."""


def host_names(text: str) -> list[str]:
    """The canonical names of a host as it stands in a URL; two where programs read it differently.

    Empty where the text can name no host. Takes any text.
    """
    text = text.translate(_DOTS).strip(".")
    if not text:
        return []
    if len(text) > _LONGEST_NAME:
        return [text.lower()]
    if text.startswith("["):
        found = ipv6(text[1:].partition("]")[0])
        return [found] if found else [text.lower()]
    if text.isascii():
        text = text.lower()
        return ipv4(text) or [text]
    mapped = unicodedata.normalize("NFKC", text).translate(_DOTS).strip(".")
    if mapped.isascii():
        mapped = mapped.lower()
        return ipv4(mapped) or ([mapped] if mapped else [])
    kept = "".join(c if c in _KEPT else c.casefold() for c in mapped)
    names = [_ascii(kept), _ascii(mapped.casefold())]
    return names if names[0] != names[1] else names[:1]


def is_domain(name: str) -> bool:
    """Whether a bare ASCII name, lower case, has the form of a domain name.

    Two parts or more, the last of letters only (or punycode) and no ending of files. No list of
    top-level domains is asked: it would be out of date, and a new domain would go unseen.
    """
    labels = name.split(".")
    last = labels[-1]
    return (
        len(labels) > 1
        and all(0 < len(label) <= _LONGEST_LABEL for label in labels)
        and ((len(last) > 1 and last.isalpha()) or last.startswith("xn--"))
        and last not in FILE_ENDINGS
    )


def ipv4(text: str) -> list[str]:
    """The IPv4 address that a browser reads in an ASCII host name, or nothing where it is a name.

    A part with a leading zero is octal to browsers and decimal to some programs: then both.
    """
    parts = text.split(".")
    if len(parts) > 4 or not (parts[-1].isdigit() or parts[-1].startswith("0x")):
        return []
    out: list[str] = []
    for octal in (True, False):
        numbers = [_number(part, octal=octal) for part in parts]
        address = _address([n for n in numbers if n is not None])
        if None not in numbers and address and address not in out:
            out.append(address)
    return out


def ipv6(text: str) -> str:
    """The IPv6 address in its compressed form, or empty where the text is none. A zone is left out."""
    text = text.partition("%")[0]
    if len(text) > 45 or text.count(":") < 2:
        return ""
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped
    return str(mapped) if mapped else str(address)


def _number(part: str, *, octal: bool) -> int | None:
    if not part.isascii() or not part or len(part) > 20:
        return None
    try:
        if part.startswith("0x"):
            return int(part[2:] or "0", 16) if "_" not in part else None
        if not part.isdigit():
            return None
        return int(part, 8 if octal and part.startswith("0") else 10)
    except ValueError:
        return None


def _address(numbers: list[int]) -> str:
    if not numbers or any(n > 255 for n in numbers[:-1]):
        return ""
    last = 256 ** (5 - len(numbers))
    if numbers[-1] >= last:
        return ""
    value = numbers[-1]
    for place, number in enumerate(numbers[:-1]):
        value += number * 256 ** (3 - place)
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def _ascii(name: str) -> str:
    return ".".join(_label(label) for label in name.split("."))


def _label(label: str) -> str:
    # "xn--" and a letter for each: no host has a longer label, and the codec's time grows with its square.
    if label.isascii() or len(label) > _LONGEST_LABEL - 4:
        return label.lower()
    try:
        return "xn--" + unicodedata.normalize("NFC", label).encode("punycode").decode()
    except UnicodeError:  # a lone surrogate
        return label
