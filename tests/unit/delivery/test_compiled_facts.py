"""What is read from a compiled pipeline."""

from __future__ import annotations

from typing import Any

from kfpilot.agent.delivery.compiled_facts import parameters, platform, steps
from kfpilot.tools.kfp_check import KfpObject, KfpTask


def compiled(*documents: dict[str, Any], tasks: dict[str, KfpTask] | None = None) -> KfpObject:
    return KfpObject(name="p", kind="pipeline", ok=True, ir=list(documents), task_details=tasks or {})


def platform_of(**config: Any) -> dict[str, Any]:
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-train": config}}}}}


def test_inputs_that_must_be_given_come_first_and_whole_numbers_have_no_point() -> None:
    inputs = {
        "parameters": {
            "count": {"parameterType": "NUMBER_INTEGER", "isOptional": True, "defaultValue": 3.0},
            "share": {"parameterType": "NUMBER_DOUBLE", "isOptional": True, "defaultValue": 0.5},
            "sizes": {"parameterType": "LIST", "isOptional": True, "defaultValue": [1.0, {"a": 2.0}]},
            "day": {"parameterType": "STRING"},
        },
        "artifacts": {"rows": {"artifactType": {"schemaTitle": "system.Dataset"}}},
    }

    found = parameters(compiled({"root": {"inputDefinitions": inputs}}))

    assert [(entry.name, entry.type, entry.required) for entry in found[:2]] == [
        ("day", "STRING", True),
        ("rows", "system.Dataset", True),
    ]
    assert repr([entry.default for entry in found[2:]]) == "[3, 0.5, [1, {'a': 2}]]"


def test_steps_are_the_tasks_with_an_image() -> None:
    tasks = {
        "loop": KfpTask(loop=True),
        "loop/train": KfpTask(image="python:3.11", cpu_limit="1", retries=2, caching=True),
    }

    (step,) = steps(compiled({}, tasks=tasks))

    assert (step.path, step.image, step.cpu_limit, step.memory_limit, step.retries, step.caching) == (
        "loop/train",
        "python:3.11",
        "1",
        "",
        2,
        True,
    )


def test_what_a_namespace_must_have_is_named_once_with_all_its_keys() -> None:
    document = platform_of(
        secretAsEnv=[
            {"secretName": "keys", "keyToEnv": [{"secretKey": "b", "envVar": "B"}], "optional": False},
            {
                "secretNameParameter": {"runtimeValue": {"constant": "keys"}},
                "keyToEnv": [{"secretKey": "a", "envVar": "A"}],
                "optional": True,
            },
        ],
        configMapAsVolume=[{"configMapName": "rules", "mountPath": "/rules", "optional": True}],
        pvcMount=[{"pvcNameParameter": {"componentInputParameter": "volume"}, "mountPath": "/data"}],
        nodeSelector={"labels": {"gpu": "yes"}},
        activeDeadlineSeconds="100",
    )

    needs, other = platform(compiled({}, document))

    assert [(need.kind, need.name, need.keys, need.optional) for need in needs] == [
        ("Secret", "keys", ["a", "b"], False),
        ("ConfigMap", "rules", [], True),
        ("PersistentVolumeClaim", 'named by {"componentInputParameter": "volume"}', [], False),
    ]
    assert other == {"train: nodeSelector": '{"labels": {"gpu": "yes"}}', "train: activeDeadlineSeconds": "100"}


def test_a_pipeline_without_platform_settings_needs_nothing() -> None:
    assert platform(compiled({"root": {}})) == ([], {})
