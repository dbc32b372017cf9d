"""The page that tells the format names what the log has: every type of event, and each field where it stands."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from devagent.core.events import Event, Unlogged

PAGE = (Path(__file__).parents[3] / "docs/log-format.md").read_text(encoding="utf-8")
KINDS: dict[str, Any] = {
    str(kind.__struct_config__.tag): kind
    for kind in get_args(Event)
    if kind not in get_args(Unlogged)
}


def rows() -> dict[str, tuple[set[str], set[str]]]:
    """Type → the fields that the page has in its header and in its content. What is in brackets explains."""
    table = PAGE.partition("| type | header | content |")[2].partition("\n\n")[0]
    found: dict[str, tuple[set[str], set[str]]] = {}
    for line in table.split("\n")[2:]:
        types, header, content = (
            set(re.findall(r"`([^`]+)`", re.sub(r"\([^()]*\)", "", cell)))
            for cell in line.strip("|").split("|")[:3]
        )
        found |= dict.fromkeys(types, (header, content))
    return found


def test_every_type_of_event_is_on_the_page_and_no_other() -> None:
    assert rows().keys() == KINDS.keys()


@pytest.mark.parametrize("tag", sorted(KINDS))
def test_each_field_is_on_the_page_where_the_log_has_it(tag: str) -> None:
    kind, (header, content) = KINDS[tag], rows()[tag]
    fields = set(kind.__struct_encode_fields__)
    assert content - {"decision"} == set(kind.BODY)
    assert header == fields - kind.BODY
