"""A real endpoint that misbehaves: what passes is waited for, what does not ends clearly. No test really waits."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import pytest
from kfpilot.agent.errors import ModelError
from kfpilot.agent.events import ModelCalled, Notice
from kfpilot.agent.models.choose import open_model
from kfpilot.agent.models.guard import Guard, guarded
from kfpilot.agent.models.usage import finish_of, refusal_of, usage_of
from kfpilot.agent.settings import Settings
from langchain_core.messages import HumanMessage

from . import faults
from .conftest import Behaviour, Clock, Reply, chat, send, serve, stop

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
KEY = "sk-test-0123456789abcdef"
HOUR = 3600.0


class Asker:
    """Asks the server as a run does, with a clock of its own."""

    def __init__(self, server: Behaviour, clock: Clock, wait: float = 2 * HOUR, timeout: float = 20.0) -> None:
        self.server, self.events = server, list[Any]()
        self.settings = Settings(model="m", base_url=server.url, model_timeout=timeout)
        self.guard = Guard(wait, emit=self.events.append, sleep=clock.sleep, now=clock.now)

    def __call__(self, text: str = "hello") -> Any:
        with open_model(self.settings, env={"OPENAI_API_KEY": KEY}) as handle:
            return guarded(handle, self.guard).model.invoke([HumanMessage(text)])

    def fails(self) -> ModelError:
        with pytest.raises(ModelError) as caught:
            self()
        error = caught.value
        assert error.exit_code == 4 and not error.transient, "nobody else must try it again"
        assert KEY not in str(error) and "0123456789" not in str(error)
        return error


PASSING: dict[str, tuple[Reply, float, float]] = {
    # the fault, and the least and the most that is waited for it
    "429": (faults.status(429), 0.1, 2),
    "429-retry-after-seconds": (faults.status(429, retry_after="7"), 7, 7),
    "429-retry-after-date": (faults.date(429, 30), 20, 30),
    "429-retry-after-milliseconds": (faults.status(429, retry_after_ms="2500"), 2.5, 2.5),
    "429-retry-after-nonsense": (faults.status(429, retry_after="soon"), 0.1, 2),
    "429-retry-after-in-the-past": (faults.date(429, -999), 0.1, 0.1),
    "500": (faults.status(500), 0.1, 2),
    "502": (faults.raw(b"<html>Bad Gateway</html>", "text/html", 502), 0.1, 2),
    "503": (faults.status(503), 0.1, 2),
    "503-retry-after": (faults.status(503, retry_after="12"), 12, 12),
    "504": (faults.status(504), 0.1, 2),
    "529-overloaded": (faults.status(529), 0.1, 2),
    "408": (faults.status(408), 0.1, 2),
    "timeout": (faults.hang, 0.1, 2),
    "cut-body": (faults.cut_body, 0.1, 2),
    "cut-chunks": (faults.cut_chunks, 0.1, 2),
    "hang-up": (faults.hang_up, 0.1, 2),
    "empty-body": (faults.raw(b""), 0.1, 2),
    "not-json": (faults.raw(b"{not json"), 0.1, 2),
    "html": (faults.raw(b"<html>Sign in</html>", "text/html"), 0.1, 2),
    "no-choices": (faults.raw(b'{"choices": []}'), 0.1, 2),
    "null-choices": (faults.raw(b'{"choices": null}'), 0.1, 2),
    "a-list": (faults.raw(b"[]"), 0.1, 2),
    "error-with-200": (faults.raw(b'{"error": {"message": "upstream died"}}'), 0.1, 2),
    "no-message": (faults.raw(b'{"choices": [{"index": 0, "finish_reason": "stop"}]}'), 0.1, 2),
    "empty-reply": (faults.says(""), 0.1, 2),
    "null-reply": (faults.says(None), 0.1, 2),
    "blank-reply": (faults.says(" \n\t"), 0.1, 2),
    "huge-by-its-length": (faults.huge_told, 0.1, 2),
    "huge-without-end": (faults.huge_untold, 0.1, 2),
    "loops-for-megabytes": (faults.loops, 0.1, 2),
}


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_is_waited_for(fault: str, server: Behaviour, clock: Clock) -> None:
    reply, least, most = PASSING[fault]
    server.plays(reply)
    ask = Asker(server, clock, timeout=0.5 if fault == "timeout" else 20.0)
    assert ask().content == "hi"
    assert len(server.requests) == 2
    assert server.requests[0] == server.requests[1], "the same request, not a changed one"
    assert len(clock.naps) == 1 and least <= clock.naps[0] <= most
    (told,) = [event for event in ask.events if isinstance(event, Notice)]
    assert told.code == "model-retry" and "asked again" in told.message


ENDS: dict[str, tuple[Reply, str, str, int]] = {
    # the fault for ever, what is said, how to mend it, and how often it is worth asking
    "wrong-key": (faults.status(401, f"Incorrect API key provided: {KEY}"), "refuses the key", "OPENAI_API_KEY", 1),
    "key-without-rights": (faults.status(403), "does not allow this key", "--model", 1),
    "wrong-model": (faults.status(404, "The model `m` does not exist"), "does not know the model 'm'", "--model", 1),
    "wrong-address": (faults.raw(b"Not Found", "text/plain", 404), "no chat completions", "/v1", 1),
    "no-money": (faults.status(402), "quota is used up", "Top it up", 1),
    "bad-request": (faults.status(400, "temperature is not supported"), "temperature is not supported", "", 1),
    "overflow": (faults.status(400, "maximum context length is 10 tokens"), "longer than the context", "longer", 1),
    "html-for-ever": (faults.raw(b"<html>Sign in</html>", "text/html"), "not a chat completion", "/v1", 3),
    "garbage-for-ever": (faults.raw(b"{not json"), "not a chat completion", "/v1", 3),
    "timeout-for-ever": (faults.hang, "did not answer in time", "KFPILOT_MODEL_TIMEOUT", 4),
    "huge-for-ever": (faults.huge_told, "larger than any useful one", "another", 3),
    "loops-for-ever": (faults.loops, "which no task needs", "another model", 2),
    "asks-to-wait-a-day": (faults.status(429, retry_after="86400"), "86400 s", "--resume", 1),
}


@pytest.mark.parametrize("fault", ENDS)
def test_a_fault_that_stays_ends_clearly(fault: str, server: Behaviour, clock: Clock) -> None:
    reply, what, mend, most = ENDS[fault]
    server.plays(last=reply)
    error = Asker(server, clock, timeout=0.3 if reply is faults.hang else 20.0).fails()
    assert what in error.what and mend in error.mend
    assert len(server.requests) == most
    assert len(clock.naps) == most - 1


@pytest.mark.parametrize("code", [429, 500, 503])
def test_waiting_is_limited_and_spread(code: int, server: Behaviour, clock: Clock) -> None:
    server.plays(last=faults.status(code))
    error = Asker(server, clock, wait=HOUR).fails()
    assert HOUR - 61 <= clock.time - 1000 <= HOUR
    assert "tried" in error.what and "KFPILOT_MODEL_WAIT" in error.mend and "--resume" in error.mend
    assert max(clock.naps) <= 60, "capped"
    assert clock.naps[0] < clock.naps[2] < clock.naps[4], "growing"
    assert len({round(nap, 3) for nap in clock.naps[10:]}) > 5, "not all clients in the same second"
    assert len(server.requests) < 120


def test_an_endpoint_that_is_gone_for_an_hour(server: Behaviour, clock: Clock) -> None:
    ask = Asker(server, clock)
    assert ask().content == "hi"
    port = int(urlsplit(server.url).port or 0)
    stop(server.open.pop())
    clock.at(HOUR, lambda: serve(server, port) and None)
    assert ask().content == "hi"
    assert HOUR <= clock.time - 1000 <= HOUR + 60
    told = [event for event in ask.events if isinstance(event, Notice) and event.level == "warning"]
    assert [event.code for event in told] == ["endpoint-away"], "the report must say so"


def test_an_address_where_nobody_ever_answered_is_given_up_soon(server: Behaviour, clock: Clock) -> None:
    stop(server.open.pop())
    error = Asker(server, clock).fails()
    assert "cannot be reached" in error.what and "kfpilot doctor" in error.mend
    assert clock.time - 1000 <= 60


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(code: int, server: Behaviour, clock: Clock) -> None:
    other = Behaviour("")
    elsewhere = serve(other)
    try:
        server.plays(last=faults.status(code, location=f"{other.url}/chat/completions?key=1"))
        error = Asker(server, clock).fails()
        assert other.url in error.what and "OPENAI_BASE_URL" in error.mend and "key=1" not in str(error)
        assert other.requests == [] and other.gets == [], "neither the key nor the prompt"
        assert len(server.requests) == 1
    finally:
        stop(elsewhere)


def test_empty_replies_for_ever_are_given_to_the_worker_and_counted(server: Behaviour, clock: Clock) -> None:
    server.plays(last=faults.says(""))
    ask = Asker(server, clock)
    assert ask().content == ""
    assert len(server.requests) == 3
    wasted = [event for event in ask.events if isinstance(event, ModelCalled)]
    assert [event.prompt_tokens for event in wasted] == [12, 12], "the third is counted by whoever asked"


REFUSALS: dict[str, Reply] = {
    "refusal": faults.says(None, refusal="I cannot help with that."),
    "content-filter": faults.says("", "content_filter"),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_is_an_answer_and_not_asked_for_again(kind: str, server: Behaviour, clock: Clock) -> None:
    server.plays(last=REFUSALS[kind])
    assert refusal_of(Asker(server, clock)())
    assert len(server.requests) == 1


def test_an_answer_that_is_cut_off_says_so(server: Behaviour, clock: Clock) -> None:
    server.plays(last=faults.says("", "length"))
    assert finish_of(Asker(server, clock)()) == "length"
    assert len(server.requests) == 1


def test_tokens_are_counted_where_the_endpoint_does_not(server: Behaviour, clock: Clock) -> None:
    answer = chat("x" * 400)
    del answer["usage"]
    server.answers(200, answer)
    usage = usage_of(Asker(server, clock)("y" * 4000))
    assert 900 < usage.prompt < 1200 and 90 < usage.completion < 150


def test_no_secret_is_sent(server: Behaviour, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "q7Vt-9xLm-2Rw")
    Asker(server, clock)("the log says q7Vt-9xLm-2Rw, base64 cTdWdC05eExtLTJSdw")
    sent = json.dumps(server.requests)
    assert "q7Vt" not in sent and "cTdWdC05" not in sent and "[redacted: WAREHOUSE_PASSWORD]" in sent


def stream(*parts: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("connection", "close")
        handler.end_headers()
        for part in parts:
            handler.wfile.write(f"data: {part}\n\n".encode())
        handler.close_connection = True

    return reply


def piece(text: str, finish: str | None = None) -> str:
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish}
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ((piece("a"), piece("b", "stop"), "[DONE]"), True),
        ((piece("a"), piece("b", "stop")), True),
        ((piece("a"), piece("b")), False),
        ((piece("a"), "[DONE]"), False),
        ((), False),
    ],
    ids=["whole", "whole-without-done", "cut", "done-without-reason", "nothing"],
)
def test_a_cut_stream_is_no_answer(parts: tuple[str, ...], whole: bool, server: Behaviour) -> None:
    server.reply = stream(*parts)
    with open_model(Settings(model="m", base_url=server.url), env={}) as handle:
        if whole:
            assert "".join(str(chunk.content) for chunk in handle.model.stream("x")) == "ab"
            return
        with pytest.raises(ModelError) as caught:
            list(handle.model.stream("x"))
        assert caught.value.transient


@pytest.mark.parametrize(
    "arguments", ["{", "", "null", "[]", '"text"', "7", '{"path": "a"} trailing', "{'path': 'a'}"], ids=repr
)
def test_arguments_that_are_no_object_never_crash_the_client(arguments: str, server: Behaviour, clock: Clock) -> None:
    server.plays(last=faults.asks(("f", arguments)))
    answer = Asker(server, clock)()
    assert len([*answer.tool_calls, *answer.invalid_tool_calls]) == 1
    assert all(isinstance(call["args"], dict) for call in answer.tool_calls)


def test_a_good_server_is_asked_once(server: Behaviour, clock: Clock) -> None:
    server.reply = lambda handler, body: send(handler, 200, chat("hi"))
    assert Asker(server, clock)().content == "hi"
    assert (len(server.requests), clock.naps) == (1, [])
