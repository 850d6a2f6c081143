"""The KFP check against real kfp: what it finds, what it survives, and where it says the fault is."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kfpilot.tools.errors import ToolFailure
from kfpilot.tools.kfp_check import KfpChecker, KfpModule

pytestmark = pytest.mark.integration

COMPONENTS = """
from typing import NamedTuple

from kfp import dsl


@dsl.component(base_image="python:3.11")
def load(rows: int, out: dsl.Output[dsl.Dataset]) -> NamedTuple("Loaded", [("count", int), ("label", str)]):
    print("loading")
    return (rows, "x")


@dsl.component(base_image="python:3.11")
def train(data: dsl.Input[dsl.Dataset], rate: float = 0.1) -> float:
    return rate


@dsl.container_component
def shell(text: str):
    return dsl.ContainerSpec(image="alpine:3.20", command=["echo"], args=[text])
"""

PIPELINE = """
from kfp import dsl, kubernetes

from parts.components import load, shell, train


@dsl.pipeline(name="daily-run")
def daily(rows: int = 3, mode: str = "full") -> float:
    loaded = load(rows=rows)
    loaded.set_retry(2).set_cpu_limit("1").set_memory_limit("1Gi").set_caching_options(False)
    kubernetes.use_secret_as_env(loaded, secret_name="s", secret_key_to_env={"key": "KEY"})
    with dsl.If(mode == "full"):
        shell(text=loaded.outputs["label"])
    with dsl.ParallelFor([0.1, 0.2]) as rate:
        train(data=loaded.outputs["out"], rate=rate)
    return train(data=loaded.outputs["out"]).output
"""


def write(root: Path, **files: str) -> list[str]:
    """Write modules (`parts__a` is parts/a.py) and give their paths."""
    names = []
    for name, text in files.items():
        names.append(name.replace("__", "/") + ".py")
        path = root / names[-1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))
    return names


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KfpChecker]:
    with KfpChecker(places=[tmp_path_factory.getbasetemp()]) as started:
        yield started


def check_one(checker: KfpChecker, root: Path, text: str) -> KfpModule:
    (name,) = write(root, thing=text)
    return checker.check(root, [name], [root])[0]


def test_a_good_project_is_summarised(checker: KfpChecker, tmp_path: Path) -> None:
    files = write(tmp_path, parts__components=COMPONENTS, parts__daily=PIPELINE)

    components, daily = checker.check(tmp_path, files, [tmp_path])

    assert components.ok and daily.ok, components.failures() + daily.failures()
    assert (components.module, daily.module) == ("parts.components", "parts.daily")
    assert Path(daily.file) == tmp_path / "parts/daily.py"
    assert [(item.name, item.kind, item.line) for item in components.objects] == [
        ("load", "component", 7),
        ("train", "component", 13),
        ("shell", "container", 18),
    ]
    assert components.objects[0].inputs == {"rows": "NUMBER_INTEGER"}
    assert components.objects[0].outputs == {"count": "NUMBER_INTEGER", "label": "STRING", "out": "system.Dataset"}
    assert components.objects[2].images == ["alpine:3.20"]
    (pipeline,) = daily.objects  # what is imported is not its own
    assert (pipeline.name, pipeline.ir_name, pipeline.kind) == ("daily", "daily-run", "pipeline")
    assert pipeline.inputs == {"rows": "NUMBER_INTEGER", "mode": "STRING"}
    assert {"load", "shell", "train", "train-2"} <= set(pipeline.tasks)
    assert pipeline.images == ["alpine:3.20", "python:3.11"]
    assert pipeline.platform == ["kubernetes"]
    task = pipeline.task_details["load"]
    assert (task.caching, task.retries, task.cpu_limit, task.memory_limit) == (False, 2, "1", "1Gi")
    assert any("== 'full'" in item.condition for item in pipeline.task_details.values())
    assert any(item.loop for item in pipeline.task_details.values())


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("from kfp import dsl\n\n@dsl.component\ndef a(x) -> int:\n    return 1\n", 3, "Missing type annotation"),
        (
            "from kfp import dsl\n@dsl.component\ndef a(x: int):\n    pass\n@dsl.pipeline\ndef p():\n    a(y=1)\n",
            7,
            '"y"',
        ),
        ("import math\n\ndef f(:\n    pass\n", 3, "SyntaxError"),
        ("import math\n\nimport surely_not_there\n", 3, "surely_not_there"),
        ("x = 1\nraise SystemExit(0)\n", 2, "__main__"),
        ("x = 1\n\n1 / 0\n", 3, "ZeroDivisionError"),
    ],
    ids=["annotation", "keyword", "syntax", "missing module", "exit", "exception"],
)
def test_an_error_names_the_users_file_and_line(
    checker: KfpChecker, tmp_path: Path, text: str, line: int, said: str
) -> None:
    module = check_one(checker, tmp_path, text)

    assert not module.ok
    assert module.error.startswith(f"thing.py:{line}: ")
    assert said in module.error
    assert str(tmp_path) not in module.error


def test_an_error_in_an_imported_module_is_placed_there(checker: KfpChecker, tmp_path: Path) -> None:
    write(tmp_path, parts__low="def f():\n    return {}['key']\n\nVALUE = f()\n")
    (name,) = write(tmp_path, parts__high="from parts import low\n")

    (module,) = checker.check(tmp_path, [name], [tmp_path])

    assert module.error.startswith("parts/low.py:2: KeyError")


def test_every_check_sees_the_file_as_it_is_now(checker: KfpChecker, tmp_path: Path) -> None:
    good = "from kfp import dsl\n@dsl.component(base_image='python:3.11')\ndef one() -> int:\n    return 1\n"
    assert [item.name for item in check_one(checker, tmp_path, good).objects] == ["one"]
    assert [item.name for item in check_one(checker, tmp_path, good.replace("def one", "def two")).objects] == ["two"]
    assert check_one(checker, tmp_path, "boom").error


def test_plain_python_has_no_objects_and_no_error(checker: KfpChecker, tmp_path: Path) -> None:
    module = check_one(checker, tmp_path, "import json\n\ndef f() -> str:\n    return json.dumps({})\n")

    assert (module.objects, module.error, module.problems) == ([], "", [])


def test_what_the_code_prints_does_not_reach_the_answer(checker: KfpChecker, tmp_path: Path) -> None:
    noise = """
    import os, sys
    print('{"modules": []}')
    os.write(1, b"x" * 200000)
    sys.stderr.write("y")
    sys.stdin.read()
    """

    assert check_one(checker, tmp_path, noise).error == ""


def test_a_hang_and_a_crash_cost_only_their_own_file(checker: KfpChecker, tmp_path: Path) -> None:
    files = write(
        tmp_path,
        hang="while True:\n    pass\n",
        crash="import os\nprint('last words', flush=True)\nos._exit(7)\n",
        fine="from kfp import dsl\n@dsl.component(base_image='python:3.11')\ndef one() -> int:\n    return 1\n",
    )

    began = time.monotonic()
    hang, crash, fine = checker.check(tmp_path, files, [tmp_path], timeout=6)

    assert time.monotonic() - began < 45
    assert "did not end within 3 s" in hang.error
    assert "exit code 7" in crash.error and "last words" in crash.error
    assert fine.ok and [item.name for item in fine.objects] == ["one"]


def test_memory_is_bounded(tmp_path: Path) -> None:
    with KfpChecker(memory=4 * 1024**3) as bounded:
        module = check_one(bounded, tmp_path, "data = bytearray(64 * 1024**3)\n")

    assert module.error.startswith("thing.py:1: MemoryError")


def test_a_killed_server_is_replaced(tmp_path: Path) -> None:
    with KfpChecker() as mortal:
        assert check_one(mortal, tmp_path, "x = 1\n").error == ""
        assert mortal._process is not None
        os.kill(mortal._process.pid, 9)
        mortal._process.wait()
        assert check_one(mortal, tmp_path, "x = 2\n").error == ""


def test_no_process_is_left_behind(tmp_path: Path) -> None:
    with KfpChecker() as mortal:
        check_one(mortal, tmp_path, "import subprocess\nsubprocess.Popen(['sleep', '61.5'])\n")
        process = mortal._process
    assert process is not None and process.poll() == 0
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert b"sleep\x0061.5\x00" not in commands


def test_a_module_that_comes_from_elsewhere_is_foreign(checker: KfpChecker, tmp_path: Path) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    write(elsewhere, shop__parts="x = 1\n")
    (elsewhere / "shop/__init__.py").touch()
    (name,) = write(here, shop__parts="x = 2\n")

    (module,) = checker.check(here, [name], [elsewhere, here])

    assert module.foreign and not module.ok
    assert str(elsewhere / "shop/parts.py") in module.error


def test_layouts(checker: KfpChecker, tmp_path: Path) -> None:
    """A src layout, a script beside its helper, a name that is no identifier, a folder that kfp's own package hides."""
    component = "from kfp import dsl\n@dsl.component(base_image='python:3.11')\ndef one() -> int:\n    return 1\n"
    files = write(
        tmp_path,
        src__shop__a=component,
        scripts__build="import helper\n" + component,
        scripts__helper="",
        kubernetes__apply=component,
    )
    (tmp_path / "my-pipeline.py").write_text(component)

    modules = checker.check(tmp_path, [*files, "my-pipeline.py"])

    assert [module.error for module in modules] == [""] * 5
    assert [len(module.objects) for module in modules] == [1, 1, 0, 1, 1]
    assert modules[0].module == "shop.a"


def test_a_ring_of_tasks_is_found(checker: KfpChecker, tmp_path: Path) -> None:
    text = """
    from kfp import dsl

    @dsl.component(base_image="python:3.11")
    def step() -> int:
        return 1

    @dsl.pipeline
    def ring():
        a = step()
        b = step().after(a)
        a.after(b)
    """
    module = check_one(checker, tmp_path, text)

    assert "wait for each other" in module.failures()[0] and "`ring`" in module.failures()[0]


def test_missing_files_and_no_files(checker: KfpChecker, tmp_path: Path) -> None:
    assert checker.check(tmp_path, [], [tmp_path]) == []
    assert "no such file" in checker.check(tmp_path, ["nothing.py"], [tmp_path])[0].error


def test_secrets_of_the_environment_are_not_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    with KfpChecker() as fresh:
        module = check_one(fresh, tmp_path, "import os\nassert 'OPENAI_API_KEY' not in os.environ\n")
    assert module.error == ""


def test_an_interpreter_without_kfp(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    with KfpChecker(bare) as without, pytest.raises(ToolFailure, match=f"kfp is not installed in {bare}"):
        without.check(tmp_path, ["a.py"], [tmp_path])
    with KfpChecker(tmp_path / "nowhere") as nowhere, pytest.raises(ToolFailure, match="Cannot start"):
        nowhere.check(tmp_path, ["a.py"], [tmp_path])


def test_what_compiles_and_fails_at_run_time_is_a_problem(checker: KfpChecker, tmp_path: Path) -> None:
    text = "import json\nfrom kfp import dsl\n@dsl.component(base_image='python:3.11')\ndef a():\n    json.dumps(1)\n"
    module = check_one(checker, tmp_path, text)

    assert module.objects[0].ok and not module.ok
    assert module.failures()[0].startswith("thing.py: line 5: K01")
