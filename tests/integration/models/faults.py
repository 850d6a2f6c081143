"""How an endpoint can misbehave, one reply each."""

from __future__ import annotations

import json
import socket
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any

from .conftest import Reply, chat, send


def status(code: int, message: str = "no", **headers: str) -> Reply:
    return lambda handler, body: send(handler, code, {"error": {"message": message}}, **headers)


def raw(payload: bytes, kind: str = "application/json", code: int = 200) -> Reply:
    return lambda handler, body: send(handler, code, payload, kind=kind)


def says(content: str | None, finish: str = "", **more: Any) -> Reply:
    answer = chat(content, **more)
    if finish:
        answer["choices"][0]["finish_reason"] = finish
    return lambda handler, body: send(handler, 200, answer)


def asks(*calls: tuple[Any, Any], finish: str = "", content: str | None = None, ids: str | None = "") -> Reply:
    """An answer with tool calls; arguments that are a text are sent as they are."""
    made = []
    for number, (name, arguments) in enumerate(calls):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        call: dict[str, Any] = {"type": "function", "function": {"name": name, "arguments": text}}
        if ids is not None:
            call["id"] = ids or f"call_{number}_{time.monotonic_ns()}"
        made.append(call)
    return says(content, finish, tool_calls=made)


def date(code: int, seconds: float) -> Reply:
    """A status with the date, from when it is sent, at which to come back."""

    def reply(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        send(handler, code, {"error": {"message": "no"}}, retry_after=formatdate(time.time() + seconds, usegmt=True))

    return reply


def cut_body(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """Half an answer, then the connection is gone."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def cut_chunks(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """The same for an answer in chunks, whose length nobody told."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"d\r\n" + b'{"choices": [' + b"\r\n")
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


def hang_up(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """No answer at all."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def hang(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """No answer within any time limit of these tests."""
    time.sleep(1.5)


def huge_told(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """A length that no answer has; not one byte of it is read."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(10**12))
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.wfile.flush()


def huge_untold(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """An answer without end."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    part = b"f4240\r\n" + b" " * 1_000_000 + b"\r\n"
    for _ in range(60):
        handler.wfile.write(part)


def loops(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """A good answer that says the same for megabytes."""
    send(handler, 200, chat("again and " * 300_000))
