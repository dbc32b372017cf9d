"""Secrets that are known by their shape: tokens that their makers gave a prefix, and private keys.

Each shape has a literal (``needle``) that is looked for first, at memory speed; only there is its pattern matched. Patterns
never go back on what they took (possessive repeats), so the cost is linear in the text whatever is in it.
"""

import re
from collections.abc import Iterator
from functools import cache

from msgspec import Struct

from devagent_secrets.span import Span


class Shape(Struct, frozen=True):
    """A kind of token. ``pattern`` matches from the needle's begin; ``lead`` characters before it belong to it."""

    kind: str
    needles: tuple[str, ...]
    pattern: str
    lead: str = ""


SHAPES: tuple[Shape, ...] = (
    Shape("aws-key", ("AKIA", "ASIA", "ABIA", "ACCA"), r"A[A-Z]{3}[A-Z0-9]{16}(?![A-Za-z0-9])"),
    Shape("github-token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh._[A-Za-z0-9]{36,}+"),
    Shape("github-token", ("github_pat_",), r"github_pat_[A-Za-z0-9_]{36,}+"),
    Shape(
        "gitlab-token",
        ("glpat-", "gldt-", "glrt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-", "glsoat-", "glcbt-", "glffct-"),
        r"gl[a-z]{2,6}-[\w.-]{20,}+",
    ),
    Shape("slack-token", ("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxc-", "xoxd-", "xoxe-", "xoxe."), r"xox[a-z](?:\.xox[bp])?-(?=[A-Za-z%/+-]{0,40}\d)[\w%/+-]{10,}+"),
    Shape("slack-token", ("xapp-",), r"xapp-\d-[A-Z0-9]+-\d+-[a-f0-9]{32,}+"),
    Shape("slack-webhook", ("hooks.slack.com/",), r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/+-]{20,}+"),
    Shape("discord-webhook", ("webhooks/",), r"webhooks/\d{15,}+/[\w-]{50,}+"),
    Shape("stripe-key", ("_live_", "_test_", "_prod_"), r"_[a-z]{4}_[A-Za-z0-9]{16,}+", lead="sk|rk"),
    Shape("stripe-key", ("whsec_",), r"whsec_[A-Za-z0-9+/]{24,}+=*+"),
    Shape("google-key", ("AIza",), r"AIza[\w-]{35}(?![\w-])"),
    Shape("google-token", ("ya29.",), r"ya29\.[\w-]{20,}+"),
    Shape("google-secret", ("GOCSPX-",), r"GOCSPX-[\w-]{28}"),
    Shape("anthropic-key", ("sk-ant-",), r"sk-ant-[\w-]{24,}+"),
    Shape("openai-key", ("sk-proj-", "sk-svcacct-", "sk-admin-", "sk-or-v1-"), r"sk-[a-z]+-(?:v1-)?[\w-]{20,}+"),
    Shape("openai-key", ("sk-",), r"sk-[A-Za-z0-9]{32,}+"),
    Shape("npm-token", ("npm_",), r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    Shape("pypi-token", ("pypi-AgE",), r"pypi-AgE[\w-]{50,}+"),
    Shape("rubygems-key", ("rubygems_",), r"rubygems_[a-f0-9]{48}"),
    Shape("docker-token", ("dckr_pat_", "dckr_oat_"), r"dckr_[op]at_[\w-]{27,}+"),
    Shape("huggingface-token", ("hf_",), r"hf_[A-Za-z0-9]{34}(?![A-Za-z0-9])"),
    Shape("groq-key", ("gsk_",), r"gsk_[A-Za-z0-9]{48,}+"),
    Shape("replicate-token", ("r8_",), r"r8_[A-Za-z0-9]{37}(?![A-Za-z0-9])"),
    Shape("digitalocean-token", ("dop_v1_", "doo_v1_", "dor_v1_"), r"do[a-z]_v1_[a-f0-9]{64}"),
    Shape("databricks-token", ("dapi",), r"dapi[a-f0-9]{32}(?:-\d)?(?![A-Za-z0-9])"),
    Shape("grafana-token", ("glsa_",), r"glsa_[A-Za-z0-9]{32}_[a-fA-F0-9]{8}"),
    Shape("linear-key", ("lin_api_",), r"lin_api_[A-Za-z0-9]{40}"),
    Shape("shopify-token", ("shpat_", "shpca_", "shppa_", "shpss_"), r"shp[a-z]{2}_[a-fA-F0-9]{32}"),
    Shape("square-token", ("sq0atp-", "sq0csp-"), r"sq0[a-z]{3}-[\w-]{22,}+"),
    Shape("figma-token", ("figd_",), r"figd_[\w-]{40}"),
    Shape("planetscale-token", ("pscale_tkn_", "pscale_pw_", "pscale_oauth_"), r"pscale_[a-z]+_[\w.-]{32,}+"),
    Shape("postman-key", ("PMAK-",), r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    Shape("newrelic-key", ("NRAK-",), r"NRAK-[A-Z0-9]{27}"),
    Shape("vault-token", ("hvs.CA", "hvb.AA"), r"hv[sb]\.[\w-]{60,}+"),
    Shape("atlassian-token", ("ATATT3",), r"ATATT3[\w=-]{60,}+"),
    Shape("age-key", ("AGE-SECRET-KEY-1",), r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    Shape("sendgrid-key", ("SG.",), r"SG\.[\w-]{16,32}\.[\w-]{16,64}(?![\w-])"),
    Shape("twilio-key", ("SK",), r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    Shape("telegram-token", (":AA",), r":AA[\w-]{33}(?![\w-])", lead=r"\d{8,10}"),
    Shape("jwt", ("eyJ",), r"eyJ[\w-]{10,}+\.[\w-]{10,}+\.[\w-]{10,}+"),
)  # fmt: skip

_BEGIN, _END = "-----BEGIN", "-----END"
_BEGINS = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_ENDS = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_LONGEST_KEY = 20_000
_RUN = r"[A-Za-z0-9+/]{20}"
# What stands between lines where a key is shown: their ends, escaped too, and line numbers, quotes, a diff's signs.
_CUT_OFF = (
    r"(?:(?:\s|\\[nrt]|[0-9]{1,6}[\u2192:|]|[|>\"',+-])*+"
    r"(?:[A-Za-z0-9+/=]{16,}+|[A-Z][A-Za-z-]{2,20}: [^\n]{0,100}))*+"
    r"(?:\s|\\[nrt])*+[A-Za-z0-9+/=]*+"
)

_LINE = r"[\s\d\u2192:|>+,-]{0,16}(?:[A-Za-z0-9+/=]{1,200}+|[A-Z][A-Za-z-]{2,20}: .{0,100}|-----END [A-Z0-9 ]{1,60}-----)?\s{0,8}"

# A token begins where no letter or digit touches it; but an escape for a line's end, a percent-encoded
# character and a colour's code end in one and are none.
_AFTER_AN_ESCAPE = r"(?:\\[nrtbf]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|\x1b\[[0-9;]{0,20}m)\Z"
_LONGEST_ESCAPE = 24
_SAYS_ENOUGH = 4
"""Characters of a prefix with a sign in it (``ghp_``) that make a token of what follows even within a word."""


def begins(text: str, start: int) -> bool:
    """Whether a token may begin here."""
    if start == 0:
        return True
    before = text[start - 1]
    if not (before.isascii() and before.isalnum()):
        return True
    return (
        _compiled(_AFTER_AN_ESCAPE).search(text, max(0, start - _LONGEST_ESCAPE), start) is not None
    )


def tokens(text: str) -> Iterator[Span]:
    """Every token of a known shape, also one that follows another without anything between."""
    ends: list[int] = []
    for shape in SHAPES:
        for needle in shape.needles:
            at = text.find(needle)
            while at >= 0:
                found = _token(text, at, shape, needle)
                if found:
                    yield found
                    ends.append(found.end)
                at = text.find(needle, found.end if found else at + len(needle))
    while ends:
        found = _token_behind(text, ends.pop())
        if found:
            yield found
            ends.append(found.end)


def _token_behind(text: str, end: int) -> Span | None:
    """The token that begins where another ended, and is none to those who look for a word's begin."""
    if begins(text, end) or not text[end : end + 1].isalnum():
        return None
    for shape in SHAPES:
        if not shape.lead and text.startswith(shape.needles, end):
            match = _compiled(shape.pattern).match(text, end)
            if match:
                return Span(end, match.end(), shape.kind)
    return None


def _token(text: str, at: int, shape: Shape, needle: str) -> Span | None:
    start = at
    if shape.lead:
        lead = _compiled(rf"(?:{shape.lead})\Z").search(text, max(0, at - 12), at)
        if lead is None:
            return None
        start = lead.start()
    says_enough = not shape.lead and len(needle) >= _SAYS_ENOUGH and not needle.isalnum()
    if not (says_enough or begins(text, start)):
        return None
    match = _compiled(shape.pattern).match(text, at)
    return Span(start, match.end(), shape.kind) if match else None


def private_keys(text: str) -> Iterator[Span]:
    """PEM and PGP private keys: with their frame, or where that is cut off as far as they go."""
    at, close = text.find(_BEGIN), -1
    while at >= 0:
        begin = _compiled(_BEGINS).match(text, at)
        end = at + len(_BEGIN)
        if begin:
            if close < begin.end():
                close = text.find(_END, begin.end())
                close = len(text) if close < 0 else close
            ends = _compiled(_ENDS).match(text, close)
            if ends is None or close > begin.end() + _LONGEST_KEY:
                ends = _compiled(_CUT_OFF).match(text, begin.end())
            stop = ends.end() if ends else begin.end()
            if _compiled(_RUN).search(text, begin.end(), stop):
                end = stop
                yield Span(at, end, "private-key")
        at = text.find(_BEGIN, end)


def opens_private_key(text: str) -> bool:
    """Whether a private key begins here whose end does not stand here: its lines come one by one."""
    begin = text.rfind(_BEGIN)
    return (
        begin >= 0
        and _compiled(_BEGINS).match(text, begin) is not None
        and text.find(_END, begin) < 0
    )


def is_line_of_key(text: str) -> bool:
    """Whether this can be a line within a private key."""
    return _compiled(_LINE).fullmatch(text) is not None


def closes_private_key(text: str) -> bool:
    return _END in text


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)
