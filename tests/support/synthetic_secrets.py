"""Secrets that nobody has: of every kind that the record must not keep, drawn from a seed."""

import random
import string
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
WORDY = ALNUM + "-_"

Draw = random.Random
Kind = Callable[[Draw], tuple[str, str]]
"""Draws (a secret, the text that it stands in)."""


def of(draw: Draw, characters: str, length: int) -> str:
    """That many characters; never one alone, and with a digit."""
    while True:
        text = "".join(draw.choices(characters, k=length))
        if any(c.isdigit() for c in text) and text[-1] not in "-_." and text[0] not in "-_.":
            return text


def _token(form: str) -> Kind:
    """``{a36}`` = 36 letters and digits, h = hexadecimal, u = capitals and digits, w = also - and _, d = digits."""
    alphabets = {"a": ALNUM, "h": HEX, "u": UPPER, "w": WORDY, "d": string.digits}

    def make(draw: Draw) -> tuple[str, str]:
        out, rest = "", form
        while "{" in rest:
            before, _, rest = rest.partition("{")
            what, _, rest = rest.partition("}")
            out += before + of(draw, alphabets[what[0]], int(what[1:]))
        return out + rest, out + rest

    return make


def _within(template: str, inner: Kind) -> Kind:
    def make(draw: Draw) -> tuple[str, str]:
        secret, _ = inner(draw)
        return secret, template.replace("@@", secret)

    return make


def _password(draw: Draw) -> tuple[str, str]:
    word = of(draw, ALNUM, 9) + draw.choice("!+^~=_") + of(draw, ALNUM, 4)
    return word, word


def _jwt(draw: Draw) -> tuple[str, str]:
    head = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    body = urlsafe_b64encode(b'{"sub":"' + of(draw, ALNUM, 12).encode() + b'"}').decode().rstrip("=")  # fmt: skip
    token = f"{head}.{body}.{of(draw, WORDY, 43)}"
    return token, token


def _private_key(draw: Draw) -> tuple[str, str]:
    kind = draw.choice(["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
    lines = [of(draw, ALNUM + "+/", 64) for _ in range(draw.randint(2, 6))]
    body = "\n".join(lines)
    return lines[0], f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"


def _basic(draw: Draw) -> tuple[str, str]:
    secret = b64encode(f"ana:{of(draw, ALNUM, 14)}".encode()).decode()
    return secret, f"Authorization: Basic {secret}"


TOKENS: dict[str, Kind] = {
    "aws-key": _token("AKIA{u16}"),
    "aws-key (temporary)": _token("ASIA{u16}"),
    "github-token": _token("ghp_{a36}"),
    "github-token (app)": _token("ghs_{a36}"),
    "github-token (fine)": _token("github_pat_{a22}_{a59}"),
    "gitlab-token": _token("glpat-{w20}"),
    "gitlab-token (runner)": _token("glrt-{w20}"),
    "slack-token": _token("xoxb-{d12}-{d13}-{a24}"),
    "slack-token (app)": _token("xapp-1-A{u10}-{d13}-{h64}"),
    "slack-webhook": _token("https://hooks.slack.com/services/T{u9}/B{u9}/{a24}"),
    "discord-webhook": _token("https://discord.com/api/webhooks/{d18}/{w68}"),
    "stripe-key": _token("sk_live_{a24}"),
    "stripe-key (restricted)": _token("rk_test_{a32}"),
    "stripe-key (webhook)": _token("whsec_{a32}"),
    "google-key": _token("AIza{w35}"),
    "google-token": _token("ya29.{w60}"),
    "google-secret": _token("GOCSPX-{w28}"),
    "anthropic-key": _token("sk-ant-api03-{w93}AA"),
    "openai-key": _token("sk-proj-{w48}"),
    "openai-key (old)": _token("sk-{a48}"),
    "npm-token": _token("npm_{a36}"),
    "pypi-token": _token("pypi-AgEIcHlwaS5vcmc{w90}"),
    "rubygems-key": _token("rubygems_{h48}"),
    "docker-token": _token("dckr_pat_{w27}"),
    "huggingface-token": _token("hf_{a34}"),
    "groq-key": _token("gsk_{a52}"),
    "replicate-token": _token("r8_{a37}"),
    "digitalocean-token": _token("dop_v1_{h64}"),
    "databricks-token": _token("dapi{h32}"),
    "grafana-token": _token("glsa_{a32}_{h8}"),
    "linear-key": _token("lin_api_{a40}"),
    "shopify-token": _token("shpat_{h32}"),
    "square-token": _token("sq0atp-{w22}"),
    "figma-token": _token("figd_{w40}"),
    "planetscale-token": _token("pscale_tkn_{w43}"),
    "postman-key": _token("PMAK-{h24}-{h34}"),
    "newrelic-key": _token("NRAK-{u27}"),
    "vault-token": _token("hvs.CAESI{w90}"),
    "atlassian-token": _token("ATATT3xFfGF0{w170}"),
    "age-key": _token("AGE-SECRET-KEY-1{u58}"),
    "sendgrid-key": _token("SG.{w22}.{w43}"),
    "twilio-key": _token("SK{h32}"),
    "telegram-token": _token("{d9}:AA{w33}"),
    "jwt": _jwt,
}
"""By their shape alone, wherever they stand."""

GIVEN: dict[str, Kind] = {
    "private-key": _private_key,
    "basic": _basic,
    "bearer": _within("authorization: bearer @@", _token("{a32}")),
    "bearer alone": _within("sent Bearer @@ and got 200", _token("{a40}")),
    "url": _within("postgres://shop:@@@db.acme.example:5432/shop", _token("{a14}")),
    "redis": _within("redis://:@@@cache.acme.example/0", _token("{a18}")),
    "python": _within('password = "@@"', _password),
    "typed": _within('    api_key: str = "@@"', _token("{a24}")),
    "environment": _within("export DB_PASSWORD=@@", _token("{a16}")),
    "environment (number)": _within("SMTP_PASSWORD2=@@", _token("{a16}")),
    "yaml": _within("  client_secret: @@", _token("{a28}")),
    "yaml in quotes": _within("  password: '@@'", _password),
    "json": _within('{"user": "ana", "password": "@@"}', _password),
    "json in json": _within('{\\"access_token\\": \\"@@\\"}', _token("{a30}")),
    "ini": _within("aws_secret_access_key = @@", _token("{a40}")),
    "azure": _within("AccountName=acme;AccountKey=@@;EndpointSuffix=x", _token("{a86}==")),
    "xml": _within("<server><password>@@</password></server>", _token("{a13}")),
    "flag": _within("deploy --token @@ --force", _token("{a22}")),
    "flag with =": _within("mysql --password=@@ shop", _token("{a12}")),
    "curl": _within("curl -sS -u ana:@@ https://x.example/", _token("{a12}")),
    "header": _within("curl -H 'X-Api-Key: @@' https://x.example/", _token("{h32}")),
    "npmrc": _within("//registry.acme.example/:_authToken=@@", _token("{a36}")),
    "ruby": _within(":secret_key_base => '@@'", _token("{h64}")),
    "go": _within('Token := "@@"', _token("{a20}")),
    "javascript": _within("const apiKey = `@@`;", _token("{a26}")),
    "subscript": _within('os.environ["DB_PASSWORD"] = "@@"', _token("{a11}")),
}
"""By what they are given to."""


def secrets(count: int, seed: int = 4) -> list[tuple[str, str, str]]:
    """(kind, secret, the text that it stands in), all kinds in turn."""
    draw = random.Random(seed)
    kinds = [*TOKENS.items(), *GIVEN.items()]
    out: list[tuple[str, str, str]] = []
    for number in range(count):
        name, make = kinds[number % len(kinds)]
        out.append((name, *make(draw)))
    return out
