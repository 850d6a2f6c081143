"""A conversation on a real repository: only the model is a fake."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kfpilot.agent.chat import desk as desk_module
from kfpilot.agent.models.handle import Handle

from .talking import Chat


@pytest.fixture
def chat(
    scripted_runs: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Chat:
    runs = scripted_runs("- [ ] T001 Describe the prices in docs/prices.md")

    @contextmanager
    def opened(settings: Any, **more: Any) -> Iterator[Handle]:
        yield Handle(model=runs.model, name="scripted", tools=True, kind="fake")

    monkeypatch.setattr(desk_module, "open_model", opened)
    monkeypatch.setenv("KFPILOT_ATTEMPTS", "1")
    monkeypatch.setenv("KFPILOT_PYTHON", sys.executable)
    return Chat(runs, monkeypatch, capsys)
