"""A draft: the words and the documents made of them; where it goes, and how it gets there."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ...tools.redact import redact_data
from ..documents.models import Feature
from ..errors import UserError
from ..planner.build import build_plan
from ..planner.models import ExecutionPlan
from .check import document_problems, feature_of, outline_problems
from .forms import documents_of
from .outline import Outline, slug
from .survey import Survey, folder_name, namesakes


class Draft(BaseModel):
    """A new feature before, or as, it stands in the repository."""

    model_config = ConfigDict(extra="forbid")

    request: str
    outline: Outline
    folder: str
    directory: str
    documents: dict[str, str]

    @property
    def paths(self) -> list[str]:
        """The documents, relative to the repository."""
        return [f"{self.directory}/{name}" for name in self.documents]

    def digests(self) -> dict[str, str]:
        """Path -> SHA-256 (hex) of what the draft would have there."""
        return {f"{self.directory}/{name}": digest(text.encode()) for name, text in self.documents.items()}


def digest(data: bytes) -> str:
    """SHA-256 (hex)."""
    return hashlib.sha256(data).hexdigest()


def compose(outline: Outline, found: Survey, request: str, folder: str = "", date: str = "") -> Draft:
    """The documents of an outline.

    Args:
        outline: The words.
        found: The repository.
        request: What the user asked for.
        folder: The feature's folder, if it has one already.
        date: Default: today.
    """
    outline = Outline.model_validate(redact_data(outline.model_dump()))
    folder = folder or folder_name(found, slug(outline.name or outline.title))
    documents = documents_of(outline, found, folder, str(redact_data(request)), date or time.strftime("%Y-%m-%d"))
    capability = slug(outline.name or outline.title)
    named = {name.replace("CAPABILITY", capability): text for name, text in documents.items()}
    return Draft(request=request, outline=outline, folder=folder, directory=f"{found.home}/{folder}", documents=named)


def like_it(draft: Draft, found: Survey) -> list[str]:
    """The folders of features that have the draft's name already: it may be the same wish a second time."""
    names = namesakes(found, slug(draft.outline.name or draft.outline.title), draft.folder)
    return [f"{found.home}/{name}" for name in names]


def problems_of(outline: Outline, found: Survey, request: str, folder: str = "") -> list[str]:
    """What is wrong with an outline: its words, and if they are right the documents of it.

    Args:
        outline: The words.
        found: The repository.
        request: All that the user has said.
        folder: The feature's folder, if it has one already.
    """
    problems = outline_problems(outline, found, request)
    if problems:
        return problems
    draft = compose(outline, found, request, folder)
    return document_problems(draft.documents, outline, found, draft.folder)


def feature(draft: Draft, found: Survey) -> Feature:
    """The draft as the planner reads it."""
    return feature_of(draft.documents, found, draft.folder)


def plan_of(draft: Draft, found: Survey) -> ExecutionPlan:
    """The plan of a draft."""
    return build_plan(feature(draft, found))


def save(draft: Draft, root: Path, earlier: dict[str, str] | None = None) -> list[str]:
    """Write the documents into the repository; no file that is there is overwritten.

    Args:
        draft: The draft.
        root: The repository's root.
        earlier: Path -> digest of what this draft's earlier form has written: that may be replaced while nobody
            else has changed it.

    Returns:
        The paths, relative to the root.

    Raises:
        UserError: The feature is there already, or a file of it was changed; nothing is written.
    """
    earlier = earlier or {}
    folder = root / draft.directory
    for part in [folder, *folder.parents]:
        if part == root:
            break
        if part.is_symlink():
            raise UserError("a link stands where the feature would go", where=part, mend="Nothing was written.")
    if folder.exists() and not earlier:
        raise UserError(
            "there is a feature of this name already",
            where=folder,
            mend="Nothing was written. Give the new one another name, or remove the folder.",
        )
    for path in earlier:
        file = root / path
        if file.is_symlink() or (file.exists() and digest(file.read_bytes()) != earlier[path]):
            raise UserError(
                "the document was changed since it was written",
                where=file,
                mend="Nothing was written. Keep your change and run it with `kfpilot run`, or take it back.",
            )
    try:
        for name, text in draft.documents.items():
            write(folder / name, text, replace=f"{draft.directory}/{name}" in earlier)
    except OSError as error:
        raise UserError(
            f"the document cannot be written: {error.strerror}", where=error.filename, mend="Make the folder writable."
        ) from None
    for path in set(earlier) - set(draft.paths):
        (root / path).unlink(missing_ok=True)
    return draft.paths


def write(path: Path, text: str, *, replace: bool) -> None:
    """Write a file; only what may be replaced is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_TRUNC if replace else os.O_EXCL)
    with os.fdopen(os.open(path, flags, 0o644), "w", encoding="utf-8", newline="\n") as out:
        out.write(text)
