"""What a request says of the tasks around its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from kfpilot.agent.documents import load_feature
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.planner.models import Role
from kfpilot.agent.settings import Settings
from kfpilot.agent.workers.around import awaited, contracts, started, subjects
from kfpilot.agent.workers.job import Job
from kfpilot.agent.workers.packet import Packet, gather

TASKS = """# Tasks: Heavy Parcels

- [ ] T001 [US1] Test `keep_heavy` in tests/test_keep_heavy.py: the edge cases
- [ ] T002 [US1] Create `keep_heavy(parcels, heavy)` in flows/keep_heavy.py as in parcels.md (FR-001)
- [ ] T003 [US1] Test that the step is there in tests/test_parcel_flow.py
- [ ] T004 [US1] Add `keep_heavy` to flows/parcel_flow.py (FR-002; depends on T002)
- [ ] T005 [US1] Test the compiled pipeline in tests/test_whole.py (depends on T004)
- [ ] T006 [US1] Write docs/heavy.md (depends on T002)
- [ ] T007 Add the CronJob in deploy/nightly.yaml that runs `python -m flows.parcel_flow`
"""
KEEP = "def keep_heavy(parcels, heavy):\n    pass\n"
JobsOf = Callable[..., Job]


@pytest.fixture
def job_in(project: Path) -> JobsOf:
    def make(key: str, tasks: str = TASKS) -> Job:
        (project / "specs/001-heavy-parcels/tasks.md").write_text(tasks)
        feature = load_feature(project / "specs/001-heavy-parcels", project)
        (task,) = [task for task in build_plan(feature).tasks if task.id == key]
        return Job(task, feature, project, "HEAD", Settings(), lambda event: None)

    return make


def shown(job: Job, role: Role) -> Packet:
    return gather(job, role)


def test_tests_before_their_code_know_which_task_writes_it(job_in: JobsOf, project: Path) -> None:
    job = job_in("T001")
    assert [task.id for task in awaited(job)] == ["T002"], "T004 only uses what T002 makes"
    assert shown(job, "tests").awaited == [
        "T002: Create `keep_heavy(parcels, heavy)` in flows/keep_heavy.py as in parcels.md (FR-001)"
    ]
    assert shown(job, "tests").requirements == ["FR-001: The step MUST keep the parcels of at least `limit` kilos."]
    (project / "flows/keep_heavy.py").write_text(KEEP)
    done = TASKS.replace("[ ] T002", "[x] T002")
    assert awaited(job_in("T001", done)) == []


def test_tests_of_a_module_wait_for_the_task_that_changes_it(job_in: JobsOf) -> None:
    assert [task.id for task in awaited(job_in("T003"))] == ["T004"]
    assert awaited(job_in("T005")) == []


def test_what_a_task_depends_on_is_shown_whole(job_in: JobsOf, project: Path) -> None:
    (project / "flows/keep_heavy.py").write_text(KEEP)
    job = job_in("T005", TASKS.replace("[ ] T002", "[x] T002").replace("[ ] T004", "[x] T004"))
    assert subjects(job, "tests") == ["flows/parcel_flow.py"]
    assert subjects(job, "code") == []
    (file,) = [file for file in shown(job, "tests").files if file.path == "flows/parcel_flow.py"]
    assert file.whole and "def parcel_flow" in file.text
    assert shown(job, "tests").requirements == ["FR-002: The tests MUST run on every push."]
    page = job_in("T006", TASKS.replace("[ ] T002", "[x] T002"))
    assert subjects(page, "docs") == ["flows/keep_heavy.py"]
    assert shown(page, "docs").requirements == ["FR-001: The step MUST keep the parcels of at least `limit` kilos."]


def test_a_document_that_is_referred_to_is_shown(job_in: JobsOf, project: Path) -> None:
    told = project / "specs/001-heavy-parcels/contracts/parcels.md"
    told.parent.mkdir()
    told.write_text("# Parcels\n\nThe columns are id and kilos.\n")
    path = "specs/001-heavy-parcels/contracts/parcels.md"
    assert contracts(job_in("T002"), "code") == [path]
    assert contracts(job_in("T001"), "tests") == [path], "the code that these tests wait for refers to it"
    assert contracts(job_in("T003"), "tests") == []
    assert any("The columns are id and kilos." in file.text for file in shown(job_in("T002"), "code").files)
    told.write_text("# Parcels\n" * 200)
    assert contracts(job_in("T002"), "code") == []


def test_what_a_manifest_starts_is_shown(job_in: JobsOf) -> None:
    job = job_in("T007")
    assert started(job, ["flows/read_parcels.py", "src/flows/parcel_flow.py"]) == ["src/flows/parcel_flow.py"]
    assert any(file.path == "flows/parcel_flow.py" and file.whole for file in shown(job, "infra").files)


def test_few_edge_cases_are_all_told_and_of_many_those_near_the_task(job_in: JobsOf, project: Path) -> None:
    spec = project / "specs/001-heavy-parcels/spec.md"
    edge = "- A parcel of exactly the limit is heavy.\n"
    assert shown(job_in("T002"), "code").edge_cases == ["A parcel of exactly the limit is heavy."]
    more = [f"- Case {number}: nothing of note.\n" for number in range(7)]
    spec.write_text(spec.read_text().replace(edge, "".join(more) + edge))
    limit = TASKS.replace("as in parcels.md", "for parcels above the exact limit, which is heavy,")
    assert shown(job_in("T002", limit), "code").edge_cases == ["A parcel of exactly the limit is heavy."]
    assert len(shown(job_in("T001"), "tests").edge_cases) == 8, "it speaks of edge cases"
