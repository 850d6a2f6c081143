"""The backlog as a pipeline of Kubeflow Pipelines: a task for each feature, side by side, and one summary.

Features that depend on others are worked in a later wave, on branches that have been pushed meanwhile.

No `annotations` from `__future__` here: kfp reads those of the pipeline itself.
"""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ...tools.git_remote import address_of, push_url
from ..errors import UserError
from .models import Entry, LandMode

KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "ANTHROPIC_API_KEY", "GITHUB_TOKEN", "GITLAB_TOKEN")
"""What the secret may hold; each is optional."""


class Settings(BaseModel):
    """What the pipeline has to know besides the features."""

    model_config = ConfigDict(extra="forbid")

    image: str = ""
    url: str | None = Field(default=None, description="Of the repository; else that of the remote")
    revision: str = "main"
    land: LandMode = "pull-request"
    remote: str = "origin"
    secret: str = "kfpilot-keys"
    parallel: int = 4
    minutes: float = 240.0
    retries: int = 2
    cpu: str = "2"
    memory: str = "4G"


def build(entries: Sequence[Entry], settings: Settings) -> Any:
    """The pipeline, not yet compiled.

    Raises:
        UserError: There is nothing to work, or a repository has no address that a worker could clone.
    """
    from kfp import dsl

    from . import kfp_parts

    if not entries:
        raise UserError("nothing to do: no feature has open tasks", mend="See kfpilot nightly --dry-run.")
    if settings.land == "branch":
        raise UserError(
            "a worker's clone is gone when it ends, so its branch has to be pushed",
            mend="Use --land push or --land pull-request.",
        )
    image = settings.image or f"kfpilot-worker:{version('kfpilot')}"
    work = dsl.component(kfp_parts.work_feature, base_image=image, install_kfp_package=False)
    gather = dsl.component(kfp_parts.morning, base_image=image, install_kfp_package=False)
    items = waves(entries, settings)

    @dsl.pipeline(name="kfpilot-nightly", description="Works the features of a backlog and sums up what came of it.")
    def kfpilot_nightly(
        revision: str = settings.revision, land: str = settings.land, minutes: float = settings.minutes
    ) -> None:
        """Work the backlog."""
        before = None
        for number, wave in enumerate(items, 1):
            with dsl.ParallelFor(items=wave, parallelism=settings.parallel, name=f"features-{number}") as feature:
                task = work(feature=feature, revision=revision, land=land, minutes=minutes)
                limited(task, settings)
                if before is not None:
                    task.after(before)
            more: dict[str, Any] = {} if before is None else {"earlier": before.outputs["data"]}
            before = gather(parts=dsl.Collected(task.outputs["data"]), **more)
            before.set_display_name("Morning summary" if len(items) == 1 else f"Summary of wave {number}")
            before.set_caching_options(False)
            before.set_cpu_limit("1").set_memory_limit("1G")

    return kfpilot_nightly


def limited(task: Any, settings: Settings) -> None:
    """Retries, limits, no cache, and the keys from the secret."""
    from kfp import kubernetes

    task.set_display_name("Work a feature")
    task.set_caching_options(False)
    task.set_retry(
        num_retries=settings.retries, backoff_duration="60s", backoff_factor=2.0, backoff_max_duration="600s"
    )
    task.set_cpu_request("1").set_cpu_limit(settings.cpu).set_memory_request("2G").set_memory_limit(settings.memory)
    kubernetes.use_secret_as_env(
        task, secret_name=settings.secret, secret_key_to_env={key: key for key in KEYS}, optional=True
    )


def waves(entries: Sequence[Entry], settings: Settings) -> list[list[dict[str, str]]]:
    """The features as loop items (no key may be `name`: kfp trips over it), those with dependencies in a later wave."""
    level: dict[str, int] = {}
    for entry in entries:  # in order: what an entry depends on came before it
        level[entry.name] = 1 + max((level.get(name, 0) for name in entry.depends_on), default=0)
    roots = {entry.root for entry in entries}
    if settings.url is not None and len(roots) > 1:
        raise UserError("--clone names one repository, and the backlog has several",
                        mend="Leave it out: each repository's remote says where it is.")  # fmt: skip
    urls = {root: settings.url or url_of(root, settings.remote) for root in roots}
    texts = {root: backlog_of([entry for entry in entries if entry.root == root]) for root in roots}
    found: list[list[dict[str, str]]] = [[] for _ in range(max(level.values()))]
    for entry in entries:
        item = {"feature": entry.name, "repository": urls[entry.root], "backlog": texts[entry.root]}
        found[level[entry.name] - 1].append(item)
    return found


def url_of(root: Path, remote: str) -> str:
    """What a worker clones; an address with a password would stand in the pipeline for all to read."""
    address, url = address_of(root, remote), push_url(root, remote)
    if address.host and "://" in url and address.shown != url:
        raise UserError(f"the address of remote '{remote}' holds a user or a password, which would stand in the "
                        "pipeline", where=root, mend="Give the address without it: --clone URL.")  # fmt: skip
    return url


def backlog_of(entries: Sequence[Entry]) -> str:
    """The backlog of one repository, as a worker reads it. JSON is YAML."""
    here = {entry.name for entry in entries}
    features = []
    for entry in entries:
        said: dict[str, Any] = {
            "path": entry.directory,
            "name": entry.name,
            "priority": entry.priority,
            "budget": entry.budget.model_dump(exclude_none=True),
            "model": entry.model,
            "only-stories": entry.stories,
            "only-tasks": entry.tasks,
            "words": entry.words,
            "depends-on": [name for name in entry.depends_on if name in here],
            "gate": entry.gate,
        }
        features.append({key: value for key, value in said.items() if value not in (None, "", [], {})})
    return json.dumps({"features": features}, ensure_ascii=False)


def compile_to(pipeline: Any, package: Path) -> None:
    """Compile to a file that `kfp` and the API server take.

    Raises:
        UserError: The file's name has another ending than .yaml.
    """
    from kfp import compiler

    if package.suffix not in (".yaml", ".yml"):
        raise UserError(f"--package {package}: the file must end with .yaml", mend="Name it like nightly.yaml.")
    package.parent.mkdir(parents=True, exist_ok=True)
    compiler.Compiler().compile(pipeline, str(package))
