"""What of a feature is to be done, and what can be said of it before anything is made: no worktree, no process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..documents import load_feature
from ..documents.models import Feature
from ..errors import UserError
from ..planner.build import build_plan
from ..planner.models import ExecutionPlan
from ..planner.selection import Selection, parse_words
from .place import Place, Request


def selection_of(request: Request, feature: Feature) -> Selection:
    """What of the feature is to be done: options and the user's own words together."""
    selection = parse_words(request.words, feature)
    tasks = [*selection.tasks, *(task for task in request.tasks if task not in selection.tasks)]
    stories = [*selection.stories, *(story for story in request.stories if story not in selection.stories)]
    return selection.model_copy(update={"tasks": tasks, "stories": stories})


def planned(feature: Feature, request: Request, *, tests_last: bool = False) -> ExecutionPlan:
    """The deterministic plan of what is asked for.

    Raises:
        UserError: What is asked for is not in the documents, or they cannot be worked.
    """
    return build_plan(feature, selection_of(request, feature), tests_last=tests_last)


def plan_of(place: Place, *, tests_last: bool = False) -> ExecutionPlan:
    """The deterministic plan of the documents in the run's worktree."""
    with told_of_checkout(place.root, place.worktree):
        return planned(documents_in(place, place.worktree), place.request, tests_last=tests_last)


def documents_in(place: Place, worktree: Path) -> Feature:
    """The feature's documents as they stand in a worktree."""
    with told_of_checkout(place.root, worktree):
        return load_feature(worktree / place.directory, worktree)


@contextmanager
def told_of_checkout(root: Path, worktree: Path) -> Iterator[None]:
    """Errors name the file of the user's checkout: the worktree is gone when they are read."""
    try:
        yield
    except UserError as error:
        where, tree = Path(error.where or ""), worktree.resolve()
        if error.where is None or not where.resolve().is_relative_to(tree):
            raise
        path = root / where.resolve().relative_to(tree)
        raise UserError(error.what, where=path, line=error.line, mend=error.mend) from None
