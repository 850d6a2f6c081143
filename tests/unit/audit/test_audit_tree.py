"""Finding files by exact path, by their end, by like names; features at any depth; names in code."""

from __future__ import annotations

from pathlib import Path

import pytest
from kfpilot.agent.audit.audit import decide, place_of
from kfpilot.agent.audit.claims import Claims
from kfpilot.agent.audit.features import choose, list_documents
from kfpilot.agent.audit.models import Check, Outcome
from kfpilot.agent.audit.running import holds_tests
from kfpilot.agent.audit.symbols import Names
from kfpilot.agent.audit.tree import Tree, stem_key
from kfpilot.agent.errors import UserError


def tree_of(root: Path, *paths: str, text: str = "x\n") -> Tree:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return Tree(root)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("user_service.py", "UserService.ts"),
        ("test_user.py", "user_test.go"),
        ("tests/user.test.ts", "spec/user.spec.js"),
        ("user.py", "user/"),
        ("a/b-c.d.yaml", "x/b_c.py"),
    ],
)
def test_like_names(one: str, other: str) -> None:
    assert stem_key(one) == stem_key(other)


def test_a_test_is_not_like_its_code() -> None:
    assert stem_key("test_user.py") != stem_key("user.py")


def test_tests_of_more_or_fewer_words_are_like(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, "tests/test_learning_integration.py", "tests/test_orders.py", "src/learning_rate.py")
    assert tree.like_name("tests/integration/test_learning.py") == ["tests/test_learning_integration.py"]
    assert tree.like_name("src/learning.py") == []


def test_a_path_is_found_by_its_end_and_without_its_beginning(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, "backend/src/a.py", "web/src/b.ts", "api/src/b.ts")
    assert tree.ending("src/A.py") == ["backend/src/a.py"]
    assert len(tree.ending("src/b.ts")) == 2
    assert tree.shorter("monorepo/backend/src/a.py") == "backend/src/a.py"
    assert tree.shorter("other/a.py") == ""
    assert tree.exists("backend/src/") and not tree.exists("backend/lib/")


def test_features_at_any_depth(tmp_path: Path) -> None:
    wanted = [
        ".kiro/specs/a/tasks.md",
        ".specify/specs/b/tasks.md",
        "apps/x/openspec/changes/c/tasks.md",
        "openspec/changes/d/tasks.md",
        "specs/001-e/tasks.md",
    ]
    others = ["specs/tasks.md", "specs/001-e/deep/tasks.md", "docs/tasks.md", "vendor/x/specs/f/tasks.md"]
    tree = tree_of(tmp_path, *wanted, *others, "openspec/changes/archive/g/tasks.md")
    assert list_documents(tree, "") == wanted
    assert list_documents(tree, "apps/") == ["apps/x/openspec/changes/c/tasks.md"]
    assert list_documents(tree, "", archived=True)[3] == "openspec/changes/archive/g/tasks.md"


def test_a_hint_that_fits_several_features_lists_them(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, "specs/001-orders/tasks.md", "services/a/specs/001-prices/tasks.md")
    assert choose(tree, "", ["prices"]) == ["services/a/specs/001-prices/tasks.md"]
    with pytest.raises(UserError, match=r"several.*specs/001-orders"):
        choose(tree, "", ["1"])
    with pytest.raises(UserError, match="Features here: 001-prices, 001-orders"):
        choose(tree, "", ["refunds"])


def test_the_place_of_a_feature_outside_of_git(tmp_path: Path) -> None:
    tree_of(tmp_path, "x/.kiro/specs/a/tasks.md", "x/specs/001-b/tasks.md")
    assert place_of(tmp_path / "x/.kiro/specs/a") == (tmp_path / "x", ".kiro/specs/a/")
    assert place_of(tmp_path / "x/specs/001-b/tasks.md") == (tmp_path / "x", "specs/001-b/tasks.md")
    assert place_of(tmp_path / "x") == (tmp_path / "x", "")


def test_names_are_defined_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        "import b as c\n\n\nclass Order:\n    def total(self, rate):\n        self.sum = rate\n"
    )
    (tmp_path / "b.ts").write_text("export interface Price {}\nexport const load = () => {}\n")
    (tmp_path / "broken.py").write_text("def half(:\n")
    (tmp_path / "README.md").write_text("class Spoken\n")
    names = Names(Tree(tmp_path), {"half", "Spoken", "rate"})
    assert names.where("Order") == ["a.py:4"]
    assert names.where("total") == ["a.py:5"]
    assert names.where("sum") == ["a.py:6"]
    assert names.where("c") == ["a.py:1"]
    assert names.where("load") == ["b.ts:2"]
    assert names.where("half") == ["broken.py:1"]
    assert names.where("Spoken") == [] and "Spoken" not in names.words
    assert names.like("OrderTotal") and names.near("Ordr") == ["`Order` in a.py:4"]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("def test_a(): pass\n", True),
        ("class TestA:\n    pass\n", True),
        ("from base import *\n", True),
        ("from common import test_shared\n", True),
        ("class Cases(Base):\n    pass\n", True),
        ("scenarios('x.feature')\n", True),
        ("test_x = make()\n", True),
        ("def broken(:\n", True),
        ("RATE = 3\n", False),
        ("import os\n\n\ndef helper():\n    return os\n", False),
    ],
)
def test_only_a_file_without_any_sign_of_a_test_holds_none(tmp_path: Path, source: str, wanted: bool) -> None:
    (tmp_path / "test_a.py").write_text(source)
    assert holds_tests(tmp_path / "test_a.py") is wanted


def check(outcome: Outcome, rule: str = "TICK-FILE") -> Check:
    return Check(rule=rule, subject="a", outcome=outcome, message=f"{outcome} {rule}")


@pytest.mark.parametrize(
    ("checks", "wanted"),
    [
        ([], "unsupported"),
        ([check("note")], "unsupported"),
        ([check("holds"), check("note")], "verified"),
        ([check("holds"), check("unknown")], "unsupported"),
        ([check("holds"), check("false")], "contradicted"),
        ([check("unknown"), check("holds", "TICK-RECORD")], "verified"),
        ([check("false"), check("holds", "TICK-RECORD")], "contradicted"),
    ],
)
def test_the_verdict(checks: list[Check], wanted: str) -> None:
    assert decide(checks, Claims())[0] == wanted
