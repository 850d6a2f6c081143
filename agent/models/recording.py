"""Keeps every exchange with a model in a file that `replay:FILE` answers from."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.outputs import LLMResult

from ...tools.redact import redact_data
from .usage import usage_of
from .wire import message_dict, request_body


class Recorder(BaseCallbackHandler):
    """Appends one JSON line an exchange; hang it into a model's `callbacks`.

    A callback sees what is really sent: after `bind_tools`, `with_structured_output` and every middleware.

    Args:
        path: The file; made with its folder, appended to.
    """

    # A record with a hole in it must not look like a whole one.
    raise_error = True
    run_inline = True

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._open: dict[UUID, tuple[float, dict[str, Any]]] = {}
        self._number = sum(1 for line in path.read_bytes().splitlines() if line.strip()) if path.exists() else 0

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Remember the request until its answer comes."""
        params = {**(kwargs.get("invocation_params") or {}), **(kwargs.get("options") or {})}
        with self._lock:
            self._open[run_id] = (time.time(), request_body(messages[0], params))

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Write the exchange down."""
        message = getattr(response.generations[0][0], "message", None) if response.generations else None
        if message is None:
            return
        row: dict[str, Any] = {"message": message_dict(message)}
        usage = usage_of(message)
        if usage.total:
            row["usage"] = usage.model_dump()
        self._write(run_id, row)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Write down that no answer came; a replay passes over such a line."""
        self._write(run_id, {"error": f"{type(error).__name__}: {error}"})

    def _write(self, run_id: UUID, row: dict[str, Any]) -> None:
        with self._lock:
            asked, request = self._open.pop(run_id, (time.time(), {}))
            self._number += 1
            request, row = redact_data(request), redact_data(row)
            line = {"number": self._number, "asked": asked, "answered": time.time(), "request": request, **row}
            with self.path.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
