"""Disks that are too small or cannot be written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a disk of its own at a folder: of so many bytes, or one that cannot be written."""
    mounted: list[Path] = []

    def mount(folder: Path, *, size: int = 4_000_000, writable: bool = True) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() != 0:
            pytest.skip("only root can mount a disk")
        options = f"size={size}" + ("" if writable else ",ro")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.decode()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


ONE = "- [ ] T001 Describe the prices in docs/first.md\n"
TEXT = "# Prices\n\n`single()` in `shop/price.py` keeps a price.\n"
FIRST, SECOND = [("docs/first.md", TEXT)], [("docs/second.md", TEXT)]
Runs = Any
MakeRuns = Callable[..., Runs]


def works(runs: Runs, **request: Any) -> None:
    """A run comes to its end, and leaves the checkout as it was."""
    before = runs.checkout()
    assert runs.run(FIRST, **request) == 0
    assert runs.ticks() == "x" and "docs/first.md" in runs.files()
    assert runs.checkout() == before
