"""`kfpilot demo`: the example feature, for real, in a scratch copy."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from ..errors import UserError
from .common import console_for
from .run import run_command

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "daily-summary"
AUTHOR = ["-c", "user.name=kfpilot demo", "-c", "user.email=demo@kfpilot.invalid"]


def demo_command(
    folder: Path | None,
    tasks: list[str],
    *,
    model: str,
    json: bool = False,
    plain: bool = False,
    no_color: bool = False,
) -> int:
    """Copy the example, make it a git repository, run its feature there, show the report.

    Raises:
        UserError: The example is not there, or the folder is not empty.
    """
    if not EXAMPLE.is_dir():
        raise UserError(
            "the example is not part of an installed package", mend="Run the demo from a checkout: make demo."
        )
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise UserError("the folder is not empty", where=folder, mend="Name another with --folder.")
    target = (folder or Path(tempfile.mkdtemp(prefix="kfpilot-demo-"))).resolve() / EXAMPLE.name
    ignore = shutil.ignore_patterns("__pycache__", ".pytest_cache", ".kfpilot")
    shutil.copytree(EXAMPLE, target, ignore=ignore)
    for command in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all"],
        [*AUTHOR, "commit", "--quiet", "-m", "start"],
    ):
        subprocess.run(["git", *command], cwd=target, check=True)
    if not json:
        console_for(no_color).print(f"A scratch copy of the example: {target}", markup=False, soft_wrap=True)
    overrides: dict[str, object] = {"model": model}
    code = run_command(
        target, None, [], tasks=tasks, stories=[], overrides=overrides, json=json, plain=plain, no_color=no_color
    )
    if not json:
        text = f"Look at it:  cd {target} && git log --stat kfpilot/{next((target / 'specs').iterdir()).name}"
        console_for(no_color).print(text, markup=False, soft_wrap=True)
    return code
