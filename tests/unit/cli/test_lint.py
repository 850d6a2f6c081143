"""`kfpilot lint`: what it prints, writes and answers, on a small project."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from kfpilot.agent.cli.app import main
from kfpilot.tools.kfp_catalogue import RULES

BAD = (
    "import json\nfrom kfp import dsl\n\n\n@dsl.component(base_image='python:latest')\ndef dump(n: int) -> str:\n"
    "    return json.dumps(n)\n"
)
GOOD = "from kfp import dsl\n\n\n@dsl.component\ndef same(n: int) -> int:\n    return n\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "project"
    files = {
        "steps/dump.py": BAD,
        "steps/same.py": GOOD,
        "steps/plain.py": "import json\n\n\ndef dump(n):\n    return json.dumps(n)\n",
        "tests/test_dump.py": "import kfp\nfrom kfp.components import create_component_from_func\n",
        "tests/test_defines.py": "from kfp import dsl\n\n\n@dsl.component\ndef lost() -> int:\n    return LIMIT\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(root)
    for name in [name for name in os.environ if name.startswith("KFPILOT_")]:
        monkeypatch.delenv(name)
    return root


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["lint", "--no-compile", *arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_findings_are_printed_in_order_with_a_summary(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys)

    lines = out.splitlines()
    assert code == 1
    assert lines[0].startswith("steps/dump.py:5:27: K04 (warning) component `dump` runs in `python:latest`")
    assert lines[1].startswith("steps/dump.py:7:12: K01 component `dump` uses `json`")
    assert lines[2].startswith("tests/test_defines.py:6:12: K01 ")  # a test that defines components is looked at
    assert lines[3:] == ["Found 2 errors, 1 warning in 3 files."]
    assert "\x1b" not in out


def test_clean_files_end_with_zero_and_severity_decides(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "steps/same.py")[:2] == (0, "Nothing found in 1 file.\n")
    assert run(capsys, "steps", "--ignore", "K01")[0] == 1
    assert run(capsys, "steps", "--ignore", "K01", "--fail-on", "error")[0] == 0
    assert run(capsys, "steps", "--select", "K04,K09")[1].count("K04") == 1


def test_full_shows_the_line_of_code(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "steps", "--output-format", "full", "--select", "K01")

    assert "    7 |     return json.dumps(n)\n      |            ^ own-names-only\n" in out


def test_machine_formats_hold_the_same_findings(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--json", "--sarif", "lint.sarif")
    data = json.loads(out)
    assert code == 1
    assert [(item["path"], item["line"], item["rule"]) for item in data["findings"]] == [
        ("steps/dump.py", 5, "K04"),
        ("steps/dump.py", 7, "K01"),
        ("tests/test_defines.py", 6, "K01"),
    ]
    assert data["counts"] == {"error": 2, "warning": 1, "note": 0}

    sarif = json.loads((project / "lint.sarif").read_text(encoding="utf-8"))
    results = sarif["runs"][0]["results"]
    assert [item["ruleId"] for item in results] == ["K04", "K01", "K01"]
    assert [item["level"] for item in results] == ["warning", "error", "error"]
    assert len(sarif["runs"][0]["tool"]["driver"]["rules"]) == len(RULES)
    assert run(capsys, "--output-format", "sarif")[1] == (project / "lint.sarif").read_text(encoding="utf-8")

    _, out, _ = run(capsys, "--output-format", "github", "--select", "K01")
    assert out.startswith("::error file=steps/dump.py,line=7,col=12,title=K01 own-names-only::component `dump` uses")


def test_statistics_count_rules(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--statistics")

    assert [line.split()[:3] for line in out.splitlines()[:2]] == [["2", "K01", "error"], ["1", "K04", "warning"]]


def test_settings_of_the_project_count(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = '[tool.kfpilot.lint]\nignore = ["K04"]\n\n[tool.kfpilot.lint.per-path-ignore]\n"tests/" = ["K01"]\n'
    (project / "pyproject.toml").write_text(text, encoding="utf-8")

    assert run(capsys)[1].splitlines()[1:] == ["Found 1 error in 3 files."]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "there is no file or folder nowhere"),
        ([".."], "is not in the project"),
        (["--select", "K99"], "there is no rule K99"),
        (["--policy", "everything"], "limits"),
        (["--output-format", "xml"], "there is no output format 'xml'"),
        (["--fail-on", "never"], "'never' is no severity"),
        (["--explain", "K99"], "there is no rule K99"),
    ],
)
def test_mistakes_of_the_caller_end_with_two(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    code, _, err = run(capsys, *arguments)

    assert code == 2
    assert says in err and "Traceback" not in err


def test_a_bad_setting_names_its_place(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "pyproject.toml").write_text('[tool.kfpilot.lint]\nselct = ["K04"]\n', encoding="utf-8")

    code, _, err = run(capsys)

    assert code == 2 and "lint.selct" in err and "pyproject.toml" in err


def test_a_file_that_does_not_parse_is_told(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "steps/broken.py").write_text("import kfp\ndef broken(:\n", encoding="utf-8")

    code, out, _ = run(capsys, "steps/broken.py", "steps/same.py")

    assert code == 1
    assert "steps/broken.py: not looked at: line 2: does not parse" in out


def test_what_git_ignores_is_left_out_unless_named(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import subprocess

    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    (project / ".gitignore").write_text("steps/dump.py\n", encoding="utf-8")

    assert "dump.py" not in run(capsys)[1]
    assert "steps/dump.py:7" in run(capsys, "steps/dump.py")[1]


def test_rules_are_explained(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--explain", "K06")
    assert code == 0
    assert "no-python-decisions" in out and "dsl.If" in out
    listed = run(capsys, "--explain", "all")[1]
    assert all(rule.id in listed for rule in RULES)
