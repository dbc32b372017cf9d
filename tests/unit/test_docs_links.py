"""What the pages say can be followed: links lead somewhere, commands and options exist."""

import functools
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from devagent.models.choices import PLATFORM_TYPES
from devagent.models.configured import MODEL_KEYS, PLATFORM_KEYS, configured_choices
from devagent.models.sampling import BETAS
from devagent.models.script import parse_script
from devagent.policy import parse
from devagent.settings.config import Config, parse_config
from devagent_sql.sources import read_sources

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/devagent_*/*.md")]
    if not any(part.startswith(".") for part in page.relative_to(ROOT).parts)
)
FENCE = re.compile(r"^```.*?^```[ \t]*$", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```sh\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ +(.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    dead: list[str] = []
    for target in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(target)
    assert dead == []


def commands(page: Path) -> Iterator[str]:
    """Each command line of a page's ``sh`` blocks, continued lines joined."""
    for block in SHELL.findall(page.read_text(encoding="utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                yield line.strip()


def simple_commands(line: str) -> Iterator[list[str]]:
    """The words of each command in a line, split at ``|``, ``&&``, ``||`` and ``;``, without redirections
    and leading assignments."""
    words: list[str] = []
    for token in [*shlex.shlex(line, posix=True, punctuation_chars="|&;<>"), ";"]:
        if re.fullmatch(r"[|&;]+", token):
            while words and re.fullmatch(r"\w+=.*", words[0]):
                words.pop(0)
            if words:
                yield words
            words = []
        else:
            words.append(token)


SPOKEN = [
    *PAGES,
    *ROOT.glob("devagent/**/*.py"),
    *ROOT.glob("policies/**/*.toml"),
    ROOT / "install.sh",
]
IN_A_SENTENCE = re.compile(r"`(devagent [a-z][^`\n]*)`")


def mentions(file: Path) -> Iterator[str]:
    """Each command that a file names in a sentence, between backquotes: pages, hints, reasons of rules."""
    for found in IN_A_SENTENCE.findall(file.read_text(encoding="utf-8")):
        # `{…}` is filled in when it is said; a shell would choke on a lone quote.
        yield re.sub(r"\{[^{}]*\}", "X", found).replace("'", "")


SHOWN = sorted(
    {
        tuple(words)
        for lines in [*map(commands, PAGES), *map(mentions, SPOKEN)]
        for line in lines
        for words in simple_commands(line)
        if words[0] in {"devagent", "./install.sh"}
    }
)


@functools.cache
def help_of(*command: str) -> str:
    """What ``command --help`` prints; fails where there is no such command."""
    program = (
        ["sh", str(ROOT / "install.sh")]
        if command[0] == "./install.sh"
        else [sys.executable, "-m", "devagent"]
    )
    roots = os.pathsep.join(str(ROOT / folder) for folder in (".", "extensions", "policies"))
    done = subprocess.run(
        [*program, *command[1:], "--help"],
        env={**os.environ, "PYTHONPATH": roots, "COLUMNS": "200"},
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, f"there is no {' '.join(command)}: {done.stderr}"
    return done.stdout


@pytest.mark.parametrize("words", SHOWN, ids=" ".join)
def test_every_command_that_is_shown_exists_with_its_options(words: tuple[str, ...]) -> None:
    command, text = [words[0]], help_of(words[0])
    arguments = list(words[1 : words.index("--") if "--" in words else len(words)])
    if words[0] == "devagent":
        # A word that a "Commands:" section lists is a subcommand; any other is an argument.
        while arguments and re.search(
            rf"^ +{re.escape(arguments[0])}\b", text.partition("\nCommands:\n")[2], re.MULTILINE
        ):
            command.append(arguments.pop(0))
            text = help_of(*command)
        # Several words in one argument are what a chat begins with.
        bare = [word for word in arguments[:1] if not word.startswith("-") and " " not in word]
        assert not ("\nCommands:\n" in text and bare), (
            f"{' '.join(command)} has no subcommand {bare[0]}"
        )
    options = {word.partition("=")[0] for word in arguments if re.match(r"--?[a-zA-Z]", word)}
    missing = [o for o in options if not re.search(rf"(?<![\w-]){re.escape(o)}(?![\w-])", text)]
    assert missing == [], f"{' '.join(command)} has no such option"


def example(page: str, number: int = 0) -> bytes:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[number].encode()


def test_the_config_that_is_shown_is_taken_and_shows_every_key() -> None:
    config = parse_config(example("docs/config.md"), "config.md")
    inner = {"file", "source", "model_table"}
    assert set(tomllib.loads(config.source)) == set(Config.__struct_fields__) - inner
    for name in config.extensions:
        assert (ROOT / f"extensions/devagent_{name}/extension.toml").is_file()
    assert list(read_sources(config.extensions["sql"])) == ["shop"]


def test_the_models_that_are_shown_are_taken_and_show_every_key() -> None:
    config = parse_config(example("docs/models.md"), "models.md")
    choices = configured_choices(
        config.model_table, config.platforms, config.fault, max_tokens=config.max_tokens
    )
    assert set(config.model_table) | {"system_trust"} == set(MODEL_KEYS)
    shown = {key for platform in config.platforms.values() for key in platform}
    connection = {"headers", "key_kind", "client_certificate", "client_key", "ca_file"}
    assert shown | connection == set(PLATFORM_KEYS)
    assert {platform.type for platform in choices.platforms.values()} == set(PLATFORM_TYPES)
    assert set(BETAS) <= set(re.findall(r"\w+", (ROOT / "docs/models.md").read_text("utf-8")))


def test_the_policy_tables_that_are_shown_are_taken() -> None:
    tables = next(t for t in range(20) if b"[models]" in example("docs/policy.md", t))
    parse(example("docs/policy.md", tables).decode().replace("6f1c0d…", "6f1c0d"), "policy.md")


def test_the_rehearsal_that_is_shown_is_one() -> None:
    script = parse_script(example("docs/rehearsal.md").decode(), "rehearsal.md")
    assert [reply.when for reply in script.reply] == [{}, {"history": "ok"}, {"history": "denied"}]


def test_the_policy_that_the_readme_shows_is_valid_and_names_tools_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```toml\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    rules = parse(text, "README.md").rules
    assert [rule.effect for rule in rules] == ["allow", "deny"]
    for tool in (tool for rule in rules for tool in rule.tools or ()):
        extension, _, name = tool.partition(".")
        manifest = ROOT / f"extensions/devagent_{extension}/extension.toml"
        assert name in tomllib.loads(manifest.read_text(encoding="utf-8"))["tools"]


def test_the_readme_begins_with_the_demo_and_the_tests() -> None:
    shown = list(commands(ROOT / "README.md"))
    assert shown[:2] == ["./install.sh --demo", "./install.sh --test"]


def test_the_rules_that_the_readme_shows_are_the_demos_at_those_lines() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"by org/acme#([\w-]+) \(acme\.toml:(\d+)\)(?:: (.*))?\n(?: +to be granted: (.*)\n)?", readme)  # fmt: skip
    assert len(shown) == 3
    text = (ROOT / "devagent/cli/demo/acme.toml").read_text(encoding="utf-8")
    rules = {rule["id"]: rule for rule in tomllib.loads(text)["rule"]}
    for name, line, why, grant in shown:
        assert text.splitlines()[int(line)] == f'id = "{name}"'  # below its [[rule]]
        assert (why or rules[name]["why"], grant or rules[name].get("grant", "")) == (
            rules[name]["why"],
            rules[name].get("grant", ""),
        )


def test_the_page_for_coding_agents_has_the_floors_that_are_checked() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (layers,) = (one["layers"] for one in contracts if one["type"] == "layers")
    page = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
    told = re.findall(r"^    (\d)  ((?:devagent/)?\w+/(?: \w+/)*)", page, re.MULTILINE)
    floors = {
        int(number): {one.rstrip("/").removeprefix("devagent/") for one in names.split()}
        for number, names in told
    }
    packages = [names for names in layers if (ROOT / "devagent" / names.split(" ")[0]).is_dir()]
    assert floors == {
        len(packages) - 1 - number: {one.strip() for one in names.split("|")}
        for number, names in enumerate(packages)
    }


def test_the_index_names_every_page_and_no_word_twice() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    pages = {page for page in pages if not page.startswith("adr/")} - {"index.md"}
    assert pages <= set(re.findall(r"\]\(([^)#]+)", index))
    words = re.findall(r"^\| ([^|]+) \|", index.partition("## Words")[2], re.MULTILINE)[2:]
    assert len(words) == len(set(words)) > 15


def test_the_readme_lists_the_exit_codes_that_the_command_line_tells() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.partition("## Exit codes")[2].partition("\n## ")[0]
    codes = set(re.findall(r"^\| (\d+) \|", table, re.MULTILINE))
    told = " ".join(help_of("devagent").split()).partition("Exit codes: ")[2].partition(".")[0]
    assert codes == set(re.findall(r"(?:^|· )(\d+) ", told))


def test_the_files_that_the_readme_names_are_there() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:devagent|extensions|policies|tests|docs)/[\w./]+)`", readme)
    assert len(named) >= 4
    assert [name for name in named if not (ROOT / name).exists()] == []
