"""What a request tells of a feature that is written as Kiro writes it: design, steering, glossary, story, criteria."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from kfpilot.agent.documents import load_feature
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.settings import Settings
from kfpilot.agent.workers.designed import WHOLE_CHARS
from kfpilot.agent.workers.job import Job
from kfpilot.agent.workers.tool_worker import Talk

REQUIREMENTS = """# Requirements Document

## Introduction

Shops want prices without tax.

## Glossary

- **Net price**: The price without tax

## Requirements

### Requirement 1: Net prices

**User Story:** As a clerk, I want net prices, so that I can compare them.

#### Acceptance Criteria

1. WHEN a price is read, THE System SHALL take off the tax
2. IF the tax is above 100, THEN THE System SHALL raise a `ValueError`
"""
DESIGN = """# Design Document

## Overview

One component.

## Components and Interfaces

### Net prices

`shop/net_price.py`

```python
def net_price(prices: Input[Dataset], net: Output[Dataset], tax: float): ...
```

## Data Models

Net prices are a CSV with the columns `item` and `net`.

## Error Handling

- A tax above 100: `ValueError` (Requirement 1.2)
"""
LONG = "\n## Messages\n\n" + "A letter is sent to whom it may concern. " * (WHOLE_CHARS // 40) + "\n"
TASKS = """# Implementation Plan

- [ ] 1. Implement the `net_price` component
  - _Requirements: 1.1_
- [ ] 2. Wire `net_price` into `daily`
  - _Requirements: 1.1_
- [ ] 3. Add the workflow .github/workflows/tests.yml
"""
DAILY = '"""The day."""\n\n\ndef daily(tax):\n    total = 17 * tax\n    return total\n'
MakeRequest = Callable[..., str]


@pytest.fixture
def request_for(tmp_path: Path) -> MakeRequest:
    def make(task: str, design: str = DESIGN) -> str:
        files = {
            ".kiro/specs/prices/requirements.md": REQUIREMENTS,
            ".kiro/specs/prices/design.md": design,
            ".kiro/specs/prices/tasks.md": TASKS,
            ".kiro/steering/tech.md": "# Tech\n\n- No pandas inside components.\n",
            ".kiro/steering/old.md": "---\ninclusion: manual\n---\n\n- Use COBOL.\n",
            "shop/daily.py": DAILY,
        }
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text)
        feature = load_feature(tmp_path / ".kiro/specs/prices", tmp_path)
        planned = next(item for item in build_plan(feature).tasks if item.id == task)
        job = Job(planned, feature, tmp_path, "HEAD", Settings(), lambda event: None)
        handle = Handle(model=ScriptedModel(), name="fake", tools=True, kind="fake")
        return Talk(handle, job, planned.role).first_request()

    return make


def test_it_tells_of_the_feature_by_its_name_and_introduction_and_of_the_steering(request_for: MakeRequest) -> None:
    text = request_for("1")
    assert "\nprices\nShops want prices without tax. One component.\n" in text and "Requirements Document" not in text
    assert "- No pandas inside components." in text and "COBOL" not in text


def test_it_tells_the_story_its_own_criteria_and_what_words_mean(request_for: MakeRequest) -> None:
    text = request_for("1")
    assert "## US1: Net prices\nAs a clerk, I want net prices" in text
    assert text.count("take off the tax") == 1 and "is above 100, THEN" not in text
    assert "- **Net price**: The price without tax" in text


def test_a_short_design_is_told_whole(request_for: MakeRequest) -> None:
    text = request_for("1")
    assert "def net_price(prices: Input[Dataset]" in text and "the columns `item` and `net`" in text
    # A workflow has nothing to do with it.
    assert "the columns `item` and `net`" not in request_for("3")


def test_of_a_long_design_it_tells_what_the_task_is_about(request_for: MakeRequest) -> None:
    text = request_for("1", DESIGN + LONG)
    assert "def net_price(prices: Input[Dataset]" in text and "to whom it may concern" not in text


def test_code_that_is_changed_is_shown_whole_where_the_task_names_no_file(request_for: MakeRequest) -> None:
    assert "total = 17 * tax" in request_for("2")
