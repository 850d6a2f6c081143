"""`kfpilot undo`."""

from __future__ import annotations

from pathlib import Path

from ..errors import EXIT_OK
from ..reports.words import bare, plural
from ..workflow.checkout import open_checkout
from ..workflow.undo import Undo, undo
from .common import console_for, settings_for


def undo_command(
    folder: Path,
    target: str | None,
    *,
    feature: str | None = None,
    with_dependents: bool = False,
    dry_run: bool = False,
    json: bool = False,
    no_color: bool = False,
) -> int:
    """Take a task or a run back; returns the exit code."""
    from ...tools import git

    repo = open_checkout(folder)
    settings = settings_for(git.root_of(repo), {})
    made = undo(
        repo, settings.cache_dir.expanduser(), target, feature, with_dependents=with_dependents, dry_run=dry_run
    )
    console = console_for(no_color)
    if json:
        console.file.write(made.model_dump_json(indent=2) + "\n")
        return EXIT_OK
    for line in lines_of(made):
        console.print(bare(line), markup=False, highlight=False, soft_wrap=True)
    return EXIT_OK


def lines_of(made: Undo) -> list[str]:
    """What was done, for a person."""
    said = []
    for step in made.already:
        said.append(f"{step.task} ({step.commit[:10]}) was taken back before, by {step.undone_by[:10]}")
    if not made.undone:
        return [*said, "Nothing was changed."]
    verb = "would be taken back" if made.dry_run else "taken back"
    for step in made.undone:
        why = f", since it {step.because}" if step.because else ""
        by = f" by {step.undone_by[:10]}" if step.undone_by else ""
        said.append(f"{step.task} ({step.commit[:10]}) {verb}{by}{why}: {', '.join(step.files) or 'its tick'}")
    said += made.notes
    if made.dry_run:
        return [*said, f"On branch {made.branch}. Nothing was changed."]
    where = "checked out here" if made.checkout else "your checkout is as it was"
    said.append(f"{plural(len(made.undone), 'task')} taken back on branch {made.branch} ({where}).")
    said.append(f"Look at it: git log --stat -{len(made.undone)} {made.branch}")
    said.append(f"Work them again: kfpilot run {made.feature}")
    return said
