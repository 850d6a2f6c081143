"""Progress of a download, for people: a bar on a terminal, a line every tenth otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def download_progress(console: Console, *, quiet: bool = False) -> Callable[..., None]:
    """A callback for `models.weights`: takes bytes done and bytes in all; prints at most eleven lines."""
    said = {"tenth": -1}

    def tell(done: int, total: int, *rest: Any) -> None:
        if quiet or not total:
            return
        tenth = int(10 * done / total)
        if tenth > said["tenth"]:
            said["tenth"] = tenth
            console.print(f"model weights: {10 * tenth} % of {total / 1e6:,.0f} MB", markup=False, highlight=False)

    return tell
