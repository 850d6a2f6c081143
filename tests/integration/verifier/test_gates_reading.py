"""Gates that read the work: roles, files, tests that stay, configuration, pages."""

from __future__ import annotations

import pytest
from kfpilot.tools import git

from .conftest import CODE, DOUBLE, TESTS, MakeScene, accepted, refused

DOCS = "- [ ] T001 Describe the prices in docs/prices.md"
INFRA = "- [ ] T001 Add a GitHub workflow in .github/workflows/tests.yml that runs the tests"
OLD_TEST = "tests/test_price.py"


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


def test_a_test_file_that_does_not_parse_is_refused_by_every_gate_that_reads_it(scene: MakeScene) -> None:
    here = scene(TESTS)
    verdict = here.judge({"tests/test_more.py": "def test_"}, "scope", "python", "security", "assertions")
    said = {gate.gate: gate.failures for gate in verdict.gates if not gate.passed}
    assert said.keys() == {"python", "assertions"}
    assert all(failures[0].startswith("tests/test_more.py:1: does not parse") for failures in said.values())
    good = "\ufeffdef test_a():\n    from shop.price import single\n\n    assert single(2) == 2\n"
    accepted(here.judge({"tests/test_more.py": good}, "scope", "python", "security", "assertions"))


def test_an_unknown_gate_is_no_pass(scene: MakeScene) -> None:
    with pytest.raises(ValueError, match="no-such-gate"):
        scene(CODE).judge(DOUBLE, "no-such-gate")


def test_a_task_without_gates_is_not_verified(scene: MakeScene) -> None:
    here = scene(CODE)
    here.plan = [here.task().model_copy(update={"gates": []})]
    assert not here.judge(DOUBLE).passed
