"""A project's pytest settings, read from the file that pytest would read."""

from __future__ import annotations

import configparser
import shlex
import tomllib
from pathlib import Path
from typing import Any

FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
"""The files pytest looks at in one folder, in its order."""

LISTS = ("testpaths", "python_files", "python_classes", "python_functions", "pythonpath", "norecursedirs")
"""Settings that are lists; an ini file separates their parts with white space."""

Settings = dict[str, str | list[str]]


def read_settings(name: str, text: str) -> Settings | None:
    """The pytest settings that a configuration file holds.

    Args:
        name: The file's name; it decides the format and the section.
        text: The file's content.

    Returns:
        The settings; None when pytest would not take this file for its own, also when it cannot be parsed.
    """
    name = Path(name).name
    try:
        raw = _read_toml(name, text) if name.endswith(".toml") else _read_ini(name, text)
    except (tomllib.TOMLDecodeError, configparser.Error):
        return None
    if raw is None:
        return None
    return {key: _value(key, value) for key, value in raw.items()}


def find_settings(root: Path) -> tuple[Path, Settings] | None:
    """The file of this folder that pytest would take its settings from, and what it says."""
    for name in FILES:
        path = root / name
        if path.is_file():
            settings = read_settings(name, path.read_text(encoding="utf-8", errors="replace"))
            if settings is not None:
                return path, settings
    return None


def words(value: str | list[str] | None) -> list[str]:
    """A setting as a list of words, split as a shell would."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    try:
        return shlex.split(value, comments=True)
    except ValueError:
        return value.split()


def _read_toml(name: str, text: str) -> dict[str, Any] | None:
    document = tomllib.loads(text)
    if name != "pyproject.toml":
        section = document.get("pytest", {})
        return section if isinstance(section, dict) else {}
    tool = document.get("tool", {})
    section = tool.get("pytest") if isinstance(tool, dict) else None
    if not isinstance(section, dict):
        return None
    classic = section.get("ini_options")
    return classic if isinstance(classic, dict) else section


def _read_ini(name: str, text: str) -> dict[str, Any] | None:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, comment_prefixes=("#", ";"))
    # pytest's own parser cuts " #" comments too; for what is asked of it here the difference does not matter.
    parser.read_string(text)
    section = "tool:pytest" if name == "setup.cfg" else "pytest"
    if parser.has_section(section):
        return {key: value or "" for key, value in parser.items(section)}
    return {} if name in ("pytest.ini", ".pytest.ini") else None


def _value(key: str, value: Any) -> str | list[str]:
    if isinstance(value, list):
        return [str(item) for item in value]
    if key in LISTS:
        return words(str(value))
    return str(value)
