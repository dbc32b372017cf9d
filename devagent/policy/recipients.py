"""The domains of recipients: of each, the domain of its one e-mail address, or ``?``.

Strict where ``links`` is generous: whoever is written to must be certain. So what hides characters, names
two addresses, routes on to another host or is no address at all is ``?``, which no rule allows by accident.
"""

import re
from collections.abc import Iterator
from typing import Any

from devagent.policy.hosts import host_names, ipv4, ipv6
from devagent.policy.links import LETTERS, NO_HOST
from devagent.policy.plain import is_list, is_table

# A local part with ``%`` or ``!`` may be a route to somewhere else.
_ONE_ADDRESS = re.compile(
    rf"(?:[{LETTERS}.+=/&#$'*^`{{|}}~?\-]+|\"[^\"\\@,<>\x00-\x1f]+\")@"
    rf"([{LETTERS}](?:[{LETTERS}.\-]*[{LETTERS}])?\.?|\[[0-9a-fA-F:.]+\]|\[(?i:ipv6):[0-9a-fA-F:.]+\])\Z"
)


def recipient_domains(value: Any) -> Iterator[str]:
    """One for each element of a list, or each part between commas of a text; a blank text has none.

    A loop, so that no nesting is too deep.
    """
    waiting: list[tuple[Any, bool]] = [(value, False)]
    while waiting:
        one, is_element = waiting.pop()
        if is_list(one):
            waiting += [(inner, True) for inner in reversed(one)]
        elif is_table(one):
            waiting += [(inner, is_element) for inner in reversed(one.values())]
        elif isinstance(one, str):
            if is_element:
                yield email_domain(one)
            elif one.strip():
                yield from (email_domain(part) for part in one.split(","))
        elif is_element:
            yield "?"


def email_domain(text: str) -> str:
    """The domain of a text that is exactly one e-mail address (with a name before it in words), or ``?``."""
    text = text.strip(" \t")
    if text.count("@") != 1:
        return "?"
    if text.endswith(">"):
        words, _, text = text[:-1].partition("<")
        if any(c in words for c in "<>()\\;:\n\r"):
            return "?"
    match = _ONE_ADDRESS.match(text)
    if match is None:
        return "?"
    domain = match[1]
    if domain.startswith("["):
        inner = domain[1:-1].lower().removeprefix("ipv6:")
        return "".join(ipv4(inner)[:1]) or ipv6(inner) or "?"
    names = host_names(domain)
    if len(names) != 1 or NO_HOST.search(names[0]) or ".." in names[0]:
        return "?"
    return names[0]
