# title: Test that a pipeline compiles and has the tasks it should
# use when: the tests of a pipeline: compile it, then look at its tasks, their order and the default parameters
# keywords: test, tests, pipeline, compile, compiles, compiled, tasks, steps, order, depends, dependentTasks, defaultValue, default, parameter, yaml, Compiler
# roles: tests
# path: tests/test_warm_days.py
"""Tests of the pipeline warm_days."""

import yaml
from kfp import compiler

from pipelines.warm_days import warm_days


def compile_pipeline(tmp_path):
    package = tmp_path / "warm_days.yaml"
    compiler.Compiler().compile(pipeline_func=warm_days, package_path=str(package))
    return next(yaml.safe_load_all(package.read_text()))


def test_has_the_steps_in_their_order(tmp_path):
    tasks = compile_pipeline(tmp_path)["root"]["dag"]["tasks"]

    assert sorted(tasks) == ["count-rows", "keep-warm", "load-readings"]
    assert tasks["keep-warm"]["dependentTasks"] == ["load-readings"]
    assert tasks["count-rows"]["dependentTasks"] == ["keep-warm"]


def test_has_the_default_parameters(tmp_path):
    parameters = compile_pipeline(tmp_path)["root"]["inputDefinitions"]["parameters"]

    assert parameters["station"]["defaultValue"] == "north"
    assert parameters["minimum"]["defaultValue"] == 20.0
