"""Whether tests mean something, on a real repository: mutants, red and green, and changes that work against them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from kfpilot.agent.documents import load_feature
from kfpilot.agent.planner.build import build_plan
from kfpilot.agent.settings import Settings
from kfpilot.agent.verifier.bench import Bench
from kfpilot.agent.verifier.change_coverage import change_coverage
from kfpilot.agent.verifier.context import GateContext
from kfpilot.agent.verifier.models import GateResult, Verdict
from kfpilot.agent.verifier.verify import verify
from kfpilot.tools import git
from kfpilot.tools.kfp_check import KfpChecker
from kfpilot.tools.mutation_run import MutationRunner

LIGHT = [word for name in ("hypothesispytest", "syrupy", "anyio") for word in ("-p", f"no:{name}")]
TASKS = """- [ ] T001 [US1] Test `keep` in tests/test_keep.py
- [ ] T002 [US1] Create `keep(rows, least)` in shop/keep.py
- [ ] T003 [US1] Describe the prices in docs/prices.md
"""
KEEP = """def keep(rows, least=1):
    kept = [row for row in rows if row["price"] >= least]
    for row in kept:
        row["total"] = row["price"] * row["count"]
    return kept
"""
COMPONENT = '''from kfp import dsl


@dsl.component(base_image="python:3.11")
def keep(rows: dsl.Input[dsl.Dataset], kept: dsl.Output[dsl.Dataset], status: str = "paid"):
    """Keeps rows."""
    import csv

    with open(rows.path, newline="") as source:
        reader = csv.DictReader(source)
        found = [row for row in reader if row["status"] == status]
    with open(kept.path, "w", newline="") as target:
        writer = csv.DictWriter(target, fieldnames=reader.fieldnames)
        writer.writeheader()
        writer.writerows(found)
'''
GOOD = """from shop.keep import keep


def test_keep():
    rows = [{"price": 1, "count": 2}, {"price": 0, "count": 1}, {"price": 3, "count": 2}]
    assert keep(rows) == [{"price": 1, "count": 2, "total": 2}, {"price": 3, "count": 2, "total": 6}]
    assert keep([{"price": 1, "count": 1}], 2) == []
"""
BLIND = """from shop.keep import keep


def test_keep():
    rows = [{"price": 1, "count": 2}]
    before = len(rows)
    keep(rows)
    assert len(rows) == before
"""
COMPONENT_TEST = """from kfp import dsl

from shop.keep import keep


def test_keep(tmp_path):
    (tmp_path / "rows").write_text("id,status\\n1,paid\\n2,open\\n")
    kept = dsl.Dataset(name="kept", uri=str(tmp_path / "kept"))
    keep.python_func(rows=dsl.Dataset(name="rows", uri=str(tmp_path / "rows")), kept=kept)
    ASSERTION
"""
TEST = "tests/test_keep.py"


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KfpChecker, MutationRunner]]:
    places = [tmp_path_factory.getbasetemp()]
    with KfpChecker(Path(sys.executable), places=places) as checker, MutationRunner(Path(sys.executable)) as mutation:
        yield checker, mutation


class Scene:
    """A worktree of a small repository whose tasks are judged."""

    def __init__(self, root: Path, worktree: Path, processes: tuple[KfpChecker, MutationRunner]) -> None:
        self.worktree = worktree
        self.feature = load_feature(worktree / "specs/001-prices", worktree)
        self.plan = {task.id: task for task in build_plan(self.feature).tasks}
        self.bench = Bench(root, Settings(python=Path(sys.executable), gate_timeout=60, test_command=LIGHT))
        self.bench.checker, self.bench.mutation = processes
        self.base = git.head(git.open_repo(worktree))

    def write(self, changes: Mapping[str, str]) -> None:
        for path, content in changes.items():
            (self.worktree / path).parent.mkdir(parents=True, exist_ok=True)
            (self.worktree / path).write_text(content, encoding="utf-8")

    def commit(self, changes: Mapping[str, str] | None = None) -> str:
        self.write(changes or {})
        self.base = git.commit_all(self.worktree, "work", "", {})
        self.bench.baseline = None
        return self.base

    def judge(
        self,
        changes: Mapping[str, str],
        *gates: str,
        key: str = "T001",
        later: tuple[str, ...] = (),
        red: dict[str, list[str]] | None = None,
        all_gates: bool = False,
    ) -> Verdict:
        self.write(changes)
        task = self.plan[key].model_copy(update={"gates": list(gates)} if gates else {})
        ctx = GateContext(
            task=task,
            feature=self.feature,
            worktree=self.worktree,
            base=self.base,
            bench=self.bench,
            later=[self.plan[name] for name in later],
            red=red or {},
        )
        return verify(ctx, all_gates=all_gates)


MakeScene = Callable[..., Scene]


@pytest.fixture
def scene(
    make_repository: Callable[..., Path], tmp_path: Path, processes: tuple[KfpChecker, MutationRunner]
) -> MakeScene:
    def make(tasks: str = TASKS, files: Mapping[str, str] | None = None) -> Scene:
        root = make_repository(tasks, files)
        repo = git.open_repo(root)
        return Scene(root, git.add_worktree(repo, tmp_path / "worktree", git.head(repo)), processes)

    return make


def gate(verdict: Verdict, name: str) -> GateResult:
    return next(done for done in verdict.gates if done.gate == name)


# --- mutants


def test_tests_that_notice_changes_of_the_code_pass(scene: MakeScene) -> None:
    here = scene(files={"shop/keep.py": KEEP})
    verdict = here.judge({TEST: GOOD}, "tests", "mutation")
    assert verdict.passed, verdict.feedback()
    done = gate(verdict, "mutation")
    assert done.counts["mutants"] >= 6
    assert done.counts["killed"] >= done.counts["mutants"] - 1
    assert git.changed_files(here.worktree, here.base) == [TEST], "the worktree is as it was"
    assert (here.worktree / "shop/keep.py").read_text() == KEEP


def test_tests_that_notice_nothing_are_refused(scene: MakeScene) -> None:
    verdict = scene(files={"shop/keep.py": KEEP}).judge({TEST: BLIND}, "tests", "mutation")
    assert [done.gate for done in verdict.gates if not done.passed] == ["mutation"]
    text = verdict.feedback()
    for words in ("cannot fail", "`keep`", "on line 2 of shop/keep.py", "assert the exact values"):
        assert words in text
    assert gate(verdict, "mutation").counts["survived"] >= 3


@pytest.mark.parametrize(
    ("assertion", "passes"),
    [
        ('assert (tmp_path / "kept").read_text() == "id,status\\n1,paid\\n"', True),
        ('assert (tmp_path / "rows").exists()', False),
    ],
)
def test_components_are_tried_as_their_tests_call_them(scene: MakeScene, assertion: str, passes: bool) -> None:
    here = scene(files={"shop/keep.py": COMPONENT})
    verdict = here.judge({TEST: COMPONENT_TEST.replace("ASSERTION", assertion)}, "tests", "mutation")
    assert gate(verdict, "tests").passed
    done = gate(verdict, "mutation")
    assert done.passed == passes, done
    assert done.counts["mutants"] >= 4


def test_a_test_that_never_runs_the_function_is_refused(scene: MakeScene) -> None:
    text = "from shop.keep import keep\n\n\ndef test_keep():\n    assert keep.__name__ == 'keep'\n"
    verdict = scene(files={"shop/keep.py": KEEP}).judge({TEST: text}, "tests", "mutation")
    assert not gate(verdict, "mutation").passed


PIPELINE = (
    COMPONENT
    + """

@dsl.pipeline(name="daily")
def daily(source: str = "gs://shop/orders.csv"):
    orders = dsl.importer(artifact_uri=source, artifact_class=dsl.Dataset)
    step = keep(rows=orders.output)
    step.set_memory_limit("512Mi").set_cpu_limit("1").set_retry(2)
"""
)
PIPELINE_TEST = """from kfp import compiler
import yaml

from shop.keep import daily


def test_daily(tmp_path):
    compiler.Compiler().compile(daily, str(tmp_path / "daily.yaml"))
    spec = next(yaml.safe_load_all((tmp_path / "daily.yaml").read_text()))
    assert set(spec["root"]["dag"]["tasks"]) == {"importer", "keep"}
"""


def test_a_test_of_a_pipelines_tasks_need_not_notice_its_limits(scene: MakeScene) -> None:
    tasks = "- [ ] T001 [US1] Test in tests/test_daily.py that the pipeline `daily` has its tasks\n"
    here = scene(tasks, {"shop/keep.py": PIPELINE})
    found = gate(here.judge({"tests/test_daily.py": PIPELINE_TEST}, "mutation"), "mutation")
    assert found.passed and found.counts["survived"] > 0


def test_a_failure_that_no_later_task_can_mend_is_not_put_down_to_one(scene: MakeScene) -> None:
    here = scene(files={"shop/keep.py": KEEP})
    found = gate(here.judge({TEST: GOOD.replace('"total": 2', '"total": 9')}, "tests"), "tests")
    assert not found.passed and "assert" in str(found.failures) and "not written yet" not in str(found.failures)


def test_a_change_that_never_ends_counts_as_noticed(scene: MakeScene) -> None:
    code = "def keep(count):\n    done = 0\n    while done < count:\n        done += 1\n    return done\n"
    test = "from shop.keep import keep\n\n\ndef test_keep():\n    assert keep(2) == 2\n"
    done = gate(scene(files={"shop/keep.py": code}).judge({TEST: test}, "tests", "mutation"), "mutation")
    assert done.passed


def test_what_cannot_be_tried_is_told_and_no_pass_is_claimed(scene: MakeScene) -> None:
    text = "def test_numbers(tmp_path):\n    assert list(tmp_path.iterdir()) == []\n"
    done = gate(scene().judge({TEST: text}, "mutation"), "mutation")
    assert done.passed
    assert "import no function of the project" in done.not_verified[0]


# --- red and green


def test_red_is_recorded_with_its_reason_and_green_with_the_commit(scene: MakeScene) -> None:
    here = scene()
    verdict = here.judge({TEST: GOOD}, later=("T002", "T003"))
    assert verdict.passed, verdict.feedback()
    (first,) = gate(verdict, "tests").test_first
    assert (first.file, first.waits, first.red) == (TEST, ["T002"], "")
    assert first.why == "shop.keep does not exist yet"
    assert TEST in gate(verdict, "mutation").not_verified[0]
    red = here.commit()
    done = here.judge({"shop/keep.py": KEEP}, key="T002", later=("T003",), red={TEST: ["T002"]})
    assert done.passed, done.feedback()
    (second,) = gate(done, "tests").test_first
    assert (second.file, second.waits, second.red) == (TEST, [], red)
    assert gate(done, "mutation").counts["killed"] >= 5, "the waiting tests are tried as soon as their code is there"


def test_blind_tests_of_another_task_do_not_fail_the_code(scene: MakeScene) -> None:
    here = scene()
    here.commit({TEST: BLIND})
    done = here.judge({"shop/keep.py": KEEP}, key="T002", later=("T003",), red={TEST: ["T002"]})
    assert done.passed, done.feedback()
    assert "cannot fail" in gate(done, "mutation").notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("from shop.keep import keep\n\n\ndef test_keep(\n    assert keep([]) == []\n", "SyntaxError"),
        ("from shop.keep import keeps\n\n\ndef test_keep():\n    assert keeps([]) == []\n", "T002 makes `keep`"),
        ("from shop.price import singel\n\n\ndef test_keep():\n    assert singel(1) == 1\n", "did you mean `single`"),
        ("from shop.kepe import keep\n\n\ndef test_keep():\n    assert keep([]) == []\n", "No module named"),
        ("def test_keep():\n    assert keep([]) == []\n", "name 'keep' is not defined"),
        (
            "def test_keep(rows_of_keep):\n    from shop.keep import keep\n\n    assert keep(rows_of_keep)\n",
            "not found",
        ),
        ("from shop.price import single\n\n\ndef test_keep():\n    assert single(1) == 2\n", "assert 1 == 2"),
    ],
    ids=["syntax", "mistyped-new", "mistyped-old", "mistyped-module", "no-import", "fixture", "wrong"],
)
def test_red_for_the_wrong_reason_is_refused(scene: MakeScene, text: str, words: str) -> None:
    verdict = scene().judge({TEST: text}, "tests", later=("T002", "T003"))
    assert not verdict.passed
    assert words in verdict.feedback()


CHANGE = """- [ ] T001 [US1] Test in tests/test_keep.py that `single` takes a rate
- [ ] T002 [US1] Change `single(price, rate)` in shop/price.py: the price times the rate
"""
RATE = "from shop.price import single\n\n\ndef test_rate():\n    assert single(2, rate=3) == 6\n"


def test_a_behaviour_that_a_later_task_changes_may_be_awaited(scene: MakeScene) -> None:
    here = scene(CHANGE)
    verdict = here.judge({TEST: RATE}, "tests", later=("T002",))
    assert verdict.passed, verdict.feedback()
    (first,) = gate(verdict, "tests").test_first
    assert first.waits == ["T002"]
    assert "unexpected keyword argument 'rate'" in first.why


def test_a_wrong_test_does_not_hide_behind_a_later_task(scene: MakeScene) -> None:
    done_before = "- [ ] T000 [US1] Create `single(price)` in shop/price.py\n" + CHANGE
    verdict = scene(done_before).judge({TEST: RATE}, "tests", later=("T002",))
    assert not verdict.passed


def test_a_skipped_test_beside_a_passing_one_is_told(scene: MakeScene) -> None:
    text = GOOD.replace("from shop", "import pytest\nfrom shop", 1) + (
        "\n\n@pytest.mark.skip(reason='slow')\ndef test_more():\n    assert keep([]) == []\n"
        "\n\n@pytest.mark.xfail\ndef test_less():\n    assert keep([]) == []\n"
    )
    verdict = scene(files={"shop/keep.py": KEEP}).judge({TEST: text}, "assertions", "tests")
    assert verdict.passed, verdict.feedback()
    told = "\n".join(gate(verdict, "tests").warnings)
    assert "test_more is skipped" in told
    assert "test_less is expected to fail (xfail) and passes" in told
    assert len(gate(verdict, "assertions").warnings) == 2


# --- against the tests

CLEAN = {"shop/keep.py": KEEP}


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("shop/keep.py", "import sys\n" + KEEP + "\n\nTESTED = 'pytest' in sys.modules\n", "finds out whether"),
        ("shop/keep.py", "import os, atexit\n" + KEEP + "\n\natexit.register(os._exit, 0)\n", "ends the whole run"),
        ("sitecustomize.py", "import builtins\n", "at its start"),
        ("pytest.py", "def main(*args):\n    return 0\n", "in place of the module `pytest`"),
        ("random.py", "def random():\n    return 4\n", "in place of the module `random`"),
        ("kfp/__init__.py", "", "in place of the module `kfp`"),
        ("shop/plugin.py", "def pytest_runtest_makereport(item, call): ...\n", "hook"),
    ],
)
def test_code_that_works_against_the_tests_is_refused(scene: MakeScene, path: str, text: str, words: str) -> None:
    here = scene()
    assert here.judge(CLEAN, "scope", key="T002").passed
    verdict = here.judge({**CLEAN, path: text}, "scope", key="T002")
    assert not verdict.passed
    assert f"{path}" in verdict.feedback()
    assert words in verdict.feedback()


def test_a_module_beside_the_tests_that_hides_another_is_refused(scene: MakeScene) -> None:
    here = scene(files=CLEAN)
    assert here.judge({TEST: GOOD, "tests/shared_orders.py": "ORDERS = []\n"}, "scope").passed
    verdict = here.judge({TEST: GOOD, "tests/kfp.py": "dsl = None\n"}, "scope")
    assert "in place of the module `kfp`" in verdict.feedback()


def test_a_repository_inside_hides_no_file_from_the_commit(scene: MakeScene) -> None:
    here = scene()
    here.write({"vendored/keep.py": KEEP})
    subprocess.run(["git", "init", "-q", str(here.worktree / "vendored")], check=True)
    subprocess.run(["git", "-C", str(here.worktree / "vendored"), "add", "."], check=True)
    subprocess.run(["git", "-C", str(here.worktree / "vendored"), "commit", "-q", "-m", "x"], check=True)
    verdict = here.judge(CLEAN, "scope", key="T002")
    assert verdict.passed and not (here.worktree / "vendored/.git").exists()
    assert "vendored/keep.py" in git.changed_files(here.worktree, here.base)


def test_a_link_that_leads_out_is_refused(scene: MakeScene, tmp_path: Path) -> None:
    here = scene()
    (tmp_path / "keep.py").write_text(KEEP)
    (here.worktree / "shop/keep.py").symlink_to(tmp_path / "keep.py")
    assert "outside of the repository" in here.judge({}, "scope", key="T002").feedback()


@pytest.mark.parametrize("option", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_hidden_from_git_is_seen(scene: MakeScene, option: str) -> None:
    here = scene()
    subprocess.run(["git", "-C", str(here.worktree), "update-index", option, "tests/test_price.py"], check=True)
    verdict = here.judge({**CLEAN, "tests/test_price.py": "def test_single(): ...\n"}, "scope", key="T002")
    assert "tests/test_price.py" in verdict.feedback()


def test_code_is_judged_by_the_tests_of_its_base(scene: MakeScene) -> None:
    here = scene()
    wrong = {"shop/price.py": "def single(price):\n    return 7\n", **CLEAN}
    tests = {
        "tests/test_price.py": "def test_single():\n    assert True\n",
        "tests/conftest.py": "collect_ignore = ['test_price.py']\n",
    }
    verdict = here.judge({**wrong, **tests}, "scope", "tests", key="T002", all_gates=True)
    assert [done.gate for done in verdict.gates if not done.passed] == ["scope", "tests"] or verdict.gates[-1].counts[
        "failed"
    ]
    assert gate(verdict, "tests").counts["failed"] == 2, "both tests of the base ran, on the new code"
    assert git.tree_hash(here.worktree) == verdict.tree, "what the worker left is as it was"


# --- coverage of the change


def test_the_lines_of_a_change_that_no_test_executes_are_named(scene: MakeScene) -> None:
    pytest.importorskip("pytest_cov")
    here = scene()
    start = here.base
    code = "def keep(rows):\n    if not rows:\n        raise ValueError('none')\n\n    return rows\n"
    here.commit(
        {"shop/keep.py": code, TEST: "from shop.keep import keep\n\n\ndef test_keep():\n    assert keep([1]) == [1]\n"}
    )
    found = change_coverage(here.worktree, start, here.bench.run_tests(here.worktree, coverage=True))
    assert found is not None
    assert (found.lines, found.covered, found.percent) == (4, 3, 75.0)
    assert found.uncovered == ["shop/keep.py:3"]
