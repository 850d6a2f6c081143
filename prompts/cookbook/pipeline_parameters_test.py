# title: Test of a pipeline's parameters and their defaults
# use when: the tests of a pipeline's parameters: which there are, their default values, caching or retries of a task
# keywords: test, tests, pipeline, parameters, default, defaults, default value, defaultValue, optional, required parameter, caching, retry
# roles: tests
# path: tests/test_warm_days_parameters.py
"""Tests of the parameters of the pipeline warm_days."""

import yaml
from kfp import compiler

from pipelines.warm_days import warm_days


def compile_parameters(tmp_path):
    package = tmp_path / "warm_days.yaml"
    compiler.Compiler().compile(pipeline_func=warm_days, package_path=str(package))
    return next(yaml.safe_load_all(package.read_text()))["root"]["inputDefinitions"]["parameters"]


def test_has_its_parameters(tmp_path):
    parameters = compile_parameters(tmp_path)
    assert set(parameters) == {"station", "minimum"}


def test_minimum_is_twenty_by_default(tmp_path):
    parameters = compile_parameters(tmp_path)
    assert parameters["minimum"]["defaultValue"] == 20.0
