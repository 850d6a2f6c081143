"""The console script itself."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from kfpilot.agent.cli import __main__ as entry

APP = "kfpilot.agent.cli.app"


def test_ctrl_c_while_it_is_loaded_ends_it_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupting:
        def find_spec(self, name: str, *_: Any) -> None:
            if name == APP:
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, APP, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        entry.main()

    assert ended.value.code == 130


def test_else_the_program_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    fake = ModuleType(APP)
    fake.main = lambda: called.append("program")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, APP, fake)

    entry.main()

    assert called == ["program"]
