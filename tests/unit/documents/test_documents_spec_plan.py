"""spec.md and plan.md, spec-kit's and Kiro's."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.documents import parse_plan, parse_spec, parse_spec_text
from kfpilot.agent.documents.plan import tree_paths

CORPUS = Path(__file__).parents[2] / "corpus" / "documents"


def test_spec() -> None:
    spec = parse_spec(CORPUS / "spec.md")
    assert spec.title == "Late orders report"
    assert spec.header["Feature Branch"] == "001-late-orders"
    assert [(s.key, s.title, s.priority, s.line) for s in spec.stories] == [
        ("US1", "See late orders", "P1", 12),
        ("US2.5", "Mail them", "P2", 29),
    ]
    story = spec.stories[0]
    assert story.text == "A planner sees which orders are late."
    assert story.why == "Without it nothing works."
    assert story.independent_test == "Run it on a small file."
    second = story.scenarios[1]
    assert (second.number, second.line) == (2, 24)
    assert (second.given, second.when, second.then) == ("an empty file", "the pipeline runs", "it fails")
    assert [s.number for s in spec.stories[1].scenarios] == [1, 2], "Markdown's 1. 1. counts up"
    assert [(r.id, r.kind, r.line) for r in spec.requirements] == [
        ("FR-001", "FR", 48),
        ("FR-001c", "FR", 49),
        ("FR-002", "FR", 51),
        ("NFR-001", "NFR", 52),
    ]
    assert spec.requirements[1].text == "System MUST read gzip files"
    assert spec.requirements[2].clarification == "which address?"
    assert [c.id for c in spec.criteria] == ["SC-001", "SC-002"]
    assert [n.line for n in spec.edge_cases] == [40, 41]
    assert len(spec.entities) == 1 and spec.assumptions[0].text == "Files are UTF-8"
    assert [(n.line, n.text) for n in spec.clarifications] == [(51, "which address?"), (67, "time zone?")]


def test_kiro_requirements_are_stories_with_numbered_criteria() -> None:
    spec = parse_spec(CORPUS / "requirements_kiro.md")
    assert spec.stories[0].title == "See late orders"
    assert [(r.id, r.line) for r in spec.requirements] == [("1.1", 13), ("1.2", 14)]
    scenario = spec.stories[0].scenarios[0]
    assert (scenario.when, scenario.then) == ("the pipeline runs", "the system SHALL list late orders")


@pytest.mark.parametrize(
    ("heading", "key", "title", "priority"),
    [
        ("### User Story 1 - Look (Priority: P1)", "US1", "Look", "P1"),
        ("### User Story 2: Look at 3 things", "US2", "Look at 3 things", None),
        ("### Nutzergeschichte 3 – Schauen (Priorität: P2)", "US3", "Schauen", "P2"),
        ("### ユーザーストーリー1 - 見る（優先度: P1）", "US1", "見る", "P1"),
        ("### 用户故事 4 - 查看 (优先级: P3)", "US4", "查看", "P3"),
    ],
)
def test_story_headings(heading: str, key: str, title: str, priority: str | None) -> None:
    (story,) = parse_spec_text(f"# Spec\n\n{heading}\n\nText.\n".encode(), Path("spec.md")).stories
    assert (story.key, story.title, story.priority) == (key, title, priority)


def test_plan() -> None:
    plan = parse_plan(CORPUS / "plan.md")
    assert plan.title == "Late orders report"
    assert plan.summary == "A pipeline that lists late orders."
    assert plan.context["Language/Version"] == "Python 3.11"
    assert len(plan.structure) == 2 and plan.structure[1].startswith("late-orders/")
    assert plan.paths == [
        "pipelines/__init__.py",
        "pipelines/load.py",
        "pipelines/late/report.py",
        "tests/unit/test_load.py",
        "Makefile",
        "pyproject.toml",
    ]
    assert [note.line for note in plan.constraints] == [14, 18]


@pytest.mark.parametrize(
    ("tree", "paths"),
    [
        ("src/\n├── models/\n└── app.py\n\ntests/\n└── test_app.py", ["src/app.py", "tests/test_app.py"]),
        ("src/\n  a.py\n  b/\n    c.py\ndocs/\n  d.md", ["src/a.py", "src/b/c.py", "docs/d.md"]),
        ("|-- src\n|   |-- a.py\n|   `-- b.py\n`-- README.md", ["src/a.py", "src/b.py", "README.md"]),
        (".\n├── src/\n│   └── a.py   # the loader\n└── ...", ["src/a.py"]),
        ("src/\n├── a.py, b.py\n└── [name].py", ["src/a.py", "src/b.py"]),
    ],
)
def test_trees(tree: str, paths: list[str]) -> None:
    assert tree_paths(tree) == paths
