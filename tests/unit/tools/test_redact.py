"""What is taken out of text, and what stays."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest
from kfpilot.tools.redact import MARK, Redactor, is_env_file, worth

PEM = "RSA PRIVATE KEY-----"
VALUE = 'q7V"t\\9x&L-2R'


@pytest.mark.parametrize(
    "name",
    [
        "KFP_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "MYSECRETTHING",
        "DB_PASSWORD",
        "PGPASSWORD",
        "SMTP_PASSWD",
    ],
)
def test_values_of_variables_that_are_called_like_secrets(name: str) -> None:
    said = Redactor({name: VALUE}).text(f"it is {VALUE}.")
    assert said == f"it is {MARK}{name}]."


@pytest.mark.parametrize(
    "spelled",
    [VALUE, json.dumps(VALUE), quote(VALUE, safe=""), repr(VALUE), base64.b64encode(VALUE.encode()).decode()],
    ids=["plain", "json", "address", "repr", "base64"],
)
def test_in_every_spelling(spelled: str) -> None:
    said = Redactor({"API_TOKEN": VALUE}).text(f"<{spelled}>")
    assert "API_TOKEN" in said and "q7V" not in said and spelled not in said


def test_a_value_of_several_lines_is_found_line_by_line() -> None:
    secret = "first-line-0123456789\nsecond-line-9876543210"
    said = Redactor({"CERT_KEY": secret}).text("  second-line-9876543210")
    assert "second" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "postgres"),
        ("SORT_KEY", "created_at"),
        ("TOKENIZERS_PARALLELISM", "true"),
        ("SECRET_NAME", "warehouse-login-3"),
        ("TLS_KEY", "/etc/ssl/private/server.key"),
        ("TOKEN_LIMIT", "32000"),
        ("API_KEY", "none"),
        ("OPENAI_API_KEY", "not-needed"),
    ],
)
def test_words_that_text_is_full_of_stay(name: str, value: str) -> None:
    assert not worth(name, value)
    assert Redactor({name: value}).text(f"about {value} here") == f"about {value} here"


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("gh" + "p_wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx", "a GitHub token"),
        ("AK" + "IAQ7ZP3XW9LMV2TBNR", "an AWS key"),
        ("sk-" + "ant-api03-Qx7Lm2Zt9Wv4Kp8Rb3Nc6Yd1", "an Anthropic key"),
        ("sk-" + "proj-Qx7Lm2Zt9Wv4Kp8Rb3Nc6Yd1", "an API key"),
        ("ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiJxdyJ9.c2lnbmF0dXJlLXggeQ", "a JSON web token"),
        (f"-----BEGIN {PEM}\nMIIEow7Zt9Wv4Kp8Rb3Nc6Yd1Qx7Lm2Zt9Wv4\n-----END {PEM}", "a private key"),
    ],
    ids=lambda value: value if value.startswith("a") and " " in value else "",
)  # fmt: skip
def test_tokens_of_a_known_form(token: str, kind: str) -> None:
    assert Redactor({}).text(f"use {token} here") == f"use {MARK}{kind}] here"


@pytest.mark.parametrize(
    "text",
    [
        "AKIAXXXXXXXXXXXXXXXX and ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx show what tokens look like",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b, sha256:" + "ab" * 32,
        "a key starts with -----BEGIN PRIVATE KEY----- and a text goes on after it",
        "postgresql://user:password@localhost/shop",
        "scikit-learn, sk-learn-contrib-examples-and-more",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor({}).text(text) == text


def test_the_password_in_an_address() -> None:
    said = Redactor({}).text("postgresql://shop:s8F2mQx71Lk@db:5432/shop")
    assert said == f"postgresql://shop:{MARK}a password]@db:5432/shop"


def test_env_files_of_a_repository(tmp_path: Path) -> None:
    for folder in ("deploy", "node_modules/x"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".env").write_text("# local\nexport DB_PASSWORD='pW3kd82hs'\nLOG_LEVEL=debug\nPORT=8080\n")
    (tmp_path / "deploy/.env.prod").write_text('API_TOKEN="Zk4uWq91mN"  # live\nURL=postgres://a:s8F2mQx71Lk@h/x\n')
    (tmp_path / ".env.example").write_text("DB_PASSWORD=example-value-1\n")
    (tmp_path / "node_modules/x/.env").write_text("A_TOKEN=other-value-77\n")
    redactor = Redactor({})
    assert redactor.learn_folder(tmp_path) == [".env", "deploy/.env.prod"]
    said = redactor.text("pW3kd82hs Zk4uWq91mN s8F2mQx71Lk debug 8080 example-value-1 other-value-77")
    assert said == (
        f"{MARK}DB_PASSWORD of .env] {MARK}API_TOKEN of .env.prod] {MARK}URL of .env.prod] debug 8080 "
        "example-value-1 other-value-77"
    )
    assert redactor.held("x = 'Zk4uWq91mN'") == ["API_TOKEN of .env.prod"]


@pytest.mark.parametrize("path", [".env", "a/.env.local", "prod.env", ".envrc"])
def test_env_files_are_known_by_name(path: str) -> None:
    assert is_env_file(path)


@pytest.mark.parametrize("path", [".env.example", "environment.yml", "env.py", "src/env/x.py", "a.env.sample"])
def test_other_files_are_not(path: str) -> None:
    assert not is_env_file(path)


def test_structures_with_their_keys() -> None:
    redactor = Redactor({"API_TOKEN": "Zk4uWq91mN"})
    found = redactor.data({"a Zk4uWq91mN": [1, None, {"b": ("Zk4uWq91mN", True)}]})
    mark = f"{MARK}API_TOKEN]"
    assert found == {f"a {mark}": [1, None, {"b": [mark, True]}]}


def test_a_variable_that_is_set_later_counts() -> None:
    env: dict[str, str] = {}
    redactor = Redactor(env)
    assert redactor.text("Zk4uWq91mN") == "Zk4uWq91mN"
    env["API_TOKEN"] = "Zk4uWq91mN"
    assert redactor.text("Zk4uWq91mN") == f"{MARK}API_TOKEN]"


def test_twice_is_once() -> None:
    redactor = Redactor({"API_TOKEN": "Zk4uWq91mN"})
    once = redactor.text("Zk4uWq91mN gh" + "p_wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx")
    assert redactor.text(once) == once
