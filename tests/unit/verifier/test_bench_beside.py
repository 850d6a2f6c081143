"""A second workplace, for a task beside another."""

from __future__ import annotations

import sys
from pathlib import Path

from kfpilot.agent.settings import Settings
from kfpilot.agent.verifier.bench import Bench


def test_a_task_beside_another_has_the_sandbox_but_no_way_to_the_others_files(tmp_path: Path) -> None:
    mine, others = tmp_path / "mine", tmp_path / "others"
    mine.mkdir()
    others.mkdir()
    with Bench(tmp_path, Settings(python=Path(sys.executable), cache_dir=tmp_path / "cache"), mine) as bench:
        other = bench.beside(others)
        try:
            assert other.sandbox is bench.sandbox
            assert other.mutation.sandbox is other.checker.sandbox is bench.sandbox
            assert other.checker.territory.reach().write.count(others) == 1
            assert mine not in other.checker.territory.reach().write
            assert other.base_modules is bench.base_modules
        finally:
            other.close()
