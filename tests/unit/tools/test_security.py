"""Risky calls in added lines, and requirements without a version."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kfpilot.tools.errors import ToolFailure
from kfpilot.tools.findings import Finding
from kfpilot.tools.security import bandit_findings, is_requirements, requirement_findings

Scan = Callable[..., list[Finding]]


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    def write(text: str, lines: set[int] | None = None, path: str = "a.py", **more: object) -> list[Finding]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        numbers = set(range(1, text.count("\n") + 2)) if lines is None else lines
        return bandit_findings(tmp_path, {path: numbers}, **more)  # type: ignore[arg-type]

    return write


def failing(found: list[Finding]) -> list[tuple[str, int]]:
    return [(item.rule, item.line) for item in found if item.severity == "error"]


@pytest.mark.parametrize(
    ("bad", "good", "rule"),
    [
        ("subprocess.run(f'ls {x}', shell=True)", "subprocess.run(['ls', x], check=True)", "B602"),
        ("os.system('ls ' + x)", "os.listdir(x)", "B605"),
        ("eval(x)", "ast.literal_eval(x)", "B307"),
        ("exec(x)", "call(x)", "B102"),
        ("yaml.load(x)", "yaml.safe_load(x)", "B506"),
        ("requests.get(x, verify=False, timeout=5)", "requests.get(x, timeout=5)", "B501"),
        ("os.chmod(x, 0o777)", "os.chmod(x, 0o700)", "B103"),
    ],
)
def test_a_risky_call_fails_and_the_safe_one_does_not(scan: Scan, bad: str, good: str, rule: str) -> None:
    head = "import ast, os, subprocess, yaml, requests\n\n\ndef f(x):\n    "
    assert failing(scan(head + good + "\n")) == []
    assert failing(scan(head + bad + "\n")) == [(rule, 5)]


def test_what_good_pipelines_do_is_no_failure(scan: Scan) -> None:
    text = """
import hashlib, pickle, subprocess, tarfile, urllib.request
import joblib, requests, torch

def component(model, url, port):
    with open(model, "rb") as file:
        pickle.load(file)
    joblib.load(model)
    torch.load(model)
    hashlib.md5(url.encode())
    urllib.request.urlretrieve(url, "/tmp/data.csv")
    requests.get(url)
    tarfile.open("/tmp/data.tar").extractall("/tmp/data")
    subprocess.run(["gsutil", "cp", url, "/tmp"], check=True)
    assert model
    app.run(host="0.0.0.0", port=port)
    try:
        pass
    except Exception:
        pass
"""
    assert failing(scan(text)) == []


def test_only_added_lines_count(scan: Scan) -> None:
    text = "eval(a)\nb = 1\neval(\n    c\n)\n"
    assert failing(scan(text, {2})) == []
    assert failing(scan(text, {4})) == [("B307", 3)]


def test_nosec_is_told_and_tests_are_free(scan: Scan) -> None:
    found = scan("eval(a)  # nosec\n")
    assert [item.severity for item in found] == ["warning"]
    assert "nosec" in found[0].message
    assert failing(scan("eval(a)\n", path="tests/test_a.py", soft=lambda path: path.startswith("tests/"))) == []


def test_the_projects_own_settings_count(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.bandit]\nskips = ["B307"]\n')
    assert failing(scan("eval(a)\n", config="pyproject.toml")) == []
    assert failing(scan("eval(a)\n")) == [("B307", 1)]


def test_nothing_is_told_but_the_findings(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("eval(a)\n")
    code = (
        "import sys; from pathlib import Path; from kfpilot.tools.security import bandit_findings; "
        "print(len(bandit_findings(Path(sys.argv[1]), {'a.py': {1}})))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_folders_that_the_project_leaves_out_are_not_scanned(scan: Scan, tmp_path: Path) -> None:
    # The folder of the repository may be called like one that is left out.
    (tmp_path / "pyproject.toml").write_text(f'[tool.bandit]\nexclude_dirs = ["scripts", "{tmp_path.name}"]\n')
    assert failing(scan("eval(a)\n", path="scripts/a.py", config="pyproject.toml")) == []
    assert failing(scan("eval(a)\n", path="shop/a.py", config="pyproject.toml")) == [("B307", 1)]


@pytest.mark.parametrize("settings", ["skips = 5", 'skips = "B307', "[tool.bandit.any_other_function_with_shell]"])
def test_settings_that_bandit_cannot_use_are_said_or_ignored(scan: Scan, tmp_path: Path, settings: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.bandit]\n{settings}\n")
    try:
        assert failing(scan("eval(a)\n", config="pyproject.toml")) == [("B307", 1)]
    except ToolFailure as failure:
        assert "bandit could not run: " in str(failure)


def test_modules_of_the_project_are_not_imported(scan: Scan, tmp_path: Path) -> None:
    (tmp_path / "bandit.py").write_text("raise SystemExit('was run')\n")
    (tmp_path / "yaml.py").write_text("raise SystemExit('was run')\n")
    assert failing(scan("eval(a)\n")) == [("B307", 1)]


def requirements(root: Path, text: str, name: str = "requirements.txt") -> list[tuple[int, str]]:
    (root / name).write_text(text)
    return [(item.line, item.severity) for item in requirement_findings(root, name)]


def test_packages_have_a_version(tmp_path: Path) -> None:
    good = "# all\nkfp==2.17.0\npandas[parquet]==2.2.3 ; python_version > '3.9'\n-r other.txt\nx @ https://a.b/x.whl\n"
    assert requirements(tmp_path, good) == []
    assert requirements(tmp_path, "kfp\npandas>=2\nnumpy==2.1.0\n") == [(1, "error"), (2, "warning")]
    assert requirements(tmp_path, "pytest\n", "requirements-dev.txt") == [(1, "warning")]
    assert requirements(tmp_path, "-c constraints.txt\nkfp\n") == []
    (tmp_path / "uv.lock").write_text("")
    assert requirements(tmp_path, "kfp\n") == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [("requirements.txt", True), ("a/requirements-dev.txt", True), ("dev-requirements.txt", True),
     ("requirements.in", False), ("docs/requirements.md", False)],
)  # fmt: skip
def test_which_files_are_lists_of_packages(path: str, expected: bool) -> None:
    assert is_requirements(path) is expected
