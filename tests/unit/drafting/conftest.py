"""A small repository and the words of a feature for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.drafting.outline import Outline
from kfpilot.agent.drafting.survey import Survey, survey

LOAD = '''"""Loads."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def load_orders(export: dsl.Input[dsl.Dataset], orders: dsl.Output[dsl.Dataset], day: str = "2026-11-02"):
    """Takes the orders of a day: order_id, customer, amount."""
'''
DAILY = '''"""Daily."""

from kfp import dsl

from pipelines.components.load_orders import load_orders


@dsl.pipeline(name="daily")
def daily_summary(export_uri: str):
    """Loads the orders."""
    export = dsl.importer(artifact_uri=export_uri, artifact_class=dsl.Dataset)
    load_orders(export=export.output)
'''
CONSTITUTION = """# Constitution

## Core Principles

### I. One component, one file

Each component has a file.
"""
FILES = {
    "pyproject.toml": '[project]\nname = "shop"\nrequires-python = ">=3.11"\ndependencies = ["kfp==2.17.0"]\n',
    "pipelines/__init__.py": "",
    "pipelines/components/__init__.py": "",
    "pipelines/components/load_orders.py": LOAD,
    "pipelines/daily_summary.py": DAILY,
    "tests/test_load_orders.py": "def test_nothing():\n    assert 1 + 1 == 2\n",
    "specs/001-first/tasks.md": "# Tasks\n\n- [ ] T001 Create pipelines/a.py\n",
    ".specify/memory/constitution.md": CONSTITUTION,
}

WORDS: dict[str, Any] = {
    "title": "Weekly drops",
    "name": "weekly-drops",
    "summary": "One component and a pipeline.",
    "stories": [
        {
            "title": "Drops are flagged",
            "text": "An analyst sees who orders less.",
            "why": "It is what was asked for.",
            "test": "Give the step two weeks.",
            "scenarios": [{"given": "ada with 4 orders, then 1", "when": "the step runs", "then": "ada is flagged"}],
        },
        {
            "title": "One pipeline makes the report",
            "text": "An engineer starts one pipeline.",
            "why": "Until then by hand.",
            "test": "Compile it.",
            "scenarios": [{"given": "the pipeline", "when": "it is compiled", "then": "it has the step flag-drops"}],
        },
    ],
    "requirements": [
        {"text": "The step MUST flag customers whose orders fell by half.", "story": 1},
        {"text": "The pipeline MUST run the step.", "story": 2},
        {"text": "A page MUST describe the pipeline.", "story": 2},
    ],
    "criteria": [{"text": "Nobody else is flagged.", "shown_by": "flag_drops"}],
    "edge_cases": ["A new customer is not flagged."],
    "entities": [{"name": "Drop", "text": "A flagged customer."}],
    "assumptions": ["A week has seven days."],
    "principles": [{"principle": "One component, one file", "how": "one new file"}],
    "pieces": [
        {
            "kind": "component",
            "name": "flag_drops",
            "signature": "flag_drops(now, before, flagged, share=0.5)",
            "story": 1,
            "does": "Writes to `flagged` the customers whose orders fell by `share`.",
            "test": "from ada 4 and then 1 comes the row ada,4,1",
            "requirements": [1],
        },
        {
            "kind": "pipeline",
            "name": "weekly_drops",
            "signature": "weekly_drops(export_uri: str)",
            "story": 2,
            "does": "imports the Dataset at `export_uri` and runs `flag_drops`",
            "test": "it compiles and has the task flag-drops",
            "requirements": [2],
            "needs": ["flag_drops"],
        },
        {"kind": "docs", "name": "Weekly drops", "story": 2, "does": "the steps of the pipeline", "requirements": [3]},
    ],
}


@pytest.fixture
def words() -> dict[str, Any]:
    """The words of a feature, fresh for each test."""
    return Outline.model_validate(WORDS).model_dump()


@pytest.fixture
def outline(words: dict[str, Any]) -> Outline:
    return Outline.model_validate(words)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The repository's root."""
    root = tmp_path / "shop"
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def found(shop: Path) -> Survey:
    return survey(shop)
