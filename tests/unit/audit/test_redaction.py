"""The redactor: what it replaces, what it keeps, and what it makes of names, lists and numbers."""

from typing import Any

import pytest

from devagent.agent.history import History
from devagent.audit.record import join, split
from devagent.audit.redaction.declared import secret_arguments
from devagent.audit.redaction.redactor import Redactor
from devagent.audit.redaction.spans import Placeholders
from devagent.audit.redaction.vocabulary import vocabulary
from devagent.core.codec import parse
from devagent.core.events.calls import ToolCalled, ToolJudged
from devagent.core.events.model import ModelReplied
from devagent.core.events.turns import Prompt
from devagent_secrets.known import names_a_secret, secrets_of
from devagent_secrets.span import Span
from tests.support.log_events import judged, started, story
from tests.support.synthetic_secrets import secrets

KEYS = {kind: secret for kind, secret, _ in secrets(75)}
TEXTS = {kind: text for kind, _, text in secrets(75)}
CALLED = {"type": "tool.called", "turn": 1, "call": "c1", "ext": "db", "tool": "connect"}


def in_body(value: Any, redact: Redactor | None = None) -> Any:
    """What is left of an argument's value."""
    _, body, _ = (redact or Redactor())(CALLED, {"args": {"x": value}})
    return body["args"]["x"]


def is_mark(text: object, kind: str) -> bool:
    return isinstance(text, str) and text.startswith(f"[redacted:{kind}:") and text.endswith("]")


@pytest.mark.parametrize("kind", KEYS)
def test_each_kind_is_replaced_and_nothing_around_it(kind: str) -> None:
    text, counts = Redactor().text(f"before\n{TEXTS[kind]}\nafter")
    assert KEYS[kind] not in text
    assert text.startswith("before\n")
    assert text.endswith("\nafter")
    assert sum(counts.values()) == 1


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://ana:s3cr3tpass@db.acme.example/x", "https://ana:@db.acme.example/x"),
        ("https://ana:p@ss:word@db.acme.example", "https://ana:@db.acme.example"),
        ("x=postgres://u:p%40ss@h:5/d y", "x=postgres://u:@h:5/d y"),
        ('password = "hunter2hunter2"', 'password = ""'),
        ("PASSWORD=Tr0ub4dor&3", "PASSWORD=&3"),
        ("PASSWORD=12345678", "PASSWORD="),
        ("API_TOKEN=DDZWN3FCOTFGJCSD", "API_TOKEN="),
        ("deploy --token DDZWN3fcotfgjcsDAEiemR -f", "deploy --token  -f"),
        ("password: correct1Horse.", "password: ."),
        ('{"password":"correcthorse"}', '{"password":""}'),
        ("Authorization: Basic dXNlcjpwYXNzd29yZDE=", "Authorization: Basic "),
        ("authorization: Bearer aB3dE6gH9jK2mN5p", "authorization: Bearer "),
        ("mysql -h x --password=s3cr3tPass1 shop", "mysql -h x --password= shop"),
    ],
)
def test_of_an_assignment_only_the_value_goes(text: str, kept: str) -> None:
    clean, _ = Redactor().text(text)
    before, _, rest = clean.partition("[redacted:")
    assert before + rest.partition("]")[2] == kept


def test_a_tokens_begin_is_seen_behind_escapes_and_colours_and_within_a_word_if_it_says_enough() -> (
    None
):
    key = KEYS["github-token"]
    for before in ("", " ", "\\n", "%3D", "\\u0026", "\x1b[1;31m", "\n", "=", "_", "\u00e9"):
        clean, _ = Redactor().text(f"{before}{key}")
        assert is_mark(clean.removeprefix(before), "github-token"), before
    assert Redactor().text(f"WORD{KEYS['aws-key']}")[1] == {}
    assert Redactor().text(f"word{key}")[1] == {"github-token": 1}
    assert Redactor().text(KEYS["age-key"] * 2)[1] == {"age-key": 2}


def test_a_private_key_goes_whole_cut_off_and_line_by_line() -> None:
    lines = TEXTS["private-key"].splitlines()
    assert is_mark(in_body("\n".join(lines)), "private-key")
    assert is_mark(in_body("\n".join(lines[:-1])), "private-key")
    assert is_mark(in_body("\\n".join(lines)), "private-key")
    numbered = "\n".join(f"{n}\u2192{line}" for n, line in enumerate(lines, 1))
    assert "".join(lines[1][:16]) not in in_body(numbered)
    listed = in_body([*lines, "plain text"])
    assert [is_mark(one, "private-key") for one in listed] == [False, *[True] * (len(lines) - 1), False]  # fmt: skip
    told = "-----BEGIN PRIVATE KEY----- begins one; what follows is text of many words."
    assert in_body(told) == told


def test_a_name_that_says_secret_takes_its_value_whatever_it_looks_like() -> None:
    clean = in_body(
        {
            "password": "correcthorse",
            "db_password": 12345678,
            "Passphrase": "x",
            "client_secret": "a1b2c3d4e5f6",
            "api_key": "k9s8d7f6g5h4",
        }
    )
    assert all(is_mark(value, "password") for value in list(clean.values())[:3])
    assert all(is_mark(value, "secret") for value in list(clean.values())[3:])


def test_a_name_that_says_secret_keeps_words_switches_and_schemas() -> None:
    value = {
        "password": "",
        "token": "main",
        "tokens": 1234567890,
        "secret": True,
        "api_key": None,
        "key": "aB3dE6gH9jK2mN5p",
        "properties": {"password": {"type": "string", "format": "password"}},
        "passwords": {"password": "required"},
    }
    assert in_body(value) == value


def test_a_flags_value_in_an_argument_list_goes() -> None:
    argv = ["mysql", "--password", "correcthorse", "--user", "ana"]
    clean = in_body(argv)
    assert is_mark(clean.pop(2), "password")
    assert clean == ["mysql", "--password", "--user", "ana"]


def test_two_names_that_become_one_placeholder_lose_no_value() -> None:
    key = KEYS["npm-token"]
    clean = in_body({f"{key}": 1, f" {key}".strip(): 1, f"{key} ": 2})
    assert sorted(clean.values()) == [1, 2]
    same = Placeholders(b"salt").of("x", "y")
    assert in_body({same: 1}) == {same: 1}


def test_redacting_again_changes_nothing() -> None:
    for _, _, text in secrets(150):
        once, counts = Redactor(["pii"]).text(text)
        assert counts
        assert Redactor(["pii"]).text(once) == (once, {})


def test_placeholders_of_overlapping_finds_leave_nothing_between() -> None:
    marks = Placeholders(b"salt")
    counts: dict[str, int] = {}
    spans = [Span(4, 8, "b"), Span(0, 5, "a"), Span(6, 6 + 6, "c"), Span(14, 16, "d", "other")]
    assert marks.put("0123456789abcdefgh", spans, counts) == (
        marks.of("b", "0123456789ab") + "cd" + marks.of("d", "other") + "gh"
    )
    assert counts == {"b": 1, "d": 1}


def test_numbers_in_a_header_stay_and_in_content_go_where_they_are_known() -> None:
    redact = Redactor(known=[("1234567890123", "environment")])
    header = {"type": "prompt", "turn": 1234567890123}
    clean, body, counts = redact(header, {"args": {"pin": 1234567890123, "n": 12345678}})
    assert clean == header
    assert is_mark(body["args"]["pin"], "environment")
    assert body["args"]["n"] == 12345678
    assert counts == {"environment": 1}


def test_a_plain_word_as_a_secret_tears_no_other_word() -> None:
    redact = Redactor(known=[("postgres", "environment")])
    text, counts = redact.text("postgresql and postgres_fdw, not postgres itself")
    assert text.startswith("postgresql and postgres_fdw, not [redacted:environment:")
    assert counts == {"environment": 1}


def test_a_secret_learnt_on_the_way_is_redacted_from_then_on() -> None:
    redact = Redactor()
    assert redact.text("the handle gave swordfish1")[1] == {}
    redact.learn("swordfish1", "handle")
    redact.learn("short", "handle")
    assert redact.text("the handle gave swordfish1, in short")[1] == {"handle": 1}


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("ANTHROPIC_API_KEY", True),
        ("GITHUB_TOKEN", True),
        ("DB_PASSWORD", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("PGPASSWORD", True),
        ("MYSQL_PWD", True),
        ("npm_config_authToken", True),
        ("SECRET_PROD", True),
        ("PWD", False),
        ("OLDPWD", False),
        ("SSH_AUTH_SOCK", False),
        ("GIT_ASKPASS", False),
        ("API_KEY_FILE", False),
        ("TOKEN_URL", False),
        ("TOKENIZERS_PARALLELISM", False),
        ("MAX_TOKENS", False),
        ("SSH_PUBLIC_KEY", False),
        ("HOME", False),
    ],
)
def test_an_environment_variables_name_tells_a_secret(name: str, secret: bool) -> None:
    assert names_a_secret(name) is secret


def test_the_environment_gives_long_values_and_the_passwords_of_addresses() -> None:
    found = dict(
        secrets_of(
            {
                "API_KEY": "12345678",
                "SHORT_KEY": "1234567",
                "DATABASE_URL": "postgres://shop:wordpass9@db/x",
                "HOME": "/home/ana",
            }
        )
    )
    assert found == {"12345678": "environment", "wordpass9": "environment"}


SCHEMA: dict[str, Any] = {
    "type": "object",
    "$defs": {"login": {"properties": {"pin": {"type": "string", "format": "password"}}}},
    "properties": {
        "user": {"type": "string"},
        "answer": {"type": "string", "writeOnly": True},
        "login": {"$ref": "#/$defs/login"},
        "headers": {"additionalProperties": {"format": "password"}},
        "hosts": {
            "type": "array",
            "items": {"anyOf": [{"properties": {"code": {"writeOnly": True}}}]},
        },
        "tree": {"$ref": "#"},
    },
}


def test_a_schema_declares_its_secrets_at_any_depth() -> None:
    assert set(secret_arguments(SCHEMA)) == {
        ("answer",),
        ("login", "pin"),
        ("headers", "*"),
        ("hosts", "*", "code"),
    }
    looped: dict[str, Any] = {"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}
    assert secret_arguments(looped) == ()


def test_declared_arguments_go_from_replies_calls_and_decisions_and_then_everywhere() -> None:
    redact = Redactor(fields={"db__connect": secret_arguments(SCHEMA)})
    args = {"user": "ana", "answer": "blue sky", "login": {"pin": "4711"}, "headers": {"a": "oak tree"}, "hosts": [{"code": 90125}, {"code": ""}]}  # fmt: skip
    reply = ModelReplied(
        turn=1,
        model="m",
        stop="tool_use",
        content=[{"type": "tool_use", "id": "c1", "name": "db__connect", "input": args}],
    )
    event = judged("allow")
    decided = ToolJudged(
        turn=1,
        call="c1",
        principal=event.principal,
        agent="",
        ext=type(event.ext)("db", "1", "ab" * 32),
        tool="connect",
        tool_class="net",
        resources=(),
        args_digest="ef" * 32,
        decision=event.decision,
        args=args,
    )
    for one in (reply, ToolCalled(turn=1, call="c1", ext="db", tool="connect", args=args), decided):
        _, body, counts = redact(*split(one))
        assert counts == {"declared": 4}
        for secret in ("blue sky", "4711", "oak tree", "90125"):
            assert secret not in str(body)
        assert "'user': 'ana'" in str(body)
    shown, counts = redact.text('db.connect\n  answer = "blue sky"\n  login = {"pin":"4711"}')
    assert counts == {"declared": 2}
    assert "blue sky" not in shown
    other = ToolCalled(turn=1, call="c2", ext="db", tool="ping", args={"answer": "grey sky"})
    assert redact(*split(other))[1] == {"args": {"answer": "grey sky"}}


def test_thinking_that_was_redacted_loses_its_signature_and_is_not_sent_when_resumed() -> None:
    blocks = [
        {"type": "thinking", "thinking": f"So {KEYS['jwt']} it is", "signature": "c2lnbmVk"},
        {"type": "thinking", "thinking": "Nothing secret", "signature": "c2lnbmVk"},
        {"type": "text", "text": "Hello"},
    ]
    header, body, counts = Redactor()(*split(ModelReplied(turn=1, model="m", stop="end_turn", content=blocks)))  # fmt: skip
    assert counts == {"jwt": 1}
    resumed = join(header, body, "open")
    assert isinstance(resumed, ModelReplied)
    assert "signature" not in resumed.content[0]
    history = History()
    history.apply(Prompt(turn=1, text="Hi"))
    history.apply(resumed)
    assert history.messages[1]["content"] == blocks[1:]


def test_nothing_that_has_no_secret_is_changed_or_copied() -> None:
    redact = Redactor(["pii"], known=[("swordfish1", "environment")])
    for event in story():
        header, body = split(event)
        again, content, counts = redact(header, body)
        assert (again, content, counts) == (header, body, {})


def test_lone_surrogates_and_deep_values_are_looked_through() -> None:
    key = KEYS["npm-token"]
    assert key not in in_body(f"\ud800 {key}")
    deep: Any = key
    for _ in range(150):
        deep = [deep]
    assert key not in str(in_body(deep))


def test_the_vocabulary_has_every_field_and_type_of_the_record() -> None:
    words = vocabulary()
    for event in [started(), *story()]:
        header, _ = split(event)
        assert set(header) <= words
        assert header["type"] in words
    assert {"deny", "write", "cut", "yes", "approval_id", "on_behalf_of", "usd_micros"} <= words
    assert parse(b'"tool.finished"') in words


PERSONAL = [
    ("write to ana.silva+x@mail.acme.example today", "email", "write to  today"),
    ("call +49 30 901820 now", "phone", "call  now"),
    ("call (555) 234-5678 now", "phone", "call  now"),
    ("IBAN DE89 3704 0044 0532 0130 00.", "iban", "IBAN ."),
    ("iban gb29nwbk60161331926819, yes", "iban", "iban , yes"),
    ("card 4111 1111 1111 1111 ok", "card", "card  ok"),
    ("amex 378282246310005", "card", "amex "),
]


@pytest.mark.parametrize(("text", "kind", "kept"), PERSONAL)
def test_personal_data_goes_only_where_policy_asks_for_it(text: str, kind: str, kept: str) -> None:
    assert Redactor().text(text) == (text, {})
    clean, counts = Redactor(["pii"]).text(text)
    assert counts == {kind: 1}
    before, _, rest = clean.partition("[redacted:")
    assert before + rest.partition("]")[2] == kept
    _, body, counts = Redactor(["secrets", "pii"])(CALLED, {"args": {"x": [text] * 2}})
    assert counts == {kind: 2}
    assert len(set(body["args"]["x"])) == 1


def test_a_card_as_a_number_goes_and_a_wrong_check_digit_stays() -> None:
    redact = Redactor(["pii"])
    assert is_mark(in_body(4111111111111111, redact), "card")
    assert in_body(4111111111111112, redact) == 4111111111111112
    for text in ("git@github.com:acme/shop.git", "lodash@4.17.21", "2026-11-20 07:46:19"):  # fmt: skip
        assert in_body(text, redact) == text


def test_who_acts_stays_in_the_record_also_where_personal_data_goes() -> None:
    event = judged("allow")
    header, body = split(event)
    header["principal"] = {"user": "ana@acme.example"}
    body["args"] = {"to": "ana@acme.example"}
    clean, content, counts = Redactor(["pii"])(header, body)
    assert clean["principal"] == {"user": "ana@acme.example"}
    assert is_mark(content["args"]["to"], "email")
    assert counts == {"email": 1}


def test_a_signed_summary_that_was_redacted_loses_its_signature() -> None:
    header = {"type": "compaction.done"}
    whole = {"type": "compaction", "content": "One test fails.", "signature": "c2ln"}
    _, body, _ = Redactor()(header, {"text": "", "block": whole})
    assert body["block"] == whole
    holding = {**whole, "content": f"The key is {KEYS['aws-key']}."}
    _, body, _ = Redactor()(header, {"text": "", "block": holding})
    assert KEYS["aws-key"] not in body["block"]["content"]
    assert "signature" not in body["block"]
