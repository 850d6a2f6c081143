"""Addresses of remotes, and where a token goes."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from kfpilot.agent.night.landing import access, host_of
from kfpilot.tools.git_remote import hidden, parse_address, with_token


@pytest.mark.parametrize(
    ("url", "host", "slug", "shown"),
    [
        ("https://github.com/o/n.git", "github.com", "o/n", "https://github.com/o/n.git"),
        ("https://me:secret@github.com/o/n", "github.com", "o/n", "https://github.com/o/n"),
        ("git@gitlab.com:group/sub/n.git", "gitlab.com", "group/sub/n", "gitlab.com:group/sub/n.git"),
        ("ssh://git@git.example.org:2222/o/n.git", "git.example.org", "o/n", "ssh://git.example.org:2222/o/n.git"),
        ("/srv/git/n.git", "", "", "/srv/git/n.git"),
    ],
)
def test_an_address_is_read_without_its_secret(url: str, host: str, slug: str, shown: str) -> None:
    address = parse_address(url)
    assert (address.host, address.slug, address.shown) == (host, slug, shown)


def test_a_token_is_for_one_server_only() -> None:
    env = with_token("https://github.com", "x-access-token", "s3cr3t", {"GIT_CONFIG_COUNT": "1"})
    assert env["GIT_CONFIG_COUNT"] == "2"
    assert env["GIT_CONFIG_KEY_1"] == "http.https://github.com/.extraHeader"
    assert base64.b64decode(env["GIT_CONFIG_VALUE_1"].rsplit(" ", 1)[1]) == b"x-access-token:s3cr3t"


def test_a_github_token_does_not_go_to_another_server() -> None:
    env = {"GITHUB_TOKEN": "s3cr3t", "GITLAB_TOKEN": "other"}
    elsewhere = access(parse_address("https://github.evil.invalid/o/n"), "github", env)
    assert (elsewhere.token, elsewhere.env) == ("", {})
    assert access(parse_address("https://gitlab.evil.invalid/o/n"), "gitlab", env).token == ""
    assert access(parse_address("https://github.com/o/n"), "github", env).token == "s3cr3t"
    own = access(parse_address("https://git.corp.invalid/o/n"), "github", {**env, "GH_HOST": "git.corp.invalid"})
    assert own.token == "s3cr3t" and "git.corp.invalid" in own.env["GIT_CONFIG_KEY_0"]


def test_the_service_is_known_by_its_name() -> None:
    names = {"https://github.com/o/n": "github", "git@gitlab.com:o/n": "gitlab", "https://git.example.org/o/n": ""}
    assert {url: host_of(parse_address(url), {}) for url in names} == names


def test_what_git_says_is_shown_without_secrets() -> None:
    env = with_token("https://github.com", "u", "s3cr3t", {})
    said = f"fatal: https://u:s3cr3t@github.com/o/n {env['GIT_CONFIG_VALUE_0']}"
    assert "s3cr3t" not in hidden(said, env)
    assert env["GIT_CONFIG_VALUE_0"].rsplit(" ", 1)[1] not in hidden(said, env)


def test_the_folder_is_a_path() -> None:
    assert parse_address(str(Path("/tmp/x"))).host == ""
