"""Hands the compiled pipeline to an API server of Kubeflow Pipelines: a run now, or one every night."""

from __future__ import annotations

import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ..errors import KfpilotError, UserError
from ..reports.words import one_line

EXPERIMENT = "kfpilot-nightly"

REACH_TIMEOUT = 30.0
"""Seconds for the first word of the server."""


class Submitted(BaseModel):
    """What the server made of it."""

    kind: str
    id: str
    name: str
    url: str = ""
    cron: str = ""


def submit(package: Path, *, host: str | None, cron: str | None, env: Mapping[str, str] = os.environ) -> Submitted:
    """Start a run, or set up a recurring one in place of an earlier one of the same name.

    Args:
        package: The compiled pipeline.
        host: The API server; else KFP_HOST. A token comes from KFP_TOKEN, the namespace from KFP_NAMESPACE.
        cron: When, for a recurring run.
        env: The environment.

    Raises:
        UserError: No server is named, the times are none, or the server refuses.
    """
    times = six_fields(cron) if cron else ""
    host = host or env.get("KFP_HOST")
    if not host:
        raise UserError("which Kubeflow Pipelines?", mend="Give --kfp-host https://HOST/pipeline, or set KFP_HOST.")
    try:
        # The client talks on standard output, which is ours.
        with redirect_stdout(sys.stderr):
            return send(package, host, times, env)
    except (UserError, KfpilotError):
        raise
    except Exception as error:
        # urllib3, kfp_server_api and requests have an error each; all mean that the server did not take it.
        said = one_line(" ".join(str(getattr(error, "body", None) or error).split()), 300)
        token = env.get("KFP_TOKEN")
        said = said.replace(token, "***") if token else said
        raise UserError(f"Kubeflow Pipelines at {host} did not take it: {type(error).__name__}: {said}",
                        mend="See whether the address is right and KFP_TOKEN is set.") from None  # fmt: skip


def refused_at_once(host: str, token: str | None) -> None:
    """Ask the server once whether it lets us in: the client of kfp 2.17 asks five times, 5 s apart, for any reason.

    Raises:
        urllib.error.HTTPError: It does not. Whatever else is wrong is the client's to tell.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"{host.rstrip('/')}/apis/v2beta1/healthz", headers=headers)
    try:
        urllib.request.urlopen(request, timeout=REACH_TIMEOUT).close()
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403):
            raise
    except OSError:
        pass


def send(package: Path, host: str, cron: str, env: Mapping[str, str]) -> Submitted:
    """The calls themselves."""
    import kfp

    namespace = env.get("KFP_NAMESPACE")
    refused_at_once(host, env.get("KFP_TOKEN"))
    client = kfp.Client(host=host, existing_token=env.get("KFP_TOKEN"), namespace=namespace or "kubeflow")
    experiment: Any = client.create_experiment(EXPERIMENT, namespace=namespace)
    if not cron:
        name = time.strftime("kfpilot-nightly-%Y%m%d-%H%M%S")
        run: Any = client.create_run_from_pipeline_package(
            str(package), run_name=name, experiment_id=experiment.experiment_id, enable_caching=False
        )
        return Submitted(kind="run", id=run.run_id, name=name, url=f"{host.rstrip('/')}/#/runs/details/{run.run_id}")
    for old in client.list_recurring_runs(experiment_id=experiment.experiment_id, page_size=100).recurring_runs or []:
        if old.display_name == EXPERIMENT:
            client.delete_recurring_run(old.recurring_run_id)
    job: Any = client.create_recurring_run(
        experiment.experiment_id, EXPERIMENT, cron_expression=cron, max_concurrency=1, no_catchup=True,
        pipeline_package_path=str(package), enable_caching=False,
    )  # fmt: skip
    url = f"{host.rstrip('/')}/#/recurringrun/details/{job.recurring_run_id}"
    return Submitted(kind="recurring run", id=job.recurring_run_id, name=EXPERIMENT, url=url, cron=cron)


def six_fields(cron: str) -> str:
    """Times as Kubeflow Pipelines takes them: seconds first. Five fields, as in a crontab, get a second 0.

    Raises:
        UserError: They are not times.
    """
    fields = cron.split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6 or not all(re.fullmatch(r"[\d*/,?A-Za-z#-]+", field) for field in fields):
        raise UserError(f"--recurring '{cron}': not the times of a crontab", mend="Write it like '0 22 * * *'.")
    return " ".join(fields)
