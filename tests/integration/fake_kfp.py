"""A fake of the v2beta1 API of Kubeflow Pipelines, as far as kfp.Client needs it to upload pipelines and start runs.

It keeps state and refuses what the server refuses: unknown paths and fields, a pipeline that is no PipelineSpec.
"""

from __future__ import annotations

import email
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

API = "/apis/v2beta1"
RUN = {"display_name", "description", "experiment_id", "pipeline_spec", "runtime_config", "service_account",
       "pipeline_version_reference"}  # fmt: skip
RECURRING = RUN | {"trigger", "mode", "max_concurrency", "no_catchup", "namespace"}


class FakeKfp:
    """Pipelines, experiments, runs and recurring runs in memory."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.experiments: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.recurring: list[dict[str, Any]] = []
        self.pipelines: list[dict[str, Any]] = []
        self.versions: list[dict[str, Any]] = []
        self.states = ["RUNNING", "SUCCEEDED"]
        """What is said of a run, one look after another; the last one stays."""
        self.looks: dict[str, int] = {}
        self.url = ""

    def answer(self, method: str, path: str, body: Any, query: dict[str, str] | None = None) -> tuple[int, Any]:
        rest = path.removeprefix(API)
        if rest == "/healthz":
            return 200, {"multi_user": False}
        if rest.startswith("/pipelines"):
            return self.of_pipelines(method, rest, body, query or {})
        if rest.startswith("/runs/") and method == "GET":
            run_id = rest.removeprefix("/runs/")
            look = self.looks[run_id] = self.looks.get(run_id, -1) + 1
            return 200, {"run_id": run_id, "state": self.states[min(look, len(self.states) - 1)]}
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

    def of_pipelines(self, method: str, rest: str, body: Any, query: dict[str, str]) -> tuple[int, Any]:
        """Uploads and lists. The first version of a pipeline has the pipeline's name, as on the server."""
        if rest == "/pipelines" and method == "GET":
            wanted = json.loads(query["filter"])["predicates"][0]["stringValue"] if "filter" in query else None
            same = [item for item in self.pipelines if wanted in (None, item["display_name"])]
            return 200, {"pipelines": same, "total_size": len(same)}
        if rest in ("/pipelines/upload", "/pipelines/upload_version") and method == "POST":
            problem = package_problem(body)
            if problem:
                return 400, {"error": problem, "code": 3}
            if rest == "/pipelines/upload":
                if any(item["display_name"] == query["name"] for item in self.pipelines):
                    return 409, {"error": "the name is taken", "code": 6}
                made = {"pipeline_id": f"p{len(self.pipelines) + 1}", "display_name": query["name"]}
                self.pipelines.append(made)
                self.add_version(made["pipeline_id"], query["name"], body)
                return 200, made
            if not any(item["pipeline_id"] == query["pipelineid"] for item in self.pipelines):
                return 404, {"error": "no such pipeline", "code": 5}
            return 200, self.add_version(query["pipelineid"], query["name"], body)
        found = re.fullmatch(r"/pipelines/([^/]+)/versions", rest)
        if found and method == "GET":
            own = [item for item in self.versions if item["pipeline_id"] == found[1]]
            first = int(query.get("page_token") or 0)
            size = min(int(query.get("page_size") or 10), 2)
            after = str(first + size) if first + size < len(own) else ""
            return 200, {"pipeline_versions": own[first : first + size], "next_page_token": after}
        return 404, {"error": f"the fake knows no {method} {rest}", "code": 5}

    def add_version(self, pipeline_id: str, name: str, text: str) -> dict[str, Any]:
        version_id = f"v{len(self.versions) + 1}"
        self.versions.append(
            {"pipeline_id": pipeline_id, "pipeline_version_id": version_id, "display_name": name, "package": text}
        )
        return {key: value for key, value in self.versions[-1].items() if key != "package"}

    def take(self, body: dict[str, Any], known: set[str], where: list[dict[str, Any]], key: str) -> tuple[int, Any]:
        reference = (body.get("pipeline_version_reference") or {}).get("pipeline_version_id")
        problem = unknown_fields(body, known)
        if reference is None:
            problem = problem or spec_problem(body.get("pipeline_spec") or {})
        elif not any(item["pipeline_version_id"] == reference for item in self.versions):
            problem = problem or "no such version"
        if not any(item["experiment_id"] == body.get("experiment_id") for item in self.experiments):
            problem = problem or "no such experiment"
        if problem:
            return 400, {"error": problem, "code": 3}
        where.append({key: f"{key}-{len(where) + 1}", **body})
        return 200, where[-1]


def unknown_fields(body: dict[str, Any], known: set[str]) -> str:
    extra = sorted(set(body) - known)
    return f"unknown field {extra[0]!r}" if extra else ""


def package_problem(text: str) -> str:
    """What the server would say of an uploaded file."""
    spec, *platform = yaml.safe_load_all(text)
    return spec_problem({"pipeline_spec": spec, "platform_spec": platform[0] if platform else {}})


def file_in(data: bytes, content_type: str) -> str:
    """The uploaded file of a form."""
    form = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + data)
    (part,) = [part for part in form.walk() if part.get_filename()]
    return part.get_payload(decode=True).decode()  # type: ignore[union-attr]


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
            data = self.rfile.read(size)
            kind = self.headers.get("Content-Type") or ""
            body = file_in(data, kind) if kind.startswith("multipart/") else json.loads(data) if size else None
            address = urlsplit(self.path)
            if fake.token and self.headers.get("Authorization") != f"Bearer {fake.token}":
                status, answer = 401, {"error": "Unauthenticated", "code": 16}
            else:
                status, answer = fake.answer(self.command, address.path, body, dict(parse_qsl(address.query)))
            data = json.dumps(answer, default=str).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = handle_any

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
