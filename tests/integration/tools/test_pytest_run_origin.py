"""What is imported comes from the checkout, whatever is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from kfpilot.tools.errors import ToolFailure
from kfpilot.tools.pytest_run import find_python, find_source_roots, outcomes, run_pytest

from .conftest import OTHER, PYTHON, WORKTREE, project, run

pytestmark = pytest.mark.integration

FINDER = """
import sys
from importlib.util import spec_from_file_location
from pathlib import Path
MAPPING = {mapping!r}

class Finder:
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        folder = MAPPING.get(fullname)
        if folder:
            return spec_from_file_location(fullname, Path(folder) / "__init__.py", submodule_search_locations=[folder])

def install():
    sys.meta_path.{how}
"""


def environment(folder: Path, style: str, other: Path) -> Path:
    """A real virtual environment, in which the project is installed as editable from another checkout."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    parent = next(p for p in sys.path if p.endswith("site-packages") and Path(p, "pytest").is_dir())
    (site / "_parent.pth").write_text(parent + "\n")
    if style == "pth":
        (site / "__editable__.shop-1.0.pth").write_text(f"{other / 'src'}\n{other}\n")
    else:
        how = "append(Finder)" if style == "finder" else "insert(0, Finder)"
        code = FINDER.format(mapping={"shop": str(other / "src/shop")}, how=how)
        (site / "__editable___shop_finder.py").write_text(code)
        (site / "__editable__.shop-1.0.pth").write_text("import __editable___shop_finder as f; f.install()\n")
    return folder / "bin" / "python"


@pytest.mark.parametrize("style", ["pth", "finder"])
def test_an_editable_install_of_another_checkout_does_not_win(tmp_path: Path, style: str) -> None:
    root, other = project(tmp_path / "worktree", WORKTREE), project(tmp_path / "other", OTHER)
    python = environment(tmp_path / "env", style, other)
    bare = subprocess.run([str(python), "-c", "import shop; print(shop.WHERE)"], cwd=tmp_path, capture_output=True)
    assert bare.stdout == b"other\n", "without our care the other checkout is imported"
    result = run_pytest(python, root, timeout=60)
    assert outcomes(result) == {"tests/test_where.py::test_where": "passed"}
    assert result.foreign == []


def test_an_editable_install_that_comes_first_is_found_out(tmp_path: Path) -> None:
    root, other = project(tmp_path / "worktree", WORKTREE), project(tmp_path / "other", OTHER)
    (root / "tests/test_where.py").write_text("import shop.price\n\ndef test_price(): assert shop.price.VALUE\n")
    result = run_pytest(environment(tmp_path / "env", "first", other), root, timeout=60)
    assert result.counts["passed"] == 1, "the test itself sees nothing wrong"
    assert result.foreign == [
        f"shop -> {other / 'src/shop/__init__.py'}",
        f"shop.price -> {other / 'src/shop/price.py'}",
    ]


def test_code_forced_in_from_another_checkout_is_found_out(tmp_path: Path) -> None:
    root, other = project(tmp_path / "worktree", WORKTREE), project(tmp_path / "other", OTHER)
    forced = (
        "import sys\n\ndef test_it():\n"
        f"    sys.path.insert(0, {str(other / 'src')!r})\n"
        "    import shop\n    assert shop.WHERE == 'other'\n"
        "    del sys.path[0]\n"
    )
    project(root, {"tests/test_where.py": forced})
    project(root, {"tests/test_later.py": "import sys\n\ndef test_z(): sys.modules.pop('shop', None)\n"})
    result = run(root, "tests/test_where.py", "tests/test_later.py")
    assert result.foreign == [f"shop -> {other / 'src/shop/__init__.py'}"]


def test_a_module_that_only_the_other_checkout_has_is_found_out(tmp_path: Path) -> None:
    root, other = project(tmp_path / "worktree", WORKTREE), project(tmp_path / "other", OTHER)
    (root / "tests/test_where.py").write_text(
        "from steps import gone, load\n\ndef test_it(): assert load.WHERE == 'worktree'\n"
    )
    result = run_pytest(environment(tmp_path / "env", "pth", other), root, timeout=60)
    assert result.foreign == [f"steps.gone -> {other / 'steps/gone.py'}"]


def test_a_folder_that_shares_its_name_with_a_library_is_no_foreign_module(tmp_path: Path) -> None:
    files = {
        "yaml/deploy.yaml": "a: 1\n",
        "pygments/render.py": "",
        "tests/test_a.py": "import yaml, pygments.lexers\n\ndef test_a(): assert yaml.safe_load('a: 1')\n",
    }
    result = run(project(tmp_path, files))
    assert result.counts["passed"] == 1
    assert result.foreign == []


def test_a_mapped_package_that_comes_from_elsewhere_is_found_out(tmp_path: Path) -> None:
    other = project(tmp_path / "other", {"acme/tool/__init__.py": "", "acme/__init__.py": ""})
    root = project(
        tmp_path / "worktree",
        {
            "pyproject.toml": '[tool.setuptools.package-dir]\n"acme.tool" = "tool"\n',
            "tool/__init__.py": "",
            "test_a.py": "import acme.tool\n\ndef test_a(): assert acme\n",
        },
    )
    result = run(root, env={"PYTHONPATH": str(other)})
    assert f"acme.tool -> {other / 'acme/tool/__init__.py'}" in result.foreign


def test_source_roots_and_the_interpreter_are_found(tmp_path: Path) -> None:
    root = project(
        tmp_path / "p",
        {
            "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["lib", "../outside", "src"]\n',
            "src/shop/__init__.py": "",
            "lib/tool.py": "",
        },
    )
    assert find_source_roots(root) == [root / "src", root, root / "lib"]
    assert find_source_roots(tmp_path / "p" / "lib") == [root / "lib"]
    assert find_python(root, None) == PYTHON
    assert find_python(root, PYTHON) == PYTHON
    with pytest.raises(ToolFailure, match="does not exist"):
        find_python(root, tmp_path / "missing")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root / ".venv")], check=True)
    assert find_python(root, None) == PYTHON, "an environment without pytest cannot run the tests"
    (site,) = root.glob(".venv/lib/python*/site-packages")
    (site / "pytest.py").write_text("")
    assert find_python(root, None) == root / ".venv/bin/python"
    (root / ".venv/bin/python").unlink()
    assert find_python(root, None) == PYTHON
