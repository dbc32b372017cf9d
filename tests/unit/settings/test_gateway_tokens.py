"""Tokens of the gateway's clients, on file."""

import errno
import os
from pathlib import Path

import pytest

from devagent.core.errors import ConfigError
from devagent.settings.gateway_tokens import GatewayTokens


def test_a_token_is_kept_as_its_digest_and_found_again(tmp_path: Path) -> None:
    one, other = (GatewayTokens(str(tmp_path)) for _ in range(2))
    token, second = one.add("editor"), other.add("ci")
    assert one.names() == ["ci", "editor"]
    assert [one.name_of(token), one.name_of(second), one.name_of("x")] == ["editor", "ci", None]
    assert token not in (tmp_path / "gateway-tokens.json").read_text()
    other.remove("editor")
    assert one.name_of(token) is None


def test_a_full_disk_is_told_with_the_file_and_loses_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = GatewayTokens(str(tmp_path))
    kept = tokens.add("editor")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match=r"gateway-tokens\.json: the tokens cannot be kept \(No space left"):  # fmt: skip
        tokens.add("ci")
    assert tokens.names() == ["editor"]
    assert tokens.name_of(kept) == "editor"
