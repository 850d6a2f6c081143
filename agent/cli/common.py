"""What several commands need: the repository's root, the console, the settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..settings import Settings, load_settings

if TYPE_CHECKING:
    from rich.console import Console


def root_of(folder: Path) -> Path:
    """The root of the user's repository.

    Raises:
        UserError: The folder is in none.
    """
    from ...tools import git
    from ..workflow.checkout import open_checkout

    return git.root_of(open_checkout(folder))


def console_for(no_color: bool, *, stderr: bool = False) -> Console:
    """A console that honours --no-color and NO_COLOR."""
    from ..reports.display import make_console

    return make_console(no_color=no_color, stderr=stderr)


def settings_for(root: Path, overrides: dict[str, object]) -> Settings:
    """The repository's settings with the command line's on top."""
    return load_settings(root, **overrides)


def say(message: str, code: int) -> int:
    """The message on standard error, without secrets; returns the code. What ends well is no error."""
    from ...tools.redact import redact

    text = redact(message if code == 0 else f"kfpilot: {message}")
    print(text, file=sys.stderr if code else sys.stdout)
    return code
