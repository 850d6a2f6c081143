"""A delivery as data (`delivery.json`)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...tools.ir_diff import IrChange

DATA = "delivery.json"


class Model(BaseModel):
    """Base of a delivery's parts."""

    model_config = ConfigDict(extra="forbid")


class Parameter(Model):
    """An input of a pipeline."""

    name: str
    type: str = Field(description="As the compiled form has it: NUMBER_INTEGER, system.Dataset")
    required: bool
    default: Any = None


class Step(Model):
    """A task of a pipeline that runs a container, and what it asks of the cluster."""

    path: str = Field(description="Through groups and nested pipelines: for-loop-1/train")
    image: str = ""
    cpu_limit: str = ""
    memory_limit: str = ""
    retries: int = 0
    caching: bool = False


class Need(Model):
    """Something that must be in the cluster's namespace before a run."""

    kind: str = Field(description="Secret, ConfigMap, PersistentVolumeClaim")
    name: str
    keys: list[str] = []
    optional: bool = False


class Package(Model):
    """A compiled pipeline."""

    pipeline: str = Field(description="Its name in KFP")
    source: str = Field(description="file:line of its function")
    state: Literal["new", "changed"]
    file: str = Field(description="Relative to the delivery")
    sha256: str
    previous: str | None = Field(default=None, description="The package as it was before; None for a new pipeline")
    parameters: list[Parameter] = []
    outputs: dict[str, str] = {}
    steps: list[Step] = []
    needs: list[Need] = []
    other_settings: dict[str, str] = Field(default={}, description="Of the platform, by step and name")

    @property
    def images(self) -> list[str]:
        """The images a cluster must be able to pull."""
        return sorted({step.image for step in self.steps if step.image})

    @property
    def cached(self) -> list[str]:
        """The steps whose results are kept for the same inputs."""
        return [step.path for step in self.steps if step.caching]


class DeliveredTask(Model):
    """A verified task whose commit is part of the delivery."""

    id: str
    title: str
    commit: str
    role: str = ""
    story: str | None = None


class Delivery(Model):
    """All that a delivery is made of."""

    feature: str
    version: str
    run: str
    branch: str
    base: str
    head: str
    kfp: str = Field(default="", description="Version of the SDK that compiled the packages")
    landed: bool = False
    ready: bool = False
    readiness: str = ""
    tasks: list[DeliveredTask] = []
    missing: list[str] = Field(default=[], description="Tasks that are not part of it, and why")
    issues: list[str] = []
    not_verified: list[str] = []
    packages: list[Package] = []
    changes: list[IrChange] = []
    problems: list[str] = Field(default=[], description="What could not be compiled, so is in no package")

    @property
    def breaking(self) -> list[IrChange]:
        """The changes that callers notice as an error, or as something else than before."""
        return [change for change in self.changes if change.breaking]
