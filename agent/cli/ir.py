"""`kfpilot diff-ir`: what changed in the compiled pipelines, and what of it breaks callers."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Callable
from pathlib import Path

from ...tools import git
from ...tools.errors import ToolFailure
from ...tools.git_command import attempt, line
from ...tools.ir_diff import IrChange
from ...tools.ir_modules import compare_modules
from ..errors import EXIT_NOT_VERIFIED, EXIT_OK, UserError
from ..planner.paths import role_of_path
from ..verifier.bench import Bench
from ..verifier.compiled import compile_in, compiled_at
from ..workflow.checkout import open_checkout
from .common import console_for, settings_for
from .verify import scratch_tree


def diff_ir_command(
    folder: Path, paths: list[str], *, base: str = "HEAD", json: bool = False, no_color: bool = False
) -> int:
    """Compare the compiled pipelines and components of the checkout, uncommitted files included, with a commit.

    Returns:
        1 when something breaks callers, else 0.
    """
    repo = open_checkout(folder)
    root = git.root_of(repo)
    try:
        start = line(root, "rev-parse", "--verify", f"{base}^{{commit}}")
    except ToolFailure:
        raise UserError(f"there is no commit {base}", where=root, mend="Name a branch, a tag or a commit.") from None
    console = console_for(no_color)

    def known(name: str) -> bool:
        return not attempt(root, "cat-file", "-e", f"{start}:{name}").returncode

    named = relative(paths, folder, root, known)
    with scratch_tree(repo, root) as tree, Bench(root, settings_for(root, {}), tree) as bench:
        files = changed_code(tree, start, named)
        old = compiled_at(bench, repo, start, files)
        new = {module.path: module for module in compile_in(bench, tree, [f for f in files if (tree / f).is_file()])}
    changes = compare_modules(old, new)
    broken = {path: module.error for path, module in new.items() if module.error}
    broken |= {f"{path} at {base}": module.error for path, module in old.items() if module.error}
    if json:
        rows = [item.model_dump() for item in changes]
        sys.stdout.write(jsonlib.dumps({"base": start, "changes": rows, "not_compiled": broken}, indent=2) + "\n")
    else:
        for text in lines(changes, broken, len(files), base):
            console.print(text, highlight=False, markup=False, soft_wrap=not console.is_terminal)
    return EXIT_NOT_VERIFIED if any(item.breaking for item in changes) else EXIT_OK


def relative(paths: list[str], folder: Path, root: Path, known: Callable[[str], bool]) -> list[str]:
    """Paths as the repository names them.

    Args:
        paths: As the user wrote them.
        folder: Where they are written from.
        root: The repository.
        known: Whether the commit that is compared with has a path; it may have been deleted since.

    Raises:
        UserError: One lies outside, or exists neither now nor at the commit.
    """
    found = []
    for path in paths:
        whole = (folder / path).resolve()
        if not whole.is_relative_to(root):
            raise UserError(f"{path} is not in the repository", where=root, mend="Name files or folders in it.")
        name = whole.relative_to(root).as_posix()
        if not whole.exists() and not known(name):
            raise UserError(f"{path} does not exist, and did not at the commit", where=root, mend="Mend the path.")
        found.append(name)
    return found


def changed_code(tree: Path, start: str, paths: list[str]) -> list[str]:
    """Changed Python files that are code, at or below the given paths (all if none is given)."""
    return [
        path
        for path in git.changed_files(tree, start)
        if path.endswith(".py")
        and role_of_path(path) != "tests"
        and Path(path).name not in ("setup.py", "conftest.py", "noxfile.py")
        and (not paths or any(at in (".", path) or path.startswith(f"{at}/") for at in paths))
    ]


def lines(changes: list[IrChange], broken: dict[str, str], files: int, base: str) -> list[str]:
    """What a person reads."""
    found = [f"{'BREAKING' if item.breaking else item.kind:<8} {item}" for item in changes]
    found += [f"not compared: {path}: {error}" for path, error in broken.items()]
    count = sum(item.breaking for item in changes)
    total = f"{len(changes)} change{'' if len(changes) == 1 else 's'} of compiled pipelines and components since {base}"
    total += f" in {files} changed file{'' if files == 1 else 's'}"
    return [*found, total + (f", {count} break{'s' if count == 1 else ''} callers" if count else "")]
