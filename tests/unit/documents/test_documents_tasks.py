"""Every deviation seen in the wild, read from the corpus."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.documents import Task, TaskList, parse_tasks, parse_tasks_text
from kfpilot.agent.errors import UserError

CORPUS = Path(__file__).parents[2] / "corpus" / "documents"


def read(name: str) -> TaskList:
    return parse_tasks(CORPUS / name)


def by_key(tasks: TaskList) -> dict[str, Task]:
    found = {task.key: task for task in tasks.tasks}
    assert len(found) == len(tasks.tasks), "keys are unique"
    return found


def one(line: str) -> Task:
    (task,) = parse_tasks_text(line.encode(), Path("tasks.md")).tasks
    return task


def test_exactly_the_tasks_are_found() -> None:
    keys = [task.key for task in read("wild.md").tasks]
    assert keys == [
        *("T001", "T002", "T003", "T004", "T004a", "T006", "T005", "T022.5"),
        *("T010", "T011", "T012", "T013", "T014", "T010#2", "T015", "T016", "L57"),
        *("T030", "T040", "T041"),
    ]


def test_states() -> None:
    tasks = by_key(read("wild.md"))
    states = {key: tasks[key].state for key in ("T001", "T002", "T003", "T006", "T005", "T022.5")}
    assert states == {
        "T001": "done",
        "T002": "done",
        "T003": "open",
        "T006": "in_progress",
        "T005": "in_progress",
        "T022.5": "deferred",
    }
    assert tasks["T022.5"].title == "Write the migration"


def test_stories_in_every_form() -> None:
    tasks = by_key(read("wild.md"))
    assert (tasks["T011"].stories, tasks["T011"].parallel) == (["US2"], True)
    assert tasks["T013"].stories == ["US2", "US3"]
    assert tasks["T014"].stories == ["US1", "US2"]
    assert tasks["T030"].stories == ["US2.5"], "from its phase"
    assert tasks["T014"].title == "Wire all in pipelines/main.py"
    assert one("- [ ] T001 [US1-US3] x").stories == ["US1", "US2", "US3"]


def test_files_in_backticks_and_prose() -> None:
    tasks = by_key(read("wild.md"))
    assert tasks["T001"].files == ["pipelines/", "tests/"], "plan.md is the feature's own"
    assert tasks["T002"].files == ["pyproject.toml", "README.md", ".github/workflows/ci.yml"]
    assert tasks["T004"].files == ["pipelines/load.py"], "no URL, no and/or, no input/output"
    assert tasks["T006"].files == ["config/dev.yaml", "config/prod.yaml"]
    assert tasks["T005"].files == ["Dockerfile", "docker/base/Dockerfile"]
    assert tasks["T010"].files == ["tests/unit/test_load.py"]
    assert tasks["T010"].symbols == ["test_late"]
    assert tasks["T004a"].symbols == ["load_orders", "Dataset"]
    assert tasks["T012"].files == ["pipelines/late.py", "pipelines/main.py", "tests/unit/test_late.py"]


def test_dependencies() -> None:
    tasks = by_key(read("wild.md"))
    assert tasks["T004a"].depends_on == ["T004"]
    assert tasks["T006"].depends_on == ["T001", "T003"]
    assert tasks["T013"].depends_on == ["T012"]
    assert tasks["T030"].depends_on == ["T014", "T013"]
    assert tasks["T012"].depends_on == ["T010", "T011", "T006"], "the last one is from the table"
    assert tasks["T004"].depends_on == [], "the prose bullets say nothing binding"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("- T001 -> T002; T001 -> T003 -> T004", {"T002": ["T001"], "T003": ["T001"], "T004": ["T003"]}),
        ("- `T001` → T002, T003 → T004.", {"T002": ["T001"], "T003": ["T001"], "T004": ["T002", "T003"]}),
        ("- T001-T003 → **T004** (docs)", {"T004": ["T001", "T002", "T003"]}),
        ("- T004 → T002 (needs it)", {"T004": ["T002"]}),
        ("```mermaid\ngraph TD\n  T001[Set up] --> T003(Build)\n```", {"T003": ["T001"]}),
        ("<!-- T001 -> T002 -->", {}),
        ("- T001 - T002 are independent", {}),
        ("- Phase 1 → Phase 2", {}),
    ],
)
def test_chains_say_what_waits_for_what(said: str, expected: dict[str, list[str]]) -> None:
    lines = "".join(f"- [ ] T{number:03} Write part {number} -> done\n" for number in range(1, 5))
    text = f"# Tasks\n\n## Phase 1: Work\n\n{lines}\n## Dependencies\n\n{said}\n"
    tasks = parse_tasks_text(text.encode(), Path("tasks.md")).tasks
    assert {task.id: task.depends_on for task in tasks if task.depends_on} == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(depends on T007, T008)", ["T007", "T008"]),
        ("(depends on T007 and T008)", ["T007", "T008"]),
        ("**Depends**: T007", ["T007"]),
        ("**Depends on:** T007, T8", ["T007", "T008"]),
        ("Depends: `T007`", ["T007"]),
        ("Dependencies: T007–T009", ["T007", "T008", "T009"]),
        ("depends on T007-009.", ["T007", "T008", "T009"]),
        ("[depends: T007]", ["T007"]),
        ("(blocked by T007), T008 may run", ["T007"]),
        ("depends on T007, blocks T008", ["T007"]),
        ("after T008", ["T008"]),
        ("does not depend on T007", []),
        ("T008 depends on T007", []),
        ("required by T007", []),
        ("Dependencies: None", []),
        ("depends on Phase 2", []),
        ("depends on FR-001 and 3 services", []),
        ("blocks T007", []),
    ],
)
def test_dependency_forms(text: str, expected: list[str]) -> None:
    data = f"- [ ] T007 a\n- [ ] T008 b\n- [ ] T009 c\n- [ ] T010 d {text}\n".encode()
    assert parse_tasks_text(data, Path("tasks.md")).tasks[-1].depends_on == expected


def test_references() -> None:
    tasks = by_key(read("wild.md"))
    assert tasks["T004"].refs == ["FR-001c"]
    assert tasks["T010"].refs == ["US1/AS2"]
    assert tasks["T040"].refs == ["FR-003"]
    assert tasks["T041"].refs == ["FR-004", "FR-005", "FR-006", "SC-002"]
    assert one("- [ ] T001 Use UTF-8 and SHA-256 per ISO-8601").refs == []


def test_phases() -> None:
    phases = {phase.number: phase for phase in read("wild.md").phases}
    assert [phase.kind for phase in phases.values()] == ["setup", "foundational", "story", "story", "convergence"]
    assert phases[3].title == "Phase 3: User Story 1 – Late orders (Priority: P1) MVP"
    assert phases[3].goal == "A user sees which orders are late"
    assert phases[3].independent_test == "Run the pipeline on a small file"
    assert phases[3].checkpoint == "Story 1 works"
    assert phases[4.5].stories == ["US2.5"]
    assert by_key(read("wild.md"))["T030"].phase_number == 4.5


def test_a_duplicate_id_is_a_warning() -> None:
    warnings = [(warn.code, warn.line) for warn in read("wild.md").warnings]
    assert ("duplicate-id", 54) in warnings


def test_nested_bullets_and_wrapped_lines_belong_to_their_task() -> None:
    task = by_key(read("wild.md"))["T012"]
    assert (task.line, task.end_line) == (47, 50)
    assert task.details == [
        "and wire it in `pipelines/main.py`, a wrapped line",
        "**Verify**: `python -m pytest tests/unit/test_late.py -q`",
        "**Depends**: T010, T011",
    ]


def test_tasks_as_headings() -> None:
    tasks = read("headings.md")
    assert tasks.dialect == "headings"
    found = [(task.id, task.state, task.title) for task in tasks.tasks]
    assert found == [
        ("T1", "done", "Setup"),
        ("T2", "done", "Loader"),
        ("T3", "in_progress", "Add the report"),
        ("T4", "open", "Add the mail"),
        ("T5", "open", "Ticked by a box in `src/box.py`"),
        ("T6", "done", "Finished with a sign"),
    ]
    assert [task.depends_on for task in tasks.tasks[:4]] == [[], ["T1"], ["T2"], ["T1", "T2", "T3"]]
    assert tasks.tasks[1].files == ["src/load.py"]


def test_a_heading_that_groups_tasks_is_a_phase() -> None:
    data = b"## Task 2: Add the loader\n- [ ] T001 a\n- [ ] T002 b\n"
    tasks = parse_tasks_text(data, Path("tasks.md"))
    assert [task.id for task in tasks.tasks] == ["T001", "T002"]
    assert tasks.tasks[0].phase == "Task 2: Add the loader"


def test_kiro() -> None:
    tasks = read("kiro.md")
    assert tasks.dialect == "kiro"
    found = by_key(tasks)
    assert list(found) == ["1", "2", "2.1", "2.2", "2.2.1", "3"]
    assert (found["2"].state, found["2.1"].state) == ("in_progress", "done")
    assert found["2.2"].optional and not found["2.1"].optional
    assert found["2.1"].refs == ["1.2", "3.4"]
    assert found["2"].depends_on == ["2.1", "2.2"], "a parent waits for its parts"
    assert found["3"].depends_on == ["2.1"]


def test_openspec() -> None:
    tasks = read("openspec.md")
    assert tasks.dialect == "openspec"
    assert [(task.id, task.phase_number) for task in tasks.tasks] == [("1.1", 1), ("1.2", 1), ("2.1", 2)]
    assert tasks.tasks[1].depends_on == ["1.1"]


def test_other_languages() -> None:
    found = by_key(read("languages.md"))
    assert [task.phase_number for task in found.values()] == [1, 1, 1, 2, 2, 3, 4]
    assert {key: task.depends_on for key, task in found.items()} == {
        "T001": [],
        "T002": ["T001"],
        "T003": ["T001", "T002"],
        "T004": ["T002"],
        "T005": ["T004"],
        "T006": ["T004", "T005"],
        "T007": ["T006"],
    }
    assert found["T002"].files == ["src/größe.py"]
    assert found["T005"].files == ["src/読み込み.py"]
    assert found["T006"].files == ["src/report.py"]
    assert found["T007"].files == ["docs/hướng-dẫn.md"]


def test_crlf_bom_and_tabs() -> None:
    found = by_key(read("crlf_bom_tabs.md"))
    assert list(found) == ["T001", "T002", "T003", "T004"]
    assert found["T003"].raw == "- [X] T003 [P] Ticked in src/c.py\r\n  wrapped with a blank at its end "
    assert found["T001"].title == "Create src/a.py"
    assert found["T002"].mark_offset is not None


def test_unusual_lines() -> None:
    tasks = read("unusual.md")
    found = by_key(tasks)
    assert list(found) == [
        *("T001", "T002", "T003", "T005", "T004", "T006", "T007", "T009", "TASK-010", "T011", "T012", "T013"),
        *("T014", "T015", "T016", "T019", "T020", "T022", "T023"),
    ]
    assert found["T002"].title == "Bold title with words in src/b.py"
    assert found["T007"].stories == ["US1"] and found["T007"].parallel
    assert found["T011"].title == "Struck out"
    assert found["T013"].state == "open"
    assert (found["T014"].state, found["T014"].title) == ("open", "Handle deferred tasks in the `DEFERRED` queue")
    assert (found["T015"].state, found["T016"].state) == ("deferred", "deferred")
    assert found["T020"].files == [], "what code shows is not what the task names"
    assert found["T020"].details[-1] == "after the code"
    assert found["T022"].depends_on == ["T020"] and found["T022"].files == []
    assert found["T023"].files == ["a.py", "b/c.py"]
    assert {warn.code for warn in tasks.warnings} == {"unknown-mark", "not-a-task"}


def test_an_unclosed_code_block_is_a_warning() -> None:
    tasks = parse_tasks_text(b"- [ ] T001 a\n\n```\n- [ ] T002 b\n", Path("tasks.md"))
    assert [(warn.code, warn.line) for warn in tasks.warnings] == [("unclosed-block", 3)]


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("`src/models` and `feature/login`", ["src/models"]),
        ("src/models in prose", []),
        ("`threading.Lock`, `kfp.dsl`, `json.load`", []),
        ("see [the guide](docs/guide.md)", ["docs/guide.md"]),
        ("`src/a.py:42` and ./src/b.py, ../c.py", ["src/a.py", "src/b.py"]),
        ("`tests/**/*.py` and `src/<name>.py`", []),
        ("README.md/CHANGELOG.md", ["README.md", "CHANGELOG.md"]),
        ("run `pytest tests/a.py -q && make test`", ["tests/a.py"]),
        ("call `/api/v1/orders.json` or a@b.com", []),
        ("k8s/base.yml!", ["k8s/base.yml"]),
        ("Makefile (and Dockerfile).", ["Makefile", "Dockerfile"]),
        ("CI/CD, TCP/IP, n/a, 3.11/3.12", []),
    ],
)
def test_what_is_a_path(text: str, files: list[str]) -> None:
    assert one(f"- [ ] T001 {text}").files == files


def test_absolute_paths_below_the_repository_become_relative(tmp_path: Path) -> None:
    data = f"- [ ] T001 Write {tmp_path}/src/a.py and `{tmp_path}/b.py`, not /etc/c.py".encode()
    assert parse_tasks_text(data, tmp_path / "tasks.md", tmp_path).tasks[0].files == ["src/a.py", "b.py"]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_an_unknown_dependency_says_where(tmp_path: Path) -> None:
    path = write(tmp_path / "tasks.md", "# Tasks\n\n- [ ] T001 a\n- [ ] T002 b (depends on T099)\n")
    with pytest.raises(UserError, match=r"tasks\.md:4: T002 depends on T099") as caught:
        parse_tasks(path)
    assert "T001" in caught.value.mend


def test_a_cycle_is_named(tmp_path: Path) -> None:
    text = "".join(f"- [ ] T00{i} a (depends on T00{i % 3 + 1})\n" for i in (1, 2, 3))
    with pytest.raises(UserError, match="T001 → T002 → T003 → T001"):
        parse_tasks(write(tmp_path / "tasks.md", text))
    with pytest.raises(UserError, match="T001 → T001"):
        parse_tasks(write(tmp_path / "tasks.md", "- [ ] T001 a (depends on T001)\n"))


def test_a_long_chain_of_dependencies_is_no_problem(tmp_path: Path) -> None:
    text = "- [ ] T1 a\n" + "".join(f"- [ ] T{i} a (depends on T{i - 1})\n" for i in range(2, 1500))
    assert len(parse_tasks(write(tmp_path / "tasks.md", text)).tasks) == 1499


def test_no_task_shows_the_nearest_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "tasks.md", "# Tasks\n\nSome text.\n\n- T001 Set up the project\n- an item\n")
    with pytest.raises(UserError) as caught:
        parse_tasks(path)
    message = str(caught.value)
    assert "line 5: - T001 Set up the project" in message
    assert "- [ ] T001" in caught.value.mend


def test_not_utf8_says_where(tmp_path: Path) -> None:
    path = tmp_path / "tasks.md"
    path.write_bytes(b"# Tasks\n- [ ] T001 Gr\xf6\xdfe\n")
    with pytest.raises(UserError, match=r"tasks\.md:2: The file is not UTF-8"):
        parse_tasks(path)


def test_a_large_file_is_read_whole() -> None:
    line = "- [ ] T{0:03d} [US1] Add `src/m{0}.py`, see tests/test_m{0}.py (depends on T{1:03d}, FR-{0:03d})\n"
    data = "".join(line.format(i, max(i - 1, 1)) for i in range(2, 242)).encode() + b"- [ ] T001 x\n```\ncode\n```\n"
    assert len(parse_tasks_text(data, Path("tasks.md")).tasks) == 241


@pytest.mark.parametrize(
    "text",
    ["a." * 30_000, "depends on " + "T002, " * 10_000, "after " + "T1," * 20_000, "[US" + "1+" * 20_000 + "]"],
    ids=["dots", "dependencies", "after", "stories"],
)
@pytest.mark.timeout(60)
def test_a_hostile_line_does_not_hang_the_parser(text: str) -> None:
    parse_tasks_text(f"- [ ] T001 {text}\n- [ ] T002 b\n".encode(), Path("tasks.md"))
