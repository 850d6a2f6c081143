"""The first exchange with an editor, answered before the protocol's library is loaded, which takes most of a second."""

from __future__ import annotations

import json
import os
from importlib.metadata import version
from typing import Any

PROTOCOL = 1
"""The version of the protocol."""

NOT_YET = {"code": -32600, "message": "Invalid request: initialize comes first"}
LONGEST = 1_000_000
"""Bytes of a first line; nobody introduces themselves at such length."""


def introduction() -> dict[str, Any]:
    """What `initialize` answers: who this is and what it can do."""
    return {
        "protocolVersion": PROTOCOL,
        "agentInfo": {"name": "kfpilot", "title": "kfpilot", "version": version("kfpilot")},
        "agentCapabilities": {
            "loadSession": True,
            "promptCapabilities": {"image": False, "audio": False, "embeddedContext": False},
            "sessionCapabilities": {"list": {}},
        },
        "authMethods": [],
    }


def shake_hands(source: int, out: int) -> bool:
    """Read lines until `initialize` came, and answer it.

    Args:
        source: File descriptor of the messages; not a byte behind the line is read.
        out: File descriptor of the answers.

    Returns:
        False if the input ended before.
    """
    while (line := read_line(source)) is not None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(message, dict) or "method" not in message or "id" not in message:
            continue
        answer = {"jsonrpc": "2.0", "id": message["id"]}
        first = message["method"] == "initialize"
        answer |= {"result": introduction()} if first else {"error": NOT_YET}
        write_all(out, json.dumps(answer).encode() + b"\n")
        if first:
            return True
    return False


def read_line(source: int) -> bytes | None:
    """The next line; None at the end. One byte at a time: what follows is for whoever reads next."""
    line = bytearray()
    while len(line) < LONGEST:
        byte = os.read(source, 1)
        if not byte:
            return None
        if byte == b"\n":
            return bytes(line)
        line += byte
    return None


def write_all(out: int, data: bytes) -> None:
    """A pipe may take it in parts."""
    while data:
        data = data[os.write(out, data) :]
