"""Whether tests mean something, on a real repository: mutants, red and green, and changes that work against them."""

from __future__ import annotations

import re

import pytest
from kfpilot.tools import git

from .conftest import GOOD, KEEP, TASKS, TEST, MakeCheckout, gate

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


# --- mutants


def test_tests_that_notice_changes_of_the_code_pass(checkout: MakeCheckout) -> None:
    here = checkout(files={"shop/keep.py": KEEP})
    verdict = here.judge({TEST: GOOD}, "tests", "mutation")
    assert verdict.passed, verdict.feedback()
    done = gate(verdict, "mutation")
    assert done.counts["mutants"] >= 6
    assert done.counts["killed"] >= done.counts["mutants"] - 1
    assert git.changed_files(here.worktree, here.base) == [TEST], "the worktree is as it was"
    assert (here.worktree / "shop/keep.py").read_text() == KEEP


def test_tests_that_notice_nothing_are_refused(checkout: MakeCheckout) -> None:
    verdict = checkout(files={"shop/keep.py": KEEP}).judge({TEST: BLIND}, "tests", "mutation")
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
def test_components_are_tried_as_their_tests_call_them(checkout: MakeCheckout, assertion: str, passes: bool) -> None:
    here = checkout(files={"shop/keep.py": COMPONENT})
    verdict = here.judge({TEST: COMPONENT_TEST.replace("ASSERTION", assertion)}, "tests", "mutation")
    assert gate(verdict, "tests").passed
    done = gate(verdict, "mutation")
    assert done.passed == passes, done
    assert done.counts["mutants"] >= 4


def test_a_test_that_never_runs_the_function_is_refused(checkout: MakeCheckout) -> None:
    text = "from shop.keep import keep\n\n\ndef test_keep():\n    assert keep.__name__ == 'keep'\n"
    verdict = checkout(files={"shop/keep.py": KEEP}).judge({TEST: text}, "tests", "mutation")
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


def test_a_test_of_a_pipelines_tasks_need_not_notice_its_limits(checkout: MakeCheckout) -> None:
    tasks = "- [ ] T001 [US1] Test in tests/test_daily.py that the pipeline `daily` has its tasks\n"
    here = checkout(tasks, {"shop/keep.py": PIPELINE})
    found = gate(here.judge({"tests/test_daily.py": PIPELINE_TEST}, "mutation"), "mutation")
    assert found.passed and found.counts["survived"] > 0
    noted = [note for note in found.notes if "is noticed by no test" in note]
    assert len(noted) == min(3, found.counts["survived"]), "the survivors are named, also where the gate passes"
    assert all(re.match(r"shop/keep\.py:\d+: `.+` → `.+` is noticed", note) for note in noted)


def test_a_failure_that_no_later_task_can_mend_is_not_put_down_to_one(checkout: MakeCheckout) -> None:
    here = checkout(files={"shop/keep.py": KEEP})
    found = gate(here.judge({TEST: GOOD.replace('"total": 2', '"total": 9')}, "tests"), "tests")
    assert not found.passed and "assert" in str(found.failures) and "not written yet" not in str(found.failures)


def test_a_change_that_never_ends_counts_as_noticed(checkout: MakeCheckout) -> None:
    code = "def keep(count):\n    done = 0\n    while done < count:\n        done += 1\n    return done\n"
    test = "from shop.keep import keep\n\n\ndef test_keep():\n    assert keep(2) == 2\n"
    done = gate(checkout(files={"shop/keep.py": code}).judge({TEST: test}, "tests", "mutation"), "mutation")
    assert done.passed


def test_what_cannot_be_tried_is_told_and_no_pass_is_claimed(checkout: MakeCheckout) -> None:
    text = "def test_numbers(tmp_path):\n    assert list(tmp_path.iterdir()) == []\n"
    done = gate(checkout().judge({TEST: text}, "mutation"), "mutation")
    assert done.passed
    assert "import no function of the project" in done.not_verified[0]


# --- red and green


def test_red_is_recorded_with_its_reason_and_green_with_the_commit(checkout: MakeCheckout) -> None:
    here = checkout()
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


def test_blind_tests_of_another_task_do_not_fail_the_code(checkout: MakeCheckout) -> None:
    here = checkout()
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
def test_red_for_the_wrong_reason_is_refused(checkout: MakeCheckout, text: str, words: str) -> None:
    verdict = checkout().judge({TEST: text}, "tests", later=("T002", "T003"))
    assert not verdict.passed
    assert words in verdict.feedback()


CHANGE = """- [ ] T001 [US1] Test in tests/test_keep.py that `single` takes a rate
- [ ] T002 [US1] Change `single(price, rate)` in shop/price.py: the price times the rate
"""
RATE = "from shop.price import single\n\n\ndef test_rate():\n    assert single(2, rate=3) == 6\n"


def test_a_behaviour_that_a_later_task_changes_may_be_awaited(checkout: MakeCheckout) -> None:
    here = checkout(CHANGE)
    verdict = here.judge({TEST: RATE}, "tests", later=("T002",))
    assert verdict.passed, verdict.feedback()
    (first,) = gate(verdict, "tests").test_first
    assert first.waits == ["T002"]
    assert "unexpected keyword argument 'rate'" in first.why


WIRE = """- [ ] T000 [US1] Create the component `weigh` in shop/weigh.py
- [ ] T001 [US1] Test in tests/test_daily.py that `weigh` is a step of the pipeline
- [ ] T002 [US1] Add the step `weigh` to the pipeline `daily` in shop/daily.py
"""
COMPILED = """import pytest
import yaml
from kfp import compiler

from shop.daily import daily


def spec_of(folder):
    compiler.Compiler().compile(daily, str(folder / "daily.yaml"))
    return yaml.safe_load((folder / "daily.yaml").read_text())


@pytest.fixture
def spec(tmp_path):
    return spec_of(tmp_path)
"""


@pytest.mark.parametrize("where", ["tests/test_daily.py", "tests/conftest.py"])
def test_what_a_fixture_compiles_may_be_awaited(checkout: MakeCheckout, where: str) -> None:
    here = checkout(WIRE, {"shop/daily.py": PIPELINE})
    test = '\n\ndef test_weigh(spec):\n    assert spec["root"]["dag"]["tasks"]["weigh"]\n'
    files = {where: COMPILED, "tests/test_daily.py": (COMPILED if "test_" in where else "") + test}
    verdict = here.judge(files, "tests", later=("T002",))
    assert verdict.passed, verdict.feedback()
    (first,) = gate(verdict, "tests").test_first
    assert first.waits == ["T002"] and "KeyError: 'weigh'" in first.why


def test_what_is_not_the_projects_is_no_excuse(checkout: MakeCheckout) -> None:
    here = checkout(WIRE.replace("the step `weigh`", "a second `dsl.importer` and `yaml`"), {"shop/keep.py": COMPONENT})
    text = COMPONENT_TEST.replace("ASSERTION", 'assert (tmp_path / "kept").read_text() == "id\\n"')
    helper = (
        text.replace("def test_keep(tmp_path):", "def run(tmp_path):")
        + "\n\ndef test_keep(tmp_path):\n    run(tmp_path)\n"
    )
    for tests in (text, helper):
        verdict = here.judge({"tests/test_daily.py": tests}, "tests", later=("T002",))
        assert not verdict.passed and "assert" in verdict.feedback()


def test_only_what_is_wrong_is_told_beside_what_rightly_waits(checkout: MakeCheckout) -> None:
    here = checkout(WIRE, {"shop/daily.py": PIPELINE})
    tests = (
        '\n\ndef test_weigh(spec):\n    assert spec["root"]["dag"]["tasks"]["weigh"]\n'
        "\n\ndef test_more(spec, spek):\n    assert spec == spek\n"
    )
    text = here.judge({"tests/test_daily.py": COMPILED + tests}, "tests", later=("T002",)).feedback()
    assert "fixture 'spek' not found" in text and "test_weigh" not in text


def test_a_fixture_that_compiles_something_else_is_no_excuse(checkout: MakeCheckout) -> None:
    here = checkout(WIRE, {"shop/daily.py": PIPELINE, "shop/other.py": PIPELINE.replace("daily", "other")})
    text = COMPILED.replace("shop.daily import daily", "shop.other import other").replace(
        "compile(daily", "compile(other"
    )
    text += '\n\ndef test_weigh(spec):\n    assert spec["root"]["dag"]["tasks"]["weigh"]\n'
    verdict = here.judge({"tests/test_daily.py": text}, "tests", later=("T002",))
    assert not verdict.passed and "KeyError: 'weigh'" in verdict.feedback()


def test_a_wrong_test_does_not_hide_behind_a_later_task(checkout: MakeCheckout) -> None:
    done_before = "- [ ] T000 [US1] Create `single(price)` in shop/price.py\n" + CHANGE
    verdict = checkout(done_before).judge({TEST: RATE}, "tests", later=("T002",))
    assert not verdict.passed


def test_a_name_of_its_own_is_not_what_a_later_task_brings(checkout: MakeCheckout) -> None:
    tasks = """- [ ] T001 [US1] Test in tests/test_keep.py that `single` gives the price
- [ ] T002 [US1] Create `total(prices)` in shop/total.py: reads the CSV `prices`
"""
    text = (
        "import pytest\nfrom shop.price import single\n\n\n@pytest.fixture\ndef prices():\n    return [2]\n\n\n"
        "def test_single(prices):\n    assert single(prices=prices) == 2\n"
    )
    verdict = checkout(tasks).judge({TEST: text}, "tests", later=("T002",))
    assert not verdict.passed
    assert "unexpected keyword argument 'prices'" in verdict.feedback()


FIXTURE = "import pytest\n\n\n@pytest.fixture\ndef rows():\n    return [{'price': 1, 'count': 2}]\n"


def test_what_tests_need_may_come_with_them(checkout: MakeCheckout) -> None:
    needed = {
        "tests/__init__.py": "",
        "tests/helpers.py": "ONE = 1\n",
        "tests/conftest.py": FIXTURE,
        "tests/a.csv": "1\n",
    }
    here = checkout(TASKS.replace(TEST, f"{TEST} with {', '.join(needed)}"), {"shop/keep.py": KEEP})
    verdict = here.judge({TEST: GOOD, **needed}, "files", "assertions", "tests")
    assert verdict.passed, verdict.feedback()


@pytest.mark.parametrize(
    ("title", "path", "text"),
    [
        ("Create shared fixtures in tests/conftest.py: rows of a shop", "tests/conftest.py", FIXTURE),
        ("Set up the test environment in tests/conftest.py", "tests/conftest.py", FIXTURE),
        ("Add a helper for the tests in tests/helpers.py", "tests/helpers.py", "ONE = 1\n"),
        ("Create sample data in tests/data/orders.csv", "tests/data/orders.csv", "id\n1\n"),
        ("Create tests/__init__.py", "tests/__init__.py", ""),
    ],
)
def test_a_task_for_what_tests_need_asks_for_no_test(checkout: MakeCheckout, title: str, path: str, text: str) -> None:
    gates = () if "shared" in title else ("files", "assertions")
    verdict = checkout(f"- [ ] T001 {title}\n").judge({path: text}, *gates)
    assert verdict.passed, verdict.feedback()
    assert gate(verdict, "assertions").not_verified == [f"{path}: whether it works, before a test uses it"]


@pytest.mark.parametrize(
    "title",
    ["Add tests of the shop in tests/conftest.py", "Test the shop in tests/conftest.py", "Write tests in tests/unit/"],
)
def test_a_task_that_asks_for_tests_is_not_done_with_fixtures(checkout: MakeCheckout, title: str) -> None:
    verdict = checkout(f"- [ ] T001 {title}\n").judge({"tests/conftest.py": FIXTURE}, "assertions")
    assert "no test function found" in verdict.feedback()


def test_a_test_file_in_which_pytest_finds_nothing_is_refused(checkout: MakeCheckout) -> None:
    text = GOOD.replace("def test_keep", "def check_keep")
    verdict = checkout(files={"shop/keep.py": KEEP}).judge({TEST: text}, "tests")
    assert "pytest collected no test from it" in verdict.feedback()


def test_a_skipped_test_beside_a_passing_one_is_told(checkout: MakeCheckout) -> None:
    text = GOOD.replace("from shop", "import pytest\nfrom shop", 1) + (
        "\n\n@pytest.mark.skip(reason='slow')\ndef test_more():\n    assert keep([]) == []\n"
        "\n\n@pytest.mark.xfail\ndef test_less():\n    assert keep([]) == []\n"
    )
    verdict = checkout(files={"shop/keep.py": KEEP}).judge({TEST: text}, "assertions", "tests")
    assert verdict.passed, verdict.feedback()
    told = "\n".join(gate(verdict, "tests").warnings)
    assert "test_more is skipped" in told
    assert "test_less is expected to fail (xfail) and passes" in told
    assert len(gate(verdict, "assertions").warnings) == 2
