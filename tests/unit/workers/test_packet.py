"""What a packet shows, and what it leaves out to stay small."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kfpilot.agent.workers.job import Job
from kfpilot.agent.workers.packet import CONTEXT_CHARS, ShownFile, gather

JobOf = Callable[[str], Job]


def shown(job: Job) -> dict[str, ShownFile]:
    return {file.path: file for file in gather(job, job.task.role).files}


def test_a_new_component_has_a_component_of_the_project_as_its_model(job_of: JobOf) -> None:
    files = shown(job_of("T001"))
    assert files["flows/keep_heavy.py"].note == " (does not exist yet)"
    assert files["flows/read_parcels.py"].whole and "target.write" in files["flows/read_parcels.py"].text
    assert not files["flows/parcel_flow.py"].whole


def test_a_test_sees_its_subject_and_how_the_project_tests(job_of: JobOf) -> None:
    files = shown(job_of("T002"))
    assert "target.write" in files["flows/read_parcels.py"].text
    assert "python_func" in files["tests/test_read_parcels.py"].text


def test_a_page_sees_what_its_subject_is_made_of(job_of: JobOf) -> None:
    files = shown(job_of("T003"))
    assert "CSV with the columns id and kilos" in files["flows/read_parcels.py"].text


def test_large_neighbours_are_outlined_or_left_out(job_of: JobOf, project: Path) -> None:
    body = "".join(f"    total_{n} = {n}  # {'long words ' * 8}\n" for n in range(200))
    (project / "flows/read_parcels.py").write_text(f'def read_parcels():\n    """Reads."""\n{body}', encoding="utf-8")
    (project / "tests/test_read_parcels.py").unlink()
    (project / "tests/test_large.py").write_text("X = 1\n" + "# words and words\n" * 1000, encoding="utf-8")
    files = shown(job_of("T002"))
    assert "total_1" not in files["flows/read_parcels.py"].text
    assert "def read_parcels" in files["flows/read_parcels.py"].text
    named = set(job_of("T002").task.files)
    assert sum(len(file.text) for path, file in files.items() if path not in named) <= CONTEXT_CHARS


def test_files_of_earlier_tasks_are_listed_as_added(job_of: JobOf, project: Path) -> None:
    job = job_of("T002")
    assert gather(job, "tests").added == []
    (project / "flows/keep_heavy.py").write_text("x = 1\n", encoding="utf-8")
    assert gather(job, "tests").added == ["flows/keep_heavy.py"]


def test_the_cited_requirement_is_there_and_the_others_are_not(job_of: JobOf) -> None:
    assert gather(job_of("T001"), "code").requirements == [
        "FR-001: The step MUST keep the parcels of at least `limit` kilos."
    ]
    assert gather(job_of("T001"), "code").edge_cases == ["A parcel of exactly the limit is heavy."]
    assert gather(job_of("T004"), "infra").edge_cases == []
