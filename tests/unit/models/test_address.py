"""Where to connect, and through what."""

import pytest

from devagent.core.errors import ConfigError
from devagent.models.address import parse, proxy_for


@pytest.mark.parametrize(
    ("url", "authority", "tunnel", "path"),
    [
        ("https://api.anthropic.com", "api.anthropic.com", "api.anthropic.com:443", ""),
        (
            "http://Gateway.local:8080/claude/",
            "gateway.local:8080",
            "gateway.local:8080",
            "/claude",
        ),
        ("https://[::1]:8443/a", "[::1]:8443", "[::1]:8443", "/a"),
        ("HTTPS://h:443/", "h", "h:443", ""),
    ],
)
def test_a_base_url_is_taken_apart(url: str, authority: str, tunnel: str, path: str) -> None:
    address = parse(url, "base_url")
    assert (address.authority, address.tunnel, address.path) == (authority, tunnel, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.anthropic.com",
        "ftp://a",
        "https://",
        "https://a:b",
        "https://a:0",
        "https://a:70000",
        "https://a b/",
        "https://a/?key=1",
        "https://a/\r\nx: y",
        "https://bücher.example",
        "https://[::1",
        "https://::1",
        "https://me:pw@a",
    ],
)
def test_a_base_url_that_cannot_be_used_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url") as caught:
        parse(url, "base_url")
    assert "pw" not in str(caught.value)


TARGET = parse("https://api.anthropic.com", "base_url")


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://p:3128"}, "p:3128"),
        ({"https_proxy": "http://q:1", "HTTPS_PROXY": "http://p:3128"}, "q:1"),
        ({"all_proxy": "p:8"}, "p:8"),
        ({"http_proxy": "http://p:3128"}, None),
        ({"https_proxy": "p:1", "no_proxy": "*"}, None),
        ({"https_proxy": "p:1", "NO_PROXY": "x, .Anthropic.com"}, None),
        ({"https_proxy": "p:1", "no_proxy": "anthropic.com"}, None),
        ({"https_proxy": "p:1", "no_proxy": "*.anthropic.com"}, None),
        ({"https_proxy": "p:1", "no_proxy": "opic.com"}, "p:1"),
        ({"https_proxy": "p:1", "no_proxy": "api.anthropic.com:443"}, None),
        ({"https_proxy": "p:1", "no_proxy": "api.anthropic.com:80"}, "p:1"),
        ({"https_proxy": "p:1", "no_proxy": "10.0.0.0/8"}, "p:1"),
    ],
)
def test_the_proxy_is_the_one_that_the_environment_names(
    environment: dict[str, str], proxy: str | None
) -> None:
    found = proxy_for(TARGET, environment)
    assert (found and found.tunnel) == proxy


def test_a_network_in_no_proxy_exempts_its_addresses() -> None:
    environment = {"http_proxy": "p:1", "no_proxy": "10.0.0.0/8,fd00::/8"}
    assert proxy_for(parse("http://10.2.3.4", "base_url"), environment) is None
    assert proxy_for(parse("http://[fd00::7]", "base_url"), environment) is None
    assert proxy_for(parse("http://11.2.3.4", "base_url"), environment) is not None


@pytest.mark.parametrize("url", ["socks5://p:1", "https://p:1", "http://u:hunter2@p:x"])
def test_a_proxy_that_cannot_be_used_is_a_config_error_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match="https_proxy") as caught:
        proxy_for(TARGET, {"https_proxy": url})
    assert "hunter2" not in str(caught.value)


def test_a_password_is_decoded_and_hidden() -> None:
    address = parse("http://me:p%40ss@p:1", "proxy", user_allowed=True)
    assert address.authorization == "Basic bWU6cEBzcw=="
    assert "bWU6" not in repr(address)
