"""An OpenAI-compatible endpoint, well and badly behaved, over real HTTP."""

from __future__ import annotations

import json
import socket
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.errors import ModelError, UserError
from kfpilot.agent.models.choose import open_model
from kfpilot.agent.models.endpoint import retryable
from kfpilot.agent.models.probe import CONTENT, PATH, can_call_tools
from kfpilot.agent.models.replay import ReplayModel
from kfpilot.agent.models.usage import Usage, finish_of, usage_of
from kfpilot.agent.settings import Settings
from langchain_core.messages import HumanMessage

from .conftest import Behaviour, chat, send

pytestmark = pytest.mark.integration
KEY = "sk-test-0123456789abcdef"


def ask(server: Behaviour, *, timeout: float = 20.0, **more: Any) -> Any:
    settings = Settings(model="m", base_url=server.url, model_timeout=timeout, **more)
    with open_model(settings, env={"OPENAI_API_KEY": KEY}) as handle:
        return handle.model.invoke([HumanMessage("hello")])


def failure(server: Behaviour, *, timeout: float = 20.0) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ask(server, timeout=timeout)
    error = caught.value
    assert error.exit_code == 4 and error.mend
    assert KEY not in str(error) and "0123456789" not in str(error)
    assert retryable(error) is error.transient
    assert len(server.requests) <= 1, "the client must not repeat a request by itself"
    return error


def test_a_good_answer_and_what_it_cost(server: Behaviour) -> None:
    answer = ask(server, temperature=0.2)
    assert answer.content == "hi" and finish_of(answer) == "stop"
    assert usage_of(answer) == Usage(prompt=12, cached=8, completion=3)
    sent = server.requests[0]
    assert sent["path"] == "/v1/chat/completions" and sent["model"] == "m" and sent["temperature"] == 0.2
    assert sent["messages"] == [{"role": "user", "content": "hello"}]
    assert {name.lower(): value for name, value in server.headers[0].items()}["authorization"] == f"Bearer {KEY}"


def test_the_only_model_is_taken_when_none_is_named(server: Behaviour) -> None:
    with open_model(Settings(base_url=server.url), env={}) as handle:
        assert (handle.name, handle.context_tokens) == ("m", 4096)


def test_several_models_are_listed_when_none_is_named(server: Behaviour) -> None:
    server.models = ["small", "big"]
    with pytest.raises(UserError, match="big, small"), open_model(Settings(base_url=server.url), env={}):
        pass


def test_wrong_key(server: Behaviour) -> None:
    server.answers(401, {"error": {"message": f"Incorrect API key provided: {KEY}.", "code": "invalid_api_key"}})
    error = failure(server)
    assert "refuses the key" in error.what and "OPENAI_API_KEY" in error.mend and not error.transient


def test_unknown_model(server: Behaviour) -> None:
    server.answers(404, {"error": {"message": "The model `m` does not exist", "code": "model_not_found"}})
    error = failure(server)
    assert "does not know the model 'm'" in error.what and "--model" in error.mend and not error.transient


def test_wrong_address(server: Behaviour) -> None:
    server.answers(404, b"<html><body>Not Found</body></html>", kind="text/html")
    error = failure(server)
    assert "no chat completions" in error.what and "/v1" in error.mend and not error.transient


def test_rate_limit_says_how_long(server: Behaviour) -> None:
    server.answers(429, {"error": {"message": "slow down"}}, retry_after="7")
    error = failure(server)
    assert error.transient and error.retry_after == 7.0 and "7 s" in error.what


def test_used_up_quota_is_not_retried(server: Behaviour) -> None:
    server.answers(429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}})
    error = failure(server)
    assert "quota is used up" in error.what and not error.transient


@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_server_trouble_is_transient(server: Behaviour, status: int) -> None:
    server.answers(status, {"error": {"message": "overloaded"}})
    error = failure(server)
    assert error.transient and str(status) in error.what and "overloaded" in error.what


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, {"message": "This model's maximum context length is 4096 tokens.", "code": "context_length_exceeded"}),
        (400, {"message": "the request exceeds the available context size", "type": "exceed_context_size_error"}),
        (413, {"message": "prompt is too long: 9 tokens"}),
    ],
)
def test_context_overflow(server: Behaviour, status: int, message: dict[str, str]) -> None:
    server.answers(status, {"error": message})
    error = failure(server)
    assert error.overflow and not error.transient and "longer than the context" in error.what


def test_refused_request(server: Behaviour) -> None:
    server.answers(400, {"error": {"message": "temperature is not supported"}})
    error = failure(server)
    assert "temperature is not supported" in error.what and not error.transient and not error.overflow


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"{not json", "application/json"),
        (b"<html>Login</html>", "text/html"),
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b'"text"', "application/json"),
        (b'{"choices": []}', "application/json"),
        (b'{"choices": null}', "application/json"),
        (b'{"error": {"message": "upstream died"}}', "application/json"),
    ],
)
def test_garbage_is_no_answer(server: Behaviour, payload: bytes, kind: str) -> None:
    server.answers(200, payload, kind=kind)
    assert "not a chat completion" in failure(server).what


def test_cut_connection(server: Behaviour) -> None:
    def cut(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"choices": [')
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)

    server.reply = cut
    error = failure(server)
    assert error.transient and "cut the connection" in error.what


def test_hang_ends_at_the_time_limit(server: Behaviour) -> None:
    server.reply = lambda handler, body: server.release.wait(30) and None
    begin = time.monotonic()
    error = failure(server, timeout=0.5)
    assert time.monotonic() - begin < 25
    assert error.transient and "in time" in error.what and "KFPILOT_MODEL_TIMEOUT" in error.mend


def test_nobody_there(server: Behaviour) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server.url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    error = failure(server)
    assert error.transient and "cannot be reached" in error.what and "kfpilot doctor" in error.mend
    with pytest.raises(ModelError, match="cannot be reached"), open_model(Settings(base_url=server.url), env={}):
        pass


def test_streaming_fails_the_same_way(server: Behaviour) -> None:
    server.answers(401, {"error": {"message": "bad key"}})
    settings = Settings(model="m", base_url=server.url)
    with open_model(settings, env={}) as handle, pytest.raises(ModelError, match="refuses the key"):
        list(handle.model.stream("x"))


def test_a_malformed_call_is_seen_not_lost(server: Behaviour) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{"}}
    server.answers(200, chat(None, tool_calls=[call]))
    answer = ask(server)
    assert answer.tool_calls == [] and answer.invalid_tool_calls[0]["args"] == "{"


def test_probe_over_http(server: Behaviour) -> None:
    arguments = json.dumps({"path": PATH, "content": CONTENT})
    call = {"id": "1", "type": "function", "function": {"name": "write_file", "arguments": arguments}}

    def play(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        send(handler, 200, chat("done") if len(body["messages"]) > 1 else chat(None, tool_calls=[call]))

    server.reply = play
    settings = Settings(model="m", base_url=server.url)
    with open_model(settings, env={}) as handle:
        assert can_call_tools(handle.model).ok
    server.answers(400, {"error": {"message": "tools are not supported"}})
    with open_model(settings, env={}) as handle:
        result = can_call_tools(handle.model)
        assert not result.ok and "tools are not supported" in result.why
    server.answers(401, {"error": {"message": "no"}})
    with open_model(settings, env={}) as handle, pytest.raises(ModelError, match="refuses the key"):
        can_call_tools(handle.model)


def test_an_exchange_is_recorded_as_it_was_sent(server: Behaviour, tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    ask(server, record=path)
    row = json.loads(path.read_text())
    assert row["request"]["messages"] == server.requests[0]["messages"] and row["message"]["content"] == "hi"
    assert row["request"]["model"] == "m" and row["usage"] == {"prompt": 12, "cached": 8, "completion": 3}
    assert KEY not in path.read_text()
    assert ReplayModel(path).invoke([HumanMessage("hello")]).content == "hi"
