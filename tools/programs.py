"""Checkers that are run as programs: those of our own environment, else those on the PATH."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from . import processes
from .processes import Completed

TIMEOUT = 60.0


def find_program(name: str) -> str | None:
    """The full path of a program; the one beside our interpreter comes first."""
    own = Path(sys.executable).parent / name
    return str(own) if own.is_file() else shutil.which(name)


def has_module(name: str) -> bool:
    """Whether `python -m name` can be run with our interpreter."""
    return importlib.util.find_spec(name) is not None


def run_module(module: str, arguments: Sequence[str], cwd: Path) -> Completed:
    """`python -m module …` with our interpreter. The folder is not put on the import path (-P)."""
    return processes.run(
        [sys.executable, "-P", "-m", module, *arguments],
        cwd=cwd,
        env=processes.clean_env(),
        timeout=TIMEOUT,
        output_limit=5_000_000,
    )


def run_program(name: str, arguments: Sequence[str], cwd: Path) -> Completed | None:
    """A program by its name; None when it is not installed."""
    program = find_program(name)
    if program is None:
        return None
    return processes.run(
        [program, *arguments], cwd=cwd, env=processes.clean_env(), timeout=TIMEOUT, output_limit=5_000_000
    )
