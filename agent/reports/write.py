"""Writes a run's report beside its journal."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from ...tools.redact import redact, redact_data
from .find import JOURNAL
from .markdown import render
from .summarise import summarise


def write_reports(run_dir: Path) -> tuple[Path, Path]:
    """Write `report.md` and `report.json` of a run; each is there whole or not at all.

    Args:
        run_dir: The run's folder, which holds its journal.

    Returns:
        The two files: Markdown, JSON.

    Raises:
        UserError: The folder holds no readable journal.
    """
    report = summarise(run_dir / JOURNAL)
    markdown, data = run_dir / "report.md", run_dir / "report.json"
    write_whole(markdown, redact(render(report)))
    write_whole(data, json.dumps(redact_data(report.model_dump(mode="json")), indent=2, ensure_ascii=False) + "\n")
    return markdown, data


def write_whole(path: Path, text: str) -> None:
    """Write a file through a temporary one beside it, so that a reader never sees half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
