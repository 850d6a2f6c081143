"""Streamable HTTP on loopback: a bearer token for every request, and only requests that name this very server."""

from __future__ import annotations

import hmac
import os
import secrets
import socket
import sys
from pathlib import Path
from typing import Any

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import UserError

HOST = "127.0.0.1"


class BearerToken:
    """Lets only requests through that carry the token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self.expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "lifespan"):
            # Nothing here speaks over a web socket.
            return
        if scope["type"] == "http":
            given = [value for name, value in scope["headers"] if name == b"authorization"]
            if len(given) != 1 or not hmac.compare_digest(given[0], self.expected):
                answer = JSONResponse(
                    {"error": "a bearer token is needed; kfpilot mcp says where it is"},
                    status_code=401,
                    headers={"WWW-Authenticate": "Bearer"},
                )
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


def app_for(server: MCPServer[Any], token: str, port: int) -> ASGIApp:
    """The application. Host and Origin are checked: a page that a browser shows could rebind its name to loopback."""
    names = [f"{name}:{port}" for name in (HOST, "localhost")]
    security = TransportSecuritySettings(allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names])
    return BearerToken(server.streamable_http_app(transport_security=security, host=HOST), token)


def serve(server: MCPServer[Any], port: int, token_file: Path | None) -> None:
    """Serve until stopped; says on standard error where, and the token if no file holds it.

    Args:
        server: What is served.
        port: 0 takes a free one.
        token_file: Holds the token; made, for its owner alone, if it is not there.

    Raises:
        UserError: The port is taken, or the file is not fit to hold a secret.
    """
    import uvicorn

    token = token_from(token_file) if token_file else secrets.token_urlsafe(32)
    listening = bind(port)
    port = listening.getsockname()[1]
    where = f"in {token_file}" if token_file else token
    print(f"kfpilot mcp: http://{HOST}:{port}/mcp\nkfpilot mcp: bearer token: {where}", file=sys.stderr, flush=True)
    config = uvicorn.Config(app_for(server, token, port), log_level="warning", access_log=False, lifespan="on")
    with listening:
        anyio.run(uvicorn.Server(config).serve, [listening])


def bind(port: int) -> socket.socket:
    """A socket on loopback.

    Raises:
        UserError: The port is taken.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        # From here on requests wait; whoever reads the address may use it at once.
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        raise UserError(
            f"port {port} cannot be used: {error}", mend="Give another: --port 0 takes a free one."
        ) from None
    return listening


def token_from(file: Path) -> str:
    """The token in the file, or a new one that is written there.

    Raises:
        UserError: Others may read the file, it holds no usable token, or it cannot be made.
    """
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return kept_token(file)
    except OSError as error:
        raise UserError(f"cannot be made: {error.strerror}", where=file, mend="Name another file.") from None
    token = secrets.token_urlsafe(32)
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(token + "\n")
    return token


def kept_token(file: Path) -> str:
    """The token of a file that is there."""
    try:
        if file.stat().st_mode & 0o077:
            raise UserError("others may read the token", where=file, mend=f"Keep it to yourself: chmod 600 {file}")
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"the token cannot be read: {error}", where=file, mend="Remove the file: a new one is made."
        ) from None
    if len(token) < 16 or any(char.isspace() for char in token):
        raise UserError(
            "the token is shorter than 16 characters, or not one word", where=file,
            mend="Remove the file: a new one is made.",
        )  # fmt: skip
    return token
