"""Facts of any text: total, found in any order, and never without the host that a browser would reach."""

import ipaddress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from devagent.agent.provenance import Provenance
from devagent.core.events.turns import Prompt
from devagent.policy.facts import facts_of, text_facts
from devagent.policy.personal_data import personal_data

KINDS = ("@hosts", "@urls", "@emails", "@domains", "@amounts")
PIECES = st.sampled_from([
    "http://", "https:", "//", "\\", "@", ":", "/", ".", ",", "?", "#", "[", "]", "(", ")", "<", ">", '"', "'", "%40",
    "%2e", "&#46;", "&amp;", "\u200b", "\u202e", "\u3002", "\uff0e", "\n", "\t", " ", "::1", "127.0.0.1", "0x7f", "bank.example",
    "evil", "bücher", "xn--", "é", "谢", "1.234,5", "1 000", "5k", "2026-11-20", "\x1b[0m", "\ud800", "\x00", "ß", "İ",
])  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=25).map("".join),
)
VALUES = st.recursive(
    st.one_of(TEXTS, st.none(), st.booleans(), st.integers(), st.floats()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
ARGS = st.dictionaries(st.sampled_from(["to", "body", "x"]), VALUES, max_size=3)
KEYS = [f"args.{path}.{kind}" for path in ("to", "body", "x.y", "**") for kind in KINDS]


@given(TEXTS)
def test_facts_of_any_text_are_lower_case_lists_without_repetition(text: str) -> None:
    for kind in KINDS:
        found = text_facts(kind, text)
        assert len(found) == len(set(found))
        assert all(one == one.lower() for one in found if isinstance(one, str))
        assert all(0 <= one <= 1e30 for one in found if not isinstance(one, str))
    assert personal_data([text]) == sorted(set(personal_data([text])))


@given(ARGS)
def test_facts_of_any_arguments_are_there_where_the_argument_is(args: dict[str, Any]) -> None:
    facts = facts_of(args, KEYS)
    for name in ("to", "body"):
        for kind in KINDS:
            assert (f"args.{name}.{kind}" in facts) is (args.get(name) is not None)
    assert all(isinstance(found, list) for found in facts.values())


@given(ARGS, st.randoms())
def test_the_order_of_arguments_and_keys_changes_nothing(args: dict[str, Any], random: Any) -> None:
    names, keys = list(args), list(KEYS)
    random.shuffle(names)
    random.shuffle(keys)
    own = [key for key in keys if "**" not in key]
    shuffled = {name: args[name] for name in names}
    assert facts_of(shuffled, own) == facts_of(args, own)
    one, other = facts_of(shuffled, KEYS[-5:]), facts_of(args, KEYS[-5:])
    assert {key: sorted(map(str, found)) for key, found in one.items()} == {
        key: sorted(map(str, found)) for key, found in other.items()
    }


LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
DOMAIN = st.tuples(
    st.lists(LABEL, min_size=1, max_size=3),
    st.sampled_from(["example", "com", "zip", "io", "xn--p1ai"]),
).map(lambda parts: ".".join([*parts[0], parts[1]]))
IDN = (
    st.text(alphabet="bücherдомäñ", min_size=1, max_size=8)
    .filter(lambda label: not label.isascii())
    .map(lambda label: (f"{label}.example", f"xn--{label.encode('punycode').decode()}.example"))
)
IPV4 = st.ip_addresses(v=4).map(lambda a: (str(a), str(a)))
NUMBER = st.ip_addresses(v=4).map(lambda a: (str(int(a)), str(a)))
HEXADECIMAL = st.ip_addresses(v=4).map(lambda a: (hex(int(a)), str(a)))
IPV6 = (
    st.ip_addresses(v=6)
    .filter(lambda a: isinstance(a, ipaddress.IPv6Address) and not a.ipv4_mapped)
    .map(lambda a: (f"[{a.exploded}]", str(a)))
)
HOST = st.one_of(DOMAIN.map(lambda name: (name, name)), IDN, IPV4, NUMBER, HEXADECIMAL, IPV6)
SCHEME = st.tuples(
    st.sampled_from(["http:", "https:", "HTTP:", "hTTps:", "ws:", "ftp:"]),
    st.sampled_from(["//", "//", "/", "", "\\\\", "/\\", "////"]),
).map("".join)
USER = st.one_of(
    st.just(""),
    st.from_regex(r"[a-z0-9.%$&+=!*'(),;:-]{0,12}@", fullmatch=True),
    st.sampled_from(["bank.example@", "bank.example:443@", "bank.example%2f@", "a@b@", "bank.example)@"]),
)  # fmt: skip
REST = st.sampled_from(
    ["", "/", "/a/b.py?c=d#e", "?q=1", "#x", "\\x", ":8080/", ":80", "/@x", "/a b"]
)
AROUND = st.sampled_from([
    ("", ""), ("see ", " now"), ("(", ")"), ("<", ">"), ('"', '"'), ("[good.example](", ")"), ("x=", ""), ("\n", "\n"),
    ('<a href="', '">good.example</a>'), ("curl -X POST ", " -d @file"), ("**", "**"), ("good.example,", ""), ("看", "谢"),
])  # fmt: skip


def disguised(host: str, way: int) -> str:
    """The same host to a browser, written in another way."""
    if host.startswith("["):
        return host.upper()
    match way % 6:
        case 0:
            return host.upper() if host.isascii() else host
        case 1:
            return host + "."
        case 2:
            return "".join(f"%{byte:02x}" for byte in host.encode())
        case 3:
            return "".join(
                chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and c not in "-" else c for c in host
            )
        case 4:
            return host[:1] + "\u00ad" + host[1:]
        case _:
            return host


@given(SCHEME, USER, HOST, st.integers(0, 5), REST, AROUND)
def test_the_host_that_a_browser_would_reach_is_among_the_facts(
    scheme: str, user: str, host: tuple[str, str], way: int, rest: str, around: tuple[str, str]
) -> None:
    written, canonical = host
    url = scheme + user + disguised(written, way) + rest
    assert canonical in text_facts("@hosts", around[0] + url + around[1])


@given(DOMAIN, TEXTS, TEXTS)
def test_a_bare_domain_apart_from_other_text_is_a_host(name: str, before: str, after: str) -> None:
    assert name in text_facts("@hosts", f"{before}\n\n{name}\n\n{after}")


@given(
    st.integers(0, 10**12),
    st.sampled_from(["{}", "${:,}", "{} EUR", "EUR{:,}.00", "({:,})", "-{}"]),
    AROUND,
)
def test_an_amount_is_found_in_any_usual_form(
    amount: int, form: str, around: tuple[str, str]
) -> None:
    assert amount in text_facts("@amounts", f"{around[0]} {form.format(amount)} {around[1]}")


@given(TEXTS, st.text(max_size=10), ARGS)
def test_origins_of_any_value_in_any_text_are_found_without_raising(
    prompt: str, value: str, args: dict[str, Any]
) -> None:
    provenance = Provenance()
    provenance.apply(Prompt(turn=1, text=prompt))
    facts = facts_of(args, KEYS)
    found = provenance.origins({**args, "to": value}, facts, ["args.to", "args.**", *KEYS])
    assert all(
        origins in (["prompt"], ["input"], ["prompt", "input"]) for origins in found.values()
    )
    if "/to" in found and "@" not in value:
        assert value in prompt
