"""The project's own pages name only what exists."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.tools.text_checks import markdown_problems

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "AGENTS.md",
    "CHANGELOG.md",
    "docs/audit.md",
    "docs/settings.md",
    "docs/verification.md",
]


@pytest.mark.parametrize("page", PAGES)
def test_links_and_names_exist(page: str) -> None:
    assert markdown_problems(ROOT, page) == []
