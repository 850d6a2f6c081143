"""Checks of text files: what is surely wrong is named with its line; what may be right is left alone."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from kfpilot.tools import text_checks as checks

SUMMARY = """
from kfp import dsl
from kfp.dsl import Dataset, Input, Output


@dsl.component(base_image="python:3.11")
def select_orders(orders: Input[Dataset], selected: Output[Dataset], status: str = "paid"):
    pass


class Reader:
    def rows(self):
        pass


def anything(**options):
    pass
"""

GOOD_WORKFLOW = """
name: Tests
on:
  push:
    branches: [main]
  pull_request:
jobs:
  test:
    runs-on: ubuntu-latest
    strategy:
      matrix:
        python: ["3.11"]
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: ${{ matrix.python }}
      - run: pip install kfp==2.17.0 pytest
      - name: Test
        run: |
          python -m pytest tests/test_select.py
          python -m shop.select
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "shop/__init__.py": "",
        "shop/select.py": SUMMARY,
        "shop/pipeline.py": "from shop.select import select_orders\nLIMIT = 3\n",
        "tests/test_select.py": "def test_x():\n    assert 1\n",
        "docs/other.md": "# Other page\n\n## How it works?\n\n## `daily` run\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"))
    return path


def markdown(project: Path, text: str, name: str = "docs/page.md") -> list[str]:
    write(project, name, text)
    return checks.markdown_problems(project, name)


@pytest.mark.parametrize(
    ("check", "text", "expected"),
    [
        (checks.yaml_problems, "a: 1\nb: 2\na: 3\n", ["line 3: the key `a` is there twice (first in line 1)."]),
        (checks.yaml_problems, "x:\n  - k: 1\n    k: 2\n", ["line 3: the key `k` is there twice (first in line 2)."]),
        (checks.yaml_problems, "a: 1\n---\nb: [1\n", ["line 4: "]),
        (checks.yaml_problems, "a:\n\tb: 1\n", ["line 2: a tab"]),
        (checks.yaml_problems, "a: &x {k: 1}\nb:\n  <<: *x\n  c: !custom 1\n---\nd: 1\n", []),
        (checks.json_problems, '{"a": 1,\n "b": }\n', ["line 2: Expecting value"]),
        (checks.json_problems, "[1]", []),
        (checks.toml_problems, "[a]\nb = \n", ["line 2: "]),
        (checks.toml_problems, "[a]\nb = 1\n", []),
        (checks.python_problems, "x = 1\ndef f(:\n    pass\n", ["line 2: "]),
        (checks.python_problems, "import re\nre.compile('\\d')\n", []),
        (
            checks.manifest_problems,
            "kind: Pod\nmetadata: {name: x}\n",
            ["line 1: a Kubernetes manifest needs `apiVersion`."],
        ),
        (
            checks.manifest_problems,
            "apiVersion: v1\nkind: Pod\nspec: {}\n",
            ["line 1: the manifest has no `metadata.name`."],
        ),
        (checks.manifest_problems, "apiVersion: v1\nkind: List\nitems: []\n---\nplain: 1\n", []),
    ],
)
def test_formats(tmp_path: Path, check: Callable[[Path], list[str]], text: str, expected: list[str]) -> None:
    path = tmp_path / "file"
    path.write_text(text)

    found = check(path)

    assert len(found) == len(expected), found
    assert all(item.startswith(start) for item, start in zip(found, expected, strict=True)), found


def test_a_file_that_is_no_text_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\xff\xfe\x00")
    assert checks.yaml_problems(path) == ["line 1: the file is not UTF-8 text."]


def test_a_good_workflow_has_no_problem(project: Path) -> None:
    assert checks.workflow_problems(write(project, ".github/workflows/t.yml", GOOD_WORKFLOW)) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("on:\n", "once:\n", 2, "no key `once`"),
        ("pull_request:", "pull_requests:", 5, "Near: `pull_request`"),
        ("    runs-on: ubuntu-latest\n", "", 7, "no `runs-on`"),
        ("    runs-on", "    needs: build\n    runs-on", 8, "needs `build`"),
        ("uses: actions/checkout@v4", "uses: actions/checkout", 13, "names no version"),
        ("- run: pip install kfp==2.17.0 pytest", "- name: nothing", 17, "neither `uses` nor `run`"),
        ("- run: pip", "- uses: a/b@v1\n        run: pip", 17, "both `uses` and `run`"),
        ("${{ matrix.python }}", "3.10", 16, "the number 3.1"),
        ("tests/test_select.py", "tests/test_selected.py", 20, "Near: `tests/test_select.py`"),
        ("shop.select\n", "shop.selector\n", 21, "`shop` has no `selector`"),
        ("jobs:", "job:", 6, "Near: `jobs`"),
    ],
)
def test_what_is_wrong_with_a_workflow(project: Path, old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD_WORKFLOW
    path = write(project, ".github/workflows/t.yml", GOOD_WORKFLOW.replace(old, new, 1))

    found = checks.workflow_problems(path)

    assert any(item.startswith(f"line {line}: ") and says in item for item in found), found


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("See [it](othr.md).\n", 1, "`othr.md` leads nowhere. Near: `other.md`"),
        ("one\ntwo [it](other.md#how-it-work)\n", 2, "Near: `how-it-works`"),
        ("![x](img/a.png)\n", 1, "leads nowhere"),
        ("The code is in `shop/selct.py`.\n", 1, "Near: `shop/select.py`"),
        ("Call `shop.select.select_order`.\n", 1, "Near: `select_orders`"),
        ("Call `select_order()`.\n", 1, "Near: `select_orders`"),
        ('Call `select_orders(state="x")`.\n', 1, "no parameter `state`; it has `orders`, `selected`, `status`"),
        ("```python\nfrom shop.select import pick\n```\n", 2, "`shop.select` has no `pick`"),
        ("```python\nimport shop.selekt\n```\n", 2, "Near: `select`"),
        ("```python\nx = (\n```\n", 2, "does not parse"),
        ("```python\nfrom shop.select import select_orders as s\n\ns(state='x')\n```\n", 4, "no parameter `state`"),
        (
            "```python\nfrom shop.pipeline import select_orders\n```\n\n```py\nselect_orders.python_func(day=1)\n```\n",
            6,
            "no parameter `day`",
        ),
        ("```yaml\na: 1\na: 2\n```\n", 3, "in the YAML block: the key `a` is there twice"),
        ("```bash\n$ python -m shop.pipelines\n```\n", 2, "Near: `pipeline`"),
        ("```bash\npython shop/run.py --x\n```\n", 2, "there is no file `shop/run.py`"),
        ("Do:\n\n    kfp dsl compile --py shop/pipelin.py\n", 3, "Near: `shop/pipeline.py`"),
    ],
)
def test_what_a_page_says_that_is_not_so(project: Path, text: str, line: int, says: str) -> None:
    found = markdown(project, text)

    assert len(found) == 1, found
    assert found[0].startswith(f"line {line}: ") and says in found[0], found


@pytest.mark.parametrize(
    "text",
    [
        "[a](other.md) [b](../shop/select.py) [c](#top) [d](https://x.y/z) [f](/docs/other.md)\n\n# Top\n",
        "[a](other.md#how-it-works) [e](mailto:a@b) [b](other.md#daily-run)\n",
        "[badge](../../actions/workflows/x.yml)\n",
        "`path/to/x.py` `shop/<name>.py` `shop/*.py` `registry/image.py` `build/daily.yaml` `kfp/dsl/x.py` `and/or`\n",
        "Makes `shop/daily.yaml`:\n\n```bash\nkfp dsl compile --py shop/pipeline.py --output shop/daily.yaml\n```\n",
        "`select_orders` `shop.select` `shop.select.Reader.rows()` `shop.pipeline.LIMIT` `os.path.joinx`\n",
        "`dsl.component()` `print()` `load_component_from_file()` `wholly_new()` `anything(x=1)` `tests.yml`\n",
        "```python\n>>> from shop.select import select_orders\n>>> select_orders(\n...     status='x')\n<Task>\n```\n",
        "```python\n@dsl.pipeline\ndef p():\n    ...\n```\n```python\n!pip install x\n```\n```python\nf(<name>)\n```\n",
        "```python\nfrom shop.select import anything\nanything(a=1, **more)\nawait thing()\n```\n",
        "```yaml\nx: {{ value }}\n```\n```yaml\nsteps:\n  ...\n```\n```json\n{'rows': ...}\n```\n",
        "```bash\ncd examples/other\npython run.py\n```\n```bash\npython -m venv .venv\npython -m pytest\n```\n",
        "```bash\npython my_script.py\npython /abs/x.py\n```\n```text\npython nothing.py\n```\n",
    ],
)
def test_what_may_be_right_is_left_alone(project: Path, text: str) -> None:
    assert markdown(project, text) == []


def test_plans_and_changes_may_name_what_is_not_there(project: Path) -> None:
    assert markdown(project, "- [ ] Write `shop/new.py`\n", "specs/001-x/tasks.md") == []
    assert markdown(project, "- Removed `shop/old.py`\n", "CHANGELOG.md") == []


def test_a_folder_of_another_package_is_not_taken_for_the_projects(project: Path) -> None:
    write(project, "yaml/generate.py", "x = 1\n")

    assert markdown(project, "```python\nfrom yaml import safe_load\n```\n`yaml.dump`\n") == []
