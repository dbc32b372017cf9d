"""Policy and documents: what a search touches is known before it runs, and hits never reveal what is forbidden."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from devagent.agent.asking import Asking, Terms
from devagent.agent.evidence import Circumstances
from devagent.agent.floor import Floor
from devagent.agent.gate import Gate, granted
from devagent.core.approvals import ApprovalBounds
from devagent.core.events.calls import ToolJudged
from devagent.core.principal import Principal
from devagent.core.tools import ToolCall, ToolResult
from devagent.host.inprocess import InProcess
from devagent.host.manifest import package_folder, read_manifest
from devagent.host.toolbox import Extensions
from devagent.policy import compile_policy, parse
from devagent_docs import tools
from devagent_docs.contract import DocsError
from tests.support.agent_parts import FakeApprovals, FakeApprover
from tests.support.documentation import Place, index_all, make_place

ALL = '[[rule]]\nid = "all"\neffect = "allow"\ntools = ["docs.*"]\nresources = ["doc:**"]\n'
HEAD = 'version = 1\nname = "acme"\nlayer = "org"\ndefault = "deny"\n'


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = make_place(tmp_path_factory.mktemp("docs"))
    index_all(place)
    return place


class House:
    """The gate over the documentation, as a session has it."""

    def __init__(
        self, here: Place, policy: str, *, groups: Sequence[str] = (), default: str = "deny"
    ) -> None:
        head = HEAD.replace('"deny"', f'"{default}"')
        judge = compile_policy([parse((head + policy).encode(), "acme.toml", org=True)])
        extension = InProcess(
            read_manifest(package_folder("devagent_docs")),
            folder=here.folder, settings=here.settings, secret=lambda name: None,
        )  # fmt: skip
        self.toolbox = Extensions([extension])
        self.approver = FakeApprover()
        self.gate = Gate(
            judge,
            self.toolbox,
            Asking(
                self.approver,
                FakeApprovals(),
                Terms(here.folder, lambda: "2026-11-20", ApprovalBounds()),
            ),
            Circumstances(
                Principal(user="ana", groups=tuple(groups)), "chat", True, lambda: "2026-11-20"
            ),
            Floor(here.folder, ()),
            lambda kinds, text: text,
        )
        self._calls = 0

    async def call(self, tool: str, **args: Any) -> tuple[ToolJudged, ToolResult | None]:
        """Judge and run one call."""
        self._calls += 1
        judged = last = None
        async for event in self.gate.judge(1, ToolCall(f"c{self._calls}", f"docs__{tool}", args)):
            judged = event if isinstance(event, ToolJudged) else judged
            last = event
        assert judged is not None
        spec = self.toolbox.find(f"docs__{tool}")
        if spec is None or not granted(last):
            return judged, None
        result = await self.toolbox.run(
            spec, judged.args, judged.decision.obligations, self.gate.may_read(judged, spec)
        )
        return judged, result

    async def aclose(self) -> None:
        await self.toolbox.aclose()


async def found(
    here: Place, policy: str, tool: str = "search", **more: Any
) -> tuple[ToolJudged, str]:
    groups = more.pop("groups", ())
    default = more.pop("default", "deny")
    house = House(here, policy, groups=groups, default=default)
    try:
        judged, result = await house.call(tool, **(more or {"query": "book a train"}))
        return judged, result.text if result else ""
    finally:
        await house.aclose()


def ids(judged: ToolJudged) -> list[str]:
    return [resource.id for resource in judged.resources]


def test_a_search_names_the_collections_and_a_reading_the_document(here: Place) -> None:
    named = tools.resources("search", {"query": "x", "collection": "", "limit": 5}, here)
    assert [one["id"] for one in named] == ["doc:handbook/", "doc:site/", "doc:misc/"]
    (one,) = tools.resources("read", {"hit": "handbook@1:hr/pay.md#x", "offset": 0}, here)
    assert one == {
        "id": "doc:handbook/hr/pay.md",
        "access": "read",
        "tags": ["confidential", "people.pay"],
    }
    (one,) = tools.resources("search", {"query": "x", "collection": "none"}, here)
    assert one["id"] == "doc:none/"


async def test_a_search_that_is_allowed_shows_everything(here: Place) -> None:
    judged, text = await found(here, ALL)
    assert ids(judged) == ["doc:handbook/", "doc:site/", "doc:misc/"]
    assert "hr/pay.md" in text


async def test_a_collection_of_other_groups_is_left_out_without_a_word(here: Place) -> None:
    policy = (
        '[[rule]]\nid = "open"\neffect = "allow"\nresources = ["doc:site/**", "doc:misc/**"]\n'
        '[[rule]]\nid = "hr"\neffect = "allow"\nprincipals = ["group:hr"]\nresources = ["doc:handbook/**"]\n'
    )
    judged, text = await found(here, policy)
    assert ids(judged) == ["doc:site/", "doc:misc/"]
    assert judged.decision.effect == "allow"
    assert "handbook" not in text
    judged, text = await found(here, policy, query="zorptastic quatloos")
    assert "handbook" not in text
    assert "zorptastic band" not in text
    _, text = await found(here, policy, groups=["hr"])
    assert "handbook" in text


async def test_a_document_that_a_rule_denies_is_no_hit(here: Place) -> None:
    policy = ALL + '[[rule]]\nid = "no-hr"\neffect = "deny"\nresources = ["doc:handbook/hr/**"]\n'
    judged, text = await found(here, policy)
    assert judged.decision.effect == "allow"
    assert "travel.md" in text
    assert "pay" not in text
    _, text = await found(here, policy, query="zorptastic quatloos")
    assert text.startswith("NOT FOUND")
    _, text = await found(here, policy, query="zorptastc quatlos")
    assert "zorptastic" not in text
    assert "Read as" not in text


@pytest.mark.parametrize("tag", ["confidential", "people.*"])
async def test_a_label_hides_whether_it_comes_from_front_matter_or_a_pattern(
    here: Place, tag: str
) -> None:
    policy = ALL + f'[[rule]]\nid = "label"\neffect = "deny"\nresources = ["tag:{tag}"]\n'
    _, text = await found(here, policy, query="zorptastic quatloos")
    assert "pay.md" not in text
    judged, text = await found(here, policy, tool="read", hit="handbook:hr/pay.md")
    assert (judged.decision.effect, text) == ("deny", "")
    judged, text = await found(here, policy, tool="symbol", name="zorptastic")
    assert "pay.md" not in text


async def test_naming_a_forbidden_collection_is_like_naming_one_that_is_not_there(
    here: Place,
) -> None:
    policy = '[[rule]]\nid = "open"\neffect = "allow"\nresources = ["doc:site/**"]\n'
    there, _ = await found(here, policy, query="x", collection="handbook")
    nowhere, _ = await found(here, policy, query="x", collection="nowhere")
    assert there.decision.effect == nowhere.decision.effect == "deny"
    reasons = [
        one.decision.reason.replace("handbook", "?").replace("nowhere", "?")
        for one in (there, nowhere)
    ]
    assert reasons[0] == reasons[1]


async def test_where_nothing_may_be_read_no_name_is_told(here: Place) -> None:
    judged, _ = await found(
        here, '[[rule]]\nid = "x"\neffect = "allow"\nresources = ["doc:other/**"]\n'
    )
    assert judged.decision.error == "nothing_readable"
    assert not any(name in judged.reply for name in ("handbook", "site", "misc"))


async def test_a_yes_to_a_search_covers_what_the_same_rule_asked_about_and_nothing_else(
    here: Place,
) -> None:
    asks = ALL.replace('"allow"', '"ask"')
    _, text = await found(here, asks)
    assert "hr/pay.md" in text
    stricter = asks + '[[rule]]\nid = "pay"\neffect = "ask"\nresources = ["tag:confidential"]\n'
    judged, text = await found(here, stricter)
    assert judged.decision.effect == "ask"
    assert "travel.md" in text
    assert "hr/pay.md" not in text


async def test_a_document_that_is_owed_more_than_the_call_was_granted_with_is_no_hit(
    here: Place,
) -> None:
    policy = (
        ALL
        + '[[rule]]\nid = "pay"\neffect = "allow"\nresources = ["tag:confidential"]\nobligations = { redact = ["pii"] }\n'
    )
    _, text = await found(here, policy)
    assert "travel.md" in text
    assert "hr/pay.md" not in text


async def test_many_forbidden_documents_do_not_crowd_out_the_one_that_may_be_read(
    tmp_path: Path,
) -> None:
    here = make_place(tmp_path, collections={"handbook": {"path": "handbook"}})
    for number in range(150):
        file = tmp_path / f"handbook/hr/p{number}.md"
        file.write_text("# Train\n\nbook a train, book a train\n")
    index_all(here)
    policy = ALL + '[[rule]]\nid = "no-hr"\neffect = "deny"\nresources = ["doc:handbook/hr/**"]\n'
    _, text = await found(here, policy)
    assert "travel.md" in text
    assert "hr/" not in text


async def test_classified_documents_are_asked_about_where_nobody_governs(here: Place) -> None:
    baseline = (Path(__file__).parents[3] / "policies/devagent_policies/baseline.toml").read_text(
        "utf-8"
    )
    rules = baseline[baseline.index("[[rule]]") :]
    assert tomllib.loads(rules)["rule"]
    judged, text = await found(here, rules, default="ask")
    assert judged.decision.effect == "allow"
    assert "hr/pay.md" not in text
    judged, text = await found(here, rules, default="ask", tool="read", hit="handbook:hr/pay.md")
    assert judged.decision.effect == "ask"
    assert "quatloos" in text


def test_the_extension_asks_again_while_it_runs(here: Place) -> None:
    def refused(resource: str, tags: Sequence[str]) -> bool:
        return resource.startswith("doc:handbook/") or "confidential" in tags

    guarded = here._replace(refused=refused)
    hits: list[Mapping[str, Any]] = tools.search(guarded, query="book a train").get(
        "structured", {}
    )["hits"]
    assert all(hit["collection"] != "handbook" for hit in hits)
    with pytest.raises(DocsError) as raised:
        tools.search(guarded, query="x", collection="handbook")
    assert str(raised.value) == "There is no collection 'handbook' for you."
    with pytest.raises(DocsError) as raised:
        tools.read(guarded, hit="handbook:travel.md")
    assert raised.value.error == "no_such_section"
    assert "handbook" not in tools.collections(guarded)["text"]


def is_confidential(resource: str, tags: Sequence[str]) -> bool:
    return "confidential" in tags


def test_collections_counts_what_may_be_read(here: Place) -> None:
    def state(place: Place) -> str:
        rows = tools.collections(place).get("structured", {})["collections"]
        return next(row["state"] for row in rows if row["collection"] == "handbook")

    assert state(here).startswith("3 documents, ")
    guarded = here._replace(refused=is_confidential)
    assert state(guarded).startswith("2 documents, ")
    assert state(guarded).partition("chunks")[0] != state(here).partition("chunks")[0]


def test_a_word_of_forbidden_documents_alone_is_like_one_that_none_has(tmp_path: Path) -> None:
    here = make_place(tmp_path, collections={"handbook": {"path": "handbook"}})
    (tmp_path / "handbook/toys.md").write_text("# Toys\n\nThe zorptastik wheel.\n")
    index_all(here)
    assert "pay.md" in tools.search(here, query="zorptastic")["text"]
    guarded = here._replace(refused=is_confidential)
    text = tools.search(guarded, query="zorptastic")["text"]
    assert text.startswith("Read as: zorptastic → zorptastik")
    assert "pay.md" not in text
    near, absent = (
        tools.search(guarded, query=f"{word} train").get("structured", {})["confidence"]
        for word in ("quatloos", "xylophonist")
    )
    assert near == absent


async def test_what_is_withheld_does_not_hide_what_may_be_read(tmp_path: Path) -> None:
    here = make_place(tmp_path, collections={"many": {"path": "many"}})
    (tmp_path / "many/secret").mkdir(parents=True)
    better = "".join(f"## Train {at}\n\nBook a train, a train, a train.\n\n" for at in range(700))
    (tmp_path / "many/secret/trains.md").write_text(f"# Trains\n\n{better}")
    words = " ".join(f"word{at}" for at in range(80))
    (tmp_path / "many/open.md").write_text(f"# Open\n\nOne may book a seat. {words}\n")
    index_all(here)
    policy = ALL + '[[rule]]\nid = "no"\neffect = "deny"\nresources = ["doc:many/secret/**"]\n'
    _, text = await found(here, policy, query="book a train")
    assert "open.md" in text
    assert "secret" not in text
