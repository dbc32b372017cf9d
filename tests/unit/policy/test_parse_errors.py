"""One bad entry refuses the whole file, with its place and the nearest valid name."""

import pytest

from devagent.core.errors import PolicyError
from devagent.policy import parse

HEAD = 'version = 1\nname = "acme"\n'
RULE = '[[rule]]\nid = "a"\neffect = "allow"\n'


def refusal(text: str | bytes, *, org: bool = True) -> PolicyError:
    with pytest.raises(PolicyError) as caught:
        parse(text, "org.toml", org=org)
    return caught.value


@pytest.mark.parametrize(
    ("text", "place", "what", "hint"),
    [
        (HEAD + 'nmae = "x"\n', (3, 1), 'no key "nmae"', '"name"'),
        (HEAD + "version = 2\n", (3, 12), "Cannot overwrite", ""),
        ("version = 2\n", (1, 1), "version 1", ""),
        ("version = true\n", (1, 1), "version 1", ""),
        ('mode = "shadwo"\n', (1, 1), '"shadwo"', '"shadow"'),
        ('layer = "orgs"\n', (1, 1), '"orgs"', '"org"'),
        ('name = "a#b"\n', (1, 1), "a#b", "no #"),
        ("name = 3\n", (1, 1), "must be a text, not a number", ""),
        ("rule = 3\n", (1, 1), "must be a list, not a number", ""),
        ("[rule]\n", (1, 1), "must be a list, not a table", ""),
        ('default = "allow"\n', (1, 1), '"allow"', "deny, ask"),
        ('default = { raed = "ask" }\n', (1, 13), '"raed"', '"read"'),
        ('default = { read = "allow" }\n', (1, 13), '"allow"', ""),
        ('[models]\nx = inf\n', (2, 1), "finite", ""),
        ("models = 3\n", (1, 1), "must be a table", ""),
        ('[groups]\neng = ["ana"]\n', (2, 8), "kind of principal", '"user:ana"'),
        ("[lists]\nx = [1979-05-27]\n", (2, 6), "not a date or time", ""),
        ('[[rule]]\neffect = "deny"\n', (1, 1), 'must have "id"', ""),
        ('[[rule]]\nid = "a"\nefect = "deny"\n', (3, 1), '"efect"', '"effect"'),
        ('[[rule]]\nid = "a"\neffect = "dney"\n', (3, 1), '"dney"', '"deny"'),
        ('[[rule]]\nid = "a b"\neffect = "deny"\n', (2, 1), '"a b" is not a name', "letters"),
        ('[[rule]]\nid = "é"\neffect = "deny"\n', (2, 1), "is not a name", "letters"),
        ('[[rule]]\nid = ""\neffect = "deny"\n', (2, 1), "is not a name", "letters"),
        (RULE + RULE, (5, 1), '"a" is taken by the rule on line 1', "unique"),
        (RULE + 'tools = "git.push"\n', (4, 1), "must be a list", '["git.push"]'),
        (RULE + 'tools = ["git.push", 3]\n', (4, 22), "element 2 of tools must be a text", ""),
        (RULE + 'tools = ["push"]\n', (4, 10), "extension.tool", '"push.*"'),
        (RULE + 'tools = ["*"]\n', (4, 10), "extension.tool", '"**"'),
        (RULE + 'tools = [""]\n', (4, 10), "empty", ""),
        (RULE + 'tools = ["a.***"]\n', (4, 10), "three stars", ""),
        (RULE + 'classes = ["reed"]\n', (4, 12), '"reed"', '"read"'),
        (RULE + 'tools = ["a.\\u0007"]\n', (4, 10), "control character", ""),
        (RULE + 'resources = ["**"]\n', (4, 14), "names no kind", "Leave resources out"),
        (RULE + 'principals = ["user:"]\n', (4, 15), "nothing follows", '"user:*"'),
        (RULE + 'when = { "args.x*.@hosts" = 1 }\n', (4, 10), "no key", "stars"),
        (RULE + 'when = { "args.x" = ' + "{ not = " * 40 + "1" + " }" * 41 + "\n", (4, 279), "too deeply", ""),
        (RULE + 'obligations = { redact = [""] }\n', (4, 27), "empty", ""),
        (RULE + 'obligations = { filter = { "table:x" = " " } }\n', (4, 28), "SQL expression", ""),
        (RULE + 'obligations = { timeout_s = "1" }\n', (4, 17), "must be a number", ""),
        (RULE + 'access = ["exec"]\n', (4, 11), '"exec"', "read, write"),
        (RULE + 'phase = ["calls"]\n', (4, 10), '"calls"', '"call"'),
        (RULE + 'resources = ["pth:src/**"]\n', (4, 14), 'no kind "pth"', '"path"'),
        (RULE + 'resources = ["src/**"]\n', (4, 14), "names no kind", '"path:src/**"'),
        (RULE + 'resources = ["path:"]\n', (4, 14), "nothing follows", '"path:**"'),
        (RULE + 'principals = ["grup:eng"]\n', (4, 15), '"grup"', '"group"'),
        (RULE + 'otherwise = "allow"\n', (4, 1), '"allow"', ""),
        (RULE + 'expires = "2027-01-01"\n', (4, 1), "must be a date, not a text", "without quotes"),
        (RULE + "expires = 2027-01-01T00:00:00Z\n", (4, 1), "must be a date", ""),
        (RULE + "sticky = 1\n", (4, 1), "true or false", ""),
        (RULE + "why = 1\n", (4, 1), "must be a text", ""),
        (RULE + "obligations = { limit_row = 5 }\n", (4, 17), '"limit_row"', '"limit_rows"'),
        (RULE + "obligations = { limit_rows = true }\n", (4, 17), "whole number", ""),
        (RULE + "obligations = { limit_rows = -1 }\n", (4, 17), "at least 0", ""),
        (RULE + "obligations = { limit_rows = 1.5 }\n", (4, 17), "whole number", ""),
        (RULE + 'obligations = { mask = { "tag:x" = "hsah" } }\n', (4, 26), '"hsah"', '"hash"'),
        (RULE + 'obligations = { mask = { "x" = "hash" } }\n', (4, 26), "names no kind", ""),
        (RULE + 'obligations = { filter = { "path:x" = "a" } }\n', (4, 28), "no columns or rows", "table:"),
        (RULE + 'obligations = { redact = "pii" }\n', (4, 17), "must be a list", '["pii"]'),
        (RULE + 'examples = [{ expect = "yes" }]\n', (4, 15), '"yes"', ""),
        (RULE + "examples = [{ tol = 1 }]\n", (4, 15), '"tol"', '"tool"'),
        (RULE + 'when = { "arg.x" = 1 }\n', (4, 10), '"arg.x"', '"args"'),
        (RULE + "when = { args.x = 1 }\n", (4, 10), "names no value", "in quotes"),
        (RULE + 'when = { "args" = 1 }\n', (4, 10), "names no value", ""),
        (RULE + 'when = { "principal.usr" = "a" }\n', (4, 10), '"principal.usr"', '"user"'),
        (RULE + 'when = { "args.x.@host" = "a" }\n', (4, 10), '"@host"', '"@hosts"'),
        (RULE + 'when = { "context.x.@hosts" = "a" }\n', (4, 10), "no fact", ""),
        (RULE + 'when = { "args.x.**" = "a" }\n', (4, 10), "no key", ""),
        (RULE + 'when = { "args.x|taint_any" = "a" }\n', (4, 10), "beside other keys", ""),
        (RULE + 'when = { "mode.x" = "a" }\n', (4, 10), "one text", ""),
        (RULE + 'when = { "args.x" = { maxx = 1 } }\n', (4, 23), '"maxx"', '"max"'),
        (RULE + 'when = { "args.x" = { max = "1" } }\n', (4, 23), "must be a number", ""),
        (RULE + 'when = { "args.x" = { glob = 1 } }\n', (4, 23), "must be a text", ""),
        (RULE + 'when = { "args.x" = { in = "@partner" } }\n', (4, 23), '"@partner"', "[lists]"),
        (RULE + 'when = { "args.x" = { in = "y" } }\n', (4, 23), "must be a list", '["y"]'),
        (RULE + 'when = { "args.x" = { mentions = [1] } }\n', (4, 23), "words", ""),
        (RULE + 'when = { "args.x" = { absent = "yes" } }\n', (4, 23), "true or false", ""),
        (RULE + 'when = { "args.x" = { any = { not = { eqq = 1 } } } }\n', (4, 39), '"eqq"', '"eq"'),
        (RULE + 'when = { "args.x" = {} }\n', (4, 10), "says nothing", ""),
        (RULE + 'when = { taint_none = "web" }\n', (4, 10), "must be a list", '["web"]'),
        ('[[rule]]\nid = "a"\neffect = "deny"\nobligations = {}\n', (4, 1), "deny can not", ""),
        ('[[rule]]\nid = "a"\neffect = "ask"\notherwise = "deny"\n', (4, 1), "only an allow", ""),
        ('[[delegate]]\neffect = "allow"\n', (1, 1), 'must have "to"', ""),
        ('[[delegate]]\nto = ["org"]\neffect = "allow"\n', (2, 7), '"org"', "team"),
        ('[[delegate]]\nto = ["team"]\neffect = "allow"\nwhy = "x"\n', (4, 1), '"why"', ""),
    ],
)  # fmt: skip
def test_a_bad_entry_is_refused_with_its_place_and_what_was_meant(
    text: str, place: tuple[int, int], what: str, hint: str
) -> None:
    error = refusal(text)
    assert (error.line, error.column) == place, str(error)
    assert error.what.startswith(f"org.toml:{place[0]}:{place[1]}: ")
    assert what in error.what
    assert hint in error.hint
    assert error.exit_code == 78


def test_a_list_that_is_nearly_named_is_suggested() -> None:
    error = refusal('[lists]\npartners = ["x"]\n' + RULE + 'when = { "args.x" = "@partner" }\n')
    assert '"@partners"' in error.hint


@pytest.mark.parametrize(
    "key", ['default = "ask"', "[groups]", '[[delegate]]\nto = ["local"]\neffect = "ask"']
)
def test_only_the_orgs_file_has_a_default_groups_and_delegates(key: str) -> None:
    assert parse(key, "org.toml", org=True).org
    error = refusal(f"version = 1\n{key}\n", org=False)
    assert error.line == 2
    assert "org's file only" in error.what


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ('name = "x\n', (1, 10), "not TOML: Illegal character"),
        ("[[rule]\n", (1, 7), "not TOML"),
        ('name = "a\0b"', (1, 10), "Illegal character"),
        (b'version = 1\nname = "\xe9"\n', (2, 9), "0xe9 is not UTF-8"),
        ("\ufeffversion = 1\n", (1, 1), "byte order mark"),
        ("version = 1\n".encode("utf-16"), (1, 1), "UTF-16"),
        ('version = 1\rname = "x"', (1, 12), "not TOML"),
        ("a = [", (1, 6), "not TOML"),
        ("x = " + "9" * 5000, (1, 1), "can not be read"),
        ("[models]\nx = 99999999999999999999", (2, 1), "too large"),
        ("a." * 200 + "b = 1", (1, 1), "more than 100 parts"),
        ('x = { y = 1, "a"' + ".b" * 200 + " = 1 }", (1, 12), "more than 100 parts"),
    ],
)  # fmt: skip
def test_what_is_not_toml_is_refused_at_its_place(
    text: str | bytes, place: tuple[int, int], what: str
) -> None:
    error = refusal(text)
    assert (error.line, error.column) == place, str(error)
    assert what in error.what


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 20_000, "a = " + "{ b = " * 20_000, "[models]\na = " + "[" * 200 + "]" * 200],
)
def test_deep_nesting_is_refused_without_exhausting_the_stack(text: str) -> None:
    assert "too deeply" in refusal(text).what


def test_crlf_counts_as_one_line_end() -> None:
    error = refusal('version = 1\r\n\r\n[[rule]]\r\nid = "a"\r\neffect = "no"\r\n')
    assert (error.line, error.column) == (5, 1)


def test_a_place_is_found_behind_strings_comments_and_sub_tables() -> None:
    text = '''version = 1 # [[rule]]
[lists]
odd = ["""
[[rule]]
id = "not me"
""", \'\'\'[[rule]]\'\'\', "# no comment \\" ["]
[[rule]]
id = "a"
effect = "allow"
why = """He said "no\\"""" # """ over
[rule.when]
"args.x".max = 5
[[rule.examples]]
expect = "allow"
[[ "rule" ]]
id = "b"
effect = "deny"
[rule.when]
"args.y" = { maxx = 5 }
'''
    error = refusal(text)
    assert (error.line, error.column) == (19, 14), str(error)
    good = parse(text.replace("maxx", "max"), "org.toml", org=True)
    assert [(rule.id, rule.line) for rule in good.rules] == [("a", 7), ("b", 15)]


def test_rules_may_stand_in_one_inline_array() -> None:
    text = 'rule = [\n  { id = "a", effect = "deny" },\n\n  { id = "b", effect = "ask" },\n]\n'
    assert [r.line for r in parse(text, "org.toml", org=True).rules] == [2, 4]


def test_a_file_that_is_too_large_is_refused_at_once() -> None:
    assert "has 10 MB or more" in refusal(b"#" * 10_000_000).what


def test_too_many_rules_are_refused_at_once() -> None:
    assert "more than 50,000 rules" in refusal('[[rule]]\nid="a"\neffect="deny"\n' * 50_001).what


def test_an_error_never_carries_control_characters_of_the_file() -> None:
    error = refusal('"\\u001b[31mevil\\n" = 1\n')
    assert error.what.isprintable()


def test_other_parts_tables_are_kept_as_plain_data() -> None:
    text = "[data.sources.shop]\nkeep = ['prompts']\nuntil = 2027-01-01\n[budget.turn]\nusd = 5.0\n"
    assert parse(text, "org.toml", org=True).tables == {
        "data": {"sources": {"shop": {"keep": ["prompts"], "until": "2027-01-01"}}},
        "budget": {"turn": {"usd": 5.0}},
    }
