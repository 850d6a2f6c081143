"""Where a Python project keeps its code, and the interpreter it runs with."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from . import processes
from .errors import ToolFailure
from .pytest_settings import find_settings, words
from .sandbox import Reach, Sandbox

SKIPPED_FOLDERS = {"node_modules", "__pycache__", "site-packages"}
PACKAGES = ("setup.py", "setup.cfg", "pyproject.toml")
DEEPEST = 4
"""How far below the root a project is looked for."""


def find_projects(root: Path) -> list[str]:
    """The folders of a repository that are Python projects of their own, whose tests are run from there.

    A developer of a monorepo runs pytest in the project's folder, where its settings, its `src` and its environment
    are. Where the repository's root has settings of pytest, everything is run from the root, and there are none.

    Returns:
        Their paths from the root, sorted; a project in a project is part of it.
    """
    if find_settings(root) is not None:
        return []
    return sorted(_projects_below(root, root, whole=_is_package(root)))


def _projects_below(root: Path, folder: Path, *, whole: bool) -> Iterator[str]:
    try:
        entries = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink())
    except OSError:  # a folder that may not be read
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name in SKIPPED_FOLDERS or (entry / "pyvenv.cfg").is_file():
            continue
        # In a package a folder with a `setup.py` alone may be an example or data of its tests.
        if find_settings(entry) is not None or (not whole and any((entry / name).is_file() for name in PACKAGES)):
            yield entry.relative_to(root).as_posix()
        elif len(entry.relative_to(root).parts) < DEEPEST:
            yield from _projects_below(root, entry, whole=whole)


def _is_package(root: Path) -> bool:
    """Whether the root is a project that can be installed, and not only the place of tools' settings."""
    try:
        document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        document = {}
    tool = document.get("tool", {})
    poetry = isinstance(tool, dict) and "poetry" in tool
    return poetry or "project" in document or "build-system" in document or (root / "setup.py").is_file()


def project_of(projects: Sequence[str], path: str) -> str:
    """The project that a file lies in; empty for none."""
    return next((name for name in projects if path.startswith(f"{name}/") or path == name), "")


def find_source_roots(root: Path) -> list[Path]:
    """The folders a project's own modules are imported from.

    That is `src` when it holds Python code, the root itself, and what the pytest setting `pythonpath` and setuptools'
    `package-dir` and `find.where` add, as far as it lies inside the root; then the same of the projects below it.
    """
    found = _own_roots(root)
    for name in find_projects(root):
        found += [folder for folder in _own_roots(root / name) if folder not in found]
    return found


def _own_roots(root: Path) -> list[Path]:
    found = [root / "src"] if _holds_python(root / "src") else []
    found.append(root)
    settings = find_settings(root)
    extra = words(settings[1].get("pythonpath")) if settings else []
    setuptools = _setuptools(root)
    packages = setuptools.get("packages", {})
    if isinstance(packages, dict):
        extra += packages.get("find", {}).get("where", [])
    extra += [folder for package, folder in setuptools.get("package-dir", {}).items() if not package]
    for name in extra:
        folder = Path(os.path.normpath(root / str(name)))
        if folder.is_dir() and folder.is_relative_to(root) and folder not in found:
            found.append(folder)
    return found


def find_python(root: Path, configured: Path | None, sandbox: Sandbox | None = None) -> Path:
    """The interpreter the project's tests run with.

    Args:
        root: The project's checkout; an environment in it (`.venv`, `venv`) is taken when it has pytest. Else one in
            a project below it that has kfp as well.
        configured: What the user has set; it wins.
        sandbox: Where an interpreter is tried: whoever made the checkout may have put it there.

    Raises:
        ToolFailure: The configured interpreter does not exist, or there is no sandbox.
    """
    if configured is not None:
        path = configured.expanduser()
        path = path if path.is_absolute() else root / path
        if not path.is_file():
            raise ToolFailure(
                f"The configured Python {configured} does not exist. Set it to the path of an interpreter."
            )
        if brought_along(root, path):
            raise ToolFailure(
                f"The configured Python {configured} is a file of the repository itself, so whoever wrote the "
                "repository decides what it does. Set it to an interpreter that you have installed."
            )
        return path
    for folder, modules in [(root, ["pytest"]), *((root / name, ["pytest", "kfp"]) for name in find_projects(root))]:
        found = own_python(folder, sandbox, modules)
        if found is not None:
            return found
    return Path(sys.executable)


def own_python(root: Path, sandbox: Sandbox | None, modules: Sequence[str] = ("pytest",)) -> Path | None:
    """The interpreter of the environment in a project's folder, if there is one that has these modules."""
    for name in (".venv", "venv"):
        path = root / name / "bin" / "python"
        if not path.is_file() or not path.resolve().is_file() or brought_along(root, root / name):
            continue  # its interpreter is gone, or it is the repository's own and not the user's
        code = "import importlib.util as u, sys; sys.exit(any(u.find_spec(name) is None for name in sys.argv[1:]))"
        found = processes.run(
            [str(path), "-c", code, *modules],
            cwd=Path("/"),
            env=processes.clean_env(),
            timeout=60,
            reach=Reach(python=path),
            sandbox=sandbox,
        )
        if found.exit_code == 0:
            return path
    return None


def brought_along(root: Path, path: Path) -> bool:
    """Whether a file, or something in a folder, is under version control, and so not made by the user."""
    from .git_command import attempt

    if not path.is_relative_to(root):
        return False
    return bool(attempt(root, "ls-files", "-z", "--", path.relative_to(root).as_posix()).stdout)


def own_names(root: Path, roots: Sequence[Path]) -> tuple[list[str], dict[str, list[str]]]:
    """The top-level names of the project: those that are surely its own, and folders that only might be packages."""
    solid: set[str] = set()
    loose: dict[str, list[str]] = {}
    for folder in roots:
        for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
            if entry.is_file() and entry.suffix == ".py":
                solid.add(entry.stem)
            elif entry.is_dir() and entry.name.isidentifier() and entry not in roots:
                if (entry / "__init__.py").is_file():
                    solid.add(entry.name)
                elif _holds_python(entry):
                    loose.setdefault(entry.name, []).append(str(entry))
    # A package that setuptools maps to another folder (`"acme.tool" = "tool"`) is imported by its mapped name.
    mapped = {str(name).partition(".")[0] for name in _setuptools(root).get("package-dir", {}) if name}
    return sorted(solid | mapped), loose


def _setuptools(root: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        found = document["tool"]["setuptools"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _holds_python(folder: Path) -> bool:
    """True when there is a Python file in or below the folder, environments and hidden folders left aside."""
    for _, folders, files in os.walk(folder):
        if "pyvenv.cfg" in files:
            folders.clear()
            continue
        if any(name.endswith(".py") for name in files):
            return True
        folders[:] = [name for name in folders if not name.startswith(".") and name not in SKIPPED_FOLDERS]
    return False
