"""Options that a script of the project knows, read from its source: argparse and click."""

from __future__ import annotations

import ast
from pathlib import Path

from .syntax import parse_python


def options_of(file: Path) -> set[str] | None:
    """The long options of a script.

    Args:
        file: A Python file.

    Returns:
        `--rows`, `--no-cache`, …; None when they cannot be told from the source: it has no parser of its own, takes
        options from elsewhere, or makes their names at run time.
    """
    try:
        tree = parse_python(file.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return None
    found: set[str] = set()
    parser = False
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "ArgumentParser":
            parser = True
            if any(keyword.arg in ("parents", None) for keyword in node.keywords):
                return None
        elif name in ("parse_known_args", "parse_known_intermixed_args"):
            return None
        elif name in ("add_argument", "option"):
            parser = parser or name == "option"
            if any(isinstance(item, ast.Starred) for item in node.args):
                return None
            for item in node.args:
                if not isinstance(item, ast.Constant):
                    return None
                if isinstance(item.value, str) and item.value.startswith("-"):
                    found |= {part.strip() for part in item.value.split("/")}
            if any(keyword.arg == "action" and "BooleanOptional" in ast.unparse(keyword.value)
                   for keyword in node.keywords):  # fmt: skip
                found |= {"--no-" + option[2:] for option in found if option.startswith("--")}
        elif any(isinstance(item, ast.Name) and "parser" in item.id for item in node.args):
            return None  # Somebody else adds options to it.
    return found if parser else None


def unknown_options(file: Path, words: list[str]) -> list[str]:
    """Long options in a command line that a script would refuse; argparse takes them shortened too."""
    known = options_of(file)
    if known is None:
        return []
    used = [word.partition("=")[0] for word in words if word.startswith("--") and len(word) > 2]
    return [
        option for option in used if option != "--help" and not any(item.startswith(option) for item in known)
    ]  # fmt: skip
