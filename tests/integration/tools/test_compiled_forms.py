"""Compiled forms compared: what breaks callers is named, what does not is told; with the real compiler."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kfpilot.tools.ir_diff import IrChange
from kfpilot.tools.ir_modules import compare_modules
from kfpilot.tools.kfp_check import KfpChecker, KfpModule

SOURCE = '''from kfp import dsl


@dsl.component(base_image="python:3.11", packages_to_install=["tabulate==0.9.0"])
def count(rows: int, factor: int = 2) -> int:
    """Counts."""
    return rows * factor


@dsl.component(base_image="python:3.11")
def show(number: int) -> str:
    """Shows."""
    return str(number)


@dsl.pipeline(name="daily-count")
def daily_count(rows: int, label: str = "all") -> str:
    """Counts each day."""
    counted = count(rows=rows)
    counted.set_memory_limit("1G").set_cpu_limit("1")
    shown = show(number=counted.output).after(counted)
    return shown.output
'''

BREAKING = [
    ("a parameter is gone", [('label: str = "all"', "")], ("removed", "input", "label")),
    ("a parameter is renamed", [('label: str = "all"', 'title: str = "all"')], ("removed", "input", "label")),
    ("a parameter without a default is new", [("rows: int, label", "rows: int, day: str, label")],
     ("added", "input", "day")),
    ("a parameter has another type", [('label: str = "all"', "label: int = 1")], ("changed", "type", "label")),
    ("a default is gone", [('label: str = "all"', "label: str")], ("removed", "default", "label")),
    ("the pipeline has another name", [('name="daily-count"', 'name="count-daily"')],
     ("changed", "name", "daily-count")),
    ("the function has another name", [("def daily_count", "def count_each_day")], ("changed", "name", "daily_count")),
    ("the output is gone",
     [(") -> str:\n    \"\"\"Counts each", "):\n    \"\"\"Counts each"), ("    return shown.output\n", "")],
     ("removed", "output", "Output")),
    ("the output has another type", [("-> str:\n    \"\"\"Counts each", "-> int:\n    \"\"\"Counts each"),
     ("return shown.output", "return counted.output")], ("changed", "type", "Output")),
    ("a component's parameter is gone", [("rows: int, factor: int = 2", "rows: int"), ("rows * factor", "rows")],
     ("removed", "input", "factor")),
]  # fmt: skip

HARMLESS = [
    ("another default", [('label: str = "all"', 'label: str = "paid"')], ("changed", "default", "label")),
    ("a new parameter with a default", [('label: str = "all"', 'label: str = "all", day: str = ""')],
     ("added", "input", "day")),
    ("another image", [('base_image="python:3.11")\ndef show', 'base_image="python:3.12")\ndef show')],
     ("changed", "image", "image")),
    ("another limit", [('"1G"', '"2G"')], ("changed", "limit", "resourceMemoryLimit")),
    ("no limit", [('.set_cpu_limit("1")', "")], ("removed", "limit", "resourceCpuLimit")),
    ("another package", [("tabulate==0.9.0", "tabulate==0.10.0")], ("changed", "packages", "packages")),
    ("retries", [('set_cpu_limit("1")', 'set_cpu_limit("1").set_retry(2)')], ("added", "retry", "retry")),
    ("no caching", [('set_cpu_limit("1")', 'set_cpu_limit("1").set_caching_options(False)')],
     ("changed", "caching", "caching")),
    ("a new step", [("    return shown.output", "    show(number=rows)\n    return shown.output")],
     ("added", "task", "show-2")),
]  # fmt: skip

Compare = Callable[[str, str | None], list[IrChange]]


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KfpChecker]:
    with KfpChecker(Path(sys.executable), places=[tmp_path_factory.getbasetemp()]) as checker:
        yield checker


@pytest.fixture
def differ(checker: KfpChecker, tmp_path: Path) -> Compare:
    def compiled(folder: str, text: str | None) -> dict[str, KfpModule]:
        if text is None:
            return {}
        root = tmp_path / folder
        root.mkdir()
        (root / "daily.py").write_text(text, encoding="utf-8")
        return {module.path: module for module in checker.check(root, ["daily.py"], [root], ir=True)}

    return lambda before, after: compare_modules(compiled("before", before), compiled("after", after))


def edited(edits: list[tuple[str, str]]) -> str:
    text = SOURCE
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(("edits", "named"), [case[1:] for case in BREAKING], ids=[case[0] for case in BREAKING])
def test_what_breaks_callers_is_named(
    differ: Compare, edits: list[tuple[str, str]], named: tuple[str, str, str]
) -> None:
    broken = [change for change in differ(SOURCE, edited(edits)) if change.breaking]
    assert named in [(change.kind, change.what, change.name) for change in broken]
    assert all("daily.py:" in change.where and change.message for change in broken)


@pytest.mark.parametrize(("edits", "told"), [case[1:] for case in HARMLESS], ids=[case[0] for case in HARMLESS])
def test_what_breaks_nobody_is_told_only(
    differ: Compare, edits: list[tuple[str, str]], told: tuple[str, str, str]
) -> None:
    changes = differ(SOURCE, edited(edits))
    assert told in [(change.kind, change.what, change.name) for change in changes]
    assert [str(change) for change in changes if change.breaking] == []


def test_the_same_source_has_no_change(differ: Compare) -> None:
    comment = SOURCE.replace("    return rows * factor", "    # The product.\n    return rows * factor")
    assert differ(SOURCE, comment) == []


def test_a_file_that_is_gone_takes_its_pipelines_with_it(differ: Compare) -> None:
    gone = [change for change in differ(SOURCE, None) if change.breaking]
    assert {change.name for change in gone} == {"count", "show", "daily_count"}


def test_a_module_that_does_not_compile_says_nothing_of_its_changes(differ: Compare) -> None:
    assert differ(SOURCE, "import nowhere_to_be_found\n") == []
