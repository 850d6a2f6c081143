"""What two versions of kfp made of the same files, compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kfpilot.tools.errors import ToolFailure
from kfpilot.tools.kfp_check import KfpModule, KfpObject
from kfpilot.tools.kfp_versions import environment, report


def spec(version: str, **root: Any) -> list[dict[str, Any]]:
    command = ["sh", "-c", f"pip install 'kfp=={version}'"]
    executors = {"exec-load": {"container": {"image": "python:3.11", "command": command}}}
    return [
        {
            "pipelineInfo": {"name": "daily"},
            "sdkVersion": f"kfp-{version}",
            "deploymentSpec": {"executors": executors},
            "root": root,
        }
    ]


def module(ir: list[dict[str, Any]] | None = None, *, error: str = "", module_error: str = "") -> KfpModule:
    item = KfpObject(name="daily", kind="pipeline", line=7, ok=not error, error=error, ir=ir or [], ir_name="daily")
    return KfpModule(path="daily.py", objects=[] if module_error else [item], error=module_error)


def test_the_versions_own_traces_are_no_difference() -> None:
    found = report("2.14.6", [module(spec("2.17.0"))], [module(spec("2.14.6"))])
    assert (found.status, found.objects) == ("same", 1)
    assert str(found) == "kfp 2.14.6: compiles to the same (1 compared)"


def test_a_difference_is_named() -> None:
    inputs = {"inputDefinitions": {"parameters": {"day": {"parameterType": "STRING"}}}}
    found = report("2.14.6", [module(spec("2.17.0", **inputs))], [module(spec("2.14.6"))])
    assert found.status == "differs" and "the input day is gone" in found.details[0]


def test_a_failure_names_file_line_and_object() -> None:
    found = report("2.14.6", [module(spec("2.17.0"))], [module(error="TypeError: no such argument")])
    assert found.status == "fails"
    assert found.details == ["daily.py:7: pipeline daily: TypeError: no such argument"]


def test_what_only_lacks_a_library_of_the_project_is_not_verified() -> None:
    error = "daily.py:1: ModuleNotFoundError: No module named 'pandas'"
    found = report("2.14.6", [module(spec("2.17.0"))], [module(module_error=error)])
    assert found.status == "not-verified" and "pandas" in found.details[0]


@pytest.mark.parametrize("version", ["latest", ">=2", "2.14; rm -rf /", "-r x"])
def test_only_versions_are_installed(tmp_path: Path, version: str) -> None:
    with pytest.raises(ToolFailure, match="is no version of kfp"):
        environment(tmp_path, Path("python"), version)
