"""An HTTP server on loopback that behaves as badly as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Reply = Callable[[BaseHTTPRequestHandler, dict[str, Any]], Any]


class Behaviour:
    """What the next requests get; `requests` holds what came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.gets: list[str] = []
        self.open: list[ThreadingHTTPServer] = []
        self.models = ["m"]
        self.reply: Callable[[BaseHTTPRequestHandler, dict[str, Any]], None] = lambda h, body: send(h, 200, chat("hi"))
        self.release = threading.Event()

    def answers(self, status: int, payload: Any, **headers: str) -> None:
        """Let every request have this answer."""
        self.reply = lambda handler, body: send(handler, status, payload, **headers)

    def plays(self, *replies: Reply, last: Reply | None = None) -> None:
        """Let the requests have these answers one after another, then the last for ever."""
        queue = list(replies)

        def reply(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
            (queue.pop(0) if queue else last or (lambda h, b: send(h, 200, chat("hi"))))(handler, body)

        self.reply = reply


def chat(content: str | None, **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more}
    usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    usage["prompt_tokens_details"] = {"cached_tokens": 8}  # type: ignore[assignment]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in more else "stop"}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def send(handler: BaseHTTPRequestHandler, status: int, payload: Any, **headers: str) -> None:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    handler.send_response(status)
    handler.send_header("content-type", headers.pop("kind", "application/json"))
    handler.send_header("content-length", str(len(data)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.naps: list[float] = []
        self.alarms: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.time += seconds
        for due in [alarm for alarm in self.alarms if alarm[0] <= self.time]:
            self.alarms.remove(due)
            due[1]()

    def at(self, seconds: float, what: Callable[[], None]) -> None:
        """Let something happen once so much time has passed."""
        self.alarms.append((self.time + seconds, what))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Behaviour]:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL", "KFPILOT_API_KEY", "KFPILOT_FORBID_MODELS"):
        monkeypatch.delenv(name, raising=False)
    # A proxy in the environment must not get in the way to this machine itself.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    behaviour = Behaviour("")
    serve(behaviour)
    yield behaviour
    behaviour.release.set()
    for one in behaviour.open:
        stop(one)


def serve(behaviour: Behaviour, port: int = 0) -> ThreadingHTTPServer:
    """Start a server; on a port that was used before, too."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            behaviour.gets.append(self.path)
            rows = [{"id": name, "object": "model", "max_model_len": 4096} for name in behaviour.models]
            send(self, 200, {"object": "list", "data": rows})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            behaviour.requests.append({"path": self.path, **body})
            behaviour.headers.append(dict(self.headers))
            behaviour.reply(self, body)

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            pass

    http = Quiet(("127.0.0.1", port), Handler)
    behaviour.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    behaviour.open.append(http)
    return http


def stop(http: ThreadingHTTPServer) -> None:
    http.shutdown()
    http.server_close()
