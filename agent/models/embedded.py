"""The embedded model: llama.cpp in a child process, spoken to like any other endpoint."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from pydantic import SecretStr

from ..errors import ModelError, UserError
from ..settings import Settings
from .endpoint import Endpoint, chat_client
from .forbid import check_allowed
from .handle import Handle
from .weights import MODEL_NAME, Progress, ensure

CONTEXT_TOKENS = 16384
# A small model that goes round in circles must come to an end; no single file it writes well is longer.
MAX_ANSWER_TOKENS = 2048
START_TIMEOUT = 180.0
LOG_LIMIT = 4_000_000
INSTALL = "pip install 'kfpilot[local]'"


def is_installed() -> bool:
    """Whether the runtime (xllamacpp) is there, without importing it."""
    return importlib.util.find_spec("xllamacpp") is not None


def check_installed() -> None:
    """Raise if the runtime is missing.

    Raises:
        UserError: It is; the mend names both ways out.
    """
    if not is_installed():
        raise UserError(
            "no model endpoint is configured and the embedded model's runtime is not installed",
            mend=f"{INSTALL}; or set OPENAI_BASE_URL and OPENAI_API_KEY; or give --model.",
        )


def available_cpus() -> int:
    """The processors this process may really use: affinity and the container's quota count."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            count = min(count, max(1, round(int(quota) / int(period))))
    except (OSError, ValueError):
        pass
    return max(1, count)


class Server:
    """llama.cpp's server in a child process, for as long as the context lasts.

    Args:
        model_file: The GGUF file.
        log: Where the child's output goes; appended to, begun anew when it gets big.
        context_tokens: The context window.
        threads: Default: all processors this process may use.
        port: Default: a free one.
        start_timeout: Seconds until it must answer.

    Attributes:
        url: Its address, with `/v1`.
        api_key: Without it, it refuses.
    """

    def __init__(
        self,
        model_file: Path,
        *,
        log: Path,
        context_tokens: int = CONTEXT_TOKENS,
        threads: int | None = None,
        port: int = 0,
        start_timeout: float = START_TIMEOUT,
    ) -> None:
        self.model_file, self.log = model_file, log
        self.context_tokens = context_tokens
        self.threads = threads or available_cpus()
        self.port = port
        self.start_timeout = start_timeout
        self.url = ""
        self.api_key = secrets.token_urlsafe(24)
        self._child: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The child's process id while it is there."""
        return self._child.pid if self._child else None

    def is_running(self) -> bool:
        """Whether the child is alive."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start the child and wait until it answers.

        Raises:
            ModelError: It does not come up; the message holds the end of its log.
        """
        if self.is_running():
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.unlink()
        with self.log.open("ab") as out:
            self._log_start = out.tell()
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "kfpilot.agent.models.llama_child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                # Ctrl-C is for us; we stop the child when our own work has come to its end.
                start_new_session=True,
                env={name: value for name, value in os.environ.items() if not name.endswith(("_KEY", "_TOKEN"))},
            )
        try:
            reply = self._ask()
        except BaseException:
            self.stop()
            raise
        self.url = reply["url"].rstrip("/") + "/v1"

    def stop(self) -> None:
        """End the child; harmless if there is none."""
        child, self._child = self._child, None
        if child is None:
            return
        # The end of its input tells it to go.
        with contextlib.suppress(OSError):
            if child.stdin:
                child.stdin.close()
        try:
            child.wait(timeout=2)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        # Only now: closing a pipe waits for whoever still reads from it.
        if child.stdout:
            child.stdout.close()

    def _ask(self) -> dict[str, Any]:
        child = self._child
        assert child is not None and child.stdin is not None and child.stdout is not None
        options = {
            "model": str(self.model_file),
            "name": self.model_file.stem,
            "context_tokens": self.context_tokens,
            "threads": self.threads,
            "port": self.port,
            "api_key": self.api_key,
            "parent": os.getpid(),
            "by_signal": threading.current_thread() is threading.main_thread(),
        }
        # If it is dead already, the end of its output says so below.
        with contextlib.suppress(OSError):
            child.stdin.write(json.dumps(options).encode() + b"\n")
            child.stdin.flush()
        line = _read_line(child.stdout, self.start_timeout)
        if line is None:
            raise self.failed(f"did not come up in {self.start_timeout:.0f} s")
        try:
            reply = json.loads(line)
        except ValueError:
            code = child.wait(timeout=10)
            if code == -signal.SIGKILL:
                raise self.failed("was killed while loading, most likely for want of memory (it needs 2 GB)") from None
            raise self.failed(f"ended with code {code} while loading") from None
        if "error" in reply:
            raise self.failed(f"could not load {self.model_file.name} ({reply['error']})")
        return dict(reply)

    def failed(self, what: str) -> ModelError:
        """The error that says what became of the child, with the end of its log."""
        tail = ""
        if self.log.exists():
            with self.log.open("rb") as log:
                log.seek(self._log_start)
                lines = log.read()[-20_000:].decode("utf-8", "replace").splitlines()
            tail = "".join(f"\n    {line[:200]}" for line in lines[-5:])
        return ModelError(
            f"the embedded model {what}",
            mend=f"Its log is {self.log}; `kfpilot model status` checks the weights. The end of the log:{tail}",
        )


def _read_line(pipe: IO[bytes], timeout: float) -> bytes | None:
    """One line, empty at the end of the output, None when it takes too long."""
    found: queue.Queue[bytes] = queue.Queue()

    def read() -> None:
        try:
            found.put(pipe.readline())
        except (OSError, ValueError):
            found.put(b"")

    threading.Thread(target=read, daemon=True).start()
    try:
        return found.get(timeout=timeout)
    except queue.Empty:
        return None


def open_embedded(settings: Settings, *, progress: Progress | None = None, log: Path | None = None) -> Handle:
    """Fetch the weights if need be, start the server, give its chat client.

    The answer may be begun for it: a last message of the assistant's is continued.

    Raises:
        UserError: The runtime is not installed.
        ModelError: The weights cannot be had, or the server does not come up.
    """
    check_allowed("embedded")
    check_installed()
    weights = ensure(settings, progress)
    server = Server(weights, log=log or settings.cache_dir / "logs" / "embedded.log")
    server.start()
    try:
        model = chat_client(
            Endpoint(url=server.url, key=SecretStr(server.api_key)),
            weights.stem,
            timeout=settings.model_timeout,
            temperature=settings.temperature,
            max_tokens=MAX_ANSWER_TOKENS,
        )
    except BaseException:
        server.stop()
        raise

    def close() -> None:
        model.root_client.close()
        server.stop()

    return Handle(
        model=model,
        name=f"embedded {MODEL_NAME if settings.model_file is None else weights.stem}",
        tools=False,
        kind="embedded",
        context_tokens=server.context_tokens,
        close=close,
    )
