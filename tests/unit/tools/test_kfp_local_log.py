"""Whose fault a failed local run is, read from its log."""

from __future__ import annotations

import pytest
from kfpilot.tools.kfp_local_log import failure_of, silent_failures, task_states
from kfpilot.tools.kfp_local_plan import Step

LOG = """09:00:00.000 - INFO - Executing task 'load'
[KFP Executor] Traceback (most recent call last):
  File "/usr/lib/python3.11/runpy.py", line 88, in _run_code
    exec(code, run_globals)
  File "/tmp/x/ephemeral_component.py", line 9, in load
    {source}
{ending}
09:00:01.000 - INFO - Task 'load' finished with status FAILURE
"""


def blame(
    ending: str, source: str = "return rows[9]", *, plain: bool = True, python: str = "", lists: bool = False
) -> str:
    log = LOG.replace("[KFP Executor] ", "").format(source=source, ending=ending)
    step = Step(name="load", image="python:3.11", plain=plain, python=python)
    return failure_of(log, [step], "3.11", lists).blame


@pytest.mark.parametrize(
    ("ending", "source", "expected"),
    [
        ("NameError: name 'rows' is not defined", "return rows", "code"),
        ("ModuleNotFoundError: No module named 'pandas'", "import pandas", "code"),
        ("IndexError: list index out of range", "return rows[9]", "values"),
        ("ZeroDivisionError: division by zero", "return 1 / count", "values"),
        ("ValueError: count must be positive", 'raise ValueError("count must be positive")', "raised"),
        ("AssertionError", "assert count > 0", "raised"),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/data'", "open('/data')", "machine"),
        ("KeyError: 'TOKEN'", "os.environ['TOKEN']", "machine"),
        ("urllib.error.URLError: <urlopen error>", "urlopen(url)", "machine"),
    ],
)
def test_the_fault_is_the_codes_only_if_nothing_else_can_be_behind_it(ending: str, source: str, expected: str) -> None:
    assert blame(ending, source) == expected


def test_a_module_that_the_users_own_image_may_hold_proves_nothing() -> None:
    assert blame("ModuleNotFoundError: No module named 'pandas'", "import pandas", plain=False) == "machine"


def test_a_module_that_only_another_python_has_proves_nothing() -> None:
    assert blame("ModuleNotFoundError: No module named 'distutils'", "import distutils", python="3.9") == "machine"


def test_whole_numbers_that_the_local_runner_made_floats_are_its_own_fault() -> None:
    error = "TypeError: 'float' object cannot be interpreted as an integer"
    assert blame(error, "range(numbers[0])", lists=True) == "runner"
    assert blame(error, "range(numbers[0])") == "values"


def test_a_failure_names_step_function_and_line() -> None:
    log = LOG.replace("[KFP Executor] ", "").format(
        source="return rows[9]", ending="IndexError: list index out of range"
    )
    failure = failure_of(log, [Step(name="load")], "3.11")
    assert str(failure) == "step load: IndexError: list index out of range (in load: return rows[9])"


def test_a_step_that_failed_once_in_a_loop_failed() -> None:
    ends = [("a", "FAILURE"), ("a", "SUCCESS"), ("b", "SUCCESS")]
    log = "\n".join(f"Task '{name}' finished with status {state}" for name, state in ends)
    assert task_states(log) == {"a": "FAILURE", "b": "SUCCESS"}


def test_conditions_that_the_runner_gave_up_are_told_once() -> None:
    line = "\x1b[33m09:00:00.1 - root - WARNING - Condition evaluation failed: x\x1b[0m\n"
    assert silent_failures(line + line + "all is well\n") == ["Condition evaluation failed: x"]
