"""What a compiled pipeline asks of whoever runs it: read from its documents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ...tools.ir_diff import entries, type_of
from ...tools.kfp_check import KfpObject
from .models import Need, Parameter, Step

KINDS = {
    "secretAsEnv": ("Secret", "secretName", "secretNameParameter", "secretKey"),
    "secretAsVolume": ("Secret", "secretName", "secretNameParameter", ""),
    "imagePullSecret": ("Secret", "secretName", "secretNameParameter", ""),
    "configMapAsEnv": ("ConfigMap", "configMapName", "configMapNameParameter", "configMapKey"),
    "configMapAsVolume": ("ConfigMap", "configMapName", "configMapNameParameter", ""),
    "pvcMount": ("PersistentVolumeClaim", "constant", "pvcNameParameter", ""),
}
"""Settings of kfp-kubernetes that name an object of the cluster: its kind, where its name and its keys stand."""


def parameters(item: KfpObject) -> list[Parameter]:
    """The inputs, those that a run cannot do without first."""
    inputs = entries(item.ir[0].get("root", {}), "inputDefinitions")
    found = [
        Parameter(
            name=name,
            type=type_of(entry),
            required=not entry.get("isOptional"),
            default=whole(entry.get("defaultValue")),
        )
        for name, entry in inputs.items()
    ]
    return sorted(found, key=lambda entry: not entry.required)


def whole(value: Any) -> Any:
    """A default; numbers without the point that the compiled form gives whole ones."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(entry) for entry in value]
    return {key: whole(entry) for key, entry in value.items()} if isinstance(value, dict) else value


def steps(item: KfpObject) -> list[Step]:
    """The tasks that run a container."""
    return [
        Step(
            path=path,
            image=task.image,
            cpu_limit=task.cpu_limit,
            memory_limit=task.memory_limit,
            retries=task.retries,
            caching=task.caching,
        )
        for path, task in item.task_details.items()
        if task.image
    ]


def platform(item: KfpObject) -> tuple[list[Need], dict[str, str]]:
    """What the platform settings need in the cluster, and the settings that need nothing but are set."""
    needs: dict[tuple[str, str], Need] = {}
    other: dict[str, str] = {}
    for step, name, value in settings(item.ir[1:]):
        if name not in KINDS:
            other[f"{step}: {name}"] = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
            continue
        for entry in value if isinstance(value, list) else [value]:
            need = need_of(name, entry)
            known = needs.setdefault((need.kind, need.name), need)
            known.keys = sorted({*known.keys, *need.keys})
            known.optional = known.optional and need.optional
    return list(needs.values()), other


def settings(documents: list[dict[str, Any]]) -> Iterator[tuple[str, str, Any]]:
    """Step, name and value of everything that is set for a platform."""
    for document in documents:
        for spec in document.get("platforms", {}).values():
            for label, config in spec.get("deploymentSpec", {}).get("executors", {}).items():
                for name, value in config.items():
                    yield label.removeprefix("exec-"), name, value


def need_of(setting: str, entry: Mapping[str, Any]) -> Need:
    """The object that a setting names."""
    kind, name_at, parameter_at, key_at = KINDS[setting]
    name = entry.get(name_at)
    if not name:
        # kfp-kubernetes 2.x writes the name as a value too, which may come from an input.
        value = entry.get(parameter_at, {})
        name = value.get("runtimeValue", {}).get("constant") or f"named by {json.dumps(value, sort_keys=True)}"
    keys = [str(pair[key_at]) for pair in entry.get("keyToEnv", []) if key_at and pair.get(key_at)]
    return Need(kind=kind, name=str(name), keys=keys, optional=bool(entry.get("optional")))
