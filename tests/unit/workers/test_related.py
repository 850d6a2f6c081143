"""Which files and requirements a task is shown, in a project whose documents cite nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from kfpilot.agent.documents import load_feature
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.planner.models import Role
from kfpilot.agent.settings import Settings
from kfpilot.agent.workers.job import Job
from kfpilot.agent.workers.packet import Packet, gather
from kfpilot.agent.workers.project import tree_of

FILES = {
    "README.md": "# Depot\n",
    "depot/__init__.py": "",
    "depot/steps/__init__.py": "from depot.steps.clean import clean\n",
    "depot/steps/clean.py": """from kfp import dsl


@dsl.component(base_image="python:3.11")
def clean(rows: dsl.Input[dsl.Dataset]) -> int:
    '''Counts rows.

    Args:
        rows: CSV with the column kilos.
    '''
    return 0
""",
    "depot/flows/daily.py": 'from kfp import dsl\n\n\n@dsl.pipeline(name="daily")\ndef daily(): ...\n',
    "deploy/account.yaml": "kind: ServiceAccount\n",
    "deploy/night.yaml": "kind: CronJob\n",
    "tests/conftest.py": "import pytest\n",
    "tests/helpers.py": "def rows(): ...\n",
    "tests/unused.py": "def other(): ...\n",
    "tests/test_clean.py": "from depot.steps import clean\nfrom tests.helpers import rows\n\n\ndef test_clean(): ...\n",
    "tests/test_daily.py": "from kfp import compiler\n",
    "specs/001-night/spec.md": """# Feature Specification: Night

## Requirements

### Functional Requirements

- **FR-001**: The alert MUST be written only if there is one.
- **FR-002**: Nothing else MUST be started.

### Key Entities

- **Alert**: Markdown with one line for each row.
""",
    "specs/001-night/tasks.md": """# Tasks: Night

- [ ] T001 Create component `alert(rows)` in depot/steps/alert.py and export it
- [ ] T002 Create pipeline `night` in depot/flows/night.py, same block as daily.py; do not change depot/flows/daily.py
- [ ] T003 Add tests/test_alert.py for the component `alert`
- [ ] T004 Add tests/test_deploy.py: the account of the CronJob is that in deploy/account.yaml
- [ ] T005 Add deploy/alert.yaml with the account
- [ ] T006 Write docs/night.md on how to run it
- [ ] T007 Create component `fill` in depot/steps/fill.py, update the check of T003, and add tests/test_fill.py
""",
}


@pytest.fixture
def packet_of(tmp_path: Path) -> Callable[[str, Role], Packet]:
    """Gathers what a role needs for a task of the project."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    feature = load_feature(tmp_path / "specs" / "001-night", tmp_path)
    tasks = build_plan(feature).tasks

    def gathered(key: str, role: Role) -> Packet:
        task = next(item for item in tasks if item.id == key)
        tree = tree_of(tmp_path)
        return gather(Job(task, feature, tmp_path, "HEAD", Settings(), lambda event: None, tree=tree), role)

    return gathered


def shown(packet: Packet) -> dict[str, str]:
    """What a packet shows of each file."""
    return {file.path: file.text for file in packet.files}


def test_an_exported_component_comes_with_the_package_that_hands_it_on(
    packet_of: Callable[[str, Role], Packet],
) -> None:
    packet = packet_of("T001", "code")
    assert packet.scope.startswith("depot/steps/alert.py, depot/steps/__init__.py. Another file only")
    assert "import clean" in shown(packet)["depot/steps/__init__.py"]


def test_what_a_component_reads_is_told_where_only_its_signature_is(packet_of: Callable[[str, Role], Packet]) -> None:
    assert "CSV with the column kilos" in shown(packet_of("T007", "code"))["depot/steps/clean.py"]


def test_a_file_that_is_not_to_be_changed_is_shown_and_not_offered(packet_of: Callable[[str, Role], Packet]) -> None:
    packet = packet_of("T002", "code")
    assert packet.scope.startswith("depot/flows/night.py. Another file only")
    assert "depot/flows/daily.py" in shown(packet)


def test_a_test_sees_a_test_of_its_kind_and_what_the_tests_share(packet_of: Callable[[str, Role], Packet]) -> None:
    files = shown(packet_of("T003", "tests"))
    assert {"tests/conftest.py", "tests/helpers.py", "tests/test_clean.py"} <= files.keys()
    assert not {"tests/test_daily.py", "tests/unused.py"} & files.keys()


def test_a_manifest_under_test_is_shown_and_not_offered(packet_of: Callable[[str, Role], Packet]) -> None:
    packet = packet_of("T004", "tests")
    assert packet.scope.startswith("tests/test_deploy.py. Another file only")
    assert {"deploy/account.yaml", "deploy/night.yaml"} <= shown(packet).keys()


def test_a_new_manifest_has_its_neighbours_to_fit_to(packet_of: Callable[[str, Role], Packet]) -> None:
    assert {"deploy/account.yaml", "deploy/night.yaml"} <= shown(packet_of("T005", "infra")).keys()


def test_a_page_that_names_nothing_sees_what_the_feature_made(packet_of: Callable[[str, Role], Packet]) -> None:
    packet = packet_of("T006", "docs")
    assert "def daily" in shown(packet)["depot/flows/daily.py"]
    assert "depot/steps/__init__.py" not in shown(packet)


def test_files_of_a_task_that_is_named_are_shown(packet_of: Callable[[str, Role], Packet], tmp_path: Path) -> None:
    (tmp_path / "tests/test_alert.py").write_text("ALERT = 1\n", encoding="utf-8")
    tests = packet_of("T007", "tests")
    assert "ALERT" in shown(tests)["tests/test_alert.py"]
    assert tests.rest == "code (depot/steps/fill.py)"
    assert "tests/test_alert.py" not in shown(packet_of("T007", "code"))


def test_where_nothing_is_cited_all_requirements_and_entities_are_told(
    packet_of: Callable[[str, Role], Packet],
) -> None:
    packet = packet_of("T001", "code")
    assert [text.partition(":")[0] for text in packet.requirements] == ["FR-001", "FR-002"]
    assert len(packet.entities) == 1 and "one line for each row" in packet.entities[0]
    assert packet_of("T005", "infra").entities == []


def test_an_openspec_task_sees_the_design_and_what_its_group_made(tmp_path: Path) -> None:
    change = "openspec/changes/add-check"
    files = {
        "parts/check.py": "def check_rows(rows): ...\n",
        "parts/other.py": "def other(): ...\n",
        "flows/daily.py": "def daily(): ...\n",
        f"{change}/proposal.md": "## Why\n\nRows are wrong.\n",
        f"{change}/design.md": "## Decisions\n\nThe pipeline returns a NamedTuple.\n",
        f"{change}/tasks.md": "## 1. Check\n\n- [x] 1.1 Add `check_rows` in parts/check.py\n"
        "- [ ] 1.2 Run the check first in flows/daily.py\n- [ ] 1.3 Add deploy/night.yaml\n",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    feature = load_feature(tmp_path / change, tmp_path)
    plan = build_plan(feature)

    def told(key: str) -> Packet:
        task = next(task for task in plan.tasks if task.id == key)
        return gather(Job(task, feature, tmp_path, "HEAD", Settings(), lambda event: None), task.role)

    shown = [file.path for file in told("1.2").files]
    assert "parts/check.py" in shown and "parts/other.py" not in shown
    assert "The pipeline returns a NamedTuple." in told("1.2").design
    assert told("1.3").design == ""
