"""Imports of the project's own names."""

from pathlib import Path

import pytest
from kfpilot.agent.workers.imports import own_imports


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for path, text in {
        "src/depot/__init__.py": "",
        "src/depot/parts/__init__.py": "",
        "src/depot/parts/keep.py": "def keep():\n    pass\n",
        "src/depot/parts/count.py": "def count():\n    pass\n\n\ndef both():\n    pass\n",
        "src/depot/parts/again.py": "def both():\n    pass\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_a_path_from_the_example_becomes_the_projects(project: Path) -> None:
    source = "from kfp import dsl\nfrom pipelines.components.keep import keep as k\n\nprint(k)\n"
    assert own_imports(project, source) == "from kfp import dsl\nfrom depot.parts.keep import keep as k\n\nprint(k)\n"


@pytest.mark.parametrize(
    "line",
    [
        "from depot.parts.keep import keep",
        "from other.place import both",
        "from other.place import nothing",
        "from collections import keep",
        "from kfp.components import keep",
        "from . import keep",
    ],
)
def test_what_is_right_or_unsure_stays(project: Path, line: str) -> None:
    assert own_imports(project, line + "\n") == line + "\n"
