"""Which claims that the code is wrong are followed up: on tests that really ran, in a real repository."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kfpilot.agent.verifier.claims import demands, groundless, of_code, with_code
from kfpilot.agent.verifier.context import GateContext
from kfpilot.agent.verifier.models import Fault, Verdict

TASKS = """- [ ] T001 [US1] Test `double` in tests/test_double.py (FR-001); do not change shop/frozen.py
- [ ] T002 [US1] Describe the prices in docs/prices.md
"""
DOUBLE = """from shop.rates import RATE

LIMIT = 10


def double(price):
    if price > LIMIT:
        return price / 0
    return 3 * price * RATE


class Till:
    def add(self, price):
        return price
"""
FILES = {
    "shop/double.py": DOUBLE,
    "shop/rates.py": "RATE = 1\n",
    "shop/frozen.py": "from shop.rates import RATE\n",
    "shop/settled.py": "RATE = 1\n",
    "shop/other.py": "def other():\n    return 1\n",
    "sitecustomize.py": "X = 1\n",
    "shop/data.csv": "a,b\n",
}
TEST = """from shop import frozen, settled
from shop.double import double


def test_double():
    assert double(2) == 4
"""
CLAIM = {"file": "shop/double.py", "function": "double", "does": "gives 6", "should": "give 4", "by": "FR-001"}
Scenes = Callable[..., Any]


def context(here: Any) -> GateContext:
    return GateContext(
        task=here.task(), feature=here.feature, worktree=here.worktree, base=here.base, bench=here.bench,
        later=[here.task("T002")],
    )  # fmt: skip


def judged(here: Any, changes: dict[str, str]) -> Verdict:
    here.bench.baseline = here.bench.run_tests(here.worktree)
    return here.judge(changes)


def why(here: Any, verdict: Verdict, **claim: str) -> str:
    return groundless(context(here), verdict, Fault(**{**CLAIM, **claim}))


def test_a_claim_must_name_code_in_reach_and_a_place_in_the_documents(
    scene: Scenes, feature_documents: dict[str, str]
) -> None:
    spec = feature_documents["specs/001-prices/spec.md"]
    spec += "- **FR-002**: shop/settled.py MUST stay unchanged\n\n### Edge Cases\n\n- A price of 0 stays 0\n"
    here = scene(TASKS, {**FILES, "specs/001-prices/spec.md": spec})
    verdict = judged(here, {"tests/test_double.py": TEST})
    assert [gate.gate for gate in verdict.gates if not gate.passed] == ["tests"]
    for claim in (
        {}, {"file": "./shop/double.py"}, {"function": "double(price)"}, {"function": ""}, {"function": "Till.add"},
        {"function": "LIMIT"}, {"file": "shop/rates.py", "function": "RATE"}, {"by": "US1/AS1"}, {"by": "US1"},
        {"by": "T001 and FR-001"}, {"by": "fr-001"}, {"by": "the edge cases"},
    ):  # fmt: skip
        assert why(here, verdict, **claim) == "", claim
    for path, said in {
        "tests/test_double.py": "is a test",
        "tests/test_price.py": "is a test",
        "conftest.py": "is a test",
        "../double.py": "not a path within the repository",
        "/etc/passwd": "not a path within the repository",
        "": "not a path within the repository",
        "shop/none.py": "is no file of the repository",
        "shop": "is no file of the repository",
        "specs/001-prices/spec.md": "no file that the code role may change",
        "README.md": "no file that the code role may change",
        "pyproject.toml": "no file that the code role may change",
        "sitecustomize.py": "no file that the code role may change",
        ".kfpilot/x.py": "no file that the code role may change",
        "shop/frozen.py": "the documents say that shop/frozen.py stays as it is",
        "shop/settled.py": "the documents say that shop/settled.py stays as it is",
        "shop/data.csv": "no Python file",
        "shop/other.py": "tests/test_double.py fails and does not use shop/other.py",
    }.items():
        assert said in why(here, verdict, file=path, function=""), path
    assert why(here, verdict, function="dobule").endswith("has no `dobule`; did you mean `double`?")
    for nowhere in ("FR-01", "FR-0011", "US1/AS2", "US1/AS", "the specification", ""):
        assert "the documents have no" in why(here, verdict, by=nowhere), nowhere
    assert demands(here.feature, Fault(**{**CLAIM, "by": "US1/AS1, FR-001"})) == [
        "FR-001: A price MUST be doubled",
        "US1/AS1: **Given** a price of 2, **When** it is doubled, **Then** it is 4",
    ]


def test_a_link_is_no_file_to_be_mended(scene: Scenes) -> None:
    here = scene(TASKS, FILES)
    (here.worktree / "shop/link.py").symlink_to("double.py")
    here.commit()
    verdict = judged(here, {"tests/test_double.py": TEST})
    assert "is no file of the repository" in why(here, verdict, file="shop/link.py")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TEST.replace("4", "6"), "its gates pass"),
        (TEST.replace("from shop.double import double", "from shop.double import duoble"), "another reason"),
        (TEST.replace("    assert double(2) == 4", "    double(2)"), "another reason (gate assertions)"),
        (TEST + "\n\ndef test_more(nothing):\n    assert double(nothing) == 1\n", "test_more fails in the test itself"),
        (TEST + "\n\ndef test_more():\n    assert int('x') == double(1)\n", "test_more fails in the test itself"),
    ],
    ids=["green", "wrong-name", "no-assertion", "no-fixture", "own-mistake"],
)
def test_the_tests_must_fail_for_what_the_code_does(scene: Scenes, text: str, said: str) -> None:
    here = scene(TASKS, FILES)
    assert said in why(here, judged(here, {"tests/test_double.py": text}))


def test_tests_that_passed_before_must_pass_still(scene: Scenes) -> None:
    env = "import os\n\n\ndef test_shop():\n    assert 'SHOP' not in os.environ\n"
    here = scene(TASKS, {**FILES, "tests/test_shop.py": env})
    setting = "import os\n\nimport pytest\n\n\n@pytest.fixture(autouse=True)\ndef shop():\n"
    setting += "    os.environ['SHOP'] = '7'\n"
    changes = {"tests/test_double.py": TEST, "tests/conftest.py": setting}
    assert why(here, judged(here, changes)) == "tests that passed before do not pass any more"


def test_which_failures_speak_of_the_code(scene: Scenes) -> None:
    cases = {
        "test_wrong_value": "    assert double(1) == 2",
        "test_raised_in_the_code": "    assert double(20) == 40",
        "test_did_not_raise": "    with pytest.raises(ValueError):\n        double(1)",
        "test_parameter": "    assert double(price=1, round=True) == 2",
    }
    others = {
        "test_own_name": "    assert duoble(1) == 2",
        "test_own_error": "    assert double(int('x')) == 2",
        "test_own_import": "    from shop.double import triple\n\n    assert triple(1) == 3",
    }
    text = "import pytest\nfrom shop.double import double\n\n\n"
    text += "@pytest.fixture\ndef broken():\n    assert double(1) == 2\n"
    text += "".join(f"\n\ndef {name}():\n{body}\n" for name, body in {**cases, **others}.items())
    text += "\n\ndef test_fixture(broken):\n    assert broken\n"
    here = scene(TASKS, FILES)
    here.write({"tests/test_kinds.py": text, "tests/test_import.py": "from shop.double import nothing\n"})
    run = here.bench.run_tests(here.worktree)
    bad = [case for case in run.tests if case.outcome in ("failed", "error")]
    assert len(bad) == len(cases) + len(others) + 2
    assert {case.nodeid.rpartition("::")[2] for case in bad if of_code(case)} == set(cases)


def test_a_task_that_was_handed_back_has_the_gates_of_both_roles(scene: Scenes) -> None:
    task = scene(TASKS, FILES).task()
    both = with_code(task, "shop/double.py")
    assert (task.role, task.also, both.role, both.also) == ("tests", [], "tests", ["code"])
    assert set(both.gates) >= {*task.gates, "kfp", "ir", "local", "tests", "mutation"}
    assert both.files == [*task.files, "shop/double.py"] and task.files != both.files
