"""The process that holds the embedded model: `python -m kfpilot.agent.models.llama_child`.

Reads one JSON line of options from its standard input, loads the model, answers with one JSON line that holds the
address, and serves until its standard input ends, which happens when whoever started it is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
import time
from typing import Any

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, by_signal: bool) -> None:
    """End this process as soon as its parent is gone.

    Args:
        parent: The parent's process id.
        by_signal: Ask the kernel too. It watches the thread that started us, so only right if that is the main one.
    """
    if by_signal and sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)

    def until_end_of_input() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    def until_orphaned() -> None:
        # A process that the parent forked may still hold the other end of our input open.
        while os.getppid() == parent:
            time.sleep(2)
        os._exit(0)

    threading.Thread(target=until_end_of_input, daemon=True).start()
    threading.Thread(target=until_orphaned, daemon=True).start()


def parameters(options: dict[str, Any]) -> Any:
    """llama.cpp's parameters for our options."""
    import xllamacpp

    p = xllamacpp.CommonParams()
    p.model.path = options["model"]
    # Else the path of the file would be the name in every answer.
    p.model_alias = {options["name"]}
    p.n_ctx = options["context_tokens"]
    p.n_parallel = 1
    p.cpuparams.n_threads = options["threads"]
    p.cpuparams_batch.n_threads = options["threads"]
    p.hostnames = ["127.0.0.1"]
    p.port = options["port"]
    p.api_keys = [options["api_key"]]
    p.ui = False
    # Prompts of other roles wait in memory for their return; the default of 8 GB is more than many machines have.
    p.cache_ram_mib = 1024
    # Drafts from what stands in the prompt already. Measured on two cores: a file given back with small changes comes
    # 10-15 % faster, new text as fast as without. Long drafts (the default is 48) cost more than they bring.
    with contextlib.suppress(AttributeError):
        p.speculative.ngram_simple.size_n = 6
        p.speculative.ngram_simple.size_m = 10
        p.speculative.types = [xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
    return p


def first_line(limit: int = 65536) -> bytes:
    """The first line of standard input, unbuffered, so that the watcher sees all that comes after it."""
    line = b""
    while not line.endswith(b"\n") and len(line) < limit:
        byte = os.read(0, 1)
        if not byte:
            break
        line += byte
    return line


def main() -> None:
    """Serve until the input ends."""
    line = first_line()
    if not line:
        return
    options = json.loads(line)
    # The library logs to standard output too: that goes to the log, the answer keeps the real one for itself.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    die_with_parent(options["parent"], options["by_signal"])
    try:
        import xllamacpp

        server = xllamacpp.Server(parameters(options))
        reply = {"url": server.listening_address}
    except Exception as error:
        reply = {"error": f"{type(error).__name__}: {error}"}
    answer.write(json.dumps(reply) + "\n")
    answer.close()
    if "error" in reply:
        os._exit(1)
    while True:
        signal.pause() if hasattr(signal, "pause") else time.sleep(3600)


if __name__ == "__main__":
    main()
