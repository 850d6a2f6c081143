"""What a wheel would hold, read from pyproject.toml: every package and data file, and nothing at the top level."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = SETTINGS["tool"]["setuptools"]


def folder_of(package: str) -> Path:
    """The folder of a listed package, by the longest entry of package-dir."""
    parts = package.split(".")
    for end in range(len(parts), 0, -1):
        start = SETUPTOOLS["package-dir"].get(".".join(parts[:end]))
        if start:
            return ROOT.joinpath(start, *parts[end:])
    raise AssertionError(f"{package} has no folder in package-dir")


def test_every_folder_with_code_is_a_listed_package() -> None:
    folders = {file.parent for top in ("agent", "tools", "prompts") for file in (ROOT / top).rglob("*.py")}
    assert {folder_of(package) for package in SETUPTOOLS["packages"]} == folders
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_every_prompt_and_recipe_is_package_data() -> None:
    data = SETUPTOOLS["package-data"]
    left_out = [
        file.relative_to(ROOT).as_posix()
        for package in SETUPTOOLS["packages"]
        for file in folder_of(package).iterdir()
        if file.is_file() and file.suffix not in (".py", ".pyc")
        if not any(fnmatch(file.name, pattern) for pattern in data.get(package, []))
    ]
    assert left_out == []


def test_no_package_is_installed_at_the_top_level() -> None:
    assert [name for name in SETUPTOOLS["packages"] if not name.startswith("kfpilot.")] == []


def test_the_lock_names_no_index_and_no_path() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert [word for word in ("://", "--index", "--find-links", "--extra-index", " @ ") if word in lock] == []
    # Hashes everywhere: pip refuses what is not the locked file.
    pins = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    assert pins and all("==" in line and line.endswith("\\") for line in pins)
