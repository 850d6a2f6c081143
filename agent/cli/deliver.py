"""`kfpilot deliver`: what a verified feature is handed over with."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json, NoColor, Repo

if TYPE_CHECKING:
    from ..delivery.models import Delivery


def deliver(
    run: Annotated[
        str | None, typer.Argument(help="A run's id or a feature's name, or its beginning (default: the latest run).")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="What is in use now: a tag, branch or commit (default: where the work began).")
    ] = None,
    version: Annotated[str | None, typer.Option(help="Name of the version (default: feature and commit).")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The folder (default: .kfpilot/deliveries/FEATURE).")
    ] = None,
    json: Json = False,
    no_color: NoColor = False,
    repo: Repo = Path(),
) -> None:
    """Make packages, release notes, a runbook and the way back of a run's verified tasks.

    Exit code 1 if the run is not ready to deploy; the delivery is made all the same, and says why.
    """
    raise typer.Exit(deliver_command(repo, run, since=since, version=version, out=out, json=json, no_color=no_color))


PLACE = ".kfpilot/deliveries"

EPILOG = (
    "Examples:  kfpilot deliver   ·   kfpilot deliver 001 --since v1.3 --version v1.4   ·   "
    "kfpilot deliver 20261125 --out dist/001"
)


def deliver_command(
    folder: Path,
    run: str | None,
    *,
    since: str | None = None,
    version: str | None = None,
    out: Path | None = None,
    json: bool = False,
    no_color: bool = False,
) -> int:
    """Make the delivery; returns 0 when it is ready to deploy, else 1.

    Raises:
        UserError: There is no such run, it has nothing to deliver, or the folder cannot be taken.
    """
    from ...tools import git
    from ..delivery.collect import collect, secrets_in
    from ..delivery.write import require_free, write_delivery
    from ..errors import EXIT_NOT_VERIFIED, EXIT_OK
    from ..reports.find import find_run
    from ..workflow.checkout import open_checkout
    from .common import console_for, settings_for

    repo = open_checkout(folder)
    root = git.root_of(repo)
    info = find_run(root, run)
    if out is not None:
        require_free(out)
    delivery, packages = collect(repo, info, settings_for(root, {}), since=since, version=version)
    doubts = [f"{name} holds what looks like a secret" for name in secrets_in(packages)]
    target = out or own_folder(root, delivery.feature)
    files = write_delivery(target, delivery, packages)
    if json:
        whole = {"folder": str(target), "files": files, "warnings": doubts, **delivery.model_dump(mode="json")}
        sys.stdout.write(jsonlib.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    else:
        console = console_for(no_color)
        for text in lines(delivery, shown(target, root), files, doubts):
            console.print(text, markup=False, highlight=False, soft_wrap=True)
    return EXIT_OK if delivery.ready else EXIT_NOT_VERIFIED


def own_folder(root: Path, feature: str) -> Path:
    """The folder among kfpilot's records.

    Raises:
        UserError: A link in the repository would lead it elsewhere.
    """
    from ...tools.beneath import folder_of
    from ..errors import UserError

    name = f"{PLACE}/{Path(feature).name}"
    try:
        with folder_of(root, name, make=True):
            return root / name
    except OSError as error:
        mend = "Look what is there, or name a folder: --out DIR"
        raise UserError(f"{PLACE} cannot be used: {error.strerror}", where=root, mend=mend) from None


def shown(target: Path, root: Path) -> str:
    """The folder as it is shortest."""
    whole = target.resolve()
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else str(target)


def lines(delivery: Delivery, target: str, files: list[str], doubts: list[str]) -> list[str]:
    """What a person reads."""
    from ..reports.words import bare, plural

    found = [f"{delivery.feature}, version {delivery.version}: {plural(len(delivery.tasks), 'verified task')}"]
    for item in delivery.packages:
        was = ", before: " + item.previous if item.previous else ""
        found.append(f"  {item.state:<8} pipeline {item.pipeline}: {item.file}{was}")
    if not delivery.packages:
        found.append("  no compiled pipeline is new or other than before")
    found += [f"  BREAKING {change}" for change in delivery.breaking]
    found += [f"  not compiled: {problem}" for problem in delivery.problems]
    found += [f"  not delivered: {text}" for text in delivery.missing]
    found += [f"  warning: {text}" for text in doubts]
    found.append(delivery.readiness)
    plain_files = [name for name in files if "/" not in name]
    found.append(f"{target}: {', '.join(plain_files)}")
    return [bare(text) for text in found]
