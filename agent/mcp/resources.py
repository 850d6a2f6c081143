"""Documents and reports as resources."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from ..documents import list_features
from ..errors import UserError
from ..reports.find import find_run, list_runs
from ..reports.summarise import summarise

LIMIT = 1_000_000
"""Bytes of a document."""

SHOWN_RUNS = 20


class Entry(BaseModel):
    """One resource."""

    model_config = ConfigDict(extra="forbid")

    uri: str
    name: str
    description: str
    mime_type: str


def entries(root: Path) -> list[Entry]:
    """Every document of every feature, and the reports of the latest runs."""
    found = [
        Entry(
            uri=f"kfpilot://features/{quote(folder.name, safe='')}/{quote(file.name, safe='')}",
            name=f"{folder.name}/{file.name}",
            description=f"{file.name} of {folder.name}",
            mime_type="text/markdown",
        )
        for folder in list_features(root)
        for file in documents_of(root, folder)
    ]
    for info in list_runs(root)[:SHOWN_RUNS]:
        found.append(
            Entry(
                uri=f"kfpilot://runs/{quote(info.id, safe='')}/report.md",
                name=f"report of {info.id}",
                description=f"Run of {info.feature}: {info.outcome}",
                mime_type="text/markdown",
            )
        )
    return found


def documents_of(root: Path, folder: Path) -> list[Path]:
    """The Markdown files of a feature that lie in the repository, also when links are followed."""
    top = root.resolve()
    files = sorted(file for file in folder.iterdir() if file.suffix == ".md" and file.is_file())
    return [file for file in files if file.resolve().is_relative_to(top) and file.stat().st_size <= LIMIT]


def document(root: Path, feature: str, name: str) -> str:
    """A document's text.

    Raises:
        UserError: There is none of this name.
    """
    for folder in list_features(root):
        if folder.name == feature:
            for file in documents_of(root, folder):
                if file.name == name:
                    return file.read_bytes().decode("utf-8", "replace")
    raise UserError(f"there is no document {name} of {feature}", mend="list_features names the features.")


def report_text(root: Path, run: str, form: str) -> str:
    """A run's report as Markdown or as JSON.

    Raises:
        UserError: There is no such run or form.
    """
    report = summarise(find_run(root, run).journal)
    if form == "report.json":
        return report.model_dump_json(indent=2)
    if form == "report.md":
        from ..reports.markdown import render

        return render(report)
    raise UserError(f"there is no {form} of a run", mend="There are report.md and report.json.")
