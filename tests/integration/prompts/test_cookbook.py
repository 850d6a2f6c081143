"""Every recipe of the cookbook is laid out in one repository and compiled, run or parsed there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from kfpilot.agent.workers.recipes import Recipe, load_recipes
from kfpilot.tools.infra_checks import infra_report
from kfpilot.tools.kfp_lint import problems
from markdown_it import MarkdownIt

pytestmark = pytest.mark.integration

RECIPES = {recipe.slug: recipe for recipe in load_recipes()}
PYTHON = [recipe for recipe in load_recipes() if recipe.language == "python"]
TESTS = [recipe for recipe in PYTHON if recipe.path.startswith("tests/")]
KFP = [recipe for recipe in PYTHON if recipe not in TESTS]
DOCS = [recipe for recipe in load_recipes() if recipe.language == "markdown"]
MANIFESTS = [recipe for recipe in load_recipes() if recipe.path.startswith("deploy/")]

# Runs in a child: what it compiles and runs must come from the laid-out repository alone.
COMPILE = """
import importlib, json, sys, tempfile, pathlib, yaml
from google.protobuf import json_format
from kfp import compiler
from kfp.dsl.base_component import BaseComponent
from kfp.dsl.graph_component import GraphComponent
from kfp.pipeline_spec import pipeline_spec_pb2
result = {}
for path in json.loads(sys.stdin.read()):
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    assert pathlib.Path(module.__file__).resolve() == pathlib.Path(path).resolve()
    found = result[path] = {}
    for name, value in vars(module).items():
        if isinstance(value, BaseComponent):
            package = pathlib.Path(tempfile.mkdtemp()) / "package.yaml"
            compiler.Compiler().compile(value, str(package))
            documents = list(yaml.safe_load_all(package.read_text()))
            json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
            found[name] = {"pipeline": isinstance(value, GraphComponent), "documents": documents}
print(json.dumps(result))
"""

RUN = """
import importlib, json, os, sys, tempfile
from kfp import local
calls = json.loads(sys.stdin.read())
os.chdir(tempfile.mkdtemp())
results = {}
for path, name, arguments in calls:
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=tempfile.mkdtemp(), raise_on_error=True)
    pipeline = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)
    results[name] = {key: getattr(value, "path", value) for key, value in pipeline(**arguments).outputs.items()}
print("RESULTS" + json.dumps(results))
"""


def child(repository: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(repository), "PIP_NO_INDEX": "1", "STATION_TOKEN": "abcdef"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=repository, env=environment, input=stdin, text=True, capture_output=True
    )


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cookbook")
    for recipe in RECIPES.values():
        file = root / recipe.path
        file.parent.mkdir(parents=True, exist_ok=True)
        assert not file.exists(), f"two recipes have the path {recipe.path}"
        file.write_text(recipe.text, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def compiled(repository: Path) -> dict[str, Any]:
    done = child(repository, "-c", COMPILE, stdin=json.dumps([recipe.path for recipe in KFP]))
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def outcomes(repository: Path) -> dict[str, list[str]]:
    """Per test file, the outcome of each of its tests."""
    report = repository / "junit.xml"
    done = child(repository, "-m", "pytest", "tests", "-p", "no:langsmith_plugin", f"--junitxml={report}")
    found: dict[str, list[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        file = case.get("classname", "").replace(".", "/") + ".py"
        found.setdefault(file, []).append("passed" if len(case) == 0 else str(ElementTree.tostring(case)))
    assert done.returncode == 0, done.stdout[-3000:]
    return found


@pytest.fixture(scope="module")
def results(repository: Path) -> dict[str, Any]:
    """What the pipelines give that the local runner can run; the others need a cluster or a network."""
    calls = [
        ("pipelines/report_in_detail.py", "report_in_detail", {"celsius": 19.26, "detail": "exact"}),
        ("pipelines/report_stations.py", "report_stations", {"stations": ["north", "south"], "celsius": 20.0}),
        ("pipelines/watched_report.py", "watched_report", {}),
        ("pipelines/all_warm_days.py", "all_warm_days", {"minimum": 18.0}),
        ("pipelines/fresh_count.py", "fresh_count", {}),
        ("pipelines/station_report.py", "station_report", {}),
        ("pipelines/secret_login.py", "secret_login", {}),
        ("pipelines/count_stored.py", "count_stored", {"uri": str(repository / "stored.csv")}),
    ]
    (repository / "stored.csv").write_text("station,celsius\nnorth,1\nsouth,2\neast,3\n")
    done = child(repository, "-c", RUN, stdin=json.dumps(calls))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "Condition evaluation failed" not in done.stdout + done.stderr
    outputs: dict[str, Any] = json.loads(done.stdout.rsplit("RESULTS", 1)[1])
    return outputs


@pytest.fixture
def module(repository: Path) -> Callable[[str], ModuleType]:
    def load(slug: str) -> ModuleType:
        loaded = ModuleType(slug)
        path = repository / RECIPES[slug].path
        loaded.__file__ = str(path)
        # This module's own `annotations` future must not reach the recipe: kfp reads real types.
        exec(compile(path.read_text(), str(path), "exec", dont_inherit=True), loaded.__dict__)
        return loaded

    return load


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_is_short_and_covered_by_a_check(recipe: Recipe) -> None:
    assert len(recipe.text.splitlines()) <= 40
    assert recipe in [*KFP, *TESTS, *DOCS, *MANIFESTS] or recipe.slug in ("ci-workflow", "gitlab-ci")


@pytest.mark.parametrize("recipe", KFP, ids=lambda recipe: recipe.slug)
def test_compiles_to_valid_ir(recipe: Recipe, compiled: dict[str, Any]) -> None:
    objects = compiled[recipe.path]
    assert Path(recipe.path).stem in objects
    pipelines = [name for name, found in objects.items() if found["pipeline"]]
    assert bool(pipelines) == (Path(recipe.path).parent.name == "pipelines")
    for found in objects.values():
        for executor in found["documents"][0]["deploymentSpec"]["executors"].values():
            if "container" in executor:
                assert ":" in executor["container"]["image"]
                assert not executor["container"]["image"].endswith(":latest")


@pytest.mark.parametrize("recipe", TESTS, ids=lambda recipe: recipe.slug)
def test_the_tests_pass(recipe: Recipe, outcomes: dict[str, list[str]]) -> None:
    assert set(outcomes[recipe.path]) == {"passed"}


@pytest.mark.parametrize("recipe", KFP, ids=lambda recipe: recipe.slug)
def test_would_also_run_in_a_cluster(recipe: Recipe) -> None:
    assert problems(recipe.text) == []


def test_add_step_keeps_the_order_of_the_steps(compiled: dict[str, Any]) -> None:
    tasks = compiled["pipelines/station_report.py"]["station_report"]["documents"][0]["root"]["dag"]["tasks"]
    assert sorted(tasks) == ["average-by-station", "keep-warm", "load-readings", "log-range"]
    assert tasks["log-range"]["dependentTasks"] == ["keep-warm"]


def test_retries_and_limits_reach_the_ir(compiled: dict[str, Any]) -> None:
    spec = compiled["pipelines/fetch_report.py"]["fetch_report"]["documents"][0]
    assert spec["root"]["dag"]["tasks"]["download-file"]["retryPolicy"]["maxRetryCount"] == 3
    resources = spec["deploymentSpec"]["executors"]["exec-download-file"]["container"]["resources"]
    assert resources["resourceCpuLimit"] == "500m"
    assert resources["resourceMemoryLimit"] == "256Mi"


def test_the_secret_reaches_the_platform_spec_and_nothing_else(compiled: dict[str, Any]) -> None:
    spec, platform = compiled["pipelines/secret_login.py"]["secret_login"]["documents"]
    assert "station-api" in json.dumps(platform)
    assert "station-api" not in json.dumps(spec)


@pytest.mark.parametrize(
    ("pipeline", "outputs"),
    [
        ("report_in_detail", {"Output": "north: 19.26 C"}),
        ("report_stations", {"Output": "north: 20.0 C\nsouth: 20.0 C"}),
        ("watched_report", {}),
        ("all_warm_days", {"Output": 4}),
        ("fresh_count", {"Output": 2}),
        ("station_report", {}),
        ("secret_login", {}),
        ("count_stored", {"Output": 3}),
    ],
)
def test_runs_without_a_cluster(pipeline: str, outputs: dict[str, Any], results: dict[str, Any]) -> None:
    assert results[pipeline] == outputs


def test_groups_and_sorts(module: Callable[[str], ModuleType], tmp_path: Path) -> None:
    from kfp import dsl

    (tmp_path / "in.csv").write_text("station,celsius\nsouth,20\nnorth,1\nsouth,21\n")
    averages = dsl.Dataset(name="averages", uri=str(tmp_path / "out.csv"))
    module("group-component").average_by_station.python_func(
        readings=dsl.Dataset(name="readings", uri=str(tmp_path / "in.csv")), averages=averages
    )
    assert (tmp_path / "out.csv").read_text() == "station,readings,average\nnorth,1,1.00\nsouth,2,20.50\n"


def test_keeps_records_of_json_lines(module: Callable[[str], ModuleType], tmp_path: Path) -> None:
    from kfp import dsl

    (tmp_path / "in.jsonl").write_text('{"kind": "alarm", "value": 1}\n{"kind": "note", "value": 2}\n\n')
    kept = dsl.Dataset(name="kept", uri=str(tmp_path / "out.jsonl"))
    module("json-lines-component").keep_kind.python_func(
        events=dsl.Dataset(name="events", uri=str(tmp_path / "in.jsonl")), kept=kept
    )
    assert (tmp_path / "out.jsonl").read_text() == '{"kind": "alarm", "value": 1}\n'


def test_returns_several_values(module: Callable[[str], ModuleType], tmp_path: Path) -> None:
    from kfp import dsl

    (tmp_path / "in.csv").write_text("station,celsius\nsouth,20\nnorth,1.5\n")
    found = module("namedtuple-component").find_range.python_func(
        readings=dsl.Dataset(name="readings", uri=str(tmp_path / "in.csv"))
    )
    assert (found.lowest, found.highest) == (1.5, 20.0)


def test_reads_a_setting(module: Callable[[str], ModuleType], tmp_path: Path) -> None:
    from kfp import dsl

    (tmp_path / "settings.yaml").write_text("station: north\n")
    settings = dsl.Artifact(name="settings", uri=str(tmp_path / "settings.yaml"))
    component = module("packages-component").read_settings
    assert component.python_func(settings=settings, key="station") == "north"


def test_the_workflow_does_what_it_says(repository: Path) -> None:
    workflow = yaml.safe_load((repository / RECIPES["ci-workflow"].path).read_text())
    steps = workflow["jobs"]["test"]["steps"]
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML 1.1 reads the key `on` as true
    assert all(("uses" in step) != ("run" in step) for step in steps)
    compile_step = next(step for step in steps if step.get("name") == "Compile")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(["bash", "-euc", compile_step["run"]], cwd=repository, check=True, env={**os.environ, "PATH": path})
    upload = next(step for step in steps if "upload-artifact" in step.get("uses", ""))
    assert yaml.safe_load((repository / upload["with"]["path"]).read_text())["pipelineInfo"]["name"] == "warm-days"


def test_the_gitlab_job_does_what_it_says(repository: Path) -> None:
    (job,) = yaml.safe_load((repository / RECIPES["gitlab-ci"].path).read_text()).values()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    lines = [line for line in job["script"] if "pip install" not in line and "pytest" not in line]
    subprocess.run(["bash", "-euc", "\n".join(lines)], cwd=repository, check=True, env={**os.environ, "PATH": path})
    (kept,) = job["artifacts"]["paths"]
    assert yaml.safe_load((repository / kept).read_text())["pipelineInfo"]["name"] == "warm-days"


def test_the_settings_are_complete() -> None:
    documents = list(yaml.safe_load_all(RECIPES["config-map"].text))
    assert [document["kind"] for document in documents] == ["ConfigMap", "PersistentVolumeClaim"]
    for document in documents:
        assert document["apiVersion"] == "v1"
        assert document["metadata"]["name"]
    assert all(isinstance(value, str) for value in documents[0]["data"].values())


@pytest.mark.parametrize("recipe", MANIFESTS, ids=lambda recipe: recipe.slug)
def test_manifests_are_what_kubernetes_accepts(recipe: Recipe, repository: Path) -> None:
    assert infra_report(repository, [recipe.path]).findings == []


@pytest.mark.parametrize("recipe", DOCS, ids=lambda recipe: recipe.slug)
def test_docs_name_what_exists(recipe: Recipe, repository: Path) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(recipe.text)
    spans = [child.content for token in tokens for child in token.children or [] if child.type == "code_inline"]
    sources = "\n".join(path.read_text() for path in (repository / "pipelines").rglob("*.py"))
    assert any(token.type == "table_open" for token in tokens)
    for span in spans:
        if "/" in span:
            assert (repository / span).is_file(), span
        elif span.isidentifier():
            assert span in sources, span


def test_code_passes_the_project_s_own_linter() -> None:
    folder = Path(sys.modules["kfpilot.prompts.cookbook"].__file__ or "").parent
    assert tomllib.loads((folder / "ruff.toml").read_text())["extend"] == "../../pyproject.toml"
    done = subprocess.run([sys.executable, "-m", "ruff", "check", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
