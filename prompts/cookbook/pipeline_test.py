# title: Test that a pipeline compiles and has the tasks it should
# use when: the tests of a pipeline: compile it, then look at its tasks and which depends on which
# keywords: test, tests, pipeline, compile, compiles, compiled, tasks, steps, order, depends, depends on, dependentTasks, yaml, Compiler
# roles: tests
# path: tests/test_warm_days.py
"""Tests of the pipeline warm_days."""

import yaml
from kfp import compiler

from pipelines.warm_days import warm_days


def compile_tasks(tmp_path):
    package = tmp_path / "warm_days.yaml"
    compiler.Compiler().compile(pipeline_func=warm_days, package_path=str(package))
    return next(yaml.safe_load_all(package.read_text()))["root"]["dag"]["tasks"]


def test_has_its_tasks(tmp_path):
    tasks = compile_tasks(tmp_path)
    assert set(tasks) == {"load-readings", "keep-warm", "count-rows"}


def test_count_rows_depends_on_keep_warm(tmp_path):
    tasks = compile_tasks(tmp_path)
    assert tasks["count-rows"]["dependentTasks"] == ["keep-warm"]
