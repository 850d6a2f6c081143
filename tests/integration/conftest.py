"""Small real repositories for tests that run git, pytest and KFP for real."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

SPEC = """# Feature Specification: Prices

**Feature Branch**: `001-prices`

## User Scenarios & Testing

### User Story 1 - Prices are doubled (Priority: P1)

A shop doubles its prices.

**Acceptance Scenarios**:

1. **Given** a price of 2, **When** it is doubled, **Then** it is 4

## Requirements

- **FR-001**: A price MUST be doubled
"""
PLAN = "# Implementation Plan: Prices\n\n## Summary\n\nDouble prices.\n\n## Technical Context\n\n**Testing**: pytest\n"
LOAD = '''"""Loads."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def load(count: int = 3) -> str:
    """Numbers with commas between."""
    return ",".join(str(number) for number in range(count))
'''
DAILY = '''"""The daily run."""

from kfp import dsl

from shop.load import load


@dsl.pipeline(name="daily")
def daily(count: int = 3):
    load(count=count)
'''
FILES: dict[str, str] = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\ntestpaths = ["tests"]\n',
    ".gitignore": "__pycache__/\n/data/\n",
    "README.md": "# Shop\n\nPrices are in `shop/price.py`.\n",
    "shop/__init__.py": "",
    "shop/price.py": "def single(price):\n    return price\n",
    "shop/load.py": LOAD,
    "shop/daily.py": DAILY,
    "tests/test_price.py": (
        "from shop.price import single\n\n\ndef test_single():\n    assert single(2) == 2\n    assert single(0) == 0\n"
        "\n\ndef test_single_again():\n    assert single(3) == 3\n"
    ),
    "specs/001-prices/spec.md": SPEC,
    "specs/001-prices/plan.md": PLAN,
}


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


MakeRepository = Callable[..., Path]


@pytest.fixture
def make_repository(tmp_path: Path) -> MakeRepository:
    """A committed repository with a package, tests and a feature whose tasks.md holds the given lines."""

    def make(tasks: str, files: Mapping[str, str] | None = None, *, name: str = "repo", commit: bool = True) -> Path:
        root = tmp_path / name
        text = f"# Tasks: Prices\n\n## Phase 1: Work\n\n{tasks.strip()}\n"
        for path, content in {**FILES, "specs/001-prices/tasks.md": text, **(files or {})}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content, encoding="utf-8")
        git(root.parent, "init", "--quiet", "--initial-branch=main", root.name)
        if commit:
            git(root, "add", "--all")
            git(root, "commit", "--quiet", "-m", "start")
        return root

    return make
