"""Ends what checked code has left running, for the children that answer one request after another.

Like these, it runs in the target's interpreter and needs only the standard library.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def sweep() -> None:
    """In the sandbox only this process and the first one may be left: what has gone its own way ends too."""
    if not os.environ.get("KFPILOT_SANDBOX_INSIDE"):
        return
    for _ in range(200):
        others = [int(item.name) for item in Path("/proc").iterdir() if item.name.isdigit()]
        if not [number for number in others if number not in (1, os.getpid()) and end(number)]:
            return
        time.sleep(0.001)


def end(number: int) -> bool:
    """Kill a process; False if there was nothing to kill any more."""
    try:
        if Path(f"/proc/{number}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] in "ZX":
            return False
        os.kill(number, signal.SIGKILL)
    except (OSError, IndexError):
        return False
    return True
