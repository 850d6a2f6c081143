"""What a run tells its reviewer."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kfpilot.agent.models.scripted import calls
from kfpilot.agent.settings import Settings

pytestmark = pytest.mark.integration

DOUBLE = {"path": "shop/double.py", "content": "def double(price):\n    return 2 * price\n"}
NO_REVIEW = json.dumps({"verdicts": [], "findings": []})


def test_the_reviewer_hears_what_the_worker_says_it_left_undone(scripted_runs: Callable[..., Any]) -> None:
    token = "ghp_" + hashlib.sha256(b"a token").hexdigest()[:36]
    here = scripted_runs("- [ ] T001 [US1] Create `double(price)` in shop/double.py (FR-001)")
    here.settings = lambda: Settings(
        cache_dir=here.cache, python=Path(sys.executable), attempts=2, refine="never", review="always"
    )
    said = f"Added double.\nREADME.md was not mine to write, {token}."
    assert here.run(calls(("write_file", DOUBLE), ("finish", {"summary": said})), NO_REVIEW) == 0
    asked = "\n".join(str(message.content) for message in here.model.sent[-1])
    assert asked.count("its worker says: Added double. README.md was not mine to write") == 1
    assert token not in asked
    assert "  scope: 1 changed" in asked
