"""Imports of the project's own names."""

from pathlib import Path

import pytest
from kfpilot.agent.workers.imports import dsl_imports, missing_imports, own_imports


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


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("from kfp.components import Metrics", "from kfp.dsl import Metrics"),
        ("from kfp.v2.dsl import (\n    Input,\n    Dataset,\n    component as step,\n)", None),
        ("from kfp import Output", "from kfp.dsl import Output"),
        ("from kfp.components import load_component_from_file", "from kfp.components import load_component_from_file"),
        ("from kfp import dsl", "from kfp import dsl"),
    ],
)
def test_types_come_from_where_kfp_has_them(line: str, right: str | None) -> None:
    mended = dsl_imports(f"{line}\nx = 1\n")
    assert mended == f"{right or 'from kfp.dsl import Input, Dataset, component as step'}\nx = 1\n"


def test_what_is_used_and_nowhere_defined_is_imported(project: Path) -> None:
    source = (
        '"""Tests."""\n\nfrom kfp import dsl\n\n\n'
        "def test_keep(tmp_path):\n"
        "    with pytest.raises(ValueError):\n"
        "        json.loads(str(Path('x')))\n"
        "    assert keep() is compiler.Compiler\n"
    )
    added = missing_imports(project, source).splitlines()[1:6]
    assert sorted(line for line in added if line) == [
        "from depot.parts.keep import keep",
        "from kfp import compiler",
        "from pathlib import Path",
        "import json",
        "import pytest",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "def f(json):\n    return json.x + [q.y for q in json]\n",
        "try:\n    pass\nexcept ValueError as error:\n    print(error, len('a'))\n",
        "print(both, nobody, table.cell, string)\n",
        "from depot import *\n\njson.loads('1')\n",
        "import os.path\n\nprint(os.path)\n",
        "def (",
    ],
)
def test_nothing_is_imported_that_is_there_or_unsure(project: Path, source: str) -> None:
    assert missing_imports(project, source) == source
