"""Facts from text, and the ways in which a text may try to hide them."""

import time
from typing import Any

import pytest

from devagent.policy.facts import facts_of, text_facts


def hosts(text: str) -> list[Any]:
    return text_facts("@hosts", text)


def emails(text: str) -> list[Any]:
    return text_facts("@emails", text)


def urls(text: str) -> list[Any]:
    return text_facts("@urls", text)


def amounts(text: str) -> list[Any]:
    return text_facts("@amounts", text)


def domains(value: Any) -> list[Any]:
    return facts_of({"to": value}, ["args.to.@domains"])["args.to.@domains"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://Bank.Example/a?b=1#c, then", ["bank.example"]),
        ("http://a@b/", ["b"]),
        ("ask post.example or www.bank.example.", ["post.example", "www.bank.example"]),
        ("http://bank.example:8443/x and bank.example:80", ["bank.example"]),
        ("HTTPS://BANK.EXAMPLE", ["bank.example"]),
        ("http://bank.example./x bank.example.", ["bank.example"]),
        ("[text](https://bank.example/a_(b)) **post.example**", ["bank.example", "post.example"]),
        ('<a href="//bank.example/x">post.example</a>', ["bank.example", "post.example"]),
        ("curl localhost:8080", ["localhost"]),
        ("ssh://git@bank.example:22/x", ["bank.example"]),
        ("git@bank.example:shop.git", ["bank.example"]),
        (r"\\bank.example\share", ["bank.example"]),
        ("b.example a.example b.example", ["b.example", "a.example"]),
        ("_bank.example_ (post.example)", ["bank.example", "post.example"]),
    ],
)
def test_a_host_is_found_however_it_stands_in_a_text(text: str, found: list[str]) -> None:
    assert hosts(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "report.pdf, data.json and v1.2.3 at 12:30:45",
        "e.g. this, i.e. that, U.S. and 3.5kg",
        "std::vector, a[::2], x::y",
        "bob@bank.example",
        "profile:main aws:arn",
        "a // comment, /usr/bin/env, C:\\Windows",
        "http:// and https:",
    ],
)
def test_what_is_no_host_is_none(text: str) -> None:
    assert hosts(text) == []


def test_names_in_the_path_of_a_url_are_no_hosts_but_urls_in_it_are_urls() -> None:
    assert hosts("https://bank.example/main.py?q=post.example") == ["bank.example"]
    assert hosts("https://bank.example/?to=https://evil.example/x") == [
        "bank.example",
        "evil.example",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("http://93.184.216.34/", ["93.184.216.34"]),
        ("ping 10.0.0.1 10.0.0.2-10.0.0.9", ["10.0.0.1", "10.0.0.2", "10.0.0.9"]),
        ("http://2130706433/", ["127.0.0.1"]),
        ("http://0x7f.1/", ["127.0.0.1"]),
        ("http://0177.0.0.1/", ["127.0.0.1", "177.0.0.1"]),
        ("http://127.1/", ["127.0.0.1"]),
        ("http://[::1]:80/", ["::1"]),
        ("http://[2001:DB8:0:0::1]/", ["2001:db8::1"]),
        ("http://[::ffff:127.0.0.1]/ [::ffff:7f00:1]", ["127.0.0.1"]),
        ("fe80::1%eth0 and 2001:db8::5.", ["fe80::1", "2001:db8::5"]),
        ("http://user@[::1]/", ["::1"]),
        ("http://１２７.0.0.1/", ["127.0.0.1"]),
    ],
)
def test_an_address_stands_in_its_usual_form(text: str, found: list[str]) -> None:
    assert hosts(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "http://good.example@evil.example/",
        "http://good.example:443@evil.example/",
        "http://good.example%2f@evil.example/",
        "http://good.example%40x@evil.example",
        "http://user:good.example@evil.example",
        "http:evil.example/x",
        "http:/evil.example",
        "http:good.example@evil.example",
        "http:\\\\evil.example\\x",
        "https://\\/evil.example",
        "http:////evil.example/",
        "http://good.example\\@evil.example",
        'http://good.example"x@evil.example/',
        "http://good.example evil@evil.example/",
        "http://good.example)x@evil.example/",
        "http://good.example\n@evil.example/",
        "//x@evil.example/a.png",
        "![](//evil.example/a.png)",
        "<img src='http://ev\nil.example/a'>",
        '<a href="\tht\ntp://evil.exam\tple">',
        "<a href=http://evil.example>",
        "[good.example](http://evil.example)",
        "<http://evil.example>",
        "http&#58;//evil&#x2e;example/",
        "http&colon;&sol;&sol;evil&period;example",
        "http%3A%2F%2Fevil.example",
        "http%253A%252F%252Fevil.example",
        "https://good.example/?u=http%3a%2f%2fevil.example",
        "http://evil%2eexample/",
        "http://%65vil.example/",
        "http://ev\u200bil.example/",
        "http://ev\u00adil.example/",
        "evil\u2060.example",
        "\u202eevil.example\u202c",
        "ev\u200dil.example",
        "ev\x1b[31mil.example",
        "http://ｅｖｉｌ．ｅｘａｍｐｌｅ/",
        "evil。example",
        "http://evil｡example",
        "ⓔⓥⓘⓛ.example",
        "http://EVIL.EXAMPLE。",
        "请看evil.example谢谢",
        "看http://evil.example谢",
        "http://%65vil%2eexample谢",
        "http:http:0\n\nevil.example\n",
        "good.example,evil.example",
        "good.example\u200bevil.example",
        "good.example/x|evil.example",
        "xhttp://evil.example",
        "evil.example&amp;x",
        "root@evil.example:/etc",
        "KEY=evil.example",
        "..evil.example..",
    ],
)
def test_a_hidden_host_is_found(text: str) -> None:
    assert "evil.example" in hosts(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("http://good.example@evil.example/", ["evil.example"]),
        ("http://good.com.evil.example/", ["good.com.evil.example"]),
        ("evil.example@good.example", []),
    ],
)
def test_what_only_looks_like_the_host_is_none(text: str, found: list[str]) -> None:
    assert hosts(text) == found


def test_a_name_beyond_ascii_stands_as_punycode_and_never_as_its_look_alike() -> None:
    assert hosts("http://bücher.example BÜCHER.example xn--bcher-kva.example") == [
        "xn--bcher-kva.example"
    ]
    assert hosts("http://аpple.com/") == ["xn--pple-43d.com"]
    assert hosts("http://президент.рф/") == ["xn--d1abbgf6aiiy.xn--p1ai"]


def test_a_letter_that_programs_fold_differently_gives_both_hosts() -> None:
    assert hosts("http://faß.example") == ["xn--fa-hia.example", "fass.example"]


def test_a_name_that_a_browser_resolves_whole_also_shows_the_part_behind_the_comma() -> None:
    assert "x.evil.com" in hosts("http://good.com,x.evil.com/")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bob@acme.example, Bob+tag@ACME.example.", ["bob@acme.example", "bob+tag@acme.example"]),
        ('"bob smith"@acme.example', ['"bob smith"@acme.example']),
        ("<bob@acme.example> (eve@evil.example)", ["bob@acme.example", "eve@evil.example"]),
        ("mailto:bob@acme.example?cc=eve@evil.example", ["bob@acme.example", "eve@evil.example"]),
        ("bob＠acme.example", ["bob@acme.example"]),
        ("bob&#64;acme.example", ["bob@acme.example"]),
        ("bob%40acme.example", ["bob@acme.example"]),
        ("b\u200bob@ac\u00adme.example", ["bob@acme.example"]),
        ("bob@bücher.example", ["bob@xn--bcher-kva.example"]),
        ("bob@[10.0.0.1] root@localhost", ["bob@[10.0.0.1]", "root@localhost"]),
        ("**bob@acme.example** 'eve@evil.example'", ["bob@acme.example", "eve@evil.example"]),
        ("evil.example@good.example", ["evil.example@good.example"]),
        ("x@good.example@evil.example", ["x@good.example", "good.example@evil.example"]),
    ],
)
def test_an_email_address_is_found(text: str, found: list[str]) -> None:
    assert [one for one in found if one not in emails(text)] == []


def test_an_email_address_is_found_among_letters_of_another_script() -> None:
    assert "bob@evil.example" in emails("联系bob@evil.example谢谢")


@pytest.mark.parametrize(
    "text", ["a @b c@ d", "pkg@1.2.3", "logo@2x.png", "https://user:pw@bank.example/", "@bank.example", "a@b"]
)  # fmt: skip
def test_what_is_no_address_is_none(text: str) -> None:
    assert emails(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://Bank.Example/A(b)?c=1#d.", ["https://bank.example/a(b)?c=1#d"]),
        ("(https://bank.example/a)", ["https://bank.example/a"]),
        ("https:\\\\bank.example\\a", ["https://bank.example/a"]),
        ("http:bank.example", ["http://bank.example"]),
        ("//bank.example/a", ["//bank.example/a"]),
        ("http://me@2130706433:80/", ["http://me@127.0.0.1:80/"]),
        ("http://[::1]:80/x", ["http://[::1]:80/x"]),
        ("ssh://bank.example ftp://bank.example/x", ["ssh://bank.example", "ftp://bank.example/x"]),
        ("bank.example/a is none", []),
    ],
)
def test_a_url_stands_with_its_scheme_and_canonical_host(text: str, found: list[str]) -> None:
    assert urls(text) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a@x.example, Bob <b@Y.example>", ["x.example", "y.example"]),
        (["a@x.example", "b@y.example", "a@x.example"], ["x.example", "y.example", "x.example"]),
        ("bob", ["?"]),
        ("", []),
        ([], []),
        ([""], ["?"]),
        ([7, None], ["?", "?"]),
        (["a@x.example, b@y.example"], ["?"]),
        ("a@x.example; b@y.example", ["?"]),
        ("a@good.example <b@evil.example>", ["?"]),
        ("<a@good.example>b@evil.example", ["?"]),
        ("a@x.example\nBcc: b@evil.example", ["?"]),
        ("a@x.example\n", ["?"]),
        ("a%evil.example@x.example", ["?"]),
        ("a@good.example@evil.example", ["?"]),
        ("a@good\u200b.example", ["?"]),
        ("a@faß.example", ["?"]),
        ("a@", ["?"]),
        ("@x.example", ["?"]),
        ("mailto:a@x.example", ["?"]),
        ("a@x.example?bcc=b", ["?"]),
        ("a@X.EXAMPLE.", ["x.example"]),
        ("a@ｘ.example", ["x.example"]),
        ("a@bücher.example", ["xn--bcher-kva.example"]),
        ("a@[10.0.0.1]", ["10.0.0.1"]),
        ("a@intranet", ["intranet"]),
    ],
)
def test_each_recipient_has_one_domain_or_a_question_mark(value: Any, found: list[str]) -> None:
    assert domains(value) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pay 5000", [5000]),
        ("$1,234.56", [1234.56]),
        ("1.234,56 €", [1234.56]),
        ("1'234.50 CHF", [1234.5]),
        ("1\u202f234,56", [1234.56]),
        ("₹1,23,456 and ₹12,34,567.5", [123456, 1234567.5]),
        ("1.234.567", [1234567]),
        ("1.234", [1234, 1.234]),
        ("1,234", [1234, 1.234]),
        ("0.125 0,5", [0.125, 0.5]),
        ("5 300", [5300, 5, 300]),
        ("5000,6000", [5000.6, 5000, 6000]),
        ("USD5000 EUR1k 2 million 3mrd", [5000, 1000, 2000000, 3000000000]),
        ("5m", [5000000, 5]),
        ("1e6", [1000000, 1]),
        ("5万元", [50000]),
        ("支付5000元", [5000]),
        ("-5000 (300)", [5000, 300]),
        ("５０００ ٣٤٥ १२", [5000, 345, 12]),
        ("5\u200b000 4\u0336\u0336000", [5000, 4000]),
        ("&#53;000", [53, 0, 5000]),
        ("2026-11-20 at 12:30, or 20.11.2026", []),
        ("account4711 is a word", []),
        ("9" * 400, [1e30]),
        ("7 7 7", [7]),
        ("none", []),
    ],
)
def test_amounts_in_the_ways_that_people_write_them(text: str, found: list[float]) -> None:
    assert amounts(text) == found


def test_a_fact_is_absent_only_where_the_argument_is() -> None:
    keys = ["args.body.@hosts", "args.other.@hosts", "args.nothing.@hosts"]
    facts = facts_of({"body": "no host here", "nothing": None}, keys)
    assert facts == {"args.body.@hosts": []}


def test_facts_reach_into_nested_arguments_as_conditions_do() -> None:
    args = {
        "mails": [
            {"to": "a@x.example", "body": {"text": "https://one.example", "n": 3}},
            {"to": ["b@y.example"], "body": ["two.example"]},
            {"subject": "three.example"},
        ]
    }
    keys = ["args.mails.to.@domains", "args.mails.body.@hosts", "args.mails.body.@amounts"]
    assert facts_of(args, keys) == {
        "args.mails.to.@domains": ["x.example", "y.example"],
        "args.mails.body.@hosts": ["one.example", "two.example"],
        "args.mails.body.@amounts": [3],
    }


def test_facts_of_all_arguments_take_in_every_text_and_the_names_given_in_tables() -> None:
    args = {"url": "https://one.example", "headers": {"evil.example": "x"}, "n": [True, 2, "three"]}
    assert facts_of(args, ["args.**.@hosts", "args.**.@amounts"]) == {
        "args.**.@hosts": ["one.example", "evil.example"],
        "args.**.@amounts": [2],
    }


def test_a_number_is_an_amount_whatever_its_type() -> None:
    args = {"amount": -5000.0, "odd": float("nan"), "flag": True}
    keys = ["args.amount.@amounts", "args.odd.@amounts", "args.flag.@amounts"]
    assert facts_of(args, keys) == {
        "args.amount.@amounts": [5000],
        "args.odd.@amounts": [],
        "args.flag.@amounts": [],
    }


HUGE = 300_000
LINKS = "see https://bank.example/x and mail bob@acme.example about $1,200.50 "


@pytest.mark.parametrize(
    "unit",
    [LINKS, "a", "@", "a@", "a@b.c@", "http://", "http:", "//", "/", "\\", ".", "a.", "é.", "1", "1,", "1 ",
     "111 ", ":", "1:", "[", "http://a@", "%25", "&amp;", "a\u200b.", "\ufdfa", "<http:\n", '"a@', "-", "🙂 ",
     "看evil.example"],
)  # fmt: skip
def test_a_huge_text_takes_time_in_proportion_to_its_length(unit: str) -> None:
    def cost(size: int) -> float:
        text = unit * (size // len(unit))
        began = time.process_time()
        for kind in ("@hosts", "@amounts"):
            text_facts(kind, text)
        return time.process_time() - began

    # No stopwatch: ten times the text may take some twenty times as long, not a hundred times.
    small = max(cost(HUGE // 10), 0.03)
    assert cost(HUGE) < 40 * small
