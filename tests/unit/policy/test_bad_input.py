"""Policy files that are huge, deep or odd: a clear error in good time, whatever is in them.

The limits on time are generous (a busy machine is no fault): what they catch is work that grows without bound.
"""

import random
import time
import tomllib
import tracemalloc

import pytest

from devagent.core.errors import PolicyError
from devagent.policy import parse
from devagent.policy.parse import RULE_KEYS
from devagent.policy.rule_lines import values_by_line

GOOD_TIME_S = 5.0
"""CPU time; each of these takes well under one second on a quiet machine."""
MEMORY = 120_000_000
RULE = '[[rule]]\nid = "r{}"\neffect = "allow"\n'


def refusal(text: str | bytes) -> PolicyError:
    with pytest.raises(PolicyError) as refused:
        parse(text, "org.toml", org=True)
    return refused.value


def rules(number: int, form: str = RULE) -> str:
    return "".join(form.format(i) for i in range(number))


HUGE = {
    "100,000 rules": lambda: rules(100_000),
    "100,000 spaced rules": lambda: rules(100_000, '[[ rule ]]\nid = "r{}"\neffect = "allow"\n'),
    "100,000 inline rules": lambda: (
        "rule = [" + ",\n".join(f'{{id="r{i}",effect="deny"}}' for i in range(100_000)) + "]"
    ),
    "a text of 10 MB": lambda: f'name = "{"x" * 10_000_000}"\n',
    "comments of 10 MB": lambda: "#\n" * 5_000_000,
    "numbers of 9 MB": lambda: f"[lists]\na = [{'1,' * 4_500_000}]\n",
    "800,000 keys": lambda: "[lists]\n" + "".join(f"k{i} = []\n" for i in range(800_000)),
    "600,000 tables": lambda: "".join(f"[lists.k{i}]\n" for i in range(600_000)),
    "700,000 envelopes": lambda: "[[delegate]]\n" * 700_000,
    "headers of 99 parts": lambda: "".join(
        f"[{'.'.join(f'k{j}' for j in range(99))}.z{i}]\n" for i in range(20_000)
    ),
    "one inline table": lambda: f"default = {{{','.join(f'k{i}=1' for i in range(800_000))}}}\n",
    "escapes of 9 MB": lambda: f'name = "{chr(92)}n"\nwhy = "{(chr(92) + "n") * 4_500_000}"\n',
    "a text without end": lambda: 'name = """' + "x\n" * 4_000_000,
    "brackets": lambda: "[" * 8_000_000,
    "quotes": lambda: f"name = {chr(34) * 8_000_000}",
    "NULs": lambda: "\0" * 9_000_000,
    "10,000 lists deep": lambda: f"x = {'[' * 10_000}{']' * 10_000}\n",
    "10,000 tables deep": lambda: f"x = {'{a=' * 10_000}1{'}' * 10_000}\n",
    "10,000 conditions deep": lambda: (
        f'{RULE}when = {{ "args.x" = {"{not=" * 10_000}1{"}" * 10_000} }}\n'
    ),
    "a key of 10,000 parts": lambda: f"a{'.a' * 10_000} = 1\n",
    "a header of 10,000 parts": lambda: f"[a{'.a' * 10_000}]\n",
    "a number of a million digits": lambda: f"version = {'9' * 1_000_000}\n",
}


@pytest.mark.parametrize("name", HUGE)
def test_what_is_huge_or_deep_is_refused_in_good_time_and_bounded_memory(name: str) -> None:
    text = HUGE[name]()
    start = time.process_time()
    error = refusal(text)
    assert time.process_time() - start < GOOD_TIME_S
    assert error.file == "org.toml"
    assert 10 < len(error.what) < 300
    assert error.what.isprintable()


@pytest.mark.parametrize(
    "name", ["800,000 keys", "numbers of 9 MB", "one inline table", "100,000 rules"]
)
def test_memory_stays_bounded(name: str) -> None:
    text = HUGE[name]()
    tracemalloc.start()
    try:
        refusal(text)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def test_many_rules_in_plain_lines_are_read() -> None:
    start = time.process_time()
    policy = parse(rules(50_000), "org.toml", org=True)
    assert len(policy.rules) == 50_000
    assert policy.rules[-1].line == 3 * 50_000 - 2
    assert time.process_time() - start < 2 * GOOD_TIME_S


@pytest.mark.parametrize(
    ("last", "what", "line"),
    [
        ("x", "not TOML", 90_001),
        ('[[rule]]\nid = "z"\neffect = "alow"\n', 'effect can not be "alow"', 90_003),
        ('[[rule]]\nid = "r7"\neffect = "deny"\n', 'the id "r7" is taken', 90_002),
        ('[[rule]]\nid = "z"\nid = "y"\n', "Cannot overwrite", 90_003),
        ('[[rule]]\nid = "z"\neffect = "deny\n', "not TOML", 90_003),
        ('[[rule]]\nid = "z"\nwhen = { a = [1 }\n', "not TOML", 90_003),
        ('[[rule]]\nid = "z"\neffekt = "deny"\n', 'no key "effekt"', 90_003),
    ],
)  # fmt: skip
def test_one_bad_entry_behind_many_good_ones_is_named_with_its_place(
    last: str, what: str, line: int
) -> None:
    error = refusal(rules(30_000) + last)
    assert what in str(error)
    assert error.line == line


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b'\xef\xbb\xbfname = "a"\n', "byte order mark"),
        ('name = "a"\n'.encode("utf-16"), "UTF-16"),
        (b'name = "\xff"\n', "not UTF-8"),
        (b'name = "a\0b"\n', "Illegal character"),
        (b'name = "a"\nname = "b"\n', "Cannot overwrite"),
        (b"[groups]\n[groups]\n", "twice"),
        ((RULE.format(1) * 2).encode(), "is taken"),
    ],
)
def test_odd_bytes_and_duplicates_are_named(data: bytes, what: str) -> None:
    error = refusal(data)
    assert what in error.what
    assert error.line


# --- rules read line by line ---

KEYS = frozenset(RULE_KEYS)
_LINES = [
    'effect = "allow"', 'effect="deny" # why', "  tools = [ 'a.*', \"b.c\" ]", 'tools = ["a.b"]', "", "# comment",
    "tools = [\n  \"a\",  # ]\n  'b',\n]", "resources = []", 'why = """\none\n[[rule]]\ntwo"""', 'why = """x"""',
    "why = 'it'", 'why = "a\\tb"', "sticky = true", "expires = 2027-06-30", 'when = { "args.a" = { max = 1 }, mode = ["run"] }',
    'when."args.a" = 1', '"why" = "quoted"', "examples = [{ tool = 'x' }]", "[rule.when]\nmode = 'run'", "why = ''",
    '[[delegate]]\nto = ["local"]\neffect = "ask"', "[groups]\na = [\n 'user:x'\n]", "[lists]", "why =", "x", "]", "why = 1 2",
    "resources = [[1], [2]]", "why = '''\na'''", "[[rule]] # c", " [[ rule ]]", '["lists"]', "[lists]\na = [\n[[rule]]\n]",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(300))
def test_rules_by_line_are_what_the_toml_library_gives_or_nothing(seed: int) -> None:
    chosen = random.Random(seed)
    text = rules(100)
    for n in range(chosen.randrange(1, 4)):
        # Mostly plain lines, so that not every text is given up on.
        most = 17 if chosen.random() < 0.7 else len(_LINES)
        some = chosen.sample(_LINES[:most], chosen.randrange(1, 4))
        text += f'[[rule]]\nid = "s{n}"\n' + "\n".join(some) + "\n"
    found = values_by_line(text, KEYS)
    if found is None:
        return
    assert found == tomllib.loads(text)


def test_plain_files_are_read_by_line() -> None:
    text = 'name = "x"\n[groups]\na = ["user:x"]\n' + rules(120) + "[[delegate]]\nto = []\n" + RULE
    assert values_by_line(text, KEYS) == tomllib.loads(text)
    assert values_by_line(rules(99), KEYS) is None


@pytest.mark.parametrize(
    "odd",
    [
        '[data]\nx = """\n' + RULE + '[log]\ny = """\n',
        "[data]\na = [\n" + RULE + '["x"]\n]\n',
        '[rule.when]\nmode = "run"\n',
        "[[rule.examples]]\n",
        'name = "a\x01b"\n',
    ],
)
def test_what_could_be_read_in_two_ways_is_left_to_the_library(odd: str) -> None:
    assert values_by_line(rules(120) + odd, KEYS) is None
    assert values_by_line(odd + rules(120), KEYS) is None
