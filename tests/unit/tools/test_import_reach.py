"""What can notice two changes at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.tools.import_reach import meet

PROJECT = {
    "shop/__init__.py": "",
    "shop/one.py": "X = 1\n",
    "shop/two.py": "Y = 2\n",
    "shop/sum.py": "from .one import X\nfrom shop import two\n\nZ = X + two.Y\n",
    "shop/sub/deep.py": "from ..one import X\n",
    "tests/test_one.py": "from shop.one import X\n\n\ndef test_one():\n    assert X\n",
}


def tree(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def changed(*paths: str) -> dict[str, str]:
    return dict.fromkeys(paths, "M")


def test_modules_that_nothing_uses_together_do_not_meet(tmp_path: Path) -> None:
    files = {path: text for path, text in PROJECT.items() if path != "shop/sum.py"}
    assert meet(tree(tmp_path, files), changed("shop/one.py", "tests/test_one.py"), changed("shop/two.py")) == ""


@pytest.mark.parametrize(
    ("ours", "theirs", "why"),
    [
        ("shop/one.py", "shop/two.py", "shop/sum.py uses both"),
        ("shop/one.py", "shop/sub/deep.py", "shop/sub/deep.py uses both"),
        ("shop/one.py", "shop/one.py", "both change"),
        ("shop/__init__.py", "shop/two.py", "uses both"),
        ("tests/test_one.py", "tests/sub/test_one.py", "both have a test_one.py"),
        ("shop/one.py", "config.yaml", "config.yaml is no Python file"),
    ],
)
def test_what_sees_both_is_named(tmp_path: Path, ours: str, theirs: str, why: str) -> None:
    assert why in meet(tree(tmp_path, PROJECT), changed(ours), changed(theirs))


def test_prose_meets_nothing(tmp_path: Path) -> None:
    assert meet(tree(tmp_path, PROJECT), changed("docs/a.md"), changed("shop/one.py", "config.yaml")) == ""


@pytest.mark.parametrize(
    "text", ["import pkgutil\n", "for f in p.glob('*.py'): pass\n", "__import__('x')\n", "def (:\n"]
)
def test_a_test_that_looks_for_modules_sees_all(tmp_path: Path, text: str) -> None:
    files = {**PROJECT, "tests/test_all.py": text}
    del files["shop/sum.py"]
    assert "tests/test_all.py" in meet(tree(tmp_path, files), changed("shop/one.py"), changed("shop/two.py"))


def test_a_script_that_no_test_loads_does_not_count(tmp_path: Path) -> None:
    files = {**PROJECT, "scripts/release.py": "import subprocess\n"}
    del files["shop/sum.py"]
    assert meet(tree(tmp_path, files), changed("shop/one.py"), changed("shop/two.py")) == ""


def test_conftest_is_seen_by_the_tests_below_it(tmp_path: Path) -> None:
    files = {**PROJECT, "tests/conftest.py": ""}
    assert "uses both" in meet(tree(tmp_path, files), changed("tests/conftest.py"), changed("shop/one.py"))


def test_what_is_gone_is_looked_at_as_a_whole(tmp_path: Path) -> None:
    assert "is gone" in meet(tree(tmp_path, PROJECT), {"shop/old.py": "D"}, changed("shop/one.py"))
