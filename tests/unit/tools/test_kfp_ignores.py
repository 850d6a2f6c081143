"""Comments that suppress findings: what they are about, and what is told of comments that are wrong themselves."""

from __future__ import annotations

import pytest
from kfpilot.tools.kfp_lint import module_findings
from kfpilot.tools.kfp_lint_settings import LintSettings

HEAD = "from kfp import dsl\nLIMIT = 3\n"


def found(text: str, **settings: object) -> list[tuple[str, int, str]]:
    items = module_findings("shop/p.py", HEAD + text, LintSettings.model_validate(settings))
    return [(item.rule, item.line, item.message) for item in items]


@pytest.mark.parametrize(
    "text",
    [
        "@dsl.component\ndef c() -> int:\n    return LIMIT  # kfpilot: ignore[K01] set by the image\n",
        "@dsl.component\ndef c() -> int:\n    # kfpilot: ignore[K01] set by the image\n    return LIMIT\n",
        "@dsl.component\ndef c() -> int:  # kfpilot: ignore[K01] set by the image\n    return LIMIT\n",
        "# kfpilot: ignore[K01] set by the image\n@dsl.component\ndef c() -> int:\n    return LIMIT\n",
        "@dsl.component  # kfpilot: ignore[K01] set by the image\ndef c() -> int:\n    return 1 + LIMIT\n",
        "@dsl.component\ndef c() -> int:\n    return LIMIT\n# kfpilot: ignore-file[K01] set by the image\n",
        "@dsl.component\ndef c() -> int:\n    return max(  # kfpilot:ignore[k01]: x\n  1,\n  LIMIT,\n    )\n",
    ],
)
def test_a_comment_is_about_its_statement_or_its_function(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "rules", "says"),
    [
        ("@dsl.component\ndef c() -> int:\n    return LIMIT  # kfpilot: ignore[K01]\n", ["K00"], "without a reason"),
        ("LEFT = 1  # kfpilot: ignore[K01] once\n", ["K00"], "suppresses nothing"),
        ("LEFT = 1  # kfpilot: ignore[K77] once\n", ["K00"], "there is no rule K77"),
        ("LEFT = 1  # kfpilot: ignore\n", ["K00"], "names no rule"),
        (
            "@dsl.component\ndef c() -> int:\n    a = 1  # kfpilot: ignore[K01] a\n    return LIMIT + a\n",
            ["K00", "K01"],
            "",
        ),
        ('TEXT = "# kfpilot: ignore[K01] no comment"\n', [], ""),
    ],
)
def test_what_is_wrong_with_a_comment_is_told(text: str, rules: list[str], says: str) -> None:
    items = found(text)

    assert [rule for rule, _, _ in items] == rules
    assert not says or says in items[0][2]


def test_a_comment_for_a_rule_that_was_not_looked_for_is_left_alone() -> None:
    text = "LEFT = 1  # kfpilot: ignore[K03] pinned by a constraints file\n"

    assert found(text, ignore=["K03"]) == []
    assert [rule for rule, _, _ in found(text)] == ["K00"]


def test_settings_choose_rules_by_id_and_by_path() -> None:
    text = "@dsl.component(packages_to_install=['pandas'])\ndef c() -> int:\n    return LIMIT\n"

    assert [rule for rule, _, _ in found(text)] == ["K03", "K01"]
    assert [rule for rule, _, _ in found(text, select=["k01"])] == ["K01"]
    assert [rule for rule, _, _ in found(text, ignore=["K01"])] == ["K03"]
    assert [rule for rule, _, _ in found(text, **{"per-path-ignore": {"shop/": ["K01", "K03"]}})] == []
    assert [rule for rule, _, _ in found(text, **{"per-path-ignore": {"other/": ["ALL"]}})] == ["K03", "K01"]


def test_a_rule_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no rule K99"):
        LintSettings(select=["K99"])
