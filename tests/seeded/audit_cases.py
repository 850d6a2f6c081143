"""Phantom ticks: tasks that are ticked and not done, each with a twin that is. Data only, for tests of `kfpilot audit`.

A case is a history: one dict of files for each commit, None for a file that the commit deletes. All cases fit into one
repository, because no two share a path or a name.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

History = tuple[Mapping[str, str | None], ...]


class AuditCase(NamedTuple):
    """A ticked task, false in one history and true in the other."""

    name: str
    rule: str
    document: str
    task: str
    phantom: History
    clean: History
    runs: bool = False

    @property
    def line(self) -> int:
        """The line of the task in its document."""
        return 3


class QuietCase(NamedTuple):
    """A ticked task of which nothing is certain: it must not be contradicted."""

    name: str
    task: str
    history: History


COMPONENT = """from kfp import dsl


@dsl.component
def {name}(count: int) -> int:
    return count


@dsl.pipeline
def {name}_pipeline():
    {name}({argument}=1)
"""


def spec(name: str) -> str:
    return f"specs/{name}/tasks.md"


CASES = (
    AuditCase(
        "file-as-object", "TICK-FILE", spec("001-object"), "- [x] T001 Create alpha/reader.py with the CSV reader",
        ({"alpha/base.py": "x = 1\n"},), ({"alpha/base.py": "x = 1\n", "alpha/reader.py": "y = 1\n"},),
    ),
    AuditCase(
        "file-as-place", "TICK-FILE", spec("002-place"), "- [X] T001 [P] [US1] Implement retries in beta/retrying.py",
        ({"beta/base.py": "x = 1\n"},), ({"beta/base.py": "x = 1\n", "beta/retrying.py": "y = 1\n"},),
    ),
    AuditCase(
        "tests-file", "TICK-FILE", spec("003-tests"), "- [x] T001 Unit test for totals in gamma/test_totals.py",
        ({"gamma/sums.py": "x = 1\n"},),
        ({"gamma/sums.py": "x = 1\n", "gamma/test_totals.py": "def test_totals():\n    assert sum([1]) == 1\n"},),
    ),
    AuditCase(
        "renamed-since", "TICK-FILE", spec("004-renamed"), "- [x] T001 Create delta/importing.py",
        ({"delta/base.py": "x = 1\n"},),
        (
            {"delta/base.py": "x = 1\n", "delta/importing.py": "def bring_in():\n    return 'delta'\n"},
            {"delta/importing.py": None, "delta/intake.py": "def bring_in():\n    return 'delta'\n"},
        ),
    ),
    AuditCase(
        "deleted-since", "TICK-FILE", spec("005-deleted"), "- [x] T001 Create epsilon/legacy_bridge.py",
        ({"epsilon/base.py": "x = 1\n"},),
        ({"epsilon/base.py": "x = 1\n", "epsilon/legacy_bridge.py": "z = 5\n"}, {"epsilon/legacy_bridge.py": None}),
    ),
    AuditCase(
        "function", "TICK-SYMBOL", spec("006-function"),
        "- [x] T001 Add function `publish_quarter()` to zeta/quarters.py",
        ({"zeta/quarters.py": "def open_year():\n    return 1\n"},),
        ({"zeta/quarters.py": "def publish_quarter():\n    return 1\n"},),
    ),
    AuditCase(
        "class", "TICK-SYMBOL", spec("007-class"), "- [x] T001 Create class `LedgerVault` in eta/vaults.py",
        ({"eta/vaults.py": "SHELVES = 3\n"},), ({"eta/vaults.py": "class LedgerVault:\n    shelves = 3\n"},),
    ),
    AuditCase(
        "test-by-node-id", "TICK-SYMBOL", spec("008-node"),
        "- [x] T001 Cover the edge in theta/test_edges.py::test_zero_width",
        ({"theta/test_edges.py": "def test_narrow():\n    assert len('a') == 1\n"},),
        ({"theta/test_edges.py": "def test_zero_width():\n    assert len('') == 0\n"},),
    ),
    AuditCase(
        "removal", "TICK-REMOVED", spec("009-removal"), "- [x] T001 Remove iota/old_sender.py",
        ({"iota/old_sender.py": "x = 9\n"},), ({"iota/old_sender.py": "x = 9\n"}, {"iota/old_sender.py": None}),
    ),
    AuditCase(
        "test-fails", "TICK-TEST", spec("010-fails"), "- [x] T001 Write tests in kappa/test_rounding.py",
        ({"kappa/test_rounding.py": "def test_round():\n    assert round(2.6) == 2\n"},),
        ({"kappa/test_rounding.py": "def test_round():\n    assert round(2.6) == 3\n"},), True,
    ),
    AuditCase(
        "test-is-empty", "TICK-TEST", spec("011-empty"), "- [x] T001 Write tests in lambda_/test_discounts.py",
        ({"lambda_/test_discounts.py": '"""Discounts."""\n\nRATE = 3\n'},),
        ({"lambda_/test_discounts.py": "def test_rate():\n    assert 3 > 2\n"},), True,
    ),
    AuditCase(
        "test-cannot-import", "TICK-TEST", spec("012-import"), "- [x] T001 Write tests in mu/test_prices.py",
        (
            {
                "mu/__init__.py": "", "mu/prices.py": "def single():\n    return 1\n",
                "mu/test_prices.py": "from mu.prices import double\n\n\ndef test_double():\n    assert double() == 2\n",
            },
        ),
        (
            {
                "mu/__init__.py": "", "mu/prices.py": "def double():\n    return 2\n",
                "mu/test_prices.py": "from mu.prices import double\n\n\ndef test_double():\n    assert double() == 2\n",
            },
        ), True,
    ),
    AuditCase(
        "pipeline-does-not-compile", "TICK-COMPILE", spec("013-compile"),
        "- [x] T001 Create the pipeline in nu/nightly.py",
        ({"nu/nightly.py": COMPONENT.format(name="nightly", argument="amount")},),
        ({"nu/nightly.py": COMPONENT.format(name="nightly", argument="count")},), True,
    ),
    AuditCase(
        "component-has-a-syntax-error", "TICK-COMPILE", spec("014-syntax"),
        "- [x] T001 Create the component in xi/weekly.py",
        ({"xi/weekly.py": COMPONENT.format(name="weekly", argument="count").replace("int:", "int")},),
        ({"xi/weekly.py": COMPONENT.format(name="weekly", argument="count")},), True,
    ),
    AuditCase(
        "kiro-bullet", "TICK-FILE", ".kiro/specs/exports/tasks.md",
        "- [x] 1. Export\n  - Create `omicron/exporting.py` with the writer\n  - _Requirements: 1.1_",
        ({"omicron/base.py": "x = 1\n"},), ({"omicron/base.py": "x = 1\n", "omicron/exporting.py": "y = 2\n"},),
    ),
    AuditCase(
        "kiro-nested", "TICK-FILE", ".kiro/specs/nested/tasks.md",
        "- [x] 2.1.3 Create `pi/rates_table.py`\n  - _Requirements: 2.1_",
        ({"pi/base.py": "x = 1\n"},), ({"pi/base.py": "x = 1\n", "pi/rates_table.py": "y = 3\n"},),
    ),
    AuditCase(
        "openspec", "TICK-FILE", "openspec/changes/add-audit-log/tasks.md",
        "- [x] 1.1 Create `rho/trail.py` exporting the writer",
        ({"rho/base.py": "x = 1\n"},), ({"rho/base.py": "x = 1\n", "rho/trail.py": "y = 4\n"},),
    ),
    AuditCase(
        "feature-of-a-project-inside", "TICK-FILE", "services/sigma/specs/001-inner/tasks.md",
        "- [x] T001 Create engine/planner_core.py",
        ({"services/sigma/engine/base.py": "x = 1\n"},),
        ({"services/sigma/engine/base.py": "x = 1\n", "services/sigma/engine/planner_core.py": "y = 6\n"},),
    ),
)  # fmt: skip

HERE = {"src/app.py": "def start():\n    return 1\n"}

QUIET = (
    QuietCase("placeholder", "- [x] T001 Create src/your_module.py", (HERE,)),
    QuietCase("pattern", "- [x] T001 Create src/models/[entity]_model.py", (HERE,)),
    QuietCase("glob", "- [x] T001 Create src/handlers/*.py and tests/test_*.py", (HERE,)),
    QuietCase("example", "- [x] T001 Create helpers, e.g. src/helpers_text.py", (HERE,)),
    QuietCase("either-or", "- [x] T001 Implement the limits in src/limits.py or src/app.py", (HERE,)),
    QuietCase("struck-out", "- [x] ~~T001 Create src/unwanted.py~~ not needed", (HERE,)),
    QuietCase("done-elsewhere", "- [x] T001 Create src/spare.py (implemented in src/app.py)", (HERE,)),
    QuietCase("only-read", "- [x] T001 Verify that src/never_made.py handles errors", (HERE,)),
    QuietCase("referred-to", "- [x] T001 Follow the style of other/styles.py in src/app.py", (HERE,)),
    QuietCase("another-root", "- [x] T001 Create src/app.py", ({"backend/src/app.py": "x = 1\n"},)),
    QuietCase("own-repository-prefix", "- [x] T001 Create backend/src/app.py", (HERE,)),
    QuietCase("other-case", "- [x] T001 Create src/App.py", (HERE,)),
    QuietCase("became-a-package", "- [x] T001 Create src/app.py", ({"src/app/__init__.py": "x = 1\n"},)),
    QuietCase("other-language", "- [x] T001 Create src/app.js", ({"src/app.ts": "export const x = 1\n"},)),
    QuietCase("ignored", "- [x] T001 Create src/local_keys.py", ({**HERE, ".gitignore": "local_keys.py\n"},)),
    QuietCase("output", "- [x] T001 Create reports/summary.csv", (HERE,)),
    QuietCase("environment", "- [x] T001 Create .env with the settings", (HERE,)),
    QuietCase("folder", "- [x] T001 Create src/handlers/ and tests/contract/", (HERE,)),
    QuietCase("other-repository", "- [x] T001 Create firmware/boot/loader.c", (HERE,)),
    QuietCase("documents-only", "- [x] T001 Create src/app.py", ({"README.md": "# Documents\n"},)),
    QuietCase(
        "made-and-removed-at-once",
        "- [x] T001 Create src/scaffold_tmp.py\n- [x] T002 Remove src/scaffold_tmp.py again",
        (HERE,),
    ),
    QuietCase(
        "moved-at-once",
        "- [x] T001 Create src/first_name.py\n- [x] T002 Rename src/first_name.py to src/app.py",
        (HERE,),
    ),
    QuietCase(
        "class-in-another-file",
        "- [x] T001 Implement `OrderLimits` class in src/order_limits.py",
        ({"src/app.py": "class OrderLimits:\n    most = 3\n"},),
    ),
    QuietCase("name-in-javascript", "- [x] T001 Add `renderChart()` to src/app.js", ({"src/app.js": "x = 1\n"},)),
    QuietCase("name-in-a-document", "- [x] T001 Create the `daily` dashboard", (HERE,)),
    QuietCase("name-of-a-library", "- [x] T001 Add `lru_cache` to src/app.py", (HERE,)),
    QuietCase(
        "name-renamed-since",
        "- [x] T001 Add function `begin_work()` to src/app.py",
        ({"src/app.py": "def begin_work():\n    return 1\n"}, HERE),
    ),
    QuietCase("removal-of-dead-code", "- [x] T001 Remove duplicated code src/app.py", (HERE,)),
    QuietCase("removal-of-a-part", "- [x] T001 Remove the retries from src/app.py", (HERE,)),
    QuietCase("deferred", "- [x] T001 Create src/later_on.py (deferred to the next release)", (HERE,)),
    QuietCase("not-ticked", "- [ ] T001 Create src/not_yet.py", (HERE,)),
    QuietCase(
        "in-a-code-block",
        "```text\n- [x] T001 Create src/sample_only.py\n```\n- [x] T002 Create src/app.py",
        (HERE,),
    ),
    QuietCase("checklist", "- [x] CHK001 Is src/never_there.py complete?\n- [x] T002 Create src/app.py", (HERE,)),
)  # fmt: skip


def document_of(task: str) -> str:
    """A tasks file that holds a task on its third line."""
    return f"# Tasks\n\n{task}\n"


def commit_history(root: Path, history: Iterable[Mapping[str, str | None]]) -> Path:
    """Make a repository whose commits are the given changes."""
    root.mkdir(parents=True, exist_ok=True)
    _git(root, "init", "--quiet", "--initial-branch=main")
    for number, change in enumerate(history):
        for path, content in change.items():
            file = root / path
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8", newline="")
        _git(root, "add", "--all")
        _git(root, "commit", "--quiet", "--allow-empty", "-m", f"step {number}")
    return root


def repository_of(root: Path, cases: Iterable[AuditCase], *, clean: bool) -> Path:
    """One repository that holds all the cases, each as a feature, phantom or clean."""
    cases = list(cases)
    steps: list[dict[str, str | None]] = [{"pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['.']\n"}]
    for case in cases:
        for number, change in enumerate(case.clean if clean else case.phantom):
            while len(steps) < number + 2:
                steps.append({})
            steps[number + 1].update(change)
        steps[1][case.document] = document_of(case.task)
    return commit_history(root, steps)


def _git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)
