"""Gates that run the work: it compiles, tests pass, and it is the worktree's code that is judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from kfpilot.tools import git

from .conftest import CODE, DOUBLE, TESTS, MakeScene, accepted, refused

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


def test_a_module_that_was_broken_before_is_told_and_fails_nothing(scene: MakeScene) -> None:
    old = "from kfp.components import func_to_container_op as op\nfrom shop.load import load\n\nload = op(load)\n"
    here = scene("- [ ] T001 Add a docstring to `load` in shop/load.py", {"shop/old.py": old})
    text = (here.worktree / "shop/load.py").read_text()
    verdict = here.judge({"shop/load.py": text.replace("    return", '    """All of them."""\n    return')}, "kfp")
    accepted(verdict)
    warnings = next(gate for gate in verdict.gates if gate.gate == "kfp").warnings
    assert warnings == ["shop/old.py: uses what was changed, and could not be imported before either"]


# --- tests


def test_a_regression_is_refused(scene: MakeScene) -> None:
    here = scene("- [ ] T001 Change `single` in shop/price.py")
    here.bench.baseline = here.bench.run_tests(here.worktree)
    verdict = here.judge({"shop/price.py": "def single(price):\n    return 2 * price\n"}, "tests")
    refused(verdict, "tests", "passed before", "tests/test_price.py::test_single", "assert 4 == 2")
    assert "comes after" not in verdict.feedback()


def test_a_regression_whose_file_a_later_task_is_to_change_names_the_way_out(scene: MakeScene) -> None:
    here = scene("- [ ] T001 Change `single` in shop/price.py\n- [ ] T002 Update tests/test_price.py: twice the price")
    here.bench.baseline = here.bench.run_tests(here.worktree)
    verdict = here.judge({"shop/price.py": "def single(price):\n    return 2 * price\n"}, "tests")
    refused(verdict, "tests", "passed before", "T002 is to change tests/test_price.py", "name tests/test_price.py in")


ADAPTED = """- [ ] T001 Change `single` in shop/price.py to twice the price
- [ ] T002 Adapt tests/test_price.py to it (depends on T001)
"""
TWICE = {"shop/price.py": "def single(price):\n    return 2 * price\n"}


@pytest.mark.parametrize("tasks", [ADAPTED, ADAPTED.replace("Adapt", "Update the assertions of")])
def test_a_test_that_a_later_task_adapts_waits_for_it(scene: MakeScene, tasks: str) -> None:
    here = scene(tasks)
    here.bench.baseline = here.bench.run_tests(here.worktree)
    verdict = here.judge(TWICE, "tests")
    accepted(verdict)
    assert verdict.red == {"tests/test_price.py": ["T002"]}
    assert next(gate for gate in verdict.gates if gate.gate == "tests").warnings == [
        "tests/test_price.py: test_single, test_single_again passed before and fails until T002 adapts it"
    ]
    here.commit()
    here.bench.baseline = here.bench.latest
    refused(here.judge({}, "tests", key="T002", red=verdict.red), "tests", "waits for this task")
    text = (here.worktree / "tests/test_price.py").read_text().replace("== 2", "== 4").replace("== 3", "== 6")
    accepted(here.judge({"tests/test_price.py": text}, "tests", key="T002", red=verdict.red))


@pytest.mark.parametrize(
    ("tasks", "code", "word"),
    [
        (ADAPTED.replace(" (depends on T001)", "").replace(" to it", ""), TWICE["shop/price.py"], "assert 4 == 2"),
        (ADAPTED.replace("Adapt", "Read"), TWICE["shop/price.py"], "assert 4 == 2"),
        (ADAPTED.replace("Adapt", "Update"), TWICE["shop/price.py"], "assert 4 == 2"),
        (ADAPTED, "def double(price):\n    return 2 * price\n", "cannot be collected"),
    ],
    ids=["without order", "without words", "perhaps new tests", "import"],
)
def test_a_test_that_nothing_adapts_must_pass(scene: MakeScene, tasks: str, code: str, word: str) -> None:
    here = scene(tasks)
    here.bench.baseline = here.bench.run_tests(here.worktree)
    refused(here.judge({"shop/price.py": code}, "tests"), "tests", "passed before", word)


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
