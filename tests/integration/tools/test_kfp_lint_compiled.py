"""What the KFP lint finds with the help of the compiler, and that it is silent where compiling shows nothing wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from kfpilot.tools.kfp_check import KfpChecker, KfpModule
from kfpilot.tools.kfp_lint import LintReport, lint
from kfpilot.tools.kfp_lint_settings import LintSettings

pytestmark = pytest.mark.integration

SAMPLES = Path(__file__).parents[2] / "seeded" / "lint"
RULES = ["K04", "K10", "K11", "K12", "K13", "K14", "K15"]


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KfpChecker]:
    with KfpChecker(places=[tmp_path_factory.getbasetemp()]) as started:
        yield started


def compiled_lint(checker: KfpChecker, root: Path, settings: LintSettings) -> LintReport:
    def compile_modules(names: list[str]) -> list[KfpModule]:
        return checker.check(root, names, ir=True)

    return lint(root, [], settings, compile_modules=compile_modules)


@pytest.fixture(scope="module")
def samples(checker: KfpChecker, tmp_path_factory: pytest.TempPathFactory) -> LintReport:
    root = tmp_path_factory.mktemp("samples")
    for file in (SAMPLES / "compiled").glob("*.py"):
        shutil.copy(file, root)
    report = compiled_lint(checker, root, LintSettings(policies=["retries"]))
    assert set(report.not_compiled) <= {"k14_bad.py"}, report.not_compiled
    return report


@pytest.mark.parametrize("rule", RULES)
def test_what_only_compiling_shows_is_found(samples: LintReport, rule: str) -> None:
    found = [item for item in samples.findings if item.path == f"{rule.lower()}_bad.py"]

    assert [item.rule for item in found] == [rule], found


@pytest.mark.parametrize("rule", RULES)
def test_nothing_is_found_in_the_twin(samples: LintReport, rule: str) -> None:
    assert [item for item in samples.findings if item.path == f"{rule.lower()}_good.py"] == []


@pytest.mark.parametrize("rule", RULES)
def test_the_source_alone_does_not_show_it(rule: str) -> None:
    file = SAMPLES / "compiled" / f"{rule.lower()}_bad.py"

    assert lint(file.parent, [file], LintSettings(policies=["retries"])).findings == []


def test_compiling_adds_nothing_to_good_samples_and_repeats_nothing(checker: KfpChecker, tmp_path: Path) -> None:
    for file in SAMPLES.glob("K??/*.py"):
        shutil.copy(file, tmp_path / f"{file.parent.name.lower()}_{file.name}")
    plain = lint(tmp_path)

    report = compiled_lint(checker, tmp_path, LintSettings())

    good = [item for item in report.findings if "_good_" in item.path]
    assert good == []
    assert report.findings == plain.findings
    assert not [path for path in report.not_compiled if "_good_" in path], report.not_compiled


def test_a_module_that_would_start_a_run_is_not_imported(checker: KfpChecker, tmp_path: Path) -> None:
    text = (
        "from kfp import dsl\nfrom kfp import Client\n\n\n@dsl.component\ndef step(n: int) -> int:\n    return n\n\n\n"
        "Client().create_run_from_pipeline_func(step)\n"
    )
    (tmp_path / "run.py").write_text(text, encoding="utf-8")

    report = compiled_lint(checker, tmp_path, LintSettings())

    assert "starts a run" in report.not_compiled["run.py"]
