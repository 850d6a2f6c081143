"""A feature as Kiro writes it: what its tasks cite, what the design says of them, and who works them."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.documents import load_feature
from kfpilot.agent.documents.models import Feature
from kfpilot.agent.errors import UserError
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.planner.models import PlannedTask
from kfpilot.agent.planner.selection import Selection, parse_words

REQUIREMENTS = """# Requirements Document

## Introduction

Prices without tax.

## Glossary

- **Net price**: The price without tax

## Requirements

### Requirement 1: Net prices

**User Story:** As a clerk, I want net prices, so that I can compare them.

#### Acceptance Criteria

1. WHEN a price is read, THE System SHALL take off the tax
2. IF the tax is above 100, THEN THE System SHALL raise a `ValueError`

### Requirement 2: Rates

**User Story:** As a clerk, I want to change rates.

#### Acceptance Criteria

1. THE System SHALL keep the rates in `config/rates.yaml`
"""
DESIGN = """# Design Document

## Overview

One component.

## Components and Interfaces

### Net prices

`src/shop/components/net_price.py`

```python
@dsl.component
def net_price(prices: Input[Dataset], net: Output[Dataset], tax: float):
    ...
```

### Rates

```python
# src/shop/rates.py
def load_rates(path: str) -> dict[str, float]: ...
def save_rates(path: str, rates: dict[str, float]) -> None: ...
```
"""
TASKS = """# Implementation Plan: Prices

## Tasks

- [ ] 1. Prices
  - [ ] 1.1 Implement the `net_price` component
    - Export it from `shop.components`
    - _Requirements: 1.1, 1.2_
  - [ ] 1.2 Write unit tests for the prices
    - With the real `config/rates.yaml`
    - _Requirements: 1.1, 1.2_
  - [ ]* 1.3 Write property test for net prices
    - **Property 1: Never negative**
    - **Validates: Requirements 1.1, 2.1**
- [ ] 2. Rates
  - [ ] 2.1 Implement `load_rates` and `save_rates`
    - _Requirements: 2.1_
  - [ ] 2.2 Wire `net_price` into `daily`
    - _Requirements: 1.1_
  - [ ] 2.4 Update the tests of the day
    - _Requirements: 1.1_
  - [ ] 2.3 Run the tests on pull requests
    - GitHub workflow `.github/workflows/tests.yml`
    - _Requirements: 2.1_
"""


@pytest.fixture
def feature(tmp_path: Path) -> Feature:
    folder = tmp_path / ".kiro/specs/prices"
    folder.mkdir(parents=True)
    for name, text in (("requirements", REQUIREMENTS), ("design", DESIGN), ("tasks", TASKS)):
        (folder / f"{name}.md").write_text(text)
    for path in ("src/shop/components/__init__.py", "config/rates.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("# here\n")
    return load_feature(folder, tmp_path)


def planned(feature: Feature) -> dict[str, PlannedTask]:
    return {task.id: task for task in build_plan(feature).tasks}


def test_a_task_without_files_is_given_those_of_the_design(feature: Feature) -> None:
    tasks = planned(feature)
    assert tasks["1.1"].files == ["src/shop/components/net_price.py", "src/shop/components/__init__.py"]
    assert tasks["2.1"].files == ["src/shop/rates.py"]
    # It changes a pipeline of which the design says nothing.
    assert tasks["2.2"].files == []


def test_a_task_belongs_to_the_story_of_the_requirement_that_it_cites(feature: Feature) -> None:
    tasks = planned(feature)
    assert [tasks[key].story for key in ("1.1", "1.2", "2.1")] == ["US1", "US1", "US2"]
    assert feature.task("1.3").stories == ["US1", "US2"] and feature.task("1.3").refs == ["1.1", "2.1"]


def test_tests_that_name_nothing_need_the_code_of_their_group(feature: Feature) -> None:
    tasks = planned(feature)
    assert tasks["2.4"].depends_on == ["2.1", "2.2"] and tasks["1.2"].depends_on == ["1.1"]


def test_tests_that_load_configuration_are_written_by_the_tests_role(feature: Feature) -> None:
    tasks = planned(feature)
    assert (tasks["1.2"].role, tasks["1.2"].also) == ("tests", [])
    assert tasks["2.3"].role == "infra"


@pytest.mark.parametrize(
    ("words", "picked"),
    [
        ("only requirement 1", {"1.1", "1.2", "2.2", "2.4"}),
        ("only requirement 2", {"2.1", "2.3"}),
        ("only requirement 1.2", {"1.1", "1.2"}),
        ("only requirements 1.2 and 2", {"1.1", "1.2", "2.1", "2.3"}),
        ("requirement 1 must not use pandas", set()),
    ],
)
def test_words_pick_the_tasks_of_requirements(feature: Feature, words: str, picked: set[str]) -> None:
    assert set(parse_words(words, feature).tasks) == picked


def test_a_story_is_the_requirement_of_its_number(feature: Feature) -> None:
    tasks = build_plan(feature, Selection(stories=["1"])).tasks
    # What is optional has to be named itself.
    assert {task.id for task in tasks} == {"1.1", "1.2", "2.2", "2.4"}
    with pytest.raises(UserError, match="there is no story US9"):
        build_plan(feature, Selection(stories=["Requirement 9"]))
    with pytest.raises(UserError, match="no task is for requirement 9") as refused:
        parse_words("only requirement 9", feature)
    assert "requirements 1, 2" in str(refused.value)
