"""A signal while the model is waited for: one is enough, and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

REQUEST = "flag the customers whose orders dropped by half"
PATIENCE = 30
"""Seconds until a test gives up; the endpoint itself is silent for longer."""


@pytest.fixture
def root(make_repository: Any) -> Path:
    return Path(make_repository("- [ ] T001 Describe the prices in docs/prices.md"))


@pytest.mark.parametrize(
    ("words", "number"), [(["new", "--no-questions", REQUEST], signal.SIGINT), (["chat"], signal.SIGTERM)]
)
def test_one_signal_ends_the_waiting_for_a_model(
    root: Path, hanging: Any, tmp_path: Path, words: list[str], number: signal.Signals
) -> None:
    command = [sys.executable, "-P", "-m", "kfpilot.agent.cli", *words, "--worker", "tool", "--model", "m"]
    given = {"OPENAI_BASE_URL": hanging.url, "KFPILOT_CACHE_DIR": str(tmp_path / "cache")}
    with subprocess.Popen(
        [*command, "--base-url", hanging.url],
        cwd=root,
        env={**os.environ, **given},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A suite that was started in the background would hand on that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as child:
        try:
            if words == ["chat"]:
                assert child.stdin
                child.stdin.write(f"{REQUEST}\n")
                child.stdin.flush()
            assert hanging.asked.wait(PATIENCE)
            child.send_signal(number)
            out, err = child.communicate(timeout=PATIENCE)
        finally:
            child.kill()
    assert child.returncode == 130
    assert ("Stopped. Nothing was lost" in out) if words == ["chat"] else "stopped; nothing was written" in err
    assert "Traceback" not in err, err
    assert not (root / "specs/002-x").exists()
