"""Each gate on a real repository: what it lets pass, and what it refuses and why. No model takes part."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.verifier.models import Verdict
from kfpilot.tools import git

MakeScene = Callable[..., Any]

CODE = "- [ ] T001 Create `double(price)` in shop/double.py (FR-001)"
TESTS = "- [ ] T001 Test `single` in tests/test_more.py"
DOCS = "- [ ] T001 Describe the prices in docs/prices.md"
INFRA = "- [ ] T001 Add a GitHub workflow in .github/workflows/tests.yml that runs the tests"
DOUBLE = {"shop/double.py": "def double(price):\n    return 2 * price\n"}
OLD_TEST = "tests/test_price.py"


def refused(verdict: Verdict, gate: str, *words: str) -> None:
    """That gate, and no other, refused; its findings say these words."""
    assert [done.gate for done in verdict.gates if not done.passed] == [gate], verdict.feedback()
    text = verdict.feedback()
    for word in words:
        assert word in text, text
    assert not verdict.passed


def accepted(verdict: Verdict) -> None:
    assert verdict.passed, verdict.feedback()


def test_sound_work_passes_every_gate_of_its_role(scene: MakeScene) -> None:
    here = scene(CODE)
    here.bench.baseline = here.bench.run_tests(here.worktree)
    verdict = here.judge(DOUBLE)
    accepted(verdict)
    expected = ["scope", "files", "python", "security", "kfp", "ir", "local", "tests"]
    assert [gate.gate for gate in verdict.gates] == expected
    tests = verdict.gates[-1]
    assert (tests.counts["passed"], tests.exit_code) == (2, 0)
    assert "pytest" in " ".join(tests.command)
    assert verdict.tree == git.tree_hash(here.worktree)


# --- scope


@pytest.mark.parametrize(
    "path",
    [OLD_TEST, "tests/test_new.py", "conftest.py", "docs/x.md", "specs/001-prices/tasks.md", ".github/CODEOWNERS"],
)
def test_the_code_role_may_write_code_only(scene: MakeScene, path: str) -> None:
    here = scene(CODE)
    before = (here.worktree / path).read_text() if (here.worktree / path).exists() else ""
    refused(here.judge({**DOUBLE, path: before + "\n# more\n"}, "scope", "files"), "scope", path, "code role")


def test_a_file_that_the_task_says_to_leave_stays(scene: MakeScene) -> None:
    here = scene(f"{CODE}; do not change `shop/price.py`")
    price = (here.worktree / "shop/price.py").read_text() + "\n# more\n"
    refused(here.judge({**DOUBLE, "shop/price.py": price}, "scope"), "scope", "shop/price.py", "stays as it is")
    accepted(here.judge({**DOUBLE, "shop/price.py": price.replace("\n# more\n", "")}, "scope"))


def test_the_tests_role_may_not_write_code(scene: MakeScene) -> None:
    verdict = scene(TESTS).judge({"shop/price.py": "def single(price):\n    return 2\n"}, "scope")
    refused(verdict, "scope", "shop/price.py")


@pytest.mark.parametrize(
    ("new", "word"),
    [
        (None, "removed"),
        ("def test_other():\n    assert 1 + 1 == 2\n", "test_single"),
        ("from shop.price import single\n\n\ndef test_single():\n    assert single(2) == 2\n", "test_single_again"),
        (
            "from shop.price import single\n\n\ndef test_single():\n    assert single(2)\n    assert single(0) == 0\n"
            "\n\ndef test_single_again():\n    assert single(3) == 3\n",
            "test_single",
        ),
        (
            "import pytest\nfrom shop.price import single\n\n\n@pytest.mark.skip\ndef test_single():\n"
            "    assert single(2) == 2\n    assert single(0) == 0\n"
            "\n\ndef test_single_again():\n    assert single(3) == 3\n",
            "skip",
        ),
    ],
    ids=["file-deleted", "replaced", "one-deleted", "weakened", "skipped"],
)
def test_no_role_may_weaken_a_test(scene: MakeScene, new: str | None, word: str) -> None:
    here = scene("- [ ] T001 Test `single` in tests/test_price.py")
    refused(here.judge({OLD_TEST: new}, "scope"), "scope", OLD_TEST, word)


def test_pytest_settings_that_leave_tests_out_are_refused(scene: MakeScene) -> None:
    here = scene("- [ ] T001 Configure pytest in pyproject.toml")
    settings = '[tool.pytest.ini_options]\npythonpath = ["."]\naddopts = "--ignore=tests/test_price.py"\n'
    refused(here.judge({"pyproject.toml": settings}, "scope"), "scope", "pyproject.toml")


def test_adding_to_a_test_file_is_no_weakening(scene: MakeScene) -> None:
    here = scene("- [ ] T001 Test `single` in tests/test_price.py")
    old = (here.worktree / OLD_TEST).read_text()
    accepted(here.judge({OLD_TEST: old + "\n\ndef test_three():\n    assert single(5) == 5\n"}, "scope", "assertions"))


# --- files


def test_named_files_must_exist_and_change(scene: MakeScene) -> None:
    here = scene(CODE)
    refused(here.judge({}, "files"), "files", "shop/double.py", "does not exist")
    refused(here.judge({"shop/other.py": "A = 1\n"}, "files"), "files", "shop/double.py", "does not exist")
    refused(here.judge({"shop/double.py": "\n"}, "files"), "files", "shop/double.py: is empty")
    refused(here.judge({"shop/double.py": "A = 1\n"}, "files"), "files", "`double`", "no file defines it")
    accepted(here.judge(DOUBLE, "files"))


def test_what_a_task_only_refers_to_need_not_exist(scene: MakeScene) -> None:
    here = scene(CODE + "; do not change shop/later.py, and compile into dist/")
    accepted(here.judge(DOUBLE, "files"))


def test_a_function_has_the_parameters_of_the_tasks_signature(scene: MakeScene) -> None:
    here = scene(CODE)
    wrong = {"shop/double.py": "def double(Price):\n    return 2 * Price\n"}
    refused(here.judge(wrong, "files"), "files", "`double` with the parameter `price`")


def test_work_on_other_files_alone_is_not_the_task(scene: MakeScene) -> None:
    here = scene("- [ ] T001 Round the result in shop/price.py")
    refused(here.judge({}, "files"), "files", "no file was changed")
    refused(here.judge({"shop/other.py": "A = 1\n"}, "files"), "files", "shop/price.py", "none of the files")


def test_a_task_that_only_runs_tests_needs_no_change(scene: MakeScene) -> None:
    accepted(scene("- [ ] T001 Run the tests and make sure that all pass").judge({}, "files"))


def test_a_file_that_is_to_be_removed_may_be_gone(scene: MakeScene) -> None:
    here = scene("- [ ] T001 Remove the unused module shop/old.py", {"shop/old.py": "A = 1\n"})
    refused(here.judge({}, "files"), "files", "no file was changed")
    accepted(here.judge({"shop/old.py": None}, "scope", "files"))


def test_a_tests_task_that_names_only_the_code_writes_a_test_file_of_its_own(scene: MakeScene) -> None:
    here = scene("- [ ] T001 Write unit tests for shop/price.py")
    assert here.task().role == "tests"
    test = "from shop.price import single\n\n\ndef test_nine():\n    assert single(9) == 9\n"
    accepted(here.judge({"tests/test_nine.py": test}, "scope", "files", "assertions"))


# --- python


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def double(price:\n    return 2\n", ["shop/double.py:1", "does not parse"]),
        ("def double(price):\n    return 2 * prise\n", ["shop/double.py:2", "prise"]),
    ],
)
def test_python_that_cannot_run_is_refused(scene: MakeScene, code: str, words: list[str]) -> None:
    refused(scene(CODE).judge({"shop/double.py": code}, "python"), "python", *words)


# --- config

WORKFLOW = "on: push\njobs:\n  tests:\n    runs-on: ubuntu-latest\n    steps:\n      - run: pytest\n"


@pytest.mark.parametrize(
    ("path", "text", "word"),
    [
        (".github/workflows/tests.yml", "on: push\njobs: [\n", "line"),
        (".github/workflows/tests.yml", WORKFLOW.replace("    runs-on: ubuntu-latest\n", ""), "runs-on"),
        ("settings.json", '{"a": 1,}\n', "line"),
        ("settings.toml", "a = \n", "line"),
    ],
)
def test_broken_configuration_is_refused(scene: MakeScene, path: str, text: str, word: str) -> None:
    refused(scene(INFRA).judge({path: text}, "config"), "config", path, word)


def test_a_setting_that_the_task_gives_literally_must_be_there(scene: MakeScene) -> None:
    here = scene("- [ ] T001 Add deploy/night.yaml: CronJob with schedule `0 2 * * *` and `concurrencyPolicy: Forbid`")
    text = (
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: night}\n"
        "spec:\n  schedule: 0 2 * * *\n  concurrencyPolicy: Forbid\n"
        "  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, "
        "containers: [{name: night, image: 'python:3.11.9'}]}}}}\n"
    )
    accepted(here.judge({"deploy/night.yaml": text}, "config"))
    wrong = text.replace("Forbid", "Allow")
    refused(
        here.judge({"deploy/night.yaml": wrong}, "config"), "config", "deploy/night.yaml", "concurrencyPolicy: Forbid"
    )


def test_a_sound_workflow_passes(scene: MakeScene) -> None:
    accepted(scene(INFRA).judge({".github/workflows/tests.yml": WORKFLOW}))


def test_settings_of_the_project_are_judged_by_its_tests_too(scene: MakeScene) -> None:
    here = scene("- [ ] T001 Configure the linter in pyproject.toml")
    assert here.task().role == "infra"
    here.bench.baseline = here.bench.run_tests(here.worktree)
    broken = (
        '[tool.pytest.ini_options]\npythonpath = ["."]\ntestpaths = ["tests"]\nrequired_plugins = "pytest-nowhere"\n'
    )
    verdict = here.judge({"pyproject.toml": broken})
    assert not verdict.passed
    assert verdict.gates[-1].gate == "tests"


# --- docs


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("# Prices\n\nSee `shop/prizes.py`.\n", "shop/prizes.py"),
        ("# Prices\n\nSee [the code](../shop/prizes.py).\n", "prizes.py"),
        ("# Prices\n\nCall `double_price()`.\n", "double_price"),
        ("# Prices\n\n```python\nfrom shop.price import triple\n```\n", "triple"),
        ("# Prices\n\n`load`:\n\n| Parameter | Default |\n|---|---|\n| `counts` | 3 |\n", "counts"),
        ("# Prices\n\n`load`:\n\n| Parameter | Default |\n|---|---|\n| `count` | 5 |\n", "default of `count`"),
    ],
    ids=["file", "link", "function", "import", "parameter", "default"],
)
def test_a_page_that_says_what_is_not_so_is_refused(scene: MakeScene, text: str, word: str) -> None:
    refused(scene(DOCS).judge({"docs/prices.md": text}, "docs"), "docs", "docs/prices.md", word)


def test_a_true_page_passes(scene: MakeScene) -> None:
    page = (
        "# Prices\n\n`single()` of [the code](../shop/price.py), in `shop/price.py`.\n\n```python\n"
        "from shop.price import single\n```\n\n`load`:\n\n| Parameter | Default |\n|---|---|\n| `count` | 3 |\n"
    )
    accepted(scene(DOCS).judge({"docs/prices.md": page}))


# --- assertions


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("def test_a():\n    single(2)\n", "test_a asserts nothing"),
        ("def test_a():\n    assert True\n", "test_a asserts nothing"),
        ("def check_a():\n    assert single(2) == 2\n", "no test function"),
    ],
)
def test_a_test_that_cannot_fail_is_refused(scene: MakeScene, body: str, word: str) -> None:
    text = f"from shop.price import single\n\n\n{body}"
    refused(scene(TESTS).judge({"tests/test_more.py": text}, "assertions"), "assertions", "tests/test_more.py", word)


# --- kfp


def component(body: str, top: str = "") -> dict[str, str]:
    head = f'from kfp import dsl\n{top}\n\n@dsl.component(base_image="python:3.11")\ndef double(price: int) -> str:\n'
    return {"shop/double.py": head + body}


def test_a_component_that_uses_its_module_is_refused(scene: MakeScene) -> None:
    verdict = scene(CODE).judge(component("    return json.dumps(price)\n", "import json\n"), "kfp")
    refused(verdict, "kfp", "shop/double.py", "json", "double")


def test_a_sound_component_passes(scene: MakeScene) -> None:
    verdict = scene(CODE).judge(component("    import json\n\n    return json.dumps(price)\n"), "kfp")
    accepted(verdict)
    kfp = next(gate for gate in verdict.gates if gate.gate == "kfp")
    assert kfp.counts["component"] == 1


def test_a_component_that_does_not_compile_is_refused(scene: MakeScene) -> None:
    bad = {
        "shop/double.py": "from kfp import dsl\n\n\n@dsl.component\ndef double(price: Nothing) -> str:\n    return ''\n"
    }
    refused(scene(CODE).judge(bad, "kfp"), "kfp", "shop/double.py")


def test_a_pipeline_that_a_change_breaks_is_found(scene: MakeScene) -> None:
    here = scene("- [ ] T001 Rename the parameter of `load` in shop/load.py")
    text = (here.worktree / "shop/load.py").read_text().replace("count", "number_of")
    refused(here.judge({"shop/load.py": text}, "kfp"), "kfp", "shop/daily.py", "can no longer be imported", "count")


# --- tests


def test_a_regression_is_refused(scene: MakeScene) -> None:
    here = scene("- [ ] T001 Change `single` in shop/price.py")
    here.bench.baseline = here.bench.run_tests(here.worktree)
    verdict = here.judge({"shop/price.py": "def single(price):\n    return 2 * price\n"}, "tests")
    refused(verdict, "tests", "passed before", "tests/test_price.py::test_single", "assert 4 == 2")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("def test_a():\n    assert single(2) == 3\n", "tests/test_more.py::test_a failed"),
        ("import pytest\n\n\n@pytest.mark.skip\ndef test_a():\n    assert single(2) == 2\n", "every test is skipped"),
        ("import pytest\n\n\n@pytest.mark.xfail\ndef test_a():\n    assert single(2) == 3\n", "every test is skipped"),
        ("import nowhere\n\n\ndef test_a():\n    assert nowhere\n", "nowhere"),
    ],
    ids=["fails", "skipped", "xfail", "import"],
)
def test_new_tests_must_run_and_pass(scene: MakeScene, text: str, word: str) -> None:
    verdict = scene(TESTS).judge({"tests/test_more.py": "from shop.price import single\n" + text}, "tests")
    refused(verdict, "tests", "tests/test_more.py", word)


FIRST = """- [ ] T001 [US1] Test `double` in tests/test_double.py: it must fail before the implementation
- [ ] T002 [US1] Create `double(price)` in shop/double.py
- [ ] T003 [US1] Describe the prices in docs/prices.md
"""
FIRST_TEST = {
    "tests/test_double.py": "from shop.double import double\n\n\ndef test_double():\n    assert double(2) == 4\n"
}


def test_tests_written_first_wait_for_the_task_that_brings_their_code(scene: MakeScene) -> None:
    here = scene(FIRST)
    here.bench.baseline = here.bench.run_tests(here.worktree)
    verdict = here.judge(FIRST_TEST)
    accepted(verdict)
    assert verdict.red == {"tests/test_double.py": ["T002"]}
    here.commit()
    here.bench.baseline = here.bench.latest
    wrong = here.judge({"shop/double.py": "def double(price):\n    return price\n"}, key="T002", red=verdict.red)
    refused(wrong, "tests", "waits for this task", "assert 2 == 4")
    accepted(here.judge(DOUBLE, key="T002", red=verdict.red))


def test_a_failing_test_without_a_task_to_come_is_refused(scene: MakeScene) -> None:
    here = scene(FIRST)
    refused(here.judge(FIRST_TEST, "tests", later=["T003"]), "tests", "shop.double")


def test_a_test_first_that_fails_by_its_own_fault_is_refused(scene: MakeScene) -> None:
    here = scene(FIRST)
    text = "from shop.price import single\n\n\ndef test_double():\n    assert single(2) == 4\n"
    refused(here.judge({"tests/test_double.py": text}, "tests"), "tests", "assert 2 == 4")


def test_a_test_that_waits_for_two_tasks_is_due_with_the_last(scene: MakeScene) -> None:
    here = scene(FIRST + "- [ ] T004 [US1] Create `triple(price)` in shop/triple.py\n")
    red = {"tests/test_double.py": ["T002", "T004"]}
    text = FIRST_TEST["tests/test_double.py"] + "\n\ndef test_triple():\n    from shop.triple import triple\n\n"
    here.write({"tests/test_double.py": text + "    assert triple(2) == 6\n"})
    here.commit()
    accepted(here.judge(DOUBLE, "tests", key="T002", red=red, later=["T003", "T004"]))
    here.commit()
    wrong = {"shop/triple.py": "def triple(price):\n    return price\n"}
    red = {"tests/test_double.py": ["T004"]}
    refused(here.judge(wrong, "tests", key="T004", red=red, later=[]), "tests", "waits for this task", "assert 2 == 6")


# --- what is judged is what is committed


def test_what_a_test_run_leaves_behind_is_not_part_of_the_work(scene: MakeScene) -> None:
    here = scene(TESTS)
    text = (
        "from pathlib import Path\n\nfrom shop.price import single\n\n\ndef test_a():\n"
        "    Path('left.txt').write_text('x')\n    Path('shop/price.py').write_text('def single(price): return 7')\n"
        "    assert single(2) == 2\n"
    )
    verdict = here.judge({"tests/test_more.py": text})
    accepted(verdict)
    assert git.changed_files(here.worktree, here.base) == ["tests/test_more.py"]
    assert git.tree_hash(here.worktree) == verdict.tree


def test_a_file_that_git_ignores_cannot_make_a_test_pass(scene: MakeScene) -> None:
    here = scene(TESTS)
    text = "from pathlib import Path\n\n\ndef test_a():\n    assert Path('data/x.csv').read_text() == 'a'\n"
    verdict = here.judge({"tests/test_more.py": text, "data/x.csv": "a"}, "tests")
    refused(verdict, "tests", "data/x.csv")


def test_an_unknown_gate_is_no_pass(scene: MakeScene) -> None:
    with pytest.raises(ValueError, match="no-such-gate"):
        scene(CODE).judge(DOUBLE, "no-such-gate")


def test_a_task_without_gates_is_not_verified(scene: MakeScene) -> None:
    here = scene(CODE)
    here.plan = [here.task().model_copy(update={"gates": []})]
    assert not here.judge(DOUBLE).passed


def test_the_evidence_depends_on_all_that_was_seen(scene: MakeScene) -> None:
    verdict = scene(CODE).judge(DOUBLE, "scope", "files")
    assert len(verdict.digest) == 64
    other = verdict.model_copy(deep=True)
    other.gates[0].summary += "!"
    assert other.digest != verdict.digest


# --- an editable install that points elsewhere


def environment(folder: Path, other: Path) -> Path:
    """A real virtual environment, in which the package is installed as editable from another checkout."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    parent = next(p for p in sys.path if p.endswith("site-packages") and Path(p, "pytest").is_dir())
    (site / "_parent.pth").write_text(parent + "\n")
    (site / "__editable__.shop-1.0.pth").write_text(f"{other}\n")
    return folder / "bin" / "python"


def test_the_worktrees_code_is_judged_not_what_is_installed(scene: MakeScene, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "shop").mkdir(parents=True)
    (other / "shop/__init__.py").write_text("")
    (other / "shop/price.py").write_text("def single(price):\n    return price\n")
    sound = component("    import json\n\n    return json.dumps(price)\n")["shop/double.py"]
    (other / "shop/double.py").write_text(sound)
    python = environment(tmp_path / "env", other)
    seen = subprocess.run(
        [python, "-c", "import shop; print(shop.__file__)"], cwd=tmp_path, capture_output=True, text=True
    )
    assert seen.stdout.strip() == str(other / "shop/__init__.py"), "without our care the other checkout is imported"

    here = scene(CODE, python=python)
    try:
        here.bench.baseline = here.bench.run_tests(here.worktree)
        assert here.bench.baseline.foreign == []
        # Sound in the other checkout, broken here: it must be refused.
        broken = component("    return json.dumps(price)\n", "import json\n")
        refused(here.judge(broken, "kfp"), "kfp", "json")
        wrong = {"shop/double.py": sound, "shop/price.py": "def single(price):\n    return 0\n"}
        refused(here.judge(wrong, "tests"), "tests", "test_single", "assert 0 == 2")
    finally:
        here.bench.close()
    assert (other / "shop/double.py").read_text() == sound
