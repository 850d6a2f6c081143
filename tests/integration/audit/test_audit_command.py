"""`kfpilot audit` on real repositories: exit codes, forms of output, --fix, and that it writes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TASKS = "specs/001-orders/tasks.md"
GOOD = "- [x] T001 Create src/app.py"
BAD = "- [x] T002 Create src/never.py"


def test_the_summary_counts_and_the_exit_code_is_one(
    repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    root = repository(f"{GOOD}\n{BAD}\n- [x] T003 Talk about it\n- [ ] T004 Create src/open.py")
    ran = kfpilot(root, "--no-run")
    assert ran.code == 1
    assert f"{TASKS}:4: contradicted T002: src/never.py never existed" in ran.out
    assert f"{TASKS}:5: unsupported T003" in ran.out
    assert "3 ticks: 1 verified, 1 unsupported, 1 contradicted; nothing was run" in ran.out
    assert "T001" not in ran.out
    assert f"{TASKS}:3: verified T001: src/app.py exists" in kfpilot(root, "--no-run", "--all").out


def test_strict_fails_on_what_nothing_shows(repository: Callable[..., Path], kfpilot: Callable[..., Any]) -> None:
    root = repository(f"{GOOD}\n- [x] T003 Talk about it")
    assert kfpilot(root, "--no-run").code == 0
    assert kfpilot(root, "--no-run", "--strict").code == 1


def test_json_and_sarif_name_line_and_rule(
    repository: Callable[..., Path], kfpilot: Callable[..., Any], tmp_path: Path
) -> None:
    root = repository(f"{GOOD}\n{BAD}\n- [x] T003 Talk about it")
    target = tmp_path / "audit.sarif"
    ran = kfpilot(root, "--no-run", "--json", "--strict", "--sarif", target)
    assert ran.ticks() == {"T001": "verified", "T002": "contradicted", "T003": "unsupported"}
    assert ran.json["totals"] == {"features": 1, "ticked": 3, "verified": 1, "unsupported": 1, "contradicted": 1}
    results = json.loads(target.read_text())["runs"][0]["results"]
    places = [(r["ruleId"], r["level"], r["locations"][0]["physicalLocation"]["region"]["startLine"]) for r in results]
    assert places == [("TICK-FILE", "error", 4), ("TICK-UNSUPPORTED", "warning", 5)]
    assert results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == TASKS


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--feature", "nothing-like-it"], "No feature matches"),
        (["--feature", "00"], "may mean several"),
        (["nowhere"], "does not exist"),
        (["src"], "No feature was found"),
        (["src"], "The repository has 2 above this folder: kfpilot audit /"),
        (["src/app.py"], "no tasks file"),
        (["--json", "--sarif", "-"], "standard output"),
    ],
)
def test_bad_input_ends_with_two(
    arguments: list[str],
    says: str,
    repository: Callable[..., Path],
    kfpilot: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(repository(GOOD, {"specs/002-more/tasks.md": "- [x] T001 Create src/app.py\n"}))
    ran = kfpilot(*arguments, "--no-run")
    assert ran.code == 2
    assert says in ran.err


def test_features_are_found_at_any_depth_and_chosen_by_name(
    repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    line = "- [x] T001 Create src/never.py\n"
    root = repository(
        GOOD,
        {
            "specs/002-refunds/tasks.md": line,
            ".kiro/specs/exports/tasks.md": "- [x] 1. Make `src/app.py`\n",
            "openspec/changes/add-x/tasks.md": "- [x] 1.1 Create `src/app.py`\n",
            "openspec/changes/archive/2025-01-01-old/tasks.md": line,
            "services/pay/specs/001-pay/tasks.md": line,
            "node_modules/x/specs/001-x/tasks.md": line,
            ".specify/templates/tasks.md": line,
        },
    )

    def paths(*arguments: object) -> list[str]:
        return [feature["path"] for feature in kfpilot(*arguments, "--no-run", "--json").json["features"]]

    assert paths(root) == [
        ".kiro/specs/exports/tasks.md",
        "openspec/changes/add-x/tasks.md",
        "services/pay/specs/001-pay/tasks.md",
        TASKS,
        "specs/002-refunds/tasks.md",
    ]
    assert "openspec/changes/archive/2025-01-01-old/tasks.md" in paths(root, "--archived")
    assert paths(root, "-f", "002", "-f", "exports") == ["specs/002-refunds/tasks.md", ".kiro/specs/exports/tasks.md"]
    assert paths(root, "-f", "specs/001-orders") == [TASKS]
    assert paths(root / "services") == ["services/pay/specs/001-pay/tasks.md"]
    assert paths(root / "specs/002-refunds") == ["specs/002-refunds/tasks.md"]
    assert paths(root / TASKS) == [TASKS]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_fix_changes_one_byte_for_each_tick(
    end: bytes, mark: bytes, repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    lines = [
        "# Tasks — Aufträge 🎯", "", "- [x] T001 Create src/app.py", "- [X] T002 [P] Größe: create src/never.py",
        "  - a bullet", "* [x] T003 Create src/gone_too.py\t", "- [ ] T004 Create src/open.py", "no end",
    ]  # fmt: skip
    before = mark + end.join(line.encode() for line in lines)
    root = repository(before)
    ran = kfpilot(root, "--no-run", "--fix")
    after = (root / TASKS).read_bytes()
    changed = [index for index in range(len(before)) if before[index] != after[index]]
    assert len(after) == len(before)
    assert [before[index : index + 1] for index in changed] == [b"X", b"x"]
    assert [after[index - 1 : index + 2] for index in changed] == [b"[ ]", b"[ ]"]
    assert ran.code == 1
    assert "2 contradicted (2 unticked)" in ran.out
    assert kfpilot(root, "--no-run").code == 0


def test_fix_refuses_a_file_with_other_changes_but_not_with_ticks_alone(
    repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    root = repository(f"{GOOD}\n- [ ] T002 Create src/never.py")
    file = root / TASKS
    ticked = file.read_text().replace("- [ ] T002", "- [x] T002")
    file.write_text(ticked + "\nA new thought.\n")
    ran = kfpilot(root, "--no-run", "--fix")
    assert ran.code == 2
    assert "uncommitted changes besides ticks" in ran.err
    assert file.read_text() == ticked + "\nA new thought.\n"
    file.write_text(ticked)
    assert kfpilot(root, "--no-run", "--fix").code == 1
    assert file.read_text() == ticked.replace("- [x] T002", "- [ ] T002")


def test_fix_writes_no_file_when_one_is_refused(repository: Callable[..., Path], kfpilot: Callable[..., Any]) -> None:
    root = repository(BAD, {"specs/002-b/tasks.md": BAD + "\n"})
    file = root / "specs/002-b/tasks.md"
    file.write_text(BAD + "\nMore.\n")
    before = (root / TASKS).read_bytes()
    assert kfpilot(root, "--no-run", "--fix").code == 2
    assert (root / TASKS).read_bytes() == before


def test_fix_refuses_what_is_not_committed_and_says_what_has_no_box(
    repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    root = repository("## T001 — Create src/never.py — DONE\n\nText.\n\n## T002 — Create src/app.py — DONE\n\nText.")
    ran = kfpilot(root, "--no-run", "--fix")
    assert "T001 has no box that could be unticked" in ran.err
    new = root / "specs/002-new/tasks.md"
    new.parent.mkdir()
    new.write_text(BAD + "\n")
    ran = kfpilot(root, "--no-run", "--fix", "-f", "002")
    assert ran.code == 2
    assert "not committed" in ran.err
    assert new.read_text() == BAD + "\n"


def test_nothing_is_written_though_tests_write(
    snapshot: Callable[[Path], Any], repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    test = (
        "import pathlib, subprocess\n\n\ndef test_writes():\n    pathlib.Path('left.txt').write_text('x')\n"
        "    pathlib.Path(__file__).with_name('beside.txt').write_text('x')\n"
        "    subprocess.run(['git', 'commit', '--allow-empty', '-qm', 'x'])\n    assert 1 == 1\n"
    )
    root = repository("- [x] T001 Write tests in tests/test_writes.py", {"tests/test_writes.py": test})
    (root / "src/app.py").write_text("def start():\n    return 2\n")
    (root / "untracked.py").write_text("x = 1\n")
    before = snapshot(root)
    ran = kfpilot(root, "--json")
    assert ran.ticks() == {"T001": "verified"}, ran.out
    assert snapshot(root) == before


def test_uncommitted_work_counts_as_it_is_now(repository: Callable[..., Path], kfpilot: Callable[..., Any]) -> None:
    root = repository(
        "- [x] T001 Write tests in tests/test_app.py\n- [x] T002 Create src/fresh.py\n- [x] T003 Create src/app.py",
        {"tests/test_app.py": "def test_a():\n    assert 1 == 2\n", "pyproject.toml": "[project]\nname = 'x'\n"},
    )
    (root / "tests/test_app.py").write_text("def test_a():\n    from src.fresh import x\n\n    assert x == 1\n")
    (root / "src/fresh.py").write_text("x = 1\n")
    (root / "src/app.py").unlink()
    ran = kfpilot(root, "--json")
    assert ran.ticks() == {"T001": "verified", "T002": "verified", "T003": "unsupported"}, ran.out


def test_an_unreadable_document_is_named_and_the_others_are_judged(
    repository: Callable[..., Path], kfpilot: Callable[..., Any]
) -> None:
    root = repository(GOOD, {"specs/002-b/tasks.md": "- [x] T001 Grö\xdfe\n".encode("latin-1")})
    ran = kfpilot(root, "--no-run", "--json")
    assert ran.code == 2
    assert "specs/002-b/tasks.md:1: The file is not UTF-8" in ran.err
    assert ran.ticks() == {"T001": "verified"}
    utf16 = root / "specs/003-c/tasks.md"
    utf16.parent.mkdir()
    utf16.write_text("- [x] T001 Create src/app.py\n", encoding="utf-16")
    ran = kfpilot(root, "--no-run", "-f", "003")
    assert ran.code == 2
    assert "UTF-8" in ran.err


def test_a_repository_without_ticks_is_fine(repository: Callable[..., Path], kfpilot: Callable[..., Any]) -> None:
    ran = kfpilot(repository("- [ ] T001 Create src/never.py"))
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "0 ticks: 0 verified, 0 unsupported, 0 contradicted")


def test_a_feature_without_a_task_is_said(repository: Callable[..., Path], kfpilot: Callable[..., Any]) -> None:
    ran = kfpilot(repository("Nothing yet."))
    assert ran.code == 0
    assert "no task was recognised" in ran.out


def test_progress_goes_to_standard_error(repository: Callable[..., Path], kfpilot: Callable[..., Any]) -> None:
    root = repository(GOOD)
    ran: Any = kfpilot(root, "--json")
    assert "reading repo" in ran.err
    assert ran.json["root"] == str(root)
    assert kfpilot(root, "--json", "--quiet").err == ""


def test_a_task_falls_with_its_sub_task(repository: Callable[..., Path], kfpilot: Callable[..., Any]) -> None:
    root = repository(
        "- [x] 1. The app\n- [x] 1.1 Create src/app.py\n- [x] 1.2 Create src/gone.py\n"
        "- [x] 2. The rest\n- [x] 2.1 Create src/app.py"
    )
    assert kfpilot(root, "--no-run", "--json").ticks() == {
        "1": "contradicted",
        "1.1": "verified",
        "1.2": "contradicted",
        "2": "verified",
        "2.1": "verified",
    }
    kfpilot(root, "--no-run", "--fix")
    boxes = [line[3] for line in (root / "specs/001-orders/tasks.md").read_text().splitlines() if line[:3] == "- ["]
    assert "".join(boxes) == " x xx"
