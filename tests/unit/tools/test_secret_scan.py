"""Secrets in added lines. The samples are put together at run time, so that no scanner trips over this file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from kfpilot.tools.findings import Finding
from kfpilot.tools.secret_scan import secret_findings
from kfpilot.tools.secret_values import judge_password, placeholder

WORD = "Zx9" + "kQ2m" + "Lw7"
"""Looks like a password that somebody has chosen."""
LONG = "kQ9x7Lm" + "Z2vTb4R" + "wY8sNc3" + "HfJ"
GITHUB = "gh" + "p_" + "wWPw5k4aXcaT4fNP" + "0UcnZwJUVFk6LO0pINUx"
AWS = "AK" + "IA" + "QYLPMN5HHH" + "FPZAM2"
GOOGLE = "AI" + "za" + "SyD9tSrke72PouQM" + "nMXa7eZSW0jkFMBWYqT"
FACE = "h" + "f_" + "wWPw5k4aXcaT4fNP" + "0UcnZwJUVFk6LO0pIN"
SLACK = "xo" + "xb-" + "731940268517-904" + "1726385174-kQ9x7LmZ2vTb4RwY8sNc3HfJ"
PRIVATE = (
    "-----BEGIN "
    + "PRIVATE KEY-----\n"
    + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj\n" * 3
    + "-----END "
    + "PRIVATE KEY-----\n"
)

Scan = Callable[..., list[Finding]]


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    def write(path: str, text: str, lines: set[int] | None = None, **more: object) -> list[Finding]:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        numbers = set(range(1, text.count("\n") + 2)) if lines is None else lines
        return secret_findings(tmp_path, {path: numbers}, **more)  # type: ignore[arg-type]

    return write


def failing(found: list[Finding]) -> list[tuple[str, int]]:
    return [(item.rule, item.line) for item in found if item.severity == "error"]


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        ("a.py", f'key = "{AWS}"\n', "SEC01"),
        ("a.py", f"token = '{GITHUB}'\n", "SEC01"),
        ("a.yaml", f"token: {GOOGLE}\n", "SEC01"),
        ("a.ipynb", json.dumps({"source": [f'login("{FACE}")']}), "SEC01"),
        ("a.py", f'send("{SLACK}")\n', "SEC01"),
        ("tests/test_a.py", f'KEY = "{AWS}"\n', "SEC01"),
        ("docs/a.md", f"    export GITHUB_TOKEN={GITHUB}\n", "SEC01"),
        ("deploy/key.txt", PRIVATE, "SEC01"),
        ("account.json", json.dumps({"private_key": PRIVATE}), "SEC01"),
        ("a.py", f'password = "{WORD}"\n', "SEC02"),
        ("a.py", f'db = connect(host="db", password="{WORD}")\n', "SEC02"),
        ("a.yaml", f"password: {WORD}\n", "SEC02"),
        ("a.toml", f'api_key = "{LONG}"\n', "SEC02"),
        ("a.sh", f"export DB_PASSWORD={WORD}\n", "SEC02"),
        ("Dockerfile", f"ENV API_KEY={LONG}\n", "SEC02"),
        ("a.py", f'url = "postgresql://etl:{WORD}@db/orders"\n', "SEC02"),
        (
            "secret.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n"
            f"  pin: {base64.b64encode(WORD.encode()).decode()}\n",
            "SEC02",
        ),
        (".env", "LEVEL=1\n", "SEC04"),
        ("conf/.env.production", "LEVEL=1\n", "SEC04"),
        ("keys/id_rsa", "x\n", "SEC04"),
        ("trust.p12", "x\n", "SEC04"),
    ],
)
def test_a_secret_fails_and_its_value_is_not_said(scan: Scan, path: str, text: str, rule: str) -> None:
    found = scan(path, text)
    assert [name for name, _ in failing(found)] == [rule]
    said = " ".join(str(item) for item in found)
    assert not any(value in said for value in (WORD, LONG, GITHUB, AWS, GOOGLE, FACE, SLACK, "MIIEvQ"))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "p.py",
            'kubernetes.use_secret_as_env(task, secret_name="db-secret", secret_key_to_env={"password": "DB_PASS"})',
        ),
        ("p.py", 'kubernetes.use_secret_as_volume(task, secret_name="gcs-key", mount_path="/secrets/key.json")'),
        ("p.py", 'password = os.environ["DB_PASSWORD"]\ntoken = os.environ.get("TOKEN", "")'),
        ("p.py", 'password = "change-me"\napi_key = "<your key>"\npassword: str = ""'),
        ("p.py", 'url = f"postgresql://{user}:{password}@{host}/db"\nurl = "postgresql://user:password@localhost/db"'),
        ("p.py", 'account_key = "customer_id"\ndb_key = "order_id2"\nsecret = get("projects/x/secrets/y/versions/1")'),
        ("p.py", 'if "-----BEGIN ' + 'RSA PRIVATE KEY-----" in text:\n    raise ValueError("a private key")'),
        ("p.py", 'key = "AKIA' + 'IOSFODNN7EXAMPLE"\ntoken = "gh' + "p_" + "x" * 36 + '"'),
        ("p.py", 'client = Minio("minio:9000", secret_key="minio' + '123")'),
        ("p.yaml", "env:\n- name: PW\n  valueFrom:\n    secretKeyRef: {name: db-login, key: password}"),
        ("p.yaml", "volumes:\n- secret: {secretName: my-secret-v2}\nimagePullSecrets: [{name: regcred}]"),
        ("p.yaml", "kind: Secret\napiVersion: v1\nstringData: {password: '${PASSWORD}', user: admin}"),
        (".github/workflows/a.yml", "with:\n  password: ${{ secrets.TOKEN }}\n  token: ${{ github.token }}"),
        (".github/workflows/a.yml", "uses: actions/checkout@" + "b4ffde65f46336ab88eb" + "53be808477a3936bae11"),
        ("c.toml", 'password_file = "/run/secrets/pw"\nsecret_name = "abc-def"\napi_key_env = "OPENAI_API_KEY"'),
        ("docs/a.md", 'Set `password = "your-password"`; the password: a text of the user.'),
        ("requirements.lock", "kfp==2.17.0 --hash=sha256:" + hashlib.sha256(b"kfp").hexdigest()),
        (".env.example", "DB_PASSWORD=\nAPI_KEY=your-key"),
        ("p.py", 'image = "gcr.io/x/y@sha256:' + hashlib.sha256(b"x").hexdigest() + '"'),
    ],
)
def test_names_references_and_placeholders_are_no_secrets(scan: Scan, path: str, text: str) -> None:
    assert failing(scan(path, text + "\n")) == []


def test_only_added_lines_count(scan: Scan) -> None:
    text = f'a = 1\npassword = "{WORD}"\nb = 2\npassword = "{WORD}x"\n'
    assert failing(scan("a.py", text, {1, 3})) == []
    assert failing(scan("a.py", text, {3, 4})) == [("SEC02", 4)]


def test_passwords_of_tests_and_pages_are_told_only(scan: Scan) -> None:
    found = scan("tests/test_a.py", f'login(password="{WORD}")\n', soft=lambda path: path.startswith("tests/"))
    assert [(item.rule, item.severity) for item in found] == [("SEC02", "warning")]


def test_nobody_allows_his_own_token(scan: Scan) -> None:
    comment = "  # pragma: allow" + "list secret"
    assert failing(scan("a.py", f'key = "{AWS}"{comment}\n')) == [("SEC01", 1)]
    found = scan("b.py", f'password = "{WORD}"{comment}\n')
    assert [item.severity for item in found] == ["warning"]


def test_a_baseline_that_was_there_before_counts(scan: Scan, tmp_path: Path) -> None:
    known = hashlib.sha1(WORD.encode(), usedforsecurity=False).hexdigest()
    baseline = json.dumps({"results": {"a.py": [{"hashed_secret": known, "line_number": 1}]}})
    text = f'password = "{WORD}"\n'
    assert failing(scan("a.py", text, before={".secrets.baseline": baseline}.get)) == []
    # One that the change itself writes does not.
    (tmp_path / ".secrets.baseline").write_text(baseline)
    assert failing(scan("a.py", text)) == [("SEC02", 1)]


def test_patterns_of_the_baseline_count_and_its_code_does_not(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("raise SystemExit('was run')\n")
    filters = [
        {"path": "detect_secrets.filters.regex.should_exclude_file", "pattern": ["^samples/"]},
        {"path": "file://evil.py::anything"},
    ]
    before = {".secrets.baseline": json.dumps({"filters_used": filters, "results": {}})}.get
    assert failing(scan("samples/a.py", f'password = "{WORD}"\n', before=before)) == []
    assert failing(scan("a.py", f'password = "{WORD}"\n', before=before)) == [("SEC02", 1)]


def test_a_secret_that_only_moves_is_not_new(scan: Scan) -> None:
    text = f'password = "{WORD}"\n'
    assert failing(scan("b.py", text, moved_from=text)) == []


def test_a_file_of_secrets_that_was_there_is_not_added(scan: Scan) -> None:
    assert failing(scan(".env", "LEVEL=2\n", before={".env": "LEVEL=1\n"}.get)) == []


def test_lines_are_counted_as_git_counts_them(scan: Scan) -> None:
    text = f'a = 1\f\nb = "\u2028"\r\npassword = "{WORD}"\r\n'
    assert failing(scan("a.py", text, {3})) == [("SEC02", 3)]


def test_names_of_files_hide_nothing(scan: Scan) -> None:
    for path in ("swagger.py", "poetry.lock", "a b/ü.py", "-x.py"):
        assert failing(scan(path, f'key = "{AWS}"\n')) == [("SEC01", 1)]


def test_random_strings_are_told(scan: Scan) -> None:
    found = scan("a.py", f'value = "{LONG}{LONG[::-1]}"\n')
    assert [(item.rule, item.severity) for item in found] == [("SEC03", "warning")]


def test_no_service_is_asked_and_the_settings_of_the_library_stay(scan: Scan) -> None:
    from detect_secrets.settings import get_settings

    before = get_settings().json()
    scan("a.py", f'key = "{GITHUB}"\n')  # A unit test cannot open a socket.
    assert get_settings().json() == before


@pytest.mark.parametrize(
    ("value", "judgement"),
    [(WORD, "secret"), ("correct-horse", "none"), ("DB_PASSWORD", "none"), ("hunter" + "2x", "secret"),
     ("test1234", "doubt"), ("password", "none"), ("letmein", "doubt"), ("${X}", "none"), ("/run/x", "none"),
     ("a text of words", "none"), ("12345", "none"), ("", "none")],
)  # fmt: skip
def test_what_a_value_is_worth(value: str, judgement: str) -> None:
    assert judge_password(value) == judgement


def test_tokens_that_only_show_a_form_are_placeholders() -> None:
    assert placeholder("gh" + "p_" + "123456789" * 4)
    assert placeholder("AK" + "IA" + "X" * 16)
    assert not placeholder(GITHUB)
