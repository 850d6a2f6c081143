"""A fake of the v2beta1 API of Kubeflow Pipelines, as far as kfp.Client needs it to start runs.

It keeps state and refuses what the server refuses: unknown paths and fields, a pipeline that is no PipelineSpec.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

API = "/apis/v2beta1"
RUN = {"display_name", "description", "experiment_id", "pipeline_spec", "runtime_config", "service_account",
       "pipeline_version_reference"}  # fmt: skip
RECURRING = RUN | {"trigger", "mode", "max_concurrency", "no_catchup", "namespace"}


class FakeKfp:
    """Experiments, runs and recurring runs in memory."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.experiments: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.recurring: list[dict[str, Any]] = []
        self.url = ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        rest = path.removeprefix(API)
        if rest == "/healthz":
            return 200, {"multi_user": False}
        if rest == "/experiments" and method == "GET":
            return 200, {"experiments": self.experiments, "total_size": len(self.experiments)}
        if rest == "/experiments" and method == "POST":
            self.experiments.append({"experiment_id": f"e{len(self.experiments) + 1}", **body})
            return 200, self.experiments[-1]
        if rest == "/runs" and method == "POST":
            return self.take(body, RUN, self.runs, "run_id")
        if rest == "/recurringruns" and method == "GET":
            return 200, {"recurringRuns": self.recurring, "recurring_runs": self.recurring}
        if rest == "/recurringruns" and method == "POST":
            cron = body.get("trigger", {}).get("cron_schedule", {}).get("cron", "")
            if len(cron.split()) != 6 or body.get("mode") != "ENABLE":
                return 400, {"error": f"Schedule cron is not supported: {cron!r}", "code": 3}
            return self.take(body, RECURRING, self.recurring, "recurring_run_id")
        found = re.fullmatch(r"/recurringruns/(.+)", rest)
        if found and method == "DELETE":
            self.recurring = [item for item in self.recurring if item["recurring_run_id"] != found[1]]
            return 200, {}
        return 404, {"error": f"the fake knows no {method} {rest}", "code": 5}

    def take(self, body: dict[str, Any], known: set[str], where: list[dict[str, Any]], key: str) -> tuple[int, Any]:
        problem = unknown_fields(body, known) or spec_problem(body.get("pipeline_spec") or {})
        if not any(item["experiment_id"] == body.get("experiment_id") for item in self.experiments):
            problem = problem or "no such experiment"
        if problem:
            return 400, {"error": problem, "code": 3}
        where.append({key: f"{key}-{len(where) + 1}", **body})
        return 200, where[-1]


def unknown_fields(body: dict[str, Any], known: set[str]) -> str:
    extra = sorted(set(body) - known)
    return f"unknown field {extra[0]!r}" if extra else ""


def spec_problem(sent: dict[str, Any]) -> str:
    """What the server would say of a pipeline: both of its parts are read as their messages."""
    from google.protobuf import json_format
    from kfp.kubernetes import kubernetes_executor_config_pb2
    from kfp.pipeline_spec import pipeline_spec_pb2

    spec = sent.get("pipeline_spec", sent)
    try:
        json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
        platform = sent.get("platform_spec", {}).get("platforms", {}).get("kubernetes", {})
        for config in platform.get("deploymentSpec", {}).get("executors", {}).values():
            json_format.ParseDict(config, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    except json_format.ParseError as error:
        return str(error)
    return "" if spec.get("root") else "a pipeline without a root"


@contextmanager
def serving(fake: FakeKfp) -> Iterator[FakeKfp]:
    """The fake on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            if fake.token and self.headers.get("Authorization") != f"Bearer {fake.token}":
                status, answer = 401, {"error": "Unauthenticated", "code": 16}
            else:
                status, answer = fake.answer(self.command, urlsplit(self.path).path, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = handle_any

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
