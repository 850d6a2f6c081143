"""Every rule of the KFP lint against its samples: what it must name, and twins in which nothing at all is found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from kfpilot.tools.findings import Finding
from kfpilot.tools.kfp_catalogue import RULES
from kfpilot.tools.kfp_lint import module_findings
from kfpilot.tools.kfp_lint_settings import LintSettings

SAMPLES = Path(__file__).parents[2] / "seeded" / "lint"
POLICIES = json.loads((SAMPLES / "policies.json").read_text(encoding="utf-8"))
BAD = sorted(SAMPLES.glob("K??/bad_*.py"))
GOOD = sorted(SAMPLES.glob("K??/good_*.py"))


def found_in(file: Path) -> list[Finding]:
    settings = LintSettings(policies=POLICIES.get(file.parent.name, []))
    return module_findings(file.name, file.read_text(encoding="utf-8"), settings)


def name(file: Path) -> str:
    return f"{file.parent.name}-{file.stem}"


@pytest.mark.parametrize("file", BAD, ids=name)
def test_what_is_wrong_is_found_and_named(file: Path) -> None:
    found = found_in(file)

    assert {item.rule for item in found} == {file.parent.name}, found
    assert all(item.path == file.name and len(item.message) > 40 for item in found)


@pytest.mark.parametrize("file", GOOD, ids=name)
def test_nothing_is_found_in_the_twin(file: Path) -> None:
    assert found_in(file) == []


def test_every_rule_has_two_of_each() -> None:
    for rule in RULES:
        folder = SAMPLES / rule.id
        names = {item.name for item in folder.glob("*.py")}
        assert {"bad_1.py", "bad_2.py", "good_1.py", "good_2.py"} <= names, rule.id
        texts = {item.read_text(encoding="utf-8") for item in folder.glob("*.py")}
        assert len(texts) == len(names), f"{rule.id}: two samples are the same"


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_the_examples_of_the_page_are_what_it_says(rule: str) -> None:
    page = (SAMPLES.parents[2] / "docs" / "lint.md").read_text(encoding="utf-8")
    section = page.partition(f"### {rule}\n")[2].partition("\n### ")[0]
    bad, good = re.findall(r"```python\n(.*?)```", section, re.S)
    settings = LintSettings(policies=POLICIES.get(rule, []))

    assert {item.rule for item in module_findings("page.py", bad, settings)} == {rule}
    assert module_findings("page.py", good, settings) == []
