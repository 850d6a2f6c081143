"""What changed between two compiled forms of a component or pipeline, and what of it breaks its callers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .kfp_local_plan import preamble, step_of

Kind = Literal["added", "changed", "removed"]
What = Literal[
    "input", "output", "default", "type", "image", "limit", "request", "retry", "caching", "task", "name", "platform",
    "packages", "component", "pipeline",
]  # fmt: skip
LIMITS: dict[str, What] = {
    "cpuLimit": "limit", "memoryLimit": "limit", "resourceCpuLimit": "limit", "resourceMemoryLimit": "limit",
    "cpuRequest": "request", "memoryRequest": "request", "resourceCpuRequest": "request",
    "resourceMemoryRequest": "request", "accelerator": "limit",
}  # fmt: skip
ANY_ARTIFACT = "system.Artifact"


class IrChange(BaseModel):
    """One difference.

    Attributes:
        kind: Whether it is new, other than before, or gone.
        what: What it is about.
        where: The component or pipeline, and below it the task: `daily/train`.
        name: The parameter, output, task or setting that differs.
        before: As it was, in words; empty for what is new.
        after: As it is; empty for what is gone.
        breaking: Whoever calls, runs or schedules it by what was there fails or gets something else.
        message: The change in a sentence.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    what: What
    where: str
    name: str = ""
    before: str = ""
    after: str = ""
    breaking: bool = False
    message: str = Field(default="")

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def compare(before: list[dict[str, Any]], after: list[dict[str, Any]], *, where: str, pipeline: bool) -> list[IrChange]:
    """The differences between two compiled forms of one component or pipeline.

    What a component's code does is not looked at; its inputs, outputs and settings are.

    Args:
        before: PipelineSpec, then the platform spec if there is one.
        after: The same, now.
        where: How to name it.
        pipeline: It is a pipeline, so its name counts and it has tasks.
    """
    old, new = before[0], after[0]
    changes = list(interface(old.get("root", {}), new.get("root", {}), where))
    if pipeline:
        was, now = (str(item.get("pipelineInfo", {}).get("name", "")) for item in (old, new))
        if was != now:
            text = (
                f"the pipeline's name is {now} instead of {was}: a server takes it for a new one, and what is scheduled"
            )
            text += " by the old name goes on with the old version"
            changes.append(change("changed", "name", where, was, was, now, text, breaking=True))
    changes += tasks(old, new, where, pipeline=pipeline)
    changes += platforms(before[1:], after[1:], where)
    return changes


def interface(old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> Iterator[IrChange]:
    """Inputs and outputs of the root."""
    was, now = entries(old, "inputDefinitions"), entries(new, "inputDefinitions")
    for name in [*was, *(name for name in now if name not in was)]:
        if name not in now:
            text = f"the input {name} is gone: whoever passes it gets an error"
            yield change("removed", "input", where, name, words(was[name]), "", text, breaking=True)
        elif name not in was:
            needed = not now[name].get("isOptional")
            text = f"there is a new input {name} ({words(now[name])})"
            text += ", without a default: every call and every scheduled run without it fails" if needed else ""
            yield change("added", "input", where, name, "", words(now[name]), text, breaking=needed)
        else:
            yield from altered_input(was[name], now[name], where, name)
    was, now = entries(old, "outputDefinitions"), entries(new, "outputDefinitions")
    for name in [*was, *(name for name in now if name not in was)]:
        if name not in now:
            text = f"the output {name} is gone: steps that read it no longer compile"
            yield change("removed", "output", where, name, type_of(was[name]), "", text, breaking=True)
        elif name not in was:
            text = f"there is a new output {name} ({type_of(now[name])})"
            yield change("added", "output", where, name, "", type_of(now[name]), text)
        elif type_of(was[name]) != type_of(now[name]):
            text = (
                f"the output {name} is {type_of(now[name])} instead of {type_of(was[name])}: what reads it may not fit"
            )
            yield change("changed", "type", where, name, type_of(was[name]), type_of(now[name]), text, breaking=True)


def altered_input(old: Mapping[str, Any], new: Mapping[str, Any], where: str, name: str) -> Iterator[IrChange]:
    """An input that was there before."""
    was, now = type_of(old), type_of(new)
    if was != now:
        # An input for any artifact takes what one for a certain kind took.
        breaks = now != ANY_ARTIFACT or not was.startswith("system.")
        text = f"the input {name} is {now} instead of {was}"
        text += ": values that fitted do not any more" if breaks else ""
        yield change("changed", "type", where, name, was, now, text, breaking=breaks)
    if old.get("isOptional") and not new.get("isOptional"):
        text = f"the input {name} has no default any more: every call and every scheduled run without it fails"
        yield change("removed", "default", where, name, default(old), "", text, breaking=True)
    elif default(old) != default(new):
        kind: Kind = "added" if not old.get("isOptional") else "changed"
        text = f"the default of {name} is {default(new)}" + (f" instead of {default(old)}" if kind == "changed" else "")
        yield change(kind, "default", where, name, default(old), default(new), text)


def entries(component: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Parameters and artifacts together."""
    definitions = component.get(key, {})
    return {**definitions.get("parameters", {}), **definitions.get("artifacts", {})}


def type_of(item: Mapping[str, Any]) -> str:
    """The type of an input or output, as the compiled form names it."""
    if "parameterType" in item:
        return str(item["parameterType"])
    title = str(item.get("artifactType", {}).get("schemaTitle", ANY_ARTIFACT))
    return f"list[{title}]" if item.get("isArtifactList") else title


def default(item: Mapping[str, Any]) -> str:
    """A default in words; whole numbers without the point that the compiled form gives them."""
    if not item.get("isOptional"):
        return ""
    value = item.get("defaultValue")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False)


def words(item: Mapping[str, Any]) -> str:
    """Type and default."""
    return type_of(item) + (f", default {default(item)}" if item.get("isOptional") else "")


def walk(spec: Mapping[str, Any], component: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every task below a component: its path and what is set on it."""
    for name, task in component.get("dag", {}).get("tasks", {}).items():
        inner = spec.get("components", {}).get(task.get("componentRef", {}).get("name", ""), {})
        yield path + name, {**settings(spec, inner), **of_task(task)}
        yield from walk(spec, inner, f"{path}{name}/")


def of_task(task: Mapping[str, Any]) -> dict[str, Any]:
    """What is set on a task itself."""
    return {
        "retry": json.dumps(task["retryPolicy"], sort_keys=True) if task.get("retryPolicy") else "",
        "caching": "on" if task.get("cachingOptions", {}).get("enableCache") else "off",
    }


def settings(spec: Mapping[str, Any], component: Mapping[str, Any]) -> dict[str, Any]:
    """Image, limits and packages of what a component runs."""
    label = component.get("executorLabel", "")
    container = spec.get("deploymentSpec", {}).get("executors", {}).get(label, {}).get("container", {})
    found = {"image": str(container.get("image", ""))} if container else {}
    command = [str(part) for part in container.get("command", [])]
    if preamble(command):
        found["packages"] = ", ".join(step_of(label, "", command)[0].packages)
    found.update({key: shown(value) for key, value in container.get("resources", {}).items() if key in LIMITS})
    # Old and new compilers write the number beside the text; one of them is enough.
    for key in ("cpuLimit", "memoryLimit", "cpuRequest", "memoryRequest"):
        if f"resource{key[0].upper()}{key[1:]}" in found:
            found.pop(key, None)
    return found


def shown(value: Any) -> str:
    """A setting in words."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def tasks(old: Mapping[str, Any], new: Mapping[str, Any], where: str, *, pipeline: bool) -> Iterator[IrChange]:
    """Tasks of a pipeline, or the one of a component, and what is set on them."""
    was, now = dict(walk(old, old.get("root", {}))), dict(walk(new, new.get("root", {})))
    for path in [*was, *(path for path in now if path not in was)]:
        place = f"{where}/{path}" if pipeline else where
        if path not in now:
            yield change("removed", "task", where, path, path, "", f"the task {path} is gone")
        elif path not in was:
            yield change("added", "task", where, path, "", path, f"there is a new task {path}")
        else:
            for key in [*was[path], *(key for key in now[path] if key not in was[path])]:
                before, after = was[path].get(key, ""), now[path].get(key, "")
                if before != after and (pipeline or key not in ("retry", "caching")):
                    what: What = LIMITS.get(key, key)  # type: ignore[arg-type]
                    kind: Kind = "added" if not before else "removed" if not after else "changed"
                    yield change(kind, what, place, key, before, after, said(kind, plain(key), before, after))


def said(kind: Kind, name: str, before: str, after: str) -> str:
    """A change of a setting in a sentence."""
    if kind == "added":
        return f"{name} is set to {after}"
    return f"{name} {before} is gone" if kind == "removed" else f"{name} is {after} instead of {before}"


def plain(key: str) -> str:
    """`resourceCpuLimit` in words."""
    key = key.removeprefix("resource")
    return "".join(f" {char.lower()}" if char.isupper() else char for char in key).strip()


def platforms(old: list[dict[str, Any]], new: list[dict[str, Any]], where: str) -> Iterator[IrChange]:
    """The platform spec: secrets, volumes and the like, for each component."""
    was, now = (dict(configs(documents)) for documents in (old, new))
    for key in [*was, *(key for key in now if key not in was)]:
        before, after = was.get(key, ""), now.get(key, "")
        if before != after:
            kind: Kind = "added" if not before else "removed" if not after else "changed"
            label, _, setting = key.partition("/")
            text = said(kind, plain(setting), before, after)
            yield change(kind, "platform", f"{where}/{label}", setting, before, after, text)


def configs(documents: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """`train/secretAsEnv` -> its value as text."""
    for document in documents:
        for settings_ in document.get("platforms", {}).values():
            for label, config in settings_.get("deploymentSpec", {}).get("executors", {}).items():
                for name, value in config.items():
                    yield f"{label.removeprefix('exec-')}/{name}", shown(value)


def change(
    kind: Kind, what: What, where: str, name: str, before: str, after: str, message: str, *, breaking: bool = False
) -> IrChange:
    """An IrChange, its fields by position."""
    return IrChange(
        kind=kind, what=what, where=where, name=name, before=before, after=after, message=message, breaking=breaking
    )
