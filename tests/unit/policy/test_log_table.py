"""``[log]``: what the record does not keep. Every file can add to it, none can take away."""

import pytest

from devagent.core.errors import PolicyError
from devagent.policy import PolicyFile, parse
from devagent.policy.bounds import redaction


def file(text: str, *, org: bool = False) -> PolicyFile:
    return parse(text, "p.toml", org=org)


def test_secrets_are_redacted_whatever_the_files_say() -> None:
    assert redaction([]) == {"secrets"}
    assert redaction([file("", org=True)]) == {"secrets"}
    assert redaction([file("[log]\nredact = []", org=True)]) == {"secrets"}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_what_any_layer_names_is_redacted(order: tuple[int, int, int]) -> None:
    files = [
        file('[log]\nredact = ["secrets"]', org=True),
        file('[log]\nredact = ["pii"]'),
        file("[log]"),
    ]
    assert redaction([files[n] for n in order]) == {"secrets", "pii"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[log]\nredacts = ["pii"]', r"p.toml:2:1: \[log\] has no key"),
        ('[log]\nredact = ["pi"]', 'redact can not be "pi"'),
        ('[log]\nredact = "pii"', "must be a list"),
        ("[log]\nredact = [1]", "must be a text"),
    ],
)
def test_a_bad_entry_refuses_the_file_with_its_place(text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        file(text)
