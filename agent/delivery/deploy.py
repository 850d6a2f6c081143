#!/usr/bin/env python3
"""Bring the packages beside this file to a server of Kubeflow Pipelines, try them there, and go back.

It needs Python and kfp, nothing else of where it was made. Nothing on the server is deleted.

    python deploy.py upload   --host https://staging.example/pipeline
    python deploy.py stage    --host https://staging.example/pipeline --arguments arguments.json
    python deploy.py rollback --host https://kubeflow.example/pipeline

A token comes from KFP_TOKEN, the namespace from --namespace or KFP_NAMESPACE, the host from --host or KFP_HOST.
Exit codes: 0 all done, 1 a run did not succeed or there is no way back, 2 a wrong argument or no server.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
OVER = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELED", "ERROR")
PAGE = 100


class Wrong(Exception):
    """Something that the user can mend; its text says how."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    options = parse(arguments)
    try:
        delivery = read_delivery()
        chosen = [item for item in delivery["packages"] if options.pipeline in (None, item["pipeline"])]
        if not chosen:
            raise Wrong(f"no package of {options.pipeline or 'any pipeline'} here")
        return int(options.command(connect(options), delivery, chosen, options))
    except Wrong as error:
        print(f"deploy.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # urllib3, requests and kfp_server_api have an error each; all mean that the server did not take it.
        said = " ".join(str(getattr(error, "body", None) or error).split())[:400]
        token = os.environ.get("KFP_TOKEN")
        said = said.replace(token, "***") if token else said
        print(f"deploy.py: {options.host} did not take it: {type(error).__name__}: {said}", file=sys.stderr)
        return 2


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, text in (
        ("upload", upload, "make each package the newest version of its pipeline"),
        ("stage", stage, "run the uploaded versions and wait for their end"),
        ("rollback", rollback, "make each previous package the newest version again"),
    ):
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(command=command)
        one.add_argument("--host", default=os.environ.get("KFP_HOST"), help="address of the API (default: KFP_HOST)")
        one.add_argument("--namespace", default=os.environ.get("KFP_NAMESPACE"), help="in a multi-user installation")
        one.add_argument("--pipeline", help="only this one")
        if command is stage:
            one.add_argument("--arguments", type=Path, help="a JSON file: {pipeline: {input: value}}")
            one.add_argument("--experiment", default="staging", help="where the runs go (default: staging)")
            one.add_argument("--timeout", type=float, default=3600, help="seconds for each run (default: 3600)")
            one.add_argument("--every", type=float, default=5, help="seconds between two looks (default: 5)")
    return parser.parse_args(arguments)


def read_delivery() -> dict[str, Any]:
    """What is delivered; every package is what it was when it was made.

    Raises:
        Wrong: A file is missing or was changed.
    """
    try:
        delivery: dict[str, Any] = json.loads((HERE / "delivery.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Wrong(f"delivery.json cannot be read: {error}") from None
    for item in delivery["packages"]:
        file = HERE / item["file"]
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != item["sha256"]:
            raise Wrong(f"{item['file']} is missing, or is not what was delivered. Make the delivery anew.")
    return delivery


def connect(options: argparse.Namespace) -> Any:
    """A client of the server.

    Raises:
        Wrong: No server is named, or kfp is not installed.
    """
    if not options.host:
        raise Wrong("which server? Give --host https://HOST/pipeline, or set KFP_HOST.")
    try:
        import kfp
    except ImportError:
        raise Wrong("kfp is not installed here: pip install kfp") from None
    token = os.environ.get("KFP_TOKEN")
    knock(options.host, token)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kfp.Client(host=options.host, existing_token=token, namespace=options.namespace or "kubeflow")


def knock(host: str, token: str | None) -> None:
    """Ask the server once whether it is there and lets us in: the client asks five times, 5 s apart, for any reason.

    Raises:
        Wrong: It is not, or does not.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        request = urllib.request.Request(f"{host.rstrip('/')}/apis/v2beta1/healthz", headers=headers)
        urllib.request.urlopen(request, timeout=30).close()
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403):
            raise Wrong(f"{host} does not let us in ({error.code}). Set KFP_TOKEN.") from None
    except (OSError, ValueError) as error:
        raise Wrong(f"{host} cannot be reached: {getattr(error, 'reason', error)}") from None


def upload(client: Any, delivery: dict[str, Any], packages: list[dict[str, Any]], options: argparse.Namespace) -> int:
    """Upload each package; one that is there already under this version stays."""
    for item in packages:
        put(client, item["pipeline"], HERE / item["file"], delivery["version"], options)
    return 0


def put(client: Any, name: str, file: Path, version: str, options: argparse.Namespace) -> tuple[str, str]:
    """Make a file a version of a pipeline; returns the ids of both."""
    pipeline = pipeline_id(client, name, options.namespace)
    if pipeline is None:
        made = client.upload_pipeline(str(file), pipeline_name=name, namespace=options.namespace)
        pipeline = str(made.pipeline_id)
        print(f"{name}: new on this server")
    known = {item.display_name: str(item.pipeline_version_id) for item in versions(client, pipeline)}
    if version in known:
        print(f"{name}: version {version} is there already")
        return pipeline, known[version]
    found = client.upload_pipeline_version(str(file), version, pipeline_id=pipeline)
    print(f"{name}: version {version} uploaded")
    return pipeline, str(found.pipeline_version_id)


def pipeline_id(client: Any, name: str, namespace: str | None) -> str | None:
    """The id of a pipeline, in the namespace if there are namespaces."""
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    found = client.list_pipelines(filter=json.dumps({"predicates": [predicate]}), namespace=namespace).pipelines
    same = [item for item in found or [] if item.display_name == name]
    return str(same[0].pipeline_id) if same else None


def versions(client: Any, pipeline: str) -> Iterator[Any]:
    """All versions of a pipeline."""
    token = ""
    while True:
        page = client.list_pipeline_versions(pipeline, page_token=token, page_size=PAGE)
        yield from page.pipeline_versions or []
        token = page.next_page_token or ""
        if not token:
            return


def stage(client: Any, delivery: dict[str, Any], packages: list[dict[str, Any]], options: argparse.Namespace) -> int:
    """Run each package and wait; the code is 0 when all have succeeded."""
    given = arguments_of(options.arguments)
    unknown = sorted(set(given) - {item["pipeline"] for item in delivery["packages"]})
    if unknown:
        raise Wrong(f"{options.arguments} names {unknown[0]}, which is no pipeline of this delivery")
    for item in packages:
        check_arguments(item, given.get(item["pipeline"], {}))
    started = []
    experiment = client.create_experiment(options.experiment, namespace=options.namespace)
    for item in packages:
        pipeline, version = put(client, item["pipeline"], HERE / item["file"], delivery["version"], options)
        run = client.run_pipeline(
            experiment.experiment_id,
            f"{item['pipeline']} {delivery['version']} {time.strftime('%Y-%m-%d %H:%M:%S')}",
            params=given.get(item["pipeline"], {}),
            pipeline_id=pipeline,
            version_id=version,
        )
        print(f"{item['pipeline']}: run {run.run_id} started", flush=True)
        started.append((item["pipeline"], run.run_id))
    good = True
    for name, run_id in started:
        state = wait(client, run_id, options)
        print(f"{name}: run {run_id}: {state}")
        good = good and state == "SUCCEEDED"
    return 0 if good else 1


def arguments_of(file: Path | None) -> dict[str, dict[str, Any]]:
    """Pipeline -> inputs and their values.

    Raises:
        Wrong: The file holds something else.
    """
    if file is None:
        return {}
    try:
        given = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Wrong(f"{file} cannot be read: {error}") from None
    if not isinstance(given, dict) or not all(isinstance(value, dict) for value in given.values()):
        raise Wrong(f'{file}: write it like {{"PIPELINE": {{"input": 1}}}}')
    return given


def check_arguments(item: dict[str, Any], given: dict[str, Any]) -> None:
    """Say it before anything is started.

    Raises:
        Wrong: An input is missing, or there is none of that name.
    """
    names = {entry["name"]: entry for entry in item["parameters"]}
    lacking = [name for name, entry in names.items() if entry["required"] and name not in given]
    unknown = sorted(set(given) - set(names))
    if lacking or unknown:
        what = f"needs {', '.join(lacking)}" if lacking else f"has no input {unknown[0]}"
        raise Wrong(f"{item['pipeline']} {what}. Give its inputs with --arguments FILE, see runbook.md.")


def wait(client: Any, run_id: str, options: argparse.Namespace) -> str:
    """The state a run ends in, or in which it is when its time is over."""
    end = time.monotonic() + options.timeout
    while True:
        state = str(client.get_run(run_id).state or "PENDING").upper()
        if state in OVER:
            return state
        if time.monotonic() > end:
            return f"{state} after {options.timeout:.0f} s; it goes on"
        time.sleep(options.every)


def rollback(client: Any, delivery: dict[str, Any], packages: list[dict[str, Any]], options: argparse.Namespace) -> int:
    """Upload what was before as the newest version, and say which schedules hold on to the delivered one."""
    good = True
    for item in packages:
        name = item["pipeline"]
        pipeline = pipeline_id(client, name, options.namespace)
        if pipeline is None:
            print(f"{name}: not on this server")
            continue
        if item["previous"] is None:
            print(f"{name}: it is new with this delivery, so there is nothing to go back to; disable its schedules")
            good = False
        else:
            put(client, name, HERE / item["previous"], f"{delivery['version']}-rollback", options)
        for job in pinned(client, pipeline, delivery["version"], options):
            print(f"{name}: the schedule {job.display_name} ({job.recurring_run_id}) runs {delivery['version']}")
            good = False
    return 0 if good else 1


def pinned(client: Any, pipeline: str, version: str, options: argparse.Namespace) -> Iterator[Any]:
    """The recurring runs that name the delivered version, which a newer one does not change."""
    ids = [item.pipeline_version_id for item in versions(client, pipeline) if item.display_name == version]
    token = ""
    while True:
        page = client.list_recurring_runs(page_token=token, page_size=PAGE, namespace=options.namespace)
        for job in page.recurring_runs or []:
            reference = job.pipeline_version_reference
            if reference is not None and reference.pipeline_version_id in ids and job.status != "DISABLED":
                yield job
        token = page.next_page_token or ""
        if not token:
            return


if __name__ == "__main__":
    sys.exit(main())
