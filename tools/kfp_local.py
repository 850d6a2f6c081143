"""Runs compiled pipelines and components on this machine with kfp's local runner, without a cluster.

What runs is the compiled form, not the project's modules: each step starts from its own source in an interpreter that
holds what its image would hold (`component_envs`), with an empty folder as working directory and home, and where the
system allows it without a network. The run itself happens in a fork of the KFP checker, which has kfp loaded.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from . import processes
from .component_envs import ComponentEnvironments, folder_of
from .errors import ToolFailure
from .kfp_check import KfpChecker
from .kfp_local_log import ANSI, Failure, failure_of, silent_failures, task_states
from .kfp_local_plan import Survey, made_ready, missing_inputs, survey
from .sandbox import Reach
from .strange_files import text_of

LOG_LIMIT = 20_000
"""Characters of the end of a log that are kept."""


class LocalRun(BaseModel):
    """What came of a run.

    Attributes:
        status: succeeded, failed, timeout, crashed (the runner ended) or not-run.
        why: Why it was not run, or did not come to an end.
        failure: What failed, with `failed`.
        tasks: Step -> SUCCESS or FAILURE.
        outputs: Output -> value; of a file a dict with `path` and, if it is text, `text`.
        silent: What the local runner could not work out: the run shows nothing then.
        offline: The network was surely cut off.
        log: The end of what was printed.
        seconds: How long it took.
    """

    model_config = ConfigDict(extra="forbid")

    status: Literal["succeeded", "failed", "timeout", "crashed", "not-run"]
    why: str = ""
    failure: Failure | None = None
    tasks: dict[str, str] = Field(default_factory=dict)
    outputs: dict[str, Any] = Field(default_factory=dict)
    silent: list[str] = Field(default_factory=list)
    offline: bool = False
    log: str = Field(default="", repr=False)
    seconds: float = 0.0


class LocalRunner:
    """Runs what the checker has compiled.

    Args:
        checker: The KFP checker of the project's interpreter.
        cache: Where environments are kept.
        install: Whether packages may be installed for steps that name some.
    """

    def __init__(self, checker: KfpChecker, cache: Path, *, install: bool = True) -> None:
        self.checker = checker
        self.cache = cache
        self.install = install
        self._environments: ComponentEnvironments | None = None
        self._version = ""
        # The steps' interpreters: the child must see the folder before there is anything in it.
        environments = folder_of(cache)
        if environments not in checker.territory.read:
            checker.territory.read.append(environments)
            checker.stop()

    def environments(self) -> ComponentEnvironments:
        """The environments that fit the checker's kfp."""
        if self._environments is None:
            self.checker.start()
            assert self.checker.kfp_package is not None
            self._environments = ComponentEnvironments(
                self.cache,
                self.checker.python,
                self.checker.kfp_package,
                self.checker.kfp_version,
                install=self.install,
            )
        return self._environments

    def run(
        self,
        documents: list[dict[str, Any]],
        arguments: Mapping[str, Any],
        files: Mapping[str, Path] | None = None,
        *,
        component: bool = False,
        timeout: float = 60,
    ) -> LocalRun:
        """Run a compiled pipeline or component.

        Args:
            documents: The compiled form (`KfpObject.ir`).
            arguments: Parameter -> value; those left out have their defaults.
            files: Input -> file: for an artifact its content, for a parameter its path. A copy is used.
            component: It is a single component.
            timeout: Seconds the run may take; installations do not count.

        Returns:
            What came of it. Nothing is raised for a run that cannot be: `why` says so.
        """
        spec, seen = documents[0], survey(documents)
        if seen.blockers:
            return LocalRun(status="not-run", why="; ".join(seen.blockers))
        pythons = {}
        for label, step in seen.steps.items():
            try:
                # What is in an image of the user's own nobody knows; the project's interpreter is the nearest to it.
                environments = self.environments()
                pythons[label] = environments.python_for(step.packages) if step.plain else self.checker.python
            except ToolFailure as error:
                return LocalRun(status="not-run", why=f"{step.name}: {error}")
        folder = Path(tempfile.mkdtemp(prefix="local-", dir=self.checker.territory.scratch))
        try:
            artifacts, values = copies(spec, folder, files or {}, {**unset(spec, component), **arguments})
            job = {
                "spec": made_ready(spec, lambda label: pythons[label]),
                "component": component,
                "arguments": values,
                "artifacts": artifacts,
                "folder": str(folder),
            }
            started = time.monotonic()
            (answer,) = self.checker.ask({"runs": [job]}, timeout)
            log = text_of(folder / "log", 50 * LOG_LIMIT)
            return self._read(answer, log, seen, spec, values, round(time.monotonic() - started, 2))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def python_version(self) -> str:
        """Version of the interpreter the steps run with, such as 3.11."""
        if not self._version:
            command = [str(self.checker.python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            done = processes.run(
                command,
                cwd=Path("/"),
                env=processes.clean_env(),
                timeout=60,
                reach=Reach(python=self.checker.python),
                sandbox=self.checker.sandbox,
            )
            self._version = done.stdout.strip()
        return self._version

    def _read(
        self, answer: dict[str, Any], log: str, seen: Survey, spec: dict[str, Any], values: dict[str, Any], took: float
    ) -> LocalRun:
        """The answer of the fork and its log as a result."""
        status, why = answer["status"], ""
        failure: Failure | None = None
        if status == "failed":
            lists = any(word in json.dumps(spec) for word in ('"LIST"', '"STRUCT"', '"parameterIterator"'))
            failure = failure_of(log, list(seen.steps.values()), self.python_version(), lists)
            if not failure.task:
                failure.error = answer["error"]
        elif status == "timeout":
            why = f"it did not end within {answer['seconds']:.0f} s"
        elif status == "crashed":
            why = f"the runner ended: {answer['error']}"
        elif status in ("unsupported", "not-run"):
            status, why = "not-run", f"kfp {self.checker.kfp_version} cannot run it here: {answer['error']}"
        return LocalRun(
            status=status,
            why=why,
            failure=failure,
            tasks=task_states(log),
            outputs=answer.get("outputs", {}),
            silent=silent_failures(log),
            offline=answer.get("offline", False),
            log=ANSI.sub("", log)[-LOG_LIMIT:],
            seconds=took,
        )


def unset(spec: dict[str, Any], component: bool) -> dict[str, Any]:
    """Optional parameters without a default: kfp's local runner wants to be told that a pipeline's are None."""
    parameters = spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    none = [name for name, item in parameters.items() if item.get("isOptional") and "defaultValue" not in item]
    return {} if component else dict.fromkeys(none)


def copies(
    spec: dict[str, Any], folder: Path, files: Mapping[str, Path], values: dict[str, Any]
) -> tuple[dict[str, dict[str, str]], dict[str, Any]]:
    """Copies of the given files in the run's folder: as input artifacts, and as paths in parameters."""
    inputs = spec.get("root", {}).get("inputDefinitions", {})
    artifacts: dict[str, dict[str, str]] = {}
    for name, file in files.items():
        target = folder / "inputs" / name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.is_dir():
            shutil.copytree(file, target)
        else:
            shutil.copy2(file, target)
        if name in inputs.get("artifacts", {}):
            title = inputs["artifacts"][name].get("artifactType", {}).get("schemaTitle", "system.Artifact")
            artifacts[name] = {"path": str(target), "type": title}
        else:
            values[name] = str(target)
    return artifacts, values


__all__ = ["LocalRun", "LocalRunner", "missing_inputs", "survey"]
