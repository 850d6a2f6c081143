"""What must be right before a run begins: what no model has to be asked for."""

from __future__ import annotations

from pathlib import Path

from ..models.choose import kind_of
from ..models.endpoint import find_endpoint
from ..settings import Settings
from ..verifier.bench import python_of


def require_ready(root: Path, settings: Settings) -> None:
    """Refuse settings with which no run can begin.

    Args:
        root: The repository.
        settings: Its settings.

    Raises:
        UserError: The interpreter that is set is none, there is no sandbox, or the endpoint's URL is none.
    """
    python_of(root, settings, settings.open_sandbox())
    if kind_of(settings)[0] == "endpoint":
        find_endpoint(settings)
