"""The gates that compare and run pipelines, on a real repository with kfp's own local runner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kfpilot.agent.verifier.models import GateResult, Verdict

MakeScene = Callable[..., Any]

LIST = "- [ ] T001 Give `load` in shop/load.py a separator"
LOAD = '''"""Loads."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def load({signature}) -> str:
    """Numbers with a separator between."""
{body}
'''
BODY = '    return ";".join(str(number) for number in range(count))'
DAILY = '''"""The daily run."""

from kfp import dsl

from shop.load import load


@dsl.pipeline(name="daily")
def daily({signature}) -> str:
    return load(count=count).output
'''
SCENARIOS = """scenarios:
  - pipeline: daily
    name: four numbers
    arguments: {{count: 4}}
    outputs: {{Output: "{wanted}"}}
"""


def changed(body: str = BODY, signature: str = "count: int = 3") -> dict[str, str]:
    return {"shop/load.py": LOAD.format(signature=signature, body=body)}


def of(verdict: Verdict, name: str) -> GateResult:
    return next(gate for gate in verdict.gates if gate.gate == name)


def test_a_parameter_that_the_task_does_not_speak_of_must_stay(scene: MakeScene) -> None:
    gate = of(scene(LIST).judge(changed(BODY.replace("count", "number_of"), "number_of: int = 3"), "ir"), "ir")
    assert not gate.passed
    assert "count" in gate.failures[0] and "the task does not ask" in gate.failures[0].lower()


def test_a_parameter_that_the_task_renames_may_go_and_a_note_is_asked_for(scene: MakeScene) -> None:
    here = scene("- [ ] T001 Rename the parameter `count` of `load` in shop/load.py to `number_of`")
    gate = of(here.judge(changed(BODY.replace("count", "number_of"), "number_of: int = 3"), "ir"), "ir")
    assert gate.passed and gate.counts["breaking"] > 0
    assert any("changelog" in text and "`count`" in text for text in gate.warnings)


def test_a_new_parameter_with_a_default_breaks_nobody(scene: MakeScene) -> None:
    gate = of(scene(LIST).judge(changed(signature='count: int = 3, between: str = ";"'), "ir"), "ir")
    assert gate.passed and not gate.warnings and gate.counts == {"added": 1, "changed": 0, "removed": 0, "breaking": 0}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    return seperator.join(str(number) for number in range(count))", ["seperator", "shop/daily.py"]),
        ("    import numpy\n\n    return str(numpy.arange(count))", ["numpy"]),
        ('    return ";".join(number for number in range(count))', ["TypeError"]),
    ],
    ids=["name", "module", "types"],
)
def test_a_pipeline_that_fails_in_every_cluster_fails_here(scene: MakeScene, body: str, words: list[str]) -> None:
    gate = of(scene(LIST).judge(changed(body), "local"), "local")
    assert not gate.passed
    assert all(word in " ".join(gate.failures) for word in words), gate.failures


def test_a_pipeline_that_runs_is_counted(scene: MakeScene) -> None:
    gate = of(scene(LIST).judge(changed(), "local"), "local")
    assert gate.passed and gate.counts == {"runs": 1, "passed": 1, "shown": 1}, gate
    assert "daily" in gate.summary and not gate.not_verified


def test_a_component_that_refuses_its_values_is_told_only(scene: MakeScene) -> None:
    body = '    raise ValueError("count must come from the calendar")'
    gate = of(scene(LIST).judge(changed(body), "local"), "local")
    assert gate.passed and gate.counts["passed"] == 0
    assert any("must come from the calendar" in text for text in gate.not_verified)


def test_what_cannot_run_here_is_said_to_be_not_verified(scene: MakeScene) -> None:
    text = (
        "from kfp import dsl\n\n\n@dsl.container_component\ndef load(count: int):\n"
        '    return dsl.ContainerSpec(image="example/loader:1.2", command=["load"], args=[count])\n'
    )
    gate = of(scene(LIST).judge({"shop/load.py": text}, "local"), "local")
    assert gate.passed and gate.counts["runs"] == 0
    assert any(text.startswith("locally: ") and "example/loader:1.2" in text for text in gate.not_verified)


@pytest.mark.parametrize(("wanted", "passes"), [("0;1;2;3", True), ("0,1,2,3", False)], ids=["met", "not-met"])
def test_what_a_person_wrote_as_a_scenario_must_come_true(scene: MakeScene, wanted: str, passes: bool) -> None:
    daily = DAILY.format(signature="count: int = 3")
    here = scene(LIST, {"kfpilot-scenarios.yaml": SCENARIOS.format(wanted=wanted), "shop/daily.py": daily})
    gate = of(here.judge(changed(), "local"), "local")
    assert gate.passed is passes
    assert passes or ("four numbers" in gate.failures[0] and "0,1,2,3" in gate.failures[0])


def test_a_scenario_may_be_a_run_that_fails(scene: MakeScene) -> None:
    text = "scenarios:\n  - {component: load, name: none, arguments: {count: -1}, expect: fails, says: positive}\n"
    daily = DAILY.format(signature="count: int = 3")
    here = scene(LIST, {"kfpilot-scenarios.yaml": text, "shop/daily.py": daily})
    body = '    if count < 0:\n        raise ValueError("count must be positive")\n' + BODY
    gate = of(here.judge({**changed(body), "shop/daily.py": "X = 1\n"}, "local"), "local")
    assert gate.passed and gate.counts["passed"] == 2, gate


def test_a_scenario_file_with_a_mistake_names_its_place(scene: MakeScene) -> None:
    here = scene(LIST, {"kfpilot-scenarios.yaml": "scenarios:\n  - pipeline: daily\n    expect: fail\n"})
    gate = of(here.judge(changed(), "local"), "local")
    said = " ".join([*gate.failures, *gate.warnings, *gate.not_verified])
    assert "kfpilot-scenarios.yaml" in said and "scenarios.0" in said


SIFT = '''"""Sifts."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def sift(rows: dsl.Input[dsl.Dataset], sifted: dsl.Output[dsl.Dataset], least: int):
    """Keeps some rows."""
    import csv

    with open(rows.path) as source:
        reader = csv.DictReader(source)
        found = [row for row in reader]
{body}
'''
WRITTEN = "    with open(sifted.path, 'w') as target:\n        target.write(str(len(found)))"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (f"    sifted = []\n{WRITTEN}", ["AttributeError", "sifted.path", "with empty inputs"]),
        (WRITTEN.replace("found", "founds"), ["NameError", "founds"]),
        (WRITTEN.replace("sifted.path, 'w'", "sifted.path, modus='w'"), ["TypeError", "modus"]),
        (f"    total = sum(row['n'] for row in found)\n{WRITTEN}", ["TypeError", "(n: numbers)"]),
        (
            f"    kinds = {{}}\n    for row in found:\n        kinds.setdefault(row['a'], []).append(row['b'])\n"
            f"    found = sorted(kinds, key=lambda kind: -kinds[kind])\n{WRITTEN}",
            ["unary -: 'list'", "a,b"],
        ),
    ],
    ids=["attribute", "name", "arguments", "texts", "groups"],
)
def test_a_component_that_fails_with_any_input_fails_with_made_up_ones(
    scene: MakeScene, body: str, words: list[str]
) -> None:
    task = "- [ ] T001 Create `sift` in shop/sift.py"
    gate = of(scene(task).judge({"shop/sift.py": SIFT.format(body=body)}, "local"), "local")
    assert not gate.passed
    assert all(word in " ".join(gate.failures) for word in words), gate.failures


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (WRITTEN, "run with made-up inputs alone, there is no value for `least`, `rows`"),
        ("    print(','.join(reader.fieldnames), 1 / len(found))", "not run, there is no value for"),
        ("    for last in found:\n        pass\n    print(last)", "not run, there is no value for"),
        (f"    found = [row['day'].split('-')[2] for row in found]\n{WRITTEN}", "made-up inputs alone"),
        (f"    found = [{{'x': 1}}[row['kind']] for row in found]\n{WRITTEN}", "made-up inputs alone"),
    ],
    ids=["well", "header", "row", "form", "kind"],
)
def test_what_only_a_made_up_input_may_be_the_reason_for_is_no_failure(scene: MakeScene, body: str, said: str) -> None:
    task = "- [ ] T001 Create `sift` in shop/sift.py"
    gate = of(scene(task).judge({"shop/sift.py": SIFT.format(body=body)}, "local"), "local")
    assert gate.passed and gate.counts == {"runs": 0, "passed": 0, "shown": 0}
    assert any(said in text for text in gate.not_verified), gate.not_verified


RETURNED = """    from collections import namedtuple

    return namedtuple("Outputs", ["text", "total"])(";".join(str(number) for number in range(count)), count)
"""


def test_the_only_output_makes_way_for_the_named_ones_that_the_task_says_are_returned(scene: MakeScene) -> None:
    source = LOAD.format(signature="count: int = 3", body=RETURNED).replace(
        "-> str", '-> NamedTuple("Outputs", [("text", str), ("total", int)])'
    )
    files = {"shop/load.py": source.replace("from kfp", "from typing import NamedTuple\n\nfrom kfp")}
    told = "- [ ] T001 `load` in shop/load.py returns `text` and `total` as a NamedTuple"
    gate = of(scene(told).judge(files, "ir"), "ir")
    assert gate.passed and gate.counts["breaking"] == 1
    gate = of(scene(LIST).judge(files, "ir"), "ir")
    assert not gate.passed and "Output" in gate.failures[0]
