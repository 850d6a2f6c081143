"""What a local run of a compiled pipeline needs and cannot show; and the compiled form made ready for it."""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

EXECUTOR = "executor_main"
"""In the command of each lightweight Python component."""
PLAIN_IMAGE = re.compile(r"^(?:[\w.-]+(?::\d+)?/)*python:(?:(\d+\.\d+))?[\w.-]*(?:@sha256:\w+)?$")
REMOTE = re.compile(r"^(?!file:)[a-z][a-z0-9+.-]*://", re.I)
REQUIREMENT = re.compile(r"^[A-Za-z0-9][\w.-]*(?:\[[\w, -]*\])?\s*(?:(?:[=<>!~]=?=?)[^@/;]+)?(?:;.*)?$")
WITH_VALUE = ("--index-url", "--extra-index-url", "--trusted-host", "-i", "-r", "--find-links", "-f")
HARMLESS = {
    "nodeSelector", "tolerations", "imagePullSecret", "podMetadata", "imagePullPolicy", "activeDeadlineSeconds",
    "nodeAffinity", "podAffinity", "enabledSharedMemory", "securityContext", "containerSecurityContext",
}  # fmt: skip
"""Settings of the platform that place a pod and do not change what its code sees."""


class Step(BaseModel):
    """A component of the compiled form and what it needs to run.

    Attributes:
        name: Its name in the compiled form, such as `load-orders`.
        image: Its image.
        packages: What it installs before it starts, without kfp itself.
        plain: The image is one of Python's own, so nothing but the standard library and `packages` is in it.
        python: The Python version that a plain image's tag names, such as 3.11; empty if it names none.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    image: str = ""
    packages: list[str] = Field(default_factory=list)
    plain: bool = True
    python: str = ""


class Survey(BaseModel):
    """What is known of a local run before it.

    Attributes:
        steps: Executor label -> its Python component.
        blockers: Why it cannot run at all; empty if it can.
        blind: What a run would silently leave out or do in another way, so that its success shows little.
        ignored: What has no effect on this machine and does not change what the code computes.
    """

    model_config = ConfigDict(extra="forbid")

    steps: dict[str, Step] = Field(default_factory=dict)
    blockers: list[str] = Field(default_factory=list)
    blind: list[str] = Field(default_factory=list)
    ignored: list[str] = Field(default_factory=list)


def survey(documents: list[dict[str, Any]]) -> Survey:
    """Look at a compiled pipeline or component.

    Args:
        documents: PipelineSpec, then the platform spec if there is one.
    """
    spec = documents[0]
    found = Survey()
    limited = []
    for label, executor in executors(spec).items():
        name = label.removeprefix("exec-")
        if "importer" in executor:
            uri = str(executor["importer"].get("artifactUri", {}).get("constant", ""))
            if REMOTE.match(uri):
                found.blind.append(f"{uri} is not read on this machine")
            continue
        container = executor.get("container", {})
        command = [str(part) for part in container.get("command", [])]
        if container.get("resources"):
            limited.append(name)
        if any(part.endswith(f".{EXECUTOR}") for part in command):
            found.blockers.append(f"the component {name} is inside its image {container.get('image')}")
        elif not any(EXECUTOR in part for part in command[:-1]):
            found.blockers.append(f"the container component {name} needs its image {container.get('image')}")
        else:
            step, problem = step_of(name, str(container.get("image", "")), command)
            found.steps[label] = step
            if problem:
                found.blockers.append(problem)
            if not step.plain:
                found.blind.append(f"{name} runs without its image {step.image}")
    if limited:
        found.ignored.append(f"cpu and memory limits of {', '.join(limited)} have no effect")
    platform(documents[1:], found)
    found.blind += loops(spec)
    return found


def executors(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Executor label -> executor."""
    found: dict[str, Any] = spec.get("deploymentSpec", {}).get("executors", {})
    return found


def step_of(name: str, image: str, command: list[str]) -> tuple[Step, str]:
    """A Python component, and why it cannot be run (empty if it can)."""
    plain = PLAIN_IMAGE.match(image)
    step = Step(name=name, image=image, plain=bool(plain), python=(plain.group(1) or "") if plain else "")
    for segment in re.findall(r"pip install(.*?)(?:&&|\n|$)", command[2] if preamble(command) else ""):
        try:
            words = shlex.split(segment)
        except ValueError:
            return step, f"what {name} installs cannot be read"
        kfp = any(word.startswith("kfp==") for word in words) and "--no-deps" in words
        skip = False
        for word in words:
            if skip or word.startswith("-"):
                if not skip and word.partition("=")[0] in WITH_VALUE:
                    return step, f"{name} installs from an index of its own"
                skip = False
            elif kfp:
                continue
            elif not REQUIREMENT.match(word):
                return step, f"{name} installs {word}, which is no plain package of an index"
            else:
                step.packages.append(word)
    return step, ""


def preamble(command: list[str]) -> bool:
    """Whether a command begins with the installation of packages."""
    return len(command) > 3 and command[0] == "sh" and "pip install" in command[2]


def platform(documents: list[dict[str, Any]], found: Survey) -> None:
    """What the platform spec asks for and a local run leaves out."""
    for document in documents:
        for settings in document.get("platforms", {}).values():
            for label, config in settings.get("deploymentSpec", {}).get("executors", {}).items():
                name = label.removeprefix("exec-")
                for key in config:
                    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", key).lower()
                    target = found.ignored if key in HARMLESS else found.blind
                    target.append(f"{name} does not get its {words}")


def dags(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The dag of the root and of each nested component."""
    for component in [spec.get("root", {}), *spec.get("components", {}).values()]:
        if "dag" in component:
            yield component["dag"]


def loops(spec: Mapping[str, Any]) -> list[str]:
    """Loops that get a parameter from a step outside: kfp's local runner puts the loop's item in its place."""
    found = []
    for dag in dags(spec):
        for name, task in dag.get("tasks", {}).items():
            items = task.get("parameterIterator", {}).get("items", {}).get("inputParameter", "")
            if "parameterIterator" not in task:
                continue
            for key, value in task.get("inputs", {}).get("parameters", {}).items():
                if "taskOutputParameter" in value and key != items:
                    producer = value["taskOutputParameter"].get("producerTask", "a step")
                    found.append(
                        f"inside the loop {name} kfp's local runner gives another value for that of {producer}"
                    )
    return list(dict.fromkeys(found))


def made_ready(spec: dict[str, Any], python: Callable[[str], Path]) -> dict[str, Any]:
    """The compiled form for a local run: nothing is installed, each step has its interpreter, nothing is tried again.

    Args:
        spec: The PipelineSpec; it is not changed.
        python: Executor label -> interpreter.
    """
    ready = copy.deepcopy(spec)
    for label, executor in executors(ready).items():
        container = executor.get("container")
        if not container:
            continue
        command = [str(part) for part in container.get("command", [])]
        if preamble(command):
            command = command[3:]
        interpreter = shlex.quote(str(python(label))).replace("\\", r"\\")
        container["command"] = [re.sub(rf"\bpython3?(?= -m [\w.]*{EXECUTOR})", interpreter, part) for part in command]
    for dag in dags(ready):
        for task in dag.get("tasks", {}).values():
            task.pop("retryPolicy", None)
    return ready


def missing_inputs(spec: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Parameters and artifacts that have no default and must be given."""
    inputs = spec.get("root", {}).get("inputDefinitions", {})
    parameters = [name for name, item in inputs.get("parameters", {}).items() if not item.get("isOptional")]
    artifacts = [name for name, item in inputs.get("artifacts", {}).items() if not item.get("isOptional")]
    return parameters, artifacts
