"""An HTTP server on loopback that behaves as badly as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


class Behaviour:
    """What the next requests get; `requests` holds what came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.models = ["m"]
        self.reply: Callable[[BaseHTTPRequestHandler, dict[str, Any]], None] = lambda h, body: send(h, 200, chat("hi"))
        self.release = threading.Event()

    def answers(self, status: int, payload: Any, **headers: str) -> None:
        """Let every request have this answer."""
        self.reply = lambda handler, body: send(handler, status, payload, **headers)


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


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Behaviour]:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL", "KFPILOT_API_KEY", "KFPILOT_FORBID_MODELS"):
        monkeypatch.delenv(name, raising=False)
    # A proxy in the environment must not get in the way to this machine itself.
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
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

    http = Quiet(("127.0.0.1", 0), Handler)
    behaviour = Behaviour(f"http://127.0.0.1:{http.server_address[1]}/v1")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield behaviour
    behaviour.release.set()
    http.shutdown()
    http.server_close()
