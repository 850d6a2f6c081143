"""What a small model is shown of a compiled pipeline."""

from collections.abc import Callable
from dataclasses import replace

import yaml
from kfpilot.agent.models.handle import Handle
from kfpilot.agent.models.scripted import ScriptedModel
from kfpilot.agent.workers.compiled_outline import outline
from kfpilot.agent.workers.draft_worker import DraftWorker
from kfpilot.agent.workers.job import Job
from kfpilot.tools.errors import ToolFailure
from kfpilot.tools.kfp_check import KfpModule, KfpObject

SPEC = {
    "pipelineInfo": {"name": "parcel-flow"},
    "deploymentSpec": {"executors": {"exec-read-parcels": {"container": {"image": "python:3.11"}}}},
    "root": {
        "inputDefinitions": {"parameters": {"depot": {"defaultValue": "north", "parameterType": "STRING"}}},
        "dag": {
            "tasks": {
                "read-parcels": {
                    "componentRef": {"name": "comp-read-parcels"},
                    "inputs": {"parameters": {"depot": {"componentInputParameter": "depot"}}},
                    "retryPolicy": {"maxRetryCount": 2},
                },
                "condition-1": {
                    "componentRef": {"name": "comp-condition-1"},
                    "dependentTasks": ["read-parcels"],
                    "triggerPolicy": {"condition": "true"},
                },
            }
        },
    },
    "components": {
        "comp-read-parcels": {"executorLabel": "exec-read-parcels"},
        "comp-condition-1": {"dag": {"tasks": {"weigh": {"componentRef": {"name": "comp-weigh"}}}}},
    },
}


def test_names_parameters_and_what_is_set_on_tasks_stay() -> None:
    assert outline(SPEC) == {
        "pipelineInfo": {"name": "parcel-flow"},
        "root": {
            "inputDefinitions": SPEC["root"]["inputDefinitions"],
            "dag": {
                "tasks": {
                    "read-parcels": {"retryPolicy": {"maxRetryCount": 2}},
                    "condition-1": {
                        "dependentTasks": ["read-parcels"],
                        "triggerPolicy": {"condition": "true"},
                        "componentRef": {"name": "comp-condition-1"},
                    },
                }
            },
        },
        "components": {"comp-condition-1": {"dag": {"tasks": {"weigh": {}}}}},
    }


def asked(job: Job) -> str:
    """What a small model is asked first."""
    model = ScriptedModel(["```\ndef test_a():\n    assert 1\n```"])
    DraftWorker(Handle(model=model, name="fake", tools=False, kind="fake"), 8).open(job).attempt(1, None)
    return model.sent[0][1].text


def test_a_test_of_a_pipeline_is_drafted_with_what_it_compiles_to(job_of: Callable[[str], Job]) -> None:
    paths = []

    def compiled(files: list[str]) -> list[KfpModule]:
        paths.extend(files)
        item = KfpObject(name="parcel_flow", kind="pipeline", ok=True, ir=[SPEC])
        return [KfpModule(path=file, objects=[item]) for file in files]

    job = job_of("T002")
    task = job.task.model_copy(update={"title": "Test in tests/test_flow.py that parcel-flow has its tasks"})
    prompt = asked(replace(job, task=task, compiled=compiled))
    assert paths == ["flows/parcel_flow.py"]
    shown = prompt.split("parcel_flow.yaml (what `parcel_flow` compiles to, in part)\n```yaml\n")[1].split("\n```")[0]
    assert yaml.safe_load(shown) == outline(SPEC)
    assert "compiles to" not in asked(replace(job, compiled=compiled))


def test_without_a_compiler_the_test_is_drafted_all_the_same(job_of: Callable[[str], Job]) -> None:
    def compiled(files: list[str]) -> list[KfpModule]:
        raise ToolFailure("kfp is not installed")

    job = job_of("T002")
    task = job.task.model_copy(update={"title": "Test in tests/test_flow.py that parcel-flow has its tasks"})
    assert "compiles to" not in asked(replace(job, task=task, compiled=compiled))
    assert "compiles to" not in asked(replace(job, task=task))
