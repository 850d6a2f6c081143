"""Writes a run's report beside its journal."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from ...tools.redact import redact, redact_data
from .find import JOURNAL
from .junit import junit_xml
from .markdown import render
from .models import Report
from .page import html
from .summarise import summarise
from .words import Form

FILES: dict[Form, str] = {"md": "report.md", "json": "report.json", "html": "report.html", "junit": "report.xml"}
"""The forms of a report, and the files of a run's folder that hold them."""


def write_reports(run_dir: Path) -> list[Path]:
    """Write the report of a run in all its forms; each file is there whole or not at all.

    Args:
        run_dir: The run's folder, which holds its journal.

    Returns:
        The files, in the order of `FILES`.

    Raises:
        UserError: The folder holds no readable journal.
    """
    report = summarise(run_dir / JOURNAL)
    for form, name in FILES.items():
        write_whole(run_dir / name, in_form(report, form))
    return [run_dir / name for name in FILES.values()]


def in_form(report: Report, form: Form) -> str:
    """The report as text, without secrets."""
    # Before it is written down in a form: what a form escapes might hide a secret.
    safe = Report.model_validate(redact_data(report.model_dump(mode="json")))
    match form:
        case "md":
            return redact(render(safe))
        case "html":
            return html(safe)
        case "junit":
            return junit_xml(safe)
        case "json":
            return json.dumps(safe.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"


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
